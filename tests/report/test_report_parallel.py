"""Parallel coordinates: every line is a design of the front, up is better on every axis, ends are the extremes."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from random_tables import random_given
from scenarios import cost_only
from synthetic import empty, synthetic

from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import parallel

EXAMPLES = settings(max_examples=25, deadline=None)


@given(random_given())
@EXAMPLES
def test_lines_are_designs_of_the_front_over_every_axis(tables: Tables) -> None:
    found, columns = parallel.facts(tables), design_columns(tables)
    on_front = {name for name, front in zip(columns["id"], columns["front"], strict=True) if front}
    axes = defaultdict(list)
    for row in found.rows:
        assert row["id"] in on_front and 0 <= row["height"] <= 1
        axes[row["id"]].append(row["axis"])
    assert len(axes) == found.shown <= min(parallel.LINES, found.total)
    assert all(tuple(named) == found.axes for named in axes.values())


@given(random_given())
@EXAMPLES
def test_higher_is_better_on_every_axis(tables: Tables) -> None:
    found, columns = parallel.facts(tables), design_columns(tables)
    labels = {tables.labels[metric]: role for role, metric in tables.axes.items()}
    for axis, role in labels.items():
        drawn = [row for row in found.rows if row["axis"] == axis and (role != "accuracy" or row["height"] > 0)]
        mine = sorted(drawn, key=lambda row: row["height"])
        values = [columns[role][row["row"]] for row in mine]
        wanted = sorted(values, reverse=role != "accuracy")
        assert values == pytest.approx(wanted, rel=2e-3)


def test_ends_are_the_extremes_in_words() -> None:
    tables = synthetic(300)
    found = parallel.facts(tables)
    accuracy = tables.labels["accuracy_fraction"]
    for end in found.ends:
        if end["axis"] == accuracy and not end["height"]:
            continue  # designs under it are drawn there too
        reached = [row for row in found.rows if row["axis"] == end["axis"] and row["height"] == end["height"]]
        assert reached and reached[0]["text"] == end["text"]


def test_a_design_far_below_squeezes_no_other_and_equal_values_are_no_axis() -> None:
    plain = synthetic(300)
    chosen = plain.front["design_id"][0]
    low = pl.when(pl.col("design_id") == chosen).then(0.43).otherwise(pl.col("accuracy_fraction"))
    area = pl.when(pl.col("state") == "valid").then(1.24)
    changed = dataclasses.replace(plain, trials=plain.trials.with_columns(accuracy_fraction=low, area_mm2=area))
    found = parallel.facts(changed)
    axis = plain.labels["accuracy_fraction"]
    assert {row["height"] for row in found.rows if row["id"] == chosen and row["axis"] == axis} <= {0.0}
    assert "43" not in next(end["text"] for end in found.ends if end["axis"] == axis and not end["height"])
    assert plain.labels["area_mm2"] not in found.axes
    assert "Area is 1.24\u202fmm² of all." in parallel.figures(found)[0].caption


def test_many_lines_are_thinned_and_said() -> None:
    tables = synthetic(300)
    found = parallel.facts(tables)
    thin = parallel.ParallelFacts(found.rows, found.ends, 5, 400, found.axes)
    assert "5 of 400 designs" in parallel.figures(thin)[0].caption


def test_nothing_is_drawn_without_a_front() -> None:
    assert parallel.figures(parallel.facts(empty())) == ()


def test_a_question_of_costs_has_three_axes() -> None:
    found = parallel.facts(cost_only(synthetic(120)))
    assert len(found.axes) == 3 and found.rows
