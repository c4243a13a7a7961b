"""Laws of whole-number arithmetic: int64 bit for bit, rounding that neither drifts nor leaves its grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.quantize.grids import largest_level
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.fixed_point import UPDATE_RANGE, FixedPointProduct, plugin

torch.set_num_threads(1)
SOME = settings(max_examples=60, deadline=None)


def spec(role: Role = "forward", **numbers: float) -> ErrorSpec:
    return ErrorSpec("fixed_point", "fc", role, numbers)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def held(weight: torch.Tensor, x: torch.Tensor, **numbers: float) -> FixedPointProduct:
    product = plugin.program(weight, spec(**numbers), x, stream(), "full")
    assert isinstance(product, FixedPointProduct)
    return product


@SOME
@given(
    seed=st.integers(0, 999), k=st.integers(1, 700), bits=st.integers(2, 16), input_bits=st.integers(2, 16),
    is_signed=st.booleans(),
)  # fmt: skip
def test_the_whole_product_is_int64_times_two_scales(
    seed: int, k: int, bits: int, input_bits: int, is_signed: bool
) -> None:
    """Long dot products at wide formats leave float32's exact range: the sums must still be exact."""
    weight, x = torch.randn(3, k, generator=stream(seed)), torch.randn(5, k, generator=stream(seed + 1))
    x = x if is_signed else x.abs()
    product = held(weight, x, weight_bits=bits, input_bits=input_bits)
    signed = bool((x < 0).any())
    top = largest_level(input_bits, signed)
    whole_x = np.clip(np.round((x / product.input_scale).numpy()), -top if signed else 0, top).astype(np.int64)
    sums = whole_x @ product.weight_levels.numpy().astype(np.int64).T
    assert np.array_equal(product.accumulate(torch.from_numpy(whole_x)).double().numpy(), sums.astype(np.float64))
    scales = product.weight_scales[:, 0].double().numpy() * product.input_scale
    np.testing.assert_allclose(product(x, stream()).double().numpy(), sums * scales, rtol=1e-6, atol=1e-12)


@given(k=st.integers(1, 5000), bits=st.integers(2, 16), input_bits=st.integers(2, 16))
@settings(max_examples=100, deadline=None)
def test_float32_is_left_before_it_rounds(k: int, bits: int, input_bits: int) -> None:
    """The worst sum: every operand at its largest level."""
    weight, x = torch.ones(1, k), torch.ones(1, k)
    product = held(weight, x, weight_bits=bits, input_bits=input_bits)
    tops = largest_level(bits), largest_level(input_bits, False)
    assert int(product.accumulate(torch.full((1, k), float(tops[1])))) == k * tops[0] * tops[1]
    assert product.is_wide == (k * tops[0] * tops[1] >= 2**24)


@SOME
@given(seed=st.integers(0, 99), accumulator=st.integers(4, 30))
def test_saturation_is_twos_complement_and_monotone(seed: int, accumulator: int) -> None:
    weight, x = torch.randn(4, 60, generator=stream(seed)), torch.randn(9, 60, generator=stream(seed + 1))
    free = held(weight, x, weight_bits=8, input_bits=8)
    tight = held(weight, x, weight_bits=8, input_bits=8, accumulator_bits=accumulator)
    inputs = torch.randint(-127, 128, (9, 60), generator=stream(seed)).float()
    wanted = free.accumulate(inputs).clamp(-(2 ** (accumulator - 1)), 2 ** (accumulator - 1) - 1)
    assert torch.equal(tight.accumulate(inputs), wanted)


@SOME
@given(seed=st.integers(0, 99), bits=st.integers(1, 12), factor=st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_scaling_by_a_power_of_two_scales_the_product_exactly(seed: int, bits: int, factor: float) -> None:
    weight, x = torch.randn(4, 20, generator=stream(seed)), torch.randn(6, 20, generator=stream(seed + 1))
    numbers = {"weight_bits": bits, "input_bits": 8}
    plain = held(weight, x, **numbers)(x, stream())
    scaled = held(weight * factor, x, **numbers)(x, stream())
    assert torch.equal(scaled, plain * factor)


@SOME
@given(seed=st.integers(0, 99), bits=st.integers(1, 8))
def test_rows_and_channels_do_not_see_each_other(seed: int, bits: int) -> None:
    """One scale per output channel: the product of some channels is some channels of the product; rows likewise."""
    weight, x = torch.randn(6, 15, generator=stream(seed)), torch.randn(8, 15, generator=stream(seed + 1))
    numbers = {"weight_bits": bits, "input_bits": 6}
    whole = held(weight, x, **numbers)(x, stream())
    part = held(weight[2:5], x, **numbers)
    assert torch.equal(part(x, stream()), whole[:, 2:5])
    assert torch.allclose(part(x[:3], stream()), whole[:3, 2:5], rtol=1e-6)


def test_inputs_beyond_the_calibrated_range_are_clipped() -> None:
    weight, x = torch.eye(3), torch.rand(50, 3, generator=stream())
    product = held(weight, x, weight_bits=8, input_bits=8)
    largest = product(x, stream()).max()
    assert float(product(torch.full((1, 3), 99.0), stream()).max()) <= float(largest) * 1.01
    assert torch.equal(product(torch.full((1, 3), -5.0), stream()), torch.zeros(1, 3)), "unsigned inputs stop at zero"


@SOME
@given(
    seed=st.integers(0, 999), bits=st.integers(2, 24), role=st.sampled_from(["input_gradient", "weight_gradient"])
)  # fmt: skip
def test_gradients_stay_on_their_grid(seed: int, bits: int, role: Role) -> None:
    gradient = torch.randn(500, generator=stream(seed)) * 10.0 ** (seed % 9 - 4)
    top = largest_level(bits)
    for is_stochastic in (0.0, 1.0):
        found = plugin.gradient(gradient, spec(role, gradient_bits=bits, is_stochastic=is_stochastic), stream(seed))
        level = found / (gradient.abs().max() / top)
        assert float((level - level.round()).abs().max()) <= top * 1e-6
        assert float(level.abs().max()) <= top * (1 + 1e-6)
        limit = (1.0 if is_stochastic else 0.5) * float(gradient.abs().max()) / top
        assert float((found - gradient).abs().max()) <= limit * (1 + 1e-3) + float(gradient.abs().max()) * 3e-7


@pytest.mark.parametrize("bits", [4, 8, 12, 16, 20, 24])
def test_stored_weights_without_a_step_never_drift(bits: int) -> None:
    """Whole levels have nothing to round: adding nothing a thousand times changes no bit, whatever the width."""
    top = largest_level(bits)
    scale = UPDATE_RANGE / (top + 1)
    weight = torch.randint(-top, top + 1, (2000,), generator=stream()).float() * scale
    random, kept = stream(1), weight
    for _ in range(100):
        kept = plugin.update(kept, torch.zeros(2000), spec("update", update_bits=bits, is_stochastic=1), random)
    assert torch.equal(kept, weight)


@pytest.mark.parametrize("bits", [6, 10, 14])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_random_rounding_has_the_right_mean_and_variance(bits: int, part: float) -> None:
    """A value between two levels is the upper one with probability `part`: a Bernoulli of variance part (1 - part)."""
    scale, count = UPDATE_RANGE / 2 ** (bits - 1), 40_000
    weight, step = torch.full((count,), 5 * scale), torch.full((count,), part * scale)
    found = plugin.update(weight, step, spec("update", update_bits=bits, is_stochastic=1), stream(bits))
    level = found / scale - 5
    assert set(level.round(decimals=3).unique().tolist()) == {0.0, 1.0}
    assert float(level.mean()) == pytest.approx(part, abs=4 * math.sqrt(part * (1 - part) / count))
    assert float(level.var()) == pytest.approx(part * (1 - part), rel=0.05)


def test_rounding_at_random_is_repeatable_and_keyed() -> None:
    values = torch.randn(100, generator=stream())
    numbers = {"gradient_bits": 4.0, "is_stochastic": 1.0}
    one, same, other = (plugin.gradient(values, spec("weight_gradient", **numbers), stream(s)) for s in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize("bits", [3, 8, 16])
def test_updates_saturate_at_both_ends_of_their_range(bits: int) -> None:
    weight, step = torch.tensor([1.9, -1.9]), torch.tensor([5.0, -5.0])
    for is_stochastic in (0, 1):
        found = plugin.update(weight, step, spec("update", update_bits=bits, is_stochastic=is_stochastic), stream())
        largest = UPDATE_RANGE * (1 - 2.0 ** (1 - bits))
        assert found.tolist() == pytest.approx([largest, -largest])


@SOME
@given(seed=st.integers(0, 99))
def test_more_update_bits_come_closer(seed: int) -> None:
    weight, step = (
        torch.randn(300, generator=stream(seed)).clamp(-1.5, 1.5),
        torch.randn(300, generator=stream(9)) * 0.01,
    )
    errors = [
        float((plugin.update(weight, step, spec("update", update_bits=b), stream()) - weight - step).abs().mean())
        for b in (4, 6, 8, 12, 16)
    ]
    assert errors == sorted(errors, reverse=True)
