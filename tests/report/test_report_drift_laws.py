"""One growth against another: turned over it is the inverse, it compounds, and it is what the study's own fits say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.gap import fits
from joulescape.report.figure import accuracy_domain, evenly, log_domain, log_ticks, most_rows
from joulescape.report.gap.growth import Growth, Widening


def growth(slope: float, error: float, points: int) -> Growth:
    """A growth of 10 to the slope a year."""
    half = fits.t_factor(points - 2) * error
    ends = (10**slope, 10 ** (slope - half), 10 ** (slope + half))
    return Growth(
        "parameters, g", "parameters_by_year", "g", False, *ends, slope, error, 2012, 2018, points, 0.0, "g", True
    )


growths = st.builds(growth, st.floats(-0.5, 0.5), st.floats(0.001, 0.1), st.integers(4, 40))


@given(growths, growths)
@settings(max_examples=40, deadline=None)
def test_a_drift_is_the_difference_of_its_fits(need: Growth, delivery: Growth) -> None:
    found = Widening.of(need, delivery)
    parts = [(one.slope, one.slope_se, one.points_count) for one in (need, delivery)]
    wanted = fits.difference(parts[0], parts[1])
    assert [math.log10(one) for one in (found.value, found.low, found.high)] == pytest.approx(
        [wanted.value, wanted.low, wanted.high], abs=1e-9
    )
    assert found.value == pytest.approx(need.value / delivery.value)


@given(growths, growths)
@settings(max_examples=40, deadline=None)
def test_what_widens_for_one_side_narrows_for_the_other(need: Growth, delivery: Growth) -> None:
    one, other = Widening.of(need, delivery), Widening.of(delivery, need)
    assert one.value * other.value == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)
    assert one.is_told == other.is_told
    years = (one.years(10.0), other.years(10.0))
    assert (years[0] is None) == (one.value <= 1)
    assert years.count(None) >= 1


@given(growths, growths, st.floats(0.5, 20), st.floats(0.5, 20))
@settings(max_examples=40, deadline=None)
def test_a_drift_compounds_and_keeps_its_order(need: Growth, delivery: Growth, first: float, second: float) -> None:
    found = Widening.of(need, delivery)
    parts = zip(found.over(first), found.over(second), found.over(first + second), strict=True)
    assert all(early * late == pytest.approx(both) for early, late, both in parts)
    value, low, high = found.over(first)
    assert low <= value <= high
    assert found.over(1) == (found.value, found.low, found.high)


@given(growths, growths)
@settings(max_examples=40, deadline=None)
def test_a_decade_of_what_may_stand_still_is_no_figure(need: Growth, delivery: Growth) -> None:
    found = Widening.of(need, delivery)
    assert (found.decade == "–") == (not (need.is_known and delivery.is_known))
    assert need.is_known == (need.low > 1 or need.high < 1)
    assert found.is_told == (found.low > 1 or found.high < 1)


positive = st.floats(-12, 12).map(lambda exponent: 10.0**exponent)


@given(st.lists(positive, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_an_axis_of_costs_holds_every_cost_with_room_at_both_ends(values: list[float]) -> None:
    low, high = log_domain(values)
    assert low < min(values) * 0.84 and high > max(values) * 1.19
    assert math.log10(min(values) / low) == pytest.approx(math.log10(high / max(values)))


@given(positive, st.floats(0.3, 20))
@settings(max_examples=40, deadline=None)
def test_ticks_stand_inside_in_order_at_round_numbers_and_never_crowd(low: float, decades: float) -> None:
    high = low * 10**decades
    ticks, is_long = log_ticks(low, high), math.log10(high / low) >= 2
    assert all(low <= tick <= high for tick in ticks)
    assert all(earlier < later for earlier, later in pairwise(ticks))
    assert (2 if is_long else 3) <= len(ticks) <= 9
    assert all(float(f"{tick:.{0 if is_long else 1}e}") == tick for tick in ticks)
    assert not is_long or {f"{tick:e}"[0] for tick in ticks} == {"1"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_an_axis_of_accuracies_holds_them_all_and_nothing_beyond_all(values: list[float]) -> None:
    low, high = accuracy_domain(values)
    assert 0 <= low <= min(values) <= max(values) <= high <= 1
    assert low < high
    assert low < min(values) or low == 0
    assert high > max(values) or high == 1


@given(st.integers(0, 500), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_some_of_many_rows_are_evenly_apart_and_begin_with_the_first(count: int, most: int) -> None:
    found = evenly(range(count), most)
    assert len(found) <= most and set(found) <= set(range(count))
    assert found[:1] == list(range(count))[:1]
    assert len({later - early for early, later in pairwise(found)}) <= 1
    assert count > most or found == list(range(count))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("klm")), min_size=1))
@settings(max_examples=40, deadline=None)
def test_a_chart_is_as_high_as_its_fullest_choice(cells: list[tuple[str, str, str]]) -> None:
    rows = [{"one": one, "two": two, "row": row} for one, two, row in cells]
    brute = max(len({row for *keys, row in cells if tuple(keys) == (one, two)}) for one, two, _ in cells)
    assert most_rows(rows, ("one", "two"), "row") == brute
    assert most_rows(rows, (), "row") == len({row for *_, row in cells})
