"""The heart on real networks: designs judged, variants swept, constraints kept, measurements remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from joulescape import evaluate, load_space
from joulescape.errors import Infeasible
from joulescape.evaluation import breakdown
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.tables import ERRORS, LAYERS, MAPPINGS, PARTS

ROOT = Path(__file__).resolve().parents[2]
QUICK = Fidelity(samples=120, draws=2)
SPACE = {
    "question": "Does the heart beat?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/systolic_int8", "memristive/isaac"],
    "phases": ["inference", "training"],
    "compression": [{"quantize": {"weight_bits": {"kind": "int", "low": 2, "high": 8}, "activation_bits": 8}}],
    "fine_tune": {"epochs": 0},
    "hardware": {
        "electronic/systolic_int8": {"array.rows": {"kind": "choice", "options": [8, 16, 32]}},
        "memristive/isaac": {"adc.bits": {"kind": "int", "low": 4, "high": 9}, "tiles": 4},
    },
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 4},
}


class Notebook:
    """A memory that counts."""

    def __init__(self) -> None:
        self.kept: dict[str, Measured] = {}
        self.hits = 0

    def get(self, key: str) -> Measured | None:
        self.hits += key in self.kept
        return self.kept.get(key)

    def put(self, key: str, measured: Measured) -> None:
        self.kept[key] = measured


def question(tmp_path: Path, **changes: object) -> DesignSpace:
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    path = tmp_path / "spaces" / "q.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    return load_space(path)


@pytest.fixture
def space(tmp_path: Path) -> DesignSpace:
    return question(tmp_path)


def electronic(space: DesignSpace, bits: int = 8) -> Candidate:
    return space.candidate({"pair": "digits_mlp@electronic/systolic_int8", "compression.0.quantize.weight_bits": bits})


def memristive(space: DesignSpace, adc_bits: int) -> Candidate:
    name = "hardware.memristive/isaac.adc.bits"
    return space.candidate(
        {"pair": "digits_mlp@memristive/isaac", "compression.0.quantize.weight_bits": 8, name: adc_bits}
    )


def test_one_measurement_judges_every_variant(space: DesignSpace) -> None:
    found = evaluate(electronic(space), space, QUICK, 0)
    assert [e.variant["hardware.electronic/systolic_int8.array.rows"] for e in found] == [8, 16, 32]
    assert len({e.design_id for e in found}) == 3
    assert len({e.metrics["accuracy_fraction"] for e in found}) == 1
    assert len({e.metrics["inference_energy_pj"] for e in found}) == 3
    assert all(e.state == "valid" and e.reason is None for e in found)


def test_the_network_really_recognises_digits(space: DesignSpace) -> None:
    (first, *_) = evaluate(electronic(space), space, QUICK, 0)
    assert first.metrics["accuracy_fraction"] > 0.9  # type: ignore[operator]
    assert first.metrics["trained_accuracy_fraction"] is None
    assert first.facts["steps_basis"] == "nominal"


def test_the_same_seed_gives_the_same_answer(space: DesignSpace) -> None:
    first, again = (evaluate(memristive(space, 5), space, QUICK, 0) for _ in range(2))
    assert [e.metrics for e in first] == [e.metrics for e in again]


def test_the_same_converter_sets_energy_and_error(space: DesignSpace) -> None:
    coarse, fine = (evaluate(memristive(space, bits), space, QUICK, 0)[0].metrics for bits in (4, 9))
    assert coarse["accuracy_fraction"] < fine["accuracy_fraction"]  # type: ignore[operator]
    assert coarse["inference_energy_pj"] < fine["inference_energy_pj"]  # type: ignore[operator]


def test_memory_saves_the_measurement_and_changes_nothing(space: DesignSpace) -> None:
    notebook = Notebook()
    first = evaluate(electronic(space), space, QUICK, 0, notebook)
    again = evaluate(electronic(space), space, QUICK, 0, notebook)
    assert notebook.hits == 1
    assert [e.metrics for e in first] == [e.metrics for e in again]
    evaluate(electronic(space, bits=3), space, QUICK, 0, notebook)
    assert len(notebook.kept) == 2


def test_a_broken_constraint_keeps_its_metrics_and_says_why(tmp_path: Path) -> None:
    space = question(tmp_path, constraints={"accuracy_fraction": {"at_least": 0.999999}})
    found = evaluate(electronic(space, bits=2), space, QUICK, 0)
    assert {e.state for e in found} == {"infeasible"}
    assert found[0].reason == "accuracy_fraction must be at least 0.999999"
    assert found[0].violation > 0
    assert found[0].metrics["inference_energy_pj"] is not None


def test_an_area_limit_is_asked_before_anything_is_measured(tmp_path: Path) -> None:
    space = question(tmp_path, constraints={"area_mm2": {"at_most": 1e-6}})
    notebook = Notebook()
    (only,) = evaluate(electronic(space), space, QUICK, 0, notebook)
    assert (only.state, only.reason) == ("infeasible", "area_mm2 must be at most 1e-06")
    assert only.metrics["accuracy_fraction"] is None
    assert notebook.kept == {}


def test_on_the_test_split_designs_are_paired_with_their_reference(space: DesignSpace) -> None:
    fidelity = Fidelity(rung="full", split="test", draws=2)
    (first, *_) = evaluate(electronic(space), space, fidelity, 0)
    assert abs(first.facts["paired_loss_fraction"]) < 0.05
    assert len(first.facts["correct"][0]) == 360


def test_a_breakdown_adds_up_to_the_design(space: DesignSpace) -> None:
    candidate = electronic(space)
    design = evaluate(candidate, space, QUICK, 0)[1]
    found = breakdown(candidate, space, 1, QUICK, 0)
    assert {row["design_id"] for row in found.parts} == {design.design_id}
    energy = [r for r in found.parts if r["quantity"] == "energy" and r["node"] == "as_published"]
    for phase in ("inference", "training"):
        total = sum(r["energy_pj"] for r in energy if r["phase"] == phase)
        assert total == pytest.approx(design.metrics[f"{phase}_energy_pj"])
    assert {row["node"] for row in found.parts} == {"as_published", "28 nm", "28 nm, tpuv4i"}
    assert all(set(row) <= set(PARTS) for row in found.parts)
    assert all(set(row) == set(LAYERS) for row in found.layers)


def test_a_breakdown_says_how_layers_are_computed_and_mapped(tmp_path: Path) -> None:
    shelf = ["memristive/isaac", "electronic/eyeriss"]
    domain = {"kind": "choice", "options": [0.2, 0.4]}
    hardware = {"memristive/isaac": {"adc.bits": {"kind": "int", "low": 4, "high": 9}, "tiles": 4}}
    space = question(
        tmp_path, back_ends=shelf, phases=["inference"], hardware={**hardware, shelf[1]: {"clock_ghz": domain}}
    )
    bits = "compression.0.quantize.weight_bits"
    adc = {"hardware.memristive/isaac.adc.bits": 5}
    analog = space.candidate({"pair": "digits_mlp@memristive/isaac", bits: 4, **adc})
    found = breakdown(analog, space, 0, QUICK, 0)
    numbers = {row["number"]: row["value"] for row in found.errors if row["role"] == "forward"}
    assert numbers["adc_bits"] == 5 and all(set(row) == set(ERRORS) for row in found.errors)
    assert {row["role"] for row in found.errors} == {"forward"}, "no role of training where none is asked for"
    digital = space.candidate({"pair": "digits_mlp@electronic/eyeriss", bits: 4})
    texts = [breakdown(digital, space, variant, QUICK, 0).mappings for variant in (0, 1)]
    assert [row["layer"] for row in texts[0]] == ["fc1", "fc2"] and all(set(row) == set(MAPPINGS) for row in texts[0])
    assert texts[0][0]["design_id"] != texts[1][0]["design_id"]


def test_a_node_scales_what_is_told(tmp_path: Path) -> None:
    space = question(tmp_path, node=7)
    scaled = evaluate(electronic(space), space, QUICK, 0)[0].metrics["inference_energy_pj"]
    published = [r for r in breakdown(electronic(space), space, 0, QUICK, 0).parts if r["node"] == "as_published"]
    assert scaled < sum(r.get("energy_pj") or 0.0 for r in published if r.get("phase") == "inference")  # type: ignore[operator]


def test_what_runs_away_when_it_is_measured_is_infeasible_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_away(*_: object) -> Measured:
        raise Infeasible("the plate runs away: a weaker drive is needed", 1.0)

    monkeypatch.setattr("joulescape.accuracy.measure.measure", run_away)
    space = question(tmp_path, networks=["shg_digits"], back_ends=["physical/shg"], compression=[], hardware={})
    (found,) = evaluate(space.candidate({"pair": space.pairs[0].name}), space, QUICK, 0)
    assert (found.state, found.violation) == ("infeasible", 1.0)
    assert found.reason == "the plate runs away: a weaker drive is needed"
    assert set(found.metrics.values()) == {None}
