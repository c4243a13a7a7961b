"""Groups of a trend against brute force: who is in one, who is a record, and what is fitted of points of one year."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.gap.fits import Line
from joulescape.gap.in_words import between, number, spanned, times
from joulescape.gap.shores import Drawn, _dots
from joulescape.spec.trend import TrendSpec

SIZES = {"million": 1e6, "billion": 1e9, "trillion": 1e12}


def figure(value: float, confidence: str) -> dict[str, Any]:
    return {"value": value, "source": "seen", "where": "Table 1", "confidence": confidence}


@st.composite
def points(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Points of few years and few values, so that they meet; of some the second quantity is not known."""
    found = []
    for place in range(draw(st.integers(1, 9))):
        rate, sure = draw(st.integers(1, 6)), draw(st.sampled_from(["high", "medium", "low"]))
        values = {"rate": figure(float(rate), sure)}
        if draw(st.booleans()):
            values["area"] = figure(float(draw(st.integers(1, 6))), draw(st.sampled_from(["high", "low"])))
        kind, year, node = (
            draw(st.sampled_from(one)) for one in (["chip", "board"], [2010, 2012, 2016, 2020], [28, 7])
        )
        found.append({"name": f"n{place}", "kind": kind, "year": year, "node_nm": node, "values": values})
    return found


def spec_of(some: list[dict[str, Any]], group: dict[str, Any]) -> TrendSpec:
    quantities = {"rate": {"label": "Rate"}, "area": {"label": "Area"}}
    groups = {"g": {"about": "all", "y": "rate", **group}}
    series = {"by_year": {"about": "rate", "x": "year", "law": "exponential", "groups": groups}}
    content = {"about": "chips", "quantities": quantities, "series": series, "points": some}
    return TrendSpec.model_validate(content)


def drawn(some: list[dict[str, Any]], last: int = 2016, **group: Any) -> Drawn:
    spec = spec_of(some, group)
    series = spec.series["by_year"]
    dots = _dots(spec, series, series.groups["g"], last)
    return Drawn("by_year", "g", "exponential", dots, "Year", (), series.groups["g"].one_a_year)


def is_sure(point: dict[str, Any], *names: str) -> bool:
    return all(point["values"][name]["confidence"] != "low" for name in names)


@given(points(), st.sampled_from([2010, 2014, 2018]))
@settings(max_examples=40, deadline=None)
def test_every_point_is_shown_once_and_only_sure_ones_are_fitted(some: list[dict[str, Any]], last: int) -> None:
    group = drawn(some, last)
    assert sorted(dot.point.name for dot in group.dots) == sorted(point["name"] for point in some)
    sure = {point["name"]: point["year"] > last for point in some if is_sure(point, "rate")}
    for is_later in (False, True):
        chosen = group.chosen(is_later)
        assert {dot.point.name for dot in chosen} == {name for name, later in sure.items() if later == is_later}
    assert [dot.order for dot in group.dots] == sorted(dot.order for dot in group.dots)


@given(points(), st.integers(1, 6), st.sampled_from([None, 28.0, 7.0]), st.sampled_from([[], ["chip"], ["board"]]))
@settings(max_examples=40, deadline=None)
def test_a_group_holds_whoever_meets_all_that_it_asks(
    some: list[dict[str, Any]], most: int, node: float | None, kinds: list[str]
) -> None:
    """A point whose quantity is not known is not small; one just as large as it may be is."""
    found = {dot.point.name for dot in drawn(some, at_most={"area": float(most)}, node_nm=node, kinds=kinds).dots}
    assert found == {
        point["name"]
        for point in some
        if point["values"].get("area", {"value": math.inf})["value"] <= most
        and node in (None, point["node_nm"])
        and (not kinds or point["kind"] in kinds)
    }


def records(some: list[dict[str, Any]], name: str, sign: float) -> set[str]:
    """Sure points better than every sure one of an earlier year, and the best of their own year: of equals the first
    by name."""
    sure = [point for point in some if name in point["values"] and is_sure(point, "rate", name)]

    def worth(point: dict[str, Any]) -> float:
        return sign * float(point["values"][name]["value"])

    return {
        one["name"]
        for one in sure
        if all(worth(one) < worth(other) for other in sure if other["year"] < one["year"])
        and all(
            (worth(one), one["name"]) <= (worth(other), other["name"]) for other in sure if other["year"] == one["year"]
        )
    }


@given(points(), st.sampled_from([("lowest", 1.0), ("highest", -1.0)]))
@settings(max_examples=40, deadline=None)
def test_records_beat_all_that_came_before_and_the_others_stay_in_sight(
    some: list[dict[str, Any]], side: tuple[str, float]
) -> None:
    group = drawn(some, fit=side[0])
    assert {dot.point.name for dot in group.dots if dot.is_taken} == records(some, "rate", side[1])
    assert len(group.dots) == len(some)
    values = [dot.y.value for dot in sorted(group.dots, key=lambda dot: dot.point.year) if dot.is_taken]
    assert all(side[1] * later < side[1] * earlier for earlier, later in pairwise(values))


@given(points(), st.sampled_from([("lowest", 1.0), ("highest", -1.0)]))
@settings(max_examples=40, deadline=None)
def test_records_of_another_quantity_are_alone_in_sight(some: list[dict[str, Any]], side: tuple[str, float]) -> None:
    group = drawn(some, fit=side[0], records_of="area")
    assert {dot.point.name for dot in group.dots} == records(some, "area", side[1])
    assert all(dot.is_taken and dot.rank is dot.point.values["area"] for dot in group.dots)


@given(points(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_points_of_one_year_are_one_and_their_order_is_nothing(some: list[dict[str, Any]], random: Any) -> None:
    group = drawn(some, one_a_year=True)
    x, y = group.placed(group.dots)
    assert sorted(x) == sorted({float(point["year"]) for point in some})
    for year, value in zip(x, y, strict=True):
        logs = [math.log(point["values"]["rate"]["value"]) for point in some if point["year"] == year]
        assert math.log(value) == pytest.approx(sum(logs) / len(logs), abs=1e-12)
    shuffled = list(some)
    random.shuffle(shuffled)
    assert dict(zip(*drawn(shuffled, one_a_year=True).placed(group.dots), strict=True)) == pytest.approx(
        dict(zip(x, y, strict=True))
    )
    alone = drawn(some)
    assert alone.placed(alone.dots) == ([dot.along for dot in alone.dots], [dot.y.value for dot in alone.dots])


names = st.sampled_from(["rate", "area", "year", "node_nm", "rat", "chip"])


@given(names, names, st.lists(names, max_size=2, unique=True), st.none() | names, st.sampled_from(["chip", "chips"]))
@settings(max_examples=40, deadline=None)
def test_every_name_that_is_not_known_is_told_with_its_place_and_no_other(
    y: str, x: str, most: list[str], ranked: str | None, kind: str
) -> None:
    """Axes may be the year or the node; what limits and ranks a point must be stated."""
    some = [{"name": "a", "kind": "chip", "year": 2010, "values": {"rate": figure(1.0, "high")}}]
    asked: dict[str, Any] = {"y": y, "x": x, "kinds": [kind], "at_most": dict.fromkeys(most, 1.0)}
    found = spec_of(some, {**asked, "records_of": ranked, "fit": "lowest"}).misnamed()
    place, axes, stated = ("series", "by_year", "groups", "g"), {"rate", "area", "year", "node_nm"}, {"rate", "area"}
    wanted: set[tuple[str | int, ...]] = {(*place, key) for key, name in (("y", y), ("x", x)) if name not in axes}
    wanted |= {(*place, "at_most", name) for name in most if name not in stated}
    wanted |= {(*place, "records_of")} if ranked is not None and ranked not in stated else set()
    wanted |= {(*place, "kinds", 0)} if kind != "chip" else set()
    assert {one for one, _, _ in found} == wanted
    assert all(name not in known and known for _, name, known in found)


def read(text: str) -> float:
    """The factor that a text says."""
    ratio, _, size = text[1:].partition(" ")
    value = float(ratio.replace(",", "")) * SIZES.get(size, 1.0)
    return value if text[0] == "×" else 1 / value


factors = st.floats(-17, 17).map(lambda exponent: 10.0**exponent)


@given(factors)
@settings(max_examples=40, deadline=None)
def test_a_factor_reads_back_and_less_is_more_turned_over(value: float) -> None:
    assert read(times(value)) == pytest.approx(value, rel=5.1e-3)
    assert times(value)[0] == ("×" if value >= 1 else "÷")
    if abs(math.log10(value)) > 1e-3:  # both sides are rounded from the same ratio
        assert read(times(1 / value)) == pytest.approx(1 / read(times(value)), rel=1.1e-2)
    assert not any(letter in times(value) for letter in "eE" if abs(math.log10(value)) < 14)


@given(factors, factors)
@settings(max_examples=40, deadline=None)
def test_a_greater_factor_never_reads_as_a_smaller_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert read(times(low)) <= read(times(high)) * (1 + 1e-12)
    assert spanned(low, high) == f"95 %: {times(low)} to {times(high)}"


def test_an_end_beyond_all_numbers_is_said_in_words() -> None:
    assert spanned(2.0, None) == "95 %: ×2 to beyond all bounds"
    assert spanned(None, 0.5) == "95 %: beyond all bounds to ÷2"
    assert between(None, None) == "95 %: beyond all bounds to beyond all bounds"
    assert [times(10.0**power) for power in (6, 9, 12, -6)] == ["×1 million", "×1 billion", "×1 trillion", "÷1 million"]
    assert [times(999_600.0), number(999_600.0)] == ["×1 million", "1,000,000"]


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 40), st.floats(-1.0, 1.0), st.floats(0.0, 0.3), st.floats(0.0, 0.5), st.floats(-20, 20))
def test_a_new_point_lies_less_surely_than_the_line_and_surest_in_the_middle(
    count: int, slope: float, slope_se: float, scatter: float, x: float
) -> None:
    line = Line(count, 2014.0, 1.0, scatter / math.sqrt(count), slope, slope_se, scatter)
    widths = []
    for at in (2014.0 + x, 2014.0):
        (low, high), (least, most) = line.mean_interval(at), line.prediction_interval(at)
        assert least <= low + 1e-12 and low <= line.at(at) <= high and high <= most + 1e-12
        widths.append((high - low, most - least))
    assert widths[0][0] >= widths[1][0] - 1e-9 and widths[0][1] >= widths[1][1] - 1e-9
    assert line.at(2014.0 + x) - line.at(2014.0) == pytest.approx(slope * x, abs=1e-9)
