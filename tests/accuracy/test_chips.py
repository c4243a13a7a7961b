"""Yield: a share of drawn chips, with the interval that their number leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.accuracy.chips import yield_fraction


def test_the_share_of_chips_above_a_limit_counts_those_at_it() -> None:
    found = yield_fraction((0.90, 0.95, 0.95, 0.99), 0.95)
    assert found.value == 0.75


def test_the_interval_is_wilsons() -> None:
    """8 of 10: 0.490 to 0.943."""
    found = yield_fraction((0.9,) * 8 + (0.1,) * 2, 0.5)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_the_share_lies_in_its_interval_and_falls_with_the_limit(chips: list[float], limit: float) -> None:
    found = yield_fraction(chips, limit)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1
    assert yield_fraction(chips, min(1.0, limit + 0.1)).value <= found.value


def test_more_chips_leave_less_open() -> None:
    few, many = (yield_fraction((0.9, 0.1) * count, 0.5) for count in (3, 30))
    assert many.high - many.low < few.high - few.low


def test_without_chips_there_is_no_yield() -> None:
    with pytest.raises(ValueError, match="at least one"):
        yield_fraction((), 0.5)
