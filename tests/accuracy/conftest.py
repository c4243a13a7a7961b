"""A small network whose reference weights train in a tenth of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Recipe
from joulescape.network.operators import Graph
from joulescape.network.work import OperandFormat
from joulescape.spec.network import NetworkSpec

TRAINING: dict[str, Any] = {"epochs": 12, "batch": 64, "learning_rate": 0.02}


@pytest.fixture(scope="session")
def networks_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's reference weights are kept."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="session")
def small_spec() -> NetworkSpec:
    """A multilayer perceptron for digits."""
    operators = [
        {"name": "fc1", "kind": "dense", "out_features": 24},
        {"name": "relu1", "kind": "relu"},
        {"name": "fc2", "kind": "dense", "out_features": 10},
    ]
    content = {"about": "small", "task": "digits", "input": [64], "operators": operators, "training": TRAINING}
    return NetworkSpec.model_validate(content)


@pytest.fixture(scope="session")
def small(small_spec: NetworkSpec) -> Graph:
    """Its graph."""
    return build_graph("small", small_spec)


@pytest.fixture(scope="session")
def recipe(small_spec: NetworkSpec) -> Callable[..., Recipe]:
    """Recipes that differ from the usual one in the named parts."""

    def make(
        fine_tune: dict[str, Any] | None = None, training: dict[str, Any] | None = None, equivalence: Any = "exact"
    ) -> Recipe:
        tune = {"epochs": 2, "learning_rate": 0.01, "batch": 32, "noise_aware": False, **(fine_tune or {})}
        machine = {"rounding": "stochastic", "feedback": "backprop", "batch": 32, "epochs": 6, "learning_rate": 0.2}
        reference = small_spec.training.model_dump()
        return Recipe("digits", reference, tune, {**machine, **(training or {})}, equivalence)

    return make


@pytest.fixture(scope="session")
def fixed_point() -> Callable[..., Errors]:
    """Errors of a whole-number machine; keywords change its widths."""

    def make(graph: Graph, formats: dict[str, OperandFormat] | None = None, **changes: float) -> Errors:
        n = {
            "weight_bits": 8,
            "input_bits": 8,
            "accumulator_bits": 32,
            "gradient_bits": 16,
            "update_bits": 16,
        } | changes
        by_role: dict[Any, dict[str, float]] = {
            "forward": {key: n[key] for key in ("weight_bits", "input_bits", "accumulator_bits")},
            "input_gradient": {"gradient_bits": n["gradient_bits"]},
            "weight_gradient": {"gradient_bits": n["gradient_bits"]},
            "update": {"update_bits": n["update_bits"]},
        }
        return {
            (o.name, role): ErrorSpec("fixed_point", o.name, role, numbers)
            for o in graph.matrix_operators
            for role, numbers in by_role.items()
        }

    return make
