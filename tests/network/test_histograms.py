"""Digits of measured values: what one-bit drives and slices of real operands are, from their histograms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.histograms import BINS, mean_digit, mean_digit_square, shares_of

FEW = settings(max_examples=25, deadline=None)
codes = st.lists(st.integers(0, BINS - 1), min_size=1, max_size=60)


def histogram(values: list[int]) -> tuple[float, ...]:
    return shares_of(np.bincount(values, minlength=BINS).tolist())


@FEW
@given(values=codes, digit_bits=st.sampled_from([1, 2, 4, 8]))
def test_digits_of_eight_bit_codes_are_counted_exactly(values: list[int], digit_bits: int) -> None:
    seen, top = np.asarray(values), 2**digit_bits - 1
    digits = np.stack([(seen >> low) & top for low in range(0, 8, digit_bits)]) / top
    assert mean_digit(histogram(values), 8, digit_bits) == pytest.approx(float(digits.mean()))
    assert mean_digit_square(histogram(values), 8, digit_bits) == pytest.approx(float((digits**2).mean()))


@FEW
@given(values=codes, bits=st.integers(1, 16))
def test_ones_lie_between_none_and_all_and_zeros_have_none(values: list[int], bits: int) -> None:
    assert 0 <= mean_digit_square(histogram(values), bits, 1) <= 1
    assert mean_digit_square(histogram([0]), bits, 1) == 0
    assert mean_digit_square(histogram([BINS - 1]), bits, bits) == pytest.approx(1, abs=0.02)


def test_a_small_value_has_more_ones_than_its_size_says() -> None:
    """13 of 255 is a twentieth of full scale and has three ones of eight."""
    assert mean_digit_square(histogram([13]), 8, 1) == pytest.approx(3 / 8)


def test_digits_below_the_eighth_bit_are_spread_evenly() -> None:
    """Codes 0x80?? of a 16-bit grid: one bit of the upper byte, half of the lower one, about."""
    assert mean_digit_square(histogram([128]), 16, 1) == pytest.approx((1 / 8 + 1 / 2) / 2, abs=0.02)


def test_nothing_counted_is_no_histogram() -> None:
    assert shares_of([0] * BINS) == ()
    assert sum(shares_of(range(BINS))) == pytest.approx(1)
