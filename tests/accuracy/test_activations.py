"""Calibration sees what each layer reads: ranges, rows and densities, after the layers before it were quantised."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.activations import CALIBRATION_ROWS, InputGrid, calibrate, layer_statistics
from joulescape.accuracy.module import initial, plain, run, to_rows
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.compression.quantize.grids import tensor_scale
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

OPERATORS: list[dict[str, Any]] = [
    {"name": "conv", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
    {"name": "relu", "kind": "relu"},
    {"name": "grouped", "kind": "conv", "out_channels": 6, "kernel": 3, "groups": 2},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc", "kind": "dense", "out_features": 5},
]


@pytest.fixture(scope="module")
def convnet() -> Graph:
    content = {"about": "a", "task": "digits", "input": [1, 8, 8], "operators": OPERATORS, "training": {"epochs": 1}}
    return build_graph("convnet", NetworkSpec.model_validate(content))


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), bits=st.integers(2, 12), is_signed=st.booleans())
def test_a_grid_has_its_levels_and_is_idempotent(seed: int, bits: int, is_signed: bool) -> None:
    x = torch.randn(500, generator=stream(seed))
    x = x if is_signed else x.abs()
    grid = InputGrid(tensor_scale(x, bits, is_signed), bits, is_signed)
    once = grid(x)
    assert torch.allclose(grid(once), once, atol=1e-6)
    assert len(once.unique()) <= 2**bits
    assert is_signed or float(once.min()) >= 0.0


def test_gradients_pass_inside_the_range_and_stop_outside() -> None:
    x = torch.tensor([-1.0, 0.5, 2.9, 9.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(InputGrid(1.0, 2, False)(x).sum(), x)
    assert gradient.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_rows_are_those_of_the_layers_input(convnet: Graph) -> None:
    tensors, x = initial(convnet, stream()), torch.rand(20, 1, 8, 8, generator=stream(1))
    found = calibrate(describe(convnet, ()), tensors, x)
    assert {name: tuple(rows.shape) for name, rows in found.rows.items()} == {
        "conv": (1, 512, 9),
        "grouped": (2, 512, 18),
        "fc": (1, 20, 216),
    }
    whole = {tuple(row) for row in to_rows(convnet.operator("conv"), x)[0].tolist()}
    assert {tuple(row) for row in found.rows["conv"][0].tolist()} <= whole
    assert all(rows.shape[1] <= CALIBRATION_ROWS for rows in found.rows.values())
    assert found.grids == {}


def test_rows_may_be_fewer_or_left_out(convnet: Graph) -> None:
    tensors, x = initial(convnet, stream()), torch.rand(20, 1, 8, 8, generator=stream(1))
    few, none = (calibrate(describe(convnet, ()), tensors, x, rows=count) for count in (16, 0))
    assert all(rows.shape[1] <= 16 for rows in few.rows.values())
    assert none.rows == {} and set(none.statistics) == {"conv", "grouped", "fc"}


def test_quantised_inputs_flow_on(convnet: Graph) -> None:
    network = describe(convnet, [Step("quantize", {"weight_bits": 8, "activation_bits": 3}, {})])
    tensors, x = initial(convnet, stream()), torch.rand(20, 1, 8, 8, generator=stream(1)) - 0.5
    found = calibrate(network, tensors, x)
    (conv,), (grouped,) = found.grids["conv"], found.grids["grouped"]
    assert conv.is_signed and not grouped.is_signed
    for name, rows in found.rows.items():
        assert len(rows.unique()) <= 8 + (name != "fc")
    exact, coarse = (run(convnet, tensors, x, rule) for rule in (plain, found.quantised(plain)))
    assert 0 < float((exact - coarse).abs().mean()) < float(exact.abs().mean())


def test_statistics_of_known_arrays() -> None:
    found = layer_statistics(torch.tensor([0.0, 2.0, -4.0, 0.0]), torch.tensor([1.0, 1.0]))
    assert (found.input_density, found.input_mean_fraction) == (0.5, 0.375)
    assert found.input_mean_square_fraction == pytest.approx(5 / 16)
    assert (found.weight_density, found.weight_mean_fraction, found.weight_mean_square_fraction) == (1.0, 1.0, 1.0)
    silent = layer_statistics(torch.zeros(3), None)
    assert (silent.input_density, silent.input_mean_fraction) == (0.0, 0.0)
