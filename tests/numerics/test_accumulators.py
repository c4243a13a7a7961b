"""Accumulators of finite width, bit for bit against Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._accumulators import OVERFLOWS, ROUNDINGS, Adder
from joulescape.numerics.fixed_point import FixedPointProduct, plugin

torch.set_num_threads(1)
SOME = settings(max_examples=80, deadline=None)


def rounded(product: int, bits: int, rounding: str) -> int:
    exact = Fraction(product, 2**bits)
    if rounding == "half_up":
        return math.floor(exact + Fraction(1, 2))
    if rounding == "half_even":
        return round(exact)
    return math.floor(exact) if rounding == "down" else math.trunc(exact)


def held(total: int, bits: int, overflow: str) -> int:
    top = 1 << (bits - 1)
    return (total + top) % (2 * top) - top if overflow == "wrap" else min(max(total, -top), top - 1)


def by_hand(left: list[int], right: list[int], adder: Adder) -> int:
    """One dot product in Python's own integers."""
    assert adder.bits is not None
    total = 0
    for a, b in zip(left, right, strict=True):
        total += rounded(a * b, adder.dropped_bits, adder.rounding)
        if adder.overflow != "saturate_at_end":
            total = held(total, adder.bits, adder.overflow)
    return held(total, adder.bits, adder.overflow) << adder.dropped_bits


@SOME
@given(
    seed=st.integers(0, 999), k=st.integers(1, 40), bits=st.integers(4, 20), drop=st.integers(0, 7),
    overflow=st.sampled_from(OVERFLOWS), rounding=st.sampled_from(ROUNDINGS),
)  # fmt: skip
def test_every_addition_is_the_machines_own(
    seed: int, k: int, bits: int, drop: int, overflow: str, rounding: str
) -> None:
    stream = torch.Generator().manual_seed(seed)
    left = torch.randint(-127, 128, (3, k), generator=stream).double()
    right = torch.randint(-127, 128, (k, 2), generator=stream).double()
    adder = Adder(bits, overflow, drop, rounding)
    wanted = [[by_hand(a, b, adder) for b in right.T.int().tolist()] for a in left.int().tolist()]
    assert adder.sums(left, right).tolist() == wanted


@SOME
@given(seed=st.integers(0, 99), bits=st.integers(4, 24))
def test_wrapping_is_arithmetic_modulo_two_to_the_bits_in_any_order(seed: int, bits: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    left, right = (torch.randint(-127, 128, (30,), generator=stream).double() for _ in range(2))
    order = torch.randperm(30, generator=stream)
    adder = Adder(bits, "wrap", 0, "down")
    one, other = (float(adder.sums(a[None], b[:, None])) for a, b in ((left, right), (left[order], right[order])))
    assert one == other
    assert (one - float(left @ right)) % 2**bits == 0


def test_saturating_every_addition_is_not_saturating_once() -> None:
    """100 + 100 - 100 in eight bits: 27 where each sum saturates, 100 with guard bits, 100 by wrapping twice."""
    left, right = torch.tensor([[100.0, 100.0, -100.0]]), torch.ones(3, 1)
    found = {name: float(Adder(8, name, 0, "down").sums(left, right)) for name in OVERFLOWS}
    assert found == {"saturate": 27.0, "saturate_at_end": 100.0, "wrap": 100.0}


def test_rounding_down_biases_and_to_the_nearest_does_not() -> None:
    """Mean error of a product in units of its last kept bit: -1/2 (truncated) against about 0."""
    stream = torch.Generator().manual_seed(3)
    left = torch.randint(-127, 128, (1, 4000), generator=stream).double()
    right = torch.randint(-127, 128, (4000, 1), generator=stream).double()
    exact, count = float(left @ right), 4000
    bias = {name: (float(Adder(None, "wrap", 6, name).sums(left, right)) - exact) / count / 2**6 for name in ROUNDINGS}
    assert bias["down"] == pytest.approx(-0.5, abs=0.05)
    assert abs(bias["half_even"]) < 0.02
    assert abs(bias["to_zero"]) < 0.05


def spec(**numbers: float) -> ErrorSpec:
    return ErrorSpec("fixed_point", "fc", "forward", {"weight_bits": 8, "input_bits": 8, **numbers})


def product(weight: torch.Tensor, x: torch.Tensor, **numbers: float) -> FixedPointProduct:
    found = plugin.program(weight, spec(**numbers), x, torch.Generator().manual_seed(0), "full")
    assert isinstance(found, FixedPointProduct)
    return found


@SOME
@given(seed=st.integers(0, 99), signed=st.booleans())
def test_a_wide_accumulator_makes_every_rule_the_same(seed: int, signed: bool) -> None:
    stream = torch.Generator().manual_seed(seed)
    weight, x = torch.randn(4, 50, generator=stream), torch.randn(6, 50, generator=stream)
    x = x if signed else x.abs()
    plain = product(weight, x)(x, stream)
    for index in range(len(OVERFLOWS)):
        assert torch.equal(product(weight, x, accumulator_bits=32, accumulator_overflow=index)(x, stream), plain)


@SOME
@given(seed=st.integers(0, 99), density=st.floats(0.0, 1.0))
def test_leaving_out_zeros_changes_no_bit(seed: int, density: float) -> None:
    """A machine that multiplies only pairs without a zero forms the same sums, in every kind of accumulator."""
    stream = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (5, 30), generator=stream) * (torch.rand(5, 30, generator=stream) < density)
    weight = torch.randint(-127, 128, (30, 4), generator=stream).double()
    for overflow in OVERFLOWS:
        for drop in (0, 5):
            adder = Adder(16, overflow, drop, "down")
            whole = adder.sums(x.double(), weight)
            for row, sample in enumerate(x.double()):
                met = sample != 0
                assert torch.equal(adder.sums(sample[None, met], weight[met])[0], whole[row])


def test_a_threshold_takes_small_inputs_for_zero_and_no_others() -> None:
    weight, x = torch.randn(4, 50), torch.rand(200, 50)
    kept = product(weight, x, input_threshold_fraction=0.25)
    plain = product(weight, x)
    levels = (x / plain.input_scale).round().clamp(0, 255)
    cut = torch.where(levels >= 0.25 * 255, levels, torch.zeros(()))
    assert torch.equal(kept.accumulate(levels), plain.accumulate(cut))
    assert not torch.equal(kept.accumulate(levels), plain.accumulate(levels))


def test_products_of_two_activations_meet_the_same_accumulator() -> None:
    left, right = torch.rand(2, 1, 5, 40), torch.rand(2, 1, 40, 3)
    stream = torch.Generator().manual_seed(0)
    wide = plugin.product(left, right, spec(), stream, "full")(left, right, stream)
    tight = plugin.product(left, right, spec(accumulator_bits=18), stream, "full")(left, right, stream)
    assert float(tight.max()) < float(wide.max())
