"""How sure the mappings of the shown designs are, in one sentence."""

from __future__ import annotations

import dataclasses

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import mappings
from joulescape.report.sections.breakdown import shown_designs

WHOLE = synthetic(80)
GAPS = st.lists(st.sampled_from([None, 0.0, 0.039, 0.4, 1.0]), min_size=1, max_size=9)


def with_gaps(gaps: list[float | None]) -> Tables:
    """The gaps in turn over all layers of all confirmed designs."""
    count = WHOLE.layers.height
    cycle = pl.Series([gaps[place % len(gaps)] for place in range(count)], dtype=pl.Float64)
    objective = pl.when(cycle.is_not_null()).then(pl.lit("edp"))
    layers = WHOLE.layers.with_columns(mapping_gap_fraction=cycle, mapping_objective=objective)
    return dataclasses.replace(WHOLE, layers=layers)


@given(GAPS)
@settings(max_examples=25, deadline=None)
def test_counts_are_of_shown_designs_and_the_worst_bound_is_told(gaps: list[float | None]) -> None:
    tables = with_gaps(gaps)
    found = mappings.facts(tables)
    shown = tables.layers.filter(pl.col("design_id").is_in(list(shown_designs(tables).values())))
    known = shown["mapping_gap_fraction"].drop_nulls().to_list()
    assert (found.searched_count, found.proven_count) == (len(known), known.count(0.0))
    assert found.unknown_count == known.count(1.0)
    bounded = [gap for gap in known if 0 < gap < 1]
    assert ("from the least energy-delay product" in found.sentence) == bool(bounded)
    assert not bounded or f"{100 * max(bounded):.2g} %" in found.sentence
    assert bool(found.sentence) == bool(known)


def test_the_page_says_it_once_and_only_where_something_was_searched_for() -> None:
    assert render(with_gaps([0.039, 0.0])).count('id="mapping-gaps"') == 1
    assert 'id="mapping-gaps"' not in render(WHOLE)
