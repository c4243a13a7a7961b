"""Names in a chart: none covers another while there is room, at any width of the page, and none leaves the plot."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import synthetic

from joulescape.report.inputs import Tables
from joulescape.report.placement import OVERLAP_PX2, WIDTHS_PX, Anchor, Box, box, kept, places
from joulescape.report.sections import pareto

HEIGHT = 270.0
shares = st.floats(0.0, 1.0)
anchors = st.lists(st.builds(Anchor, shares, shares, st.text("abcdefgh_", min_size=1, max_size=16)), max_size=6)


def covers(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def test_a_lone_name_stands_above_its_point_and_inside_the_plot() -> None:
    (left,), (right,) = places([Anchor(0.1, 0.5, "isaac")], HEIGHT), places([Anchor(0.95, 0.5, "shg")], HEIGHT)
    assert (left.side, right.side) == ("left", "right")
    assert left.dy == right.dy < 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_names_of_one_point_are_stacked(count: int) -> None:
    same = [Anchor(0.1, 0.2, name) for name in ("broadcast_weight", "lightning_transf", "mzi_mesh", "isaac")[:count]]
    found = places(same, HEIGHT)
    for width in WIDTHS_PX:
        boxes = [box(anchor, place, width, HEIGHT) for anchor, place in zip(same, found, strict=True)]
        assert not any(covers(*pair) for pair in combinations(boxes, 2))


@given(anchors)
@settings(max_examples=60, deadline=None)
def test_every_name_has_a_place_and_the_order_of_the_names_decides_nothing(given_anchors: list[Anchor]) -> None:
    found = places(given_anchors, HEIGHT)
    assert len(found) == len(given_anchors)
    if len(set(given_anchors)) == len({(one.down, one.across) for one in given_anchors}) == len(given_anchors):
        turned = places(given_anchors[::-1], HEIGHT)
        assert turned[::-1] == found


@given(random_given())
@settings(max_examples=20, deadline=None)
def test_a_front_of_a_chart_has_one_name_with_its_place_or_the_key_says_so(tables: Tables) -> None:
    found = pareto.facts(tables)
    for steps in found.fronts.values():
        named, every = [step["back_end"] for step in steps if step["label"]], {step["back_end"] for step in steps}
        assert len(named) == len(set(named)) and set(named) <= every and bool(named) == bool(every)
        assert all(step["side"] in {"left", "right"} for step in steps)


@given(anchors, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_of_names_that_cover_each_other_one_is_kept(given_anchors: list[Anchor], copies: int) -> None:
    crowd = given_anchors * copies
    found = places(crowd, HEIGHT)
    chosen = kept(crowd, found, HEIGHT)
    boxes = [box(*pair, WIDTHS_PX[-1], HEIGHT) for pair in zip(crowd, found, strict=True)]
    drawn = [one for one, is_kept in zip(boxes, chosen, strict=True) if is_kept]
    assert all(area(*pair) <= OVERLAP_PX2 for pair in combinations(drawn, 2))
    dropped = [one for one, is_kept in zip(boxes, chosen, strict=True) if not is_kept]
    assert all(any(area(one, other) > OVERLAP_PX2 for other in drawn) for one in dropped)


def area(one: Box, other: Box) -> float:
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)


def test_no_names_cover_each_other_on_a_page() -> None:
    for cost, steps in pareto.facts(synthetic()).fronts.items():
        ends = [step for step in steps if step["label"]]
        assert len({(step["side"], step["dy"], step["x"], step["y"]) for step in ends}) == len(ends), cost
