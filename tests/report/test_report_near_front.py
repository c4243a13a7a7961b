"""Near the front: what the front does not beat by more than the uncertainty, against brute force; one run is hollow."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import cost_only
from synthetic import synthetic

from joulescape.report import near_front, theme
from joulescape.report.decide import COSTS, energy_front
from joulescape.report.designs import design_columns
from joulescape.report.figure import evenly
from joulescape.report.inputs import Tables
from joulescape.report.sections import pareto, tested

EXAMPLES = settings(max_examples=40, deadline=None)
Columns = dict[str, list[Any]]
design = st.tuples(
    st.integers(80, 99), st.sampled_from([None, 0.0, 0.005, 0.02]), st.sampled_from([1.0, 1.02, 1.04, 1.2, 3.0]),
    st.sampled_from(["electronic/a", "photonic/b"]), st.booleans(),
)  # fmt: skip


def columns(rows: list[tuple[Any, ...]]) -> Columns:
    names = ("accuracy", "sd", "energy", "back_end", "exact")
    made = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return {**made, "accuracy": [value / 100 for value in made["accuracy"]]}


def is_near(table: Columns, row: int, front: list[int]) -> bool:
    """Of all designs of its machine's front that beat it in both: the most accurate and the cheapest."""
    beaten_by = [
        other for other in front
        if table["energy"][other] <= table["energy"][row] and table["accuracy"][other] >= table["accuracy"][row]
    ]  # fmt: skip
    if row in front or not beaten_by:
        return False
    best = max(beaten_by, key=lambda other: table["accuracy"][other])
    sds = [0.0 if table["exact"][one] else table["sd"][one] for one in (row, best)]
    if None in sds:
        return False
    ahead = table["accuracy"][best] - table["accuracy"][row]
    cheapest = min(table["energy"][other] for other in beaten_by)
    return bool(ahead <= math.hypot(*sds) and table["energy"][row] < theme.TOLD_APART * cheapest)


@drawn(st.lists(design, max_size=14))
def test_near_the_front_is_what_is_not_beaten_by_more_than_the_uncertainty(rows: list[tuple[Any, ...]]) -> None:
    table = columns(rows)
    wanted = []
    for name in ("electronic/a", "photonic/b"):
        mine = [row for row, whose in enumerate(table["back_end"]) if whose == name]
        front = energy_front(table, mine)
        wanted += [row for row in mine if is_near(table, row, front)]
    assert near_front.near_front(table, "energy") == sorted(wanted)


@drawn(random_given())
@EXAMPLES
def test_a_chart_has_no_design_twice_and_counts_all(tables: Tables) -> None:
    found, table = pareto.facts(tables), design_columns(tables)
    for cost, steps in found.fronts.items():
        on_front, near = {step["row"] for step in steps}, [row["row"] for row in found.near[cost]]
        assert not on_front & set(near) and len(near) == min(len(near), found.near_counts[cost])
        assert near == evenly(near_front.near_front(table, cost), near_front.MOST)
        for step in steps:
            assert step["once"] == (table["draws"][step["row"]] == 1 and not table["exact"][step["row"]])


def test_the_caption_counts_what_is_small_and_hollow() -> None:
    given = synthetic()
    found = pareto.facts(given)
    assert set(found.near) == set(COSTS)
    for drawing in pareto.figures(found):
        count = found.near_counts[drawing.id]
        assert (f"5 % of cost ({count:,})" in drawing.words) == bool(count)
        assert ("Hollow on a line" in drawing.words) == any(step["once"] for step in found.fronts[drawing.id])
        assert drawing.data[f"near_{drawing.id}"] == found.near[drawing.id]


def test_costs_alone_are_near_within_a_twentieth() -> None:
    given = cost_only(synthetic())
    found, table = pareto.facts(given), design_columns(given)
    for row in found.near["energy"]:
        mine = [step for step in found.fronts["energy"] if step["back_end"] == row["back_end"]]
        least = min(step["energy"] for step in mine if step["latency"] <= row["latency"])
        assert row["energy"] < theme.TOLD_APART * least
    assert "accuracy" not in table


@pytest.mark.parametrize("count", [0, 1, 399, 400, 401, 5000])
def test_many_are_thinned_evenly(count: int) -> None:
    kept = evenly(range(count), near_front.MOST)
    assert len(kept) <= near_front.MOST and (count > near_front.MOST or len(kept) == count)
    assert count == 0 or kept[0] == 0


def test_no_bar_has_no_length() -> None:
    for drawing in tested.figures(tested.facts(synthetic())):
        spec = drawing.spec()
        filters = [step["filter"] for layer in spec["layer"] for step in layer.get("transform", []) if "filter" in step]
        assert any("low < datum." in str(one) for one in filters)
