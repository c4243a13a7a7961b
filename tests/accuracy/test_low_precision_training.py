"""Training in few bits, measured: FP8 by chance is as good as float32, stored FP8 to nearest is not; feedback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from joulescape.accuracy.measure import measure
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]
LNPU, HNPU = (load_back_end(ROOT, f"electronic/{name}") for name in ("lnpu", "hnpu"))
Train = Callable[..., float]

CONV = (
    {"name": "conv1", "kind": "conv", "out_channels": 6, "kernel": 3, "padding": 1},
    {"name": "relu1", "kind": "relu"},
    {"name": "pool1", "kind": "max_pool", "kernel": 2},
    {"name": "conv2", "kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1},
    {"name": "relu2", "kind": "relu"},
    {"name": "pool2", "kind": "max_pool", "kernel": 2},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc1", "kind": "dense", "out_features": 10},
)


@pytest.fixture(scope="module")
def conv() -> Graph:
    """Two convolutions and a dense layer for digits."""
    training = {"epochs": 1, "batch": 64, "learning_rate": 0.02}
    content = {"about": "conv", "task": "digits", "input": [1, 8, 8], "operators": CONV, "training": training}
    return build_graph("conv", NetworkSpec.model_validate(content))


@pytest.fixture(scope="module")
def train(recipe: Callable[..., Recipe], networks_dir: Path) -> Train:
    """Accuracy on validation data after training a graph on a chip with some settings changed; None is float32."""

    def run(graph: Graph, chip: Any, training: dict[str, Any], seed: int = 0, **sets: Any) -> float:
        changes = {f"arithmetic.{name}": value for name, value in sets.items()}
        errors = {} if chip is None else chip.simulator.errors(graph, {}, at_paths(chip.settings, changes))
        fidelity = Fidelity(trains_on_machine=True)
        found = measure(describe(graph, ()), errors, recipe({"epochs": 0}, training), fidelity, seed, networks_dir)
        assert found.trained_accuracy_fraction is not None
        return found.trained_accuracy_fraction[0]

    return run


def test_fp8_by_chance_is_close_to_float32(small: Graph, train: Train) -> None:
    exact = train(small, None, {})
    assert exact > 0.9
    assert train(small, LNPU, {}) == pytest.approx(exact, abs=0.02)


def test_weights_stored_in_fp8_need_chance(small: Graph, train: Train) -> None:
    """A step below half of the gap to the next weight is lost to nearest rounding, always."""
    by_chance, nearest = (
        train(small, LNPU, {"rounding": rounding, "learning_rate": 0.1}, master_bits=8)
        for rounding in ("stochastic", "nearest")
    )
    assert by_chance > nearest + 0.05
    assert by_chance > 0.88


def test_four_bits_inside_want_eight_at_both_ends(conv: Graph, train: Train) -> None:
    ends, narrow = (train(conv, HNPU, {"epochs": 3, "learning_rate": 0.1}, bits=4, edge_bits=e) for e in (8, None))
    assert ends > narrow


def test_direct_feedback_serves_dense_layers_and_fails_convolutions(small: Graph, conv: Graph, train: Train) -> None:
    how = {"epochs": 3, "learning_rate": 0.1}
    deep = [train(conv, LNPU, {**how, "feedback": feedback}) for feedback in ("backprop", "dfa")]
    assert train(small, LNPU, {"feedback": "dfa"}) > 0.85
    assert deep[1] < deep[0] - 0.2


def test_the_same_seed_trains_alike(small: Graph, train: Train) -> None:
    assert train(small, LNPU, {"epochs": 2}) == train(small, LNPU, {"epochs": 2})
