"""Zeros of a training step: what rectifiers drop, where errors vanish, what nobody asks for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import LayerStatistics, MatrixWork
from joulescape.network.zeros import Zeros
from joulescape.spec.network import NetworkSpec

CONV = {"kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1}
TRAINING = {"epochs": 1, "batch": 8, "learning_rate": 0.1}


def graph(*operators: dict[str, Any]) -> Graph:
    content = {"about": "x", "task": "digits", "input": [1, 8, 8], "operators": operators, "training": TRAINING}
    return build_graph("x", NetworkSpec.model_validate(content))


POOLED = graph(
    {"name": "conv1", **CONV}, {"name": "relu1", "kind": "relu"}, {"name": "pool1", "kind": "max_pool", "kernel": 2},
    {"name": "flat", "kind": "flatten"}, {"name": "fc1", "kind": "dense", "out_features": 12},
    {"name": "relu2", "kind": "relu"}, {"name": "fc2", "kind": "dense", "out_features": 10},
)  # fmt: skip


@given(first=st.floats(0, 1), second=st.floats(0, 1))
def test_a_chain_with_pooling(first: float, second: float) -> None:
    """An error reaches one element of a window of four, where the pooled value is not zero."""
    zeros = Zeros(POOLED, {"conv1": 1.0, "fc1": first, "fc2": second})
    assert zeros.error_density("fc2") == 1.0, "the loss has an error for each class"
    assert zeros.error_density("fc1") == pytest.approx(second)
    assert zeros.error_density("conv1") == pytest.approx(first / 4)
    assert zeros.needed("fc1") == pytest.approx(second)
    assert zeros.needed("conv1") == pytest.approx(first), "which element of a window is the largest is not foretold"
    assert zeros.needed("fc2") == 1.0
    assert zeros.asked(POOLED.operator("fc1")) == pytest.approx(first)
    assert zeros.asked(POOLED.operator("conv1")) == 1.0, "data have no rectifier before them"


def test_normalisation_and_sums_hide_zeros() -> None:
    found = graph(
        {"name": "conv1", **CONV}, {"name": "norm1", "kind": "norm"}, {"name": "relu1", "kind": "relu"},
        {"name": "conv2", **CONV}, {"name": "sum", "kind": "add", "inputs": ["relu1", "conv2"]},
        {"name": "flat", "kind": "flatten"}, {"name": "fc1", "kind": "dense", "out_features": 10},
    )  # fmt: skip
    zeros = Zeros(found, {"conv1": 1.0, "conv2": 0.3, "fc1": 0.6})
    assert zeros.error_density("conv1") == 1.0
    assert zeros.error_density("conv2") == 1.0
    assert zeros.needed("conv1") == 1.0
    assert zeros.asked(found.operator("conv2")) == 0.3
    assert zeros.asked(found.operator("fc1")) == 1.0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_it_is_what_differentiation_gives(seed: int) -> None:
    """Densities of the errors of conv -> relu -> max_pool -> dense -> relu -> dense by automatic differentiation."""
    stream = torch.Generator().manual_seed(seed)
    weights = [torch.randn(shape, generator=stream) for shape in ((4, 1, 3, 3), (12, 64), (10, 12))]
    images = torch.randn(16, 1, 8, 8, generator=stream)
    y1 = torch.nn.functional.conv2d(images, weights[0], padding=1).requires_grad_()
    pooled = torch.nn.functional.max_pool2d(y1.relu(), 2).flatten(1)
    y2 = pooled @ weights[1].T
    y2.retain_grad()
    x2 = y2.relu()
    (x2 @ weights[2].T).square().sum().backward()  # type: ignore[no-untyped-call]
    density = lambda values: float((values != 0).float().mean())  # noqa: E731
    zeros = Zeros(POOLED, {"conv1": 1.0, "fc1": density(pooled), "fc2": density(x2)})
    assert y1.grad is not None and y2.grad is not None
    assert density(y2.grad) == pytest.approx(zeros.error_density("fc1"))
    assert density(y1.grad) == pytest.approx(zeros.error_density("conv1"), abs=0.01)


def test_works_carry_them() -> None:
    seen = {"fc1": LayerStatistics(input_density=0.4), "fc2": LayerStatistics(input_density=0.5)}
    works = {(w.layer, w.role): w for w in lower(POOLED, {}, "training", 2, seen).works if isinstance(w, MatrixWork)}
    assert works["fc1", "input_gradient"].input.density == 0.5
    assert works["fc1", "input_gradient"].output.needed == 0.4
    assert works["fc1", "weight_gradient"].weight.density == 0.5
    assert works["fc1", "weight_gradient"].input.density == 0.4
    assert works["fc1", "forward"].output.needed == 0.5
    assert works["conv1", "weight_gradient"].weight.structure == "unstructured"
    assert works["fc2", "weight_gradient"].weight.structure == "dense"
