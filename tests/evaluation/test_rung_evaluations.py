"""The heart on every rung: what the closed form knows, what screening refuses, and that a sweep is its designs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulescape import evaluate, load_space
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.domain import AnyDomain, FloatDomain, Scalar
from joulescape.spec.space import RUNGS

ROOT = Path(__file__).resolve().parents[2]
PAIR = "digits_mlp@electronic/systolic_int8"
SPACE: dict[str, Any] = {
    "question": "Which rung?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/systolic_int8"],
    "compression": [{"quantize": {"weight_bits": {"kind": "int", "low": 2, "high": 8}, "activation_bits": 8}}],
    "fine_tune": {"epochs": 1},
    "hardware": {"electronic/systolic_int8": {"array.rows": {"kind": "choice", "options": [8, 16, 32]}}},
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 4},
}
DEMO = yaml.safe_load((ROOT / "spaces" / "which_machine.yaml").read_text())
BOTH = {"phases": ["inference", "training"], "fine_tune": {"epochs": 0}}


class Notebook:
    """A memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Measured] = {}

    def get(self, key: str) -> Measured | None:
        return self.kept.get(key)

    def put(self, key: str, measured: Measured) -> None:
        self.kept[key] = measured


def question(folder: Path, name: str = "q", base: dict[str, Any] = SPACE, **changes: Any) -> DesignSpace:
    (folder / "spaces").mkdir(parents=True, exist_ok=True)
    for shelf in ("hwlib", "models"):
        if not (folder / shelf).exists():
            (folder / shelf).symlink_to(ROOT / shelf)
    path = folder / "spaces" / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**base, **changes}, sort_keys=False))
    return load_space(path)


def values(bits: int) -> dict[str, Any]:
    return {"pair": PAIR, "compression.0.quantize.weight_bits": bits}


def test_the_closed_form_costs_and_knows_no_accuracy(tmp_path: Path) -> None:
    space, notebook = question(tmp_path, **BOTH), Notebook()
    found = evaluate(space.candidate(values(8)), space, Fidelity(rung="closed_form"), 0, notebook)
    assert notebook.kept == {}
    assert [item.state for item in found] == ["valid"] * 3
    assert {item.fidelity for item in found} == {"closed_form"}
    for item in found:
        assert item.metrics["accuracy_fraction"] is item.metrics["trained_accuracy_fraction"] is None
        assert item.metrics["inference_energy_pj"] > 0  # type: ignore[operator]
        assert item.facts["variants_count"] == 3
        assert item.facts["steps_basis"] == "nominal"
        assert "accuracy_draws_count" not in item.facts


def test_measured_statistics_change_the_cost_and_nominal_ones_are_near(tmp_path: Path) -> None:
    space = question(tmp_path)
    candidate = space.candidate(values(4))
    nominal, seen = (evaluate(candidate, space, Fidelity(rung=rung), 0) for rung in ("closed_form", "merged"))
    for one, other in zip(nominal, seen, strict=True):
        ratio = one.metrics["inference_energy_pj"] / other.metrics["inference_energy_pj"]  # type: ignore[operator]
        assert 0.5 < ratio < 2
        assert one.metrics["area_mm2"] == other.metrics["area_mm2"]


def test_rungs_of_an_exact_machine_share_their_measurement(tmp_path: Path) -> None:
    space, notebook = question(tmp_path), Notebook()
    candidate = space.candidate(values(2))
    found = {rung: evaluate(candidate, space, Fidelity(rung=rung), 0, notebook) for rung in RUNGS}
    assert len(notebook.kept) == 2  # without fine-tuning, and with
    metrics = {rung: [item.metrics for item in items] for rung, items in found.items()}
    assert metrics["tuned"] == metrics["full"] != metrics["merged"]


@pytest.mark.parametrize("rung", ["merged", "tuned"])
def test_while_screening_a_limit_on_accuracy_refuses_nothing(tmp_path: Path, rung: Any) -> None:
    space = question(tmp_path, constraints={"accuracy_fraction": {"at_least": 0.9999}})
    candidate = space.candidate(values(2))
    soft = evaluate(candidate, space, Fidelity(rung=rung, is_screening=True), 0)
    hard = evaluate(candidate, space, Fidelity(rung=rung), 0)
    assert {item.state for item in soft} == {"valid"}
    assert {item.state for item in hard} == {"infeasible"}
    assert [item.metrics for item in soft] == [item.metrics for item in hard]


@pytest.mark.parametrize("rung", ["closed_form", "merged"])
def test_a_limit_on_costs_holds_on_every_rung(tmp_path: Path, rung: Any) -> None:
    space = question(tmp_path, constraints={"inference_energy_pj": {"at_most": 1e-6}})
    found = evaluate(space.candidate(values(8)), space, Fidelity(rung=rung, is_screening=True), 0)
    assert {item.state for item in found} == {"infeasible"}
    assert found[0].reason == "inference_energy_pj must be at most 1e-06"


def test_what_nothing_can_carry_says_how_many_were_looked_at(tmp_path: Path) -> None:
    space = question(tmp_path, constraints={"area_mm2": {"at_most": 1e-6}})
    (only,) = evaluate(space.candidate(values(8)), space, Fidelity(rung="closed_form"), 0)
    assert (only.state, only.facts["variants_count"]) == ("infeasible", 3)


def limit_of(found: Any) -> str | None:
    """The limit that is broken; behind the colon a machine by itself says what would do, which differs by variant."""
    return None if found.reason is None else found.reason.partition(":")[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("back_end", DEMO["back_ends"])
def test_a_swept_design_costs_what_it_costs_alone(tmp_path: Path, back_end: str, seed: int) -> None:
    """Every shipped back end: variants of the sweep, each asked for by itself, have the same metrics and state."""
    chance = random.Random(seed)
    network = "shg_digits" if back_end == "physical/shg" else "digits_lenet"
    written = DEMO["hardware"][back_end]
    limits = {"constraints": {"inference_latency_ns": {"at_most": 20_000.0}}}
    base = {**DEMO, **limits, "networks": [network], "back_ends": [back_end], "budget": {"trials": 4}}
    space = question(tmp_path, "together", {**base, "hardware": {back_end: written}})
    drawn = draw(space, chance)
    together = evaluate(space.candidate(drawn), space, Fidelity(rung="closed_form"), 0)
    for chosen in chance.sample(together, min(4, len(together))):
        fixed = {name.removeprefix(f"hardware.{back_end}."): value for name, value in chosen.variant.items()}
        by_itself = question(tmp_path, "alone", {**base, "hardware": {back_end: {**written, **fixed}}})
        (alone,) = evaluate(by_itself.candidate(drawn), by_itself, Fidelity(rung="closed_form"), 0)
        assert (alone.state, limit_of(alone)) == (chosen.state, limit_of(chosen))
        assert alone.violation == pytest.approx(chosen.violation)
        if alone.metrics["area_mm2"] is not None:  # what fits nowhere is refused before it is costed
            expected = {name: value for name, value in chosen.metrics.items() if value is not None}
            assert {name: alone.metrics[name] for name in expected} == pytest.approx(expected)


def draw(space: DesignSpace, chance: random.Random) -> dict[str, Any]:
    """A random candidate of the only pair."""
    (pair,) = space.pairs
    drawn: dict[str, Any] = {"pair": pair.name}
    for parameter in space.parameters(pair):
        if parameter.parent is None or drawn.get(parameter.parent) == parameter.option:
            drawn[parameter.name] = value(parameter.domain, chance)
    return drawn


def value(domain: AnyDomain, chance: random.Random) -> Scalar:
    """A random value of a domain."""
    if isinstance(domain, FloatDomain):
        return chance.uniform(domain.low, domain.high)
    return chance.choice([*domain.values()])
