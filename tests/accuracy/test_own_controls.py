"""The table of controls on a small machine, and a physical machine inside a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.accuracy.own_controls import ABOUT, Control, controls
from joulescape.evaluation import evaluate
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity
from joulescape.network.operators import Graph
from joulescape.resolve.design_space import DesignSpace, resolve_space
from joulescape.spec.document import Document
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[2]
TRAINING = {"epochs": 4, "batch": 128, "learning_rate": 0.15, "schedule": "cosine"}
DEPARTURES = {"amplitude_fraction": 0.1, "phase_rad": 0.2, "phase_walk_rad": 0.4, "read_noise_fraction": 0.02}


@pytest.fixture(scope="module")
def small() -> Graph:
    shg = {"kind": "shg", "bins": 128, "data_bins": 64, "out_features": 64, "chirp_rad": 75.0}
    chain = [
        {"name": "shg1", **shg}, {"name": "scale1", "kind": "scale_offset", "out_features": 64},
        {"name": "shg2", **shg}, {"name": "scale2", "kind": "scale_offset", "out_features": 64},
        {"name": "classes", "kind": "spectral_sum", "out_features": 10},
    ]  # fmt: skip
    content = {"about": "small", "task": "digits", "input": [64], "operators": chain, "training": TRAINING}
    return build_graph("small", NetworkSpec.model_validate(content))


def _errors(graph: Graph, numbers: dict[str, float] = DEPARTURES) -> Errors:
    return {(o.name, "forward"): ErrorSpec("shg", o.name, "forward", numbers) for o in graph.physical_operators}


def _table(graph: Graph, errors: Errors, seeds: tuple[int, ...], *names: str, **more: Any) -> dict[str, Control]:
    asked = {"names": names} if names else {}
    return {row.name: row for row in controls(graph, errors, TRAINING, "digits", seeds, **asked, **more)}


@pytest.fixture(scope="module")
def tiny() -> Graph:
    """Few bins: a fit of their physics moves each of them."""
    chain = [
        {"name": "fc", "kind": "dense", "out_features": 10},
        {"name": "opening", "kind": "scale_offset", "out_features": 10},
        {"name": "shg", "kind": "shg", "bins": 20, "data_bins": 10, "out_features": 10, "chirp_rad": 11.0},
        {"name": "scale", "kind": "scale_offset", "out_features": 10},
        {"name": "classes", "kind": "spectral_sum", "out_features": 10},
    ]  # fmt: skip
    content = {"about": "tiny", "task": "digits", "input": [64], "operators": chain, "training": TRAINING}
    return build_graph("tiny", NetworkSpec.model_validate(content))


def test_every_control_has_one_value_a_seed(tiny: Graph) -> None:
    rows = _table(tiny, _errors(tiny), (0,))
    assert list(rows) == list(ABOUT)
    assert all(len(row.accuracy_fraction) == 1 and row.about == ABOUT[name] for name, row in rows.items())
    assert all(0 <= accuracy <= 1 for row in rows.values() for accuracy in row.accuracy_fraction)
    two = _table(tiny, _errors(tiny), (0, 1), "identity")["identity"].accuracy_fraction
    assert len(two) == 2 and two[:1] == rows["identity"].accuracy_fraction
    assert rows["in_silico_twin"].mean_fraction > rows["in_silico"].mean_fraction


def test_controls_of_a_perfect_device_coincide(small: Graph) -> None:
    rows = _table(small, {}, (0,), "pat", "in_silico", "in_silico_twin", "ideal")
    assert len({row.accuracy_fraction for row in rows.values()}) == 1


def test_only_what_is_asked_is_trained_and_alone_it_is_the_same(small: Graph) -> None:
    errors = _errors(small)
    both, alone = _table(small, errors, (3,), "frozen", "pat"), _table(small, errors, (3,), "pat")
    assert list(both) == ["pat", "frozen"] and list(alone) == ["pat"]
    assert both["pat"] == alone["pat"]
    assert alone["pat"].sd_fraction is None


def test_logistic_regression_knows_no_device(small: Graph) -> None:
    with_device, without = (_table(small, e, (0,), "logistic_regression") for e in (_errors(small), {}))
    assert with_device == without
    on_validation = _table(small, {}, (0,), "logistic_regression", split="validation")
    assert on_validation["logistic_regression"].mean_fraction > 0.9


def test_mean_and_spread() -> None:
    row = Control("pat", "", (0.9, 0.8))
    assert row.mean_fraction == pytest.approx(0.85)
    assert row.sd_fraction == pytest.approx(0.0707, abs=1e-4)


def _space(**more: Any) -> DesignSpace:
    content = {
        "question": "Which way to drive the crystal?", "task": "digits", "networks": ["shg_digits"],
        "back_ends": ["physical/shg"], "phases": ["inference", "training"],
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
        "budget": {"trials": 1}, **more,
    }  # fmt: skip
    return resolve_space(Document("test", content), ROOT, "test")


def test_numbers_are_drawn_and_the_interface_is_swept() -> None:
    hardware = {
        "control_bits": {"kind": "int", "low": 2, "high": 8},
        "averages": {"kind": "choice", "options": [1, 4, 16]},
        "interface": {"kind": "choice", "options": ["bench", "integrated"]},
    }
    algorithm = {"kind": "choice", "options": ["pat", "in_silico"]}
    space = _space(hardware={"physical/shg": hardware}, training={"algorithm": algorithm})
    (pair,) = space.pairs
    drawn = [parameter.name for parameter in space.parameters(pair)]
    assert set(drawn) == {
        "training.algorithm", "hardware.physical/shg.control_bits", "hardware.physical/shg.averages"
    }  # fmt: skip
    values = {"pair": pair.name, "training.algorithm": "in_silico", drawn[1]: 4, drawn[2]: 4}
    candidate = space.candidate(values)
    machine = space.machine(candidate)
    assert [variant["interface"] for variant in machine.variants] == ["bench", "integrated"]
    assert space.recipe(candidate).training["algorithm"] == "in_silico"


def test_a_question_judges_the_trained_device() -> None:
    interface = {"kind": "choice", "options": ["bench", "integrated"]}
    space = _space(hardware={"physical/shg": {"interface": interface}}, training={"epochs": 1})
    candidate = space.candidate({"pair": space.pairs[0].name})
    bench, integrated = evaluate(candidate, space, Fidelity(draws=1, samples=60), 0)
    assert bench.state == integrated.state == "valid"
    assert bench.metrics["accuracy_fraction"] == bench.metrics["trained_accuracy_fraction"]
    assert bench.metrics["accuracy_fraction"] == integrated.metrics["accuracy_fraction"]
    assert bench.facts["training_steps_count"] == 17 and bench.facts["steps_basis"] == "measured"
    for metric in ("inference_energy_pj", "inference_latency_ns", "training_energy_pj", "area_mm2"):
        slow, fast = bench.metrics[metric], integrated.metrics[metric]
        assert slow is not None and fast is not None and slow > 100 * fast
    assert bench.facts["assumed_energy_fraction"] > 0.99
