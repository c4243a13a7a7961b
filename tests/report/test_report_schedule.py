"""Time by layer: shares of the summed time, what bounds a layer, and how much of the machine it uses."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import polars as pl
import pytest
from drawn_pages import ordinary_page
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import synthetic

from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import breakdown, schedule

EXAMPLES = settings(max_examples=30, deadline=None)


def of_design(tables: Tables, design: str, phase: str) -> list[dict[str, Any]]:
    mine = (pl.col("design_id") == design) & (pl.col("phase") == phase)
    return list(tables.layers.filter(mine).iter_rows(named=True))


@given(random_given())
@EXAMPLES
def test_shares_add_to_one_and_few_layers_are_named(tables: Tables) -> None:
    found = schedule.facts(tables)
    for name, design in breakdown.shown_designs(tables).items():
        mine, layers = [row for row in found.rows if row["back_end"] == name], of_design(tables, design, "inference")
        times = Counter[str]()
        for row in layers:
            times[row["layer"]] += row["batch_latency_ns"]
        assert len(mine) == min(len(times), breakdown.LAYERS_SHOWN)
        total = sum(row["share"] for row in mine)
        assert total == pytest.approx(1.0 if sum(times.values()) else 0.0, abs=5e-3)
        named = [row["layer"] for row in mine if row["layer"] in times]
        assert named == sorted(named, key=lambda layer: int(layer.removeprefix("layer")))
        hidden = [times[layer] for layer in times if layer not in named]
        assert not hidden or max(hidden) <= min(times[layer] for layer in named)
        assert not hidden or mine[-1]["layer"] == f"{len(hidden)} other layers"


@given(random_given())
@EXAMPLES
def test_the_part_in_use_is_never_more_than_the_time(tables: Tables) -> None:
    for row in schedule.facts(tables).rows:
        assert row["used"] is None or 0 <= row["used"] <= row["share"] * 1.001 + 1e-9
        assert (row["used"] is None) == (row["utilisation"] == "–")
        assert row["text"].startswith(row["bound_by"])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1e6)), min_size=1, max_size=6))
def test_utilisation_is_a_mean_over_time(pairs: list[tuple[float, float]]) -> None:
    rows = [{"utilisation_fraction": value, "batch_latency_ns": time} for value, time in pairs]
    found = schedule.utilisation(rows)
    assert found is not None
    values = [value for value, _ in pairs]
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    unknown = [*rows, {"utilisation_fraction": None, "batch_latency_ns": 1e9}]
    assert schedule.utilisation(unknown) == pytest.approx(found)


def test_unknown_utilisations_stay_unknown() -> None:
    assert schedule.utilisation([{"utilisation_fraction": None, "batch_latency_ns": 4.0}]) is None
    assert schedule.utilisation([{"utilisation_fraction": 0.5, "batch_latency_ns": 0.0}]) is None


def test_the_roles_of_a_layer_are_one_bar_bound_by_the_slowest() -> None:
    whole = synthetic(80)
    design = next(iter(breakdown.shown_designs(whole).values()))
    slow, fast = {"batch_latency_ns": 30.0, "bound_by": "off_chip"}, {"batch_latency_ns": 10.0, "bound_by": "array"}
    rows = [
        {"design_id": design, "phase": "training", "layer": "fc", "role": role, **made, "utilisation_fraction": 0.5}
        for role, made in (("forward", fast), ("update", slow))
    ]
    from joulescape import tables

    found = schedule.facts(dataclasses.replace(whole, layers=tables.make(rows, tables.LAYERS)))
    (row,) = found.rows
    assert (row["share"], row["bound_by"], row["time"]) == (1.0, "off chip", "40.0\u202fns")
    assert row["text"] == "off chip, 50\u202f%"


def test_without_a_schedule_the_page_draws_none() -> None:
    bare = dataclasses.replace(synthetic(80), layers=synthetic(12).layers.clear())
    assert schedule.figures(schedule.facts(bare)) == ()
    page = render(bare)
    assert 'data-chart="schedule"' not in page
    assert 'data-signal="only" data-charts="layers"' in page
    assert 'data-signal="only" data-charts="layers schedule"' in ordinary_page(80)
