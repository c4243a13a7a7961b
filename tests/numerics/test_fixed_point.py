"""Whole-number arithmetic: exact bit for bit, equal to float32 at wide formats, unbiased where it rounds at random."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.fixed_point import UPDATE_RANGE, FixedPoint, FixedPointProduct, plugin
from joulescape.registry import load


def spec(role: Role = "forward", **numbers: float) -> ErrorSpec:
    return ErrorSpec("fixed_point", "fc", role, numbers)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def programmed(weight: torch.Tensor, x: torch.Tensor, **numbers: float) -> FixedPointProduct:
    product = plugin.program(weight, spec(**numbers), x, stream(), "full")
    assert isinstance(product, FixedPointProduct)
    return product


def test_the_registry_finds_it() -> None:
    assert isinstance(load("joulescape.numerics", "fixed_point"), FixedPoint)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999), rows=st.integers(1, 9), k=st.integers(1, 40), n=st.integers(1, 9),
    weight_bits=st.integers(2, 16), input_bits=st.integers(2, 16), is_signed=st.booleans(),
    accumulator=st.sampled_from([None, 8, 16, 24, 32]),
)  # fmt: skip
def test_sums_are_those_of_int64_bit_for_bit(
    seed: int, rows: int, k: int, n: int, weight_bits: int, input_bits: int, is_signed: bool, accumulator: int | None
) -> None:
    weight, x = torch.randn(n, k, generator=stream(seed)), torch.randn(rows, k, generator=stream(seed + 1))
    x = x if is_signed else x.abs()
    numbers = {} if accumulator is None else {"accumulator_bits": float(accumulator)}
    product = programmed(weight, x, weight_bits=weight_bits, input_bits=input_bits, **numbers)
    signed = bool((x < 0).any())
    top = 2 ** (input_bits - 1) - 1 if signed else 2**input_bits - 1
    q_x = np.clip(np.round((x / product.input_scale).numpy()), -top if signed else 0, top).astype(np.int64)
    q_w = product.weight_levels.numpy().astype(np.int64)
    wanted = q_x @ q_w.T
    if accumulator is not None:
        wanted = np.clip(wanted, -(2 ** (accumulator - 1)), 2 ** (accumulator - 1) - 1)
    found = product.accumulate(torch.from_numpy(q_x).float()).double().numpy()
    assert np.array_equal(found, wanted.astype(np.float64))
    assert np.abs(q_w).max() <= 2 ** (weight_bits - 1) - 1


def test_wide_formats_equal_float32() -> None:
    weight, x = torch.randn(10, 64, generator=stream()), torch.rand(50, 64, generator=stream(1))
    found = programmed(weight, x, weight_bits=24, input_bits=24)(x, stream())
    assert torch.allclose(found, x @ weight.T, rtol=1e-5, atol=1e-5)


def test_more_bits_never_hurt() -> None:
    weight, x = torch.randn(20, 64, generator=stream()), torch.randn(80, 64, generator=stream(1))
    errors = [
        float((programmed(weight, x, weight_bits=bits, input_bits=bits)(x, stream()) - x @ weight.T).abs().mean())
        for bits in (2, 3, 4, 6, 8, 10)
    ]
    assert errors == sorted(errors, reverse=True)


def test_it_is_deterministic() -> None:
    weight, x = torch.randn(5, 8, generator=stream()), torch.randn(4, 8, generator=stream(1))
    one, other = (
        plugin.program(weight, spec(weight_bits=4, input_bits=4), x, stream(s), "merged")(x, stream(s)) for s in (1, 2)
    )
    assert torch.equal(one, other)


def test_weights_on_a_grid_keep_it() -> None:
    levels = torch.randint(-7, 8, (6, 30), generator=stream()).float()
    levels[:, 0] = 7.0
    weight = levels * torch.rand(6, 1, generator=stream(1))
    product = programmed(weight, torch.rand(4, 30), weight_bits=4, input_bits=8)
    assert torch.equal(product.weight_levels, levels)


def test_a_narrow_accumulator_saturates() -> None:
    ones = torch.ones(1, 100)
    product = programmed(ones, ones, weight_bits=8, input_bits=8, accumulator_bits=16)
    assert float(product.accumulate(torch.full((1, 100), 255.0))) == 2**15 - 1
    assert float(product.accumulate(torch.full((1, 100), -255.0))) == -(2**15)


@pytest.mark.parametrize("role", ["input_gradient", "weight_gradient"])
def test_stochastic_gradients_are_unbiased_and_nearest_ones_are_not(role: Role) -> None:
    gradient = torch.linspace(-1, 1, 41)
    numbers = {"gradient_bits": 4.0, "is_stochastic": 1.0}
    draws = torch.stack([plugin.gradient(gradient, spec(role, **numbers), stream(s)) for s in range(800)])
    assert torch.allclose(draws.mean(0), gradient, atol=0.02)
    nearest = plugin.gradient(gradient, spec(role, **{**numbers, "is_stochastic": 0.0}), stream())
    assert len(nearest.unique()) == 15
    assert float((nearest - gradient).abs().max()) == pytest.approx(0.5 / 7, rel=0.05)


def test_a_gradient_of_zeros_stays_zero() -> None:
    found = plugin.gradient(torch.zeros(4), spec("weight_gradient", gradient_bits=8, is_stochastic=1), stream())
    assert torch.equal(found, torch.zeros(4))


def test_updates_stay_on_the_grid_and_in_range() -> None:
    weight, step = torch.rand(8, 8, generator=stream()) * 3 - 1.5, torch.randn(8, 8, generator=stream(1))
    found = plugin.update(weight, step, spec("update", update_bits=8, is_stochastic=1), stream())
    grid = found / (UPDATE_RANGE / 128)
    assert torch.equal(grid, grid.round()) and float(grid.abs().max()) <= 127


def test_small_steps_are_lost_to_nearest_but_not_to_stochastic_rounding() -> None:
    weight, step = torch.zeros(4000), torch.full((4000,), 0.2 * UPDATE_RANGE / 128)
    nearest = plugin.update(weight, step, spec("update", update_bits=8, is_stochastic=0), stream())
    stochastic = plugin.update(weight, step, spec("update", update_bits=8, is_stochastic=1), stream())
    assert torch.equal(nearest, weight)
    assert float(stochastic.mean()) == pytest.approx(float(step[0]), rel=0.15)


def test_absent_widths_leave_values_alone() -> None:
    values = torch.randn(5, generator=stream())
    assert torch.equal(plugin.gradient(values, spec("weight_gradient"), stream()), values)
    assert torch.equal(plugin.update(values, values, spec("update"), stream()), 2 * values)
