"""Small floats code by code beside PyTorch's types, chance without bias, scales that powers of two move."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._rounded import RoundedNumerics, peak_of, power_of_two_at_least, to_multiples
from joulescape.numerics.dynamic_fixed_point import DynamicFixedPoint
from joulescape.numerics.small_float import SmallFloat

torch.set_num_threads(1)

SOME = settings(max_examples=25, deadline=None)
FLOATS = {
    torch.float8_e4m3fn: {"exponent_bits": 4.0, "mantissa_bits": 3.0, "largest": 448.0},
    torch.float8_e5m2: {"exponent_bits": 5.0, "mantissa_bits": 2.0, "largest": 57344.0},
}
eights = pytest.mark.parametrize("dtype", list(FLOATS), ids=["e4m3", "e5m2"])
FLOAT, WHOLE = SmallFloat(), DynamicFixedPoint()
FORMATS: list[tuple[RoundedNumerics, dict[str, float]]] = [
    (FLOAT, {**FLOATS[torch.float8_e5m2], "is_scaled": 1.0}),
    (FLOAT, {**FLOATS[torch.float8_e4m3fn], "is_scaled": 1.0}),
    (WHOLE, {"bits": 4.0}), (WHOLE, {"bits": 8.0}), (WHOLE, {"bits": 16.0}),
]  # fmt: skip
formats = pytest.mark.parametrize(("kind", "numbers"), FORMATS, ids=["e5m2", "e4m3", "d4", "d8", "d16"])


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def nearest(kind: RoundedNumerics, values: Tensor, numbers: dict[str, float]) -> Tensor:
    return kind.rounded(values, numbers, peak_of(values), None)


def codes(dtype: torch.dtype) -> Tensor:
    """All 256 codes as numbers, those that are none (and infinities) left out."""
    found = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(dtype).float()
    return found[found.isfinite()]


def grid(dtype: torch.dtype) -> Tensor:
    """Values in order, zero once."""
    found: Tensor = torch.unique(codes(dtype))
    return found


@eights
def test_every_code_is_a_value_and_no_other_comes_out(dtype: torch.dtype) -> None:
    known = codes(dtype)
    assert len(known) == {torch.float8_e4m3fn: 254, torch.float8_e5m2: 248}[dtype]
    assert torch.equal(nearest(FLOAT, known, FLOATS[dtype]), known)
    wide = torch.randn(5000, generator=stream()) * torch.exp2(torch.linspace(-20, 17, 5000))
    assert set(nearest(FLOAT, wide, FLOATS[dtype]).tolist()) <= set(grid(dtype).tolist())


@eights
def test_between_two_codes_the_nearer_one_is_taken_and_in_the_middle_the_even_one(dtype: torch.dtype) -> None:
    low, high = grid(dtype)[:-1], grid(dtype)[1:]
    middle = (low + high) / 2
    for share in (0.1, 0.49, 0.51, 0.9):
        wanted = low if share < 0.5 else high
        assert torch.equal(nearest(FLOAT, low + share * (high - low), FLOATS[dtype]), wanted)
    tied = nearest(FLOAT, middle, FLOATS[dtype])
    assert torch.equal(tied, middle.to(dtype).float())
    assert int((tied == low).sum()) > 100 and int((tied == high).sum()) > 100, "half the codes are even"


@eights
def test_chance_takes_each_neighbour_as_often_as_is_fair(dtype: torch.dtype) -> None:
    """A third of the way up: the upper code a third of the time, at every exponent, subnormals too."""
    low, high = grid(dtype)[:-1], grid(dtype)[1:]
    value, draws = low + (high - low) / 3, 3000
    found = FLOAT.rounded(value.expand(draws, -1), FLOATS[dtype], 1.0, stream(3))
    assert bool(((found == low) | (found == high)).all())
    share = (found == high).double().mean(0)
    sigma = math.sqrt(2 / 9 / draws)
    assert float((share - 1 / 3).abs().max()) < 5 * sigma
    assert float((share - 1 / 3).mean().abs()) < 5 * sigma / math.sqrt(len(low))


@eights
@SOME
@given(value=st.floats(-1e5, 1e5), other=st.floats(-1e5, 1e5))
def test_rounding_keeps_order_and_sign(dtype: torch.dtype, value: float, other: float) -> None:
    low, high = sorted((value, other))
    found = nearest(FLOAT, torch.tensor([low, high, -low]), FLOATS[dtype])
    assert found[0] <= found[1]
    assert found[2] == -found[0]
    assert abs(float(found[0])) <= FLOATS[dtype]["largest"]


@eights
@SOME
@given(exponent=st.integers(-14, 8), mantissa=st.floats(1.0, 1.999))
def test_a_normal_number_is_off_by_half_a_last_bit_at_most(dtype: torch.dtype, exponent: int, mantissa: float) -> None:
    numbers, value = FLOATS[dtype], mantissa * 2.0**exponent
    least = 2.0 - 2.0 ** (numbers["exponent_bits"] - 1)
    quantum = 2.0 ** (max(exponent, least) - numbers["mantissa_bits"])
    found = float(nearest(FLOAT, torch.tensor([value]), numbers)[0])
    assert abs(found - min(value, numbers["largest"])) <= quantum / 2 * (1 + 1e-6)


@SOME
@given(value=st.floats(2.0**-60, 2.0**60))
def test_the_least_power_of_two(value: float) -> None:
    found = power_of_two_at_least(value)
    assert math.frexp(found)[0] == 0.5
    assert found / 2 < value <= found


@formats
@SOME
@given(seed=st.integers(0, 99), shift=st.integers(-30, 30))
def test_a_power_of_two_moves_chance_with_the_grid(
    kind: RoundedNumerics, numbers: dict[str, float], seed: int, shift: int
) -> None:
    """The same draws on a tensor of another scale: the same codes."""
    values = torch.randn(40, generator=stream(seed))
    spec = ErrorSpec(kind.kind, "fc", "weight_gradient", {**numbers, "is_stochastic": 1.0})
    one, other = (kind.gradient(values * 2.0**s, spec, stream(seed)) for s in (0, shift))
    assert torch.equal(other, one * 2.0**shift)


@formats
@SOME
@given(seed=st.integers(0, 99), spread=st.integers(0, 3))
def test_the_scale_uses_the_range_and_never_overflows(
    kind: RoundedNumerics, numbers: dict[str, float], seed: int, spread: int
) -> None:
    """The largest magnitude keeps its place to half a step, so that nothing is cut off."""
    values = torch.randn(50, generator=stream(seed)) * 10.0**spread
    found = nearest(kind, values, numbers)
    top = float(values.abs().max())
    relative = 2.0 ** -(numbers.get("mantissa_bits", numbers.get("bits", 0.0) - 2))
    assert abs(float(found.abs().max()) - top) <= relative * top
    assert bool((found.sign() * values.sign() >= 0).all())


@formats
def test_chance_has_the_mean_of_the_values(kind: RoundedNumerics, numbers: dict[str, float]) -> None:
    """200 draws of 200 values: the mean error is within five standard deviations of none, value by value."""
    values = torch.randn(200, generator=stream(5))
    spec = ErrorSpec(kind.kind, "fc", "weight_gradient", {**numbers, "is_stochastic": 1.0})
    draws = stream(6)
    found = torch.stack([kind.gradient(values, spec, draws) for _ in range(200)]).double()
    sigma = found.std(0).clamp_min(1e-7) / math.sqrt(200)
    assert float(((found.mean(0) - values).abs() / sigma).quantile(0.95)) < 5
    assert float((found.mean(0) - values).mean().abs()) < 5 * float(sigma.square().sum().sqrt()) / 200


@pytest.mark.parametrize("kind", [FLOAT, WHOLE])
def test_zeros_stay_zeros_by_chance_too(kind: RoundedNumerics) -> None:
    numbers = {"bits": 8.0, **FLOATS[torch.float8_e5m2]}
    assert not kind.rounded(torch.zeros(100), numbers, 1.0, stream()).any()


@SOME
@given(seed=st.integers(0, 99))
def test_whole_numbers_are_never_moved(seed: int) -> None:
    values = torch.randint(-50, 51, (30,), generator=stream(seed)).float()
    assert torch.equal(to_multiples(values, stream(seed)), values)
    assert torch.equal(to_multiples(values, None), values)


def test_dynamic_points_hold_all_levels_of_their_width() -> None:
    """Between two powers of two the top of the range is used: 2^bits - 1 levels, one point in the middle."""
    for bits in (2, 3, 5, 8):
        top = 2 ** (bits - 1) - 1
        values = torch.linspace(-top, top, 4 * top + 1)
        found = WHOLE.rounded(values, {"bits": float(bits)}, float(top), None)
        scale = power_of_two_at_least(float(top) / top)
        assert sorted(set((found / scale).tolist())) == [float(level) for level in range(-top, top + 1)]
        assert all(b - a == scale for a, b in pairwise(sorted(set(found.tolist()))))
