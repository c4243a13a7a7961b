"""Equal area and equal rate: copies are whole, what is filled is not exceeded, what is asked is reached."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import empty, synthetic

from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary
from joulescape.report.sections import equal_terms
from joulescape.report.sections.equal_terms import Machine, copies_for, copies_on, rate_text

positive = st.floats(1e-3, 1e6)
machines = st.builds(Machine, area=positive, rate=positive, energy=positive)


@given(machines, positive)
def test_copies_fill_an_area_and_no_more(machine: Machine, area: float) -> None:
    many = copies_on(machine, area)
    assert many * machine.area <= area * (1 + 1e-6)
    assert (many + 1) * machine.area > area


@given(machines, positive)
def test_copies_reach_a_rate_and_one_fewer_would_not(machine: Machine, rate: float) -> None:
    enough = copies_for(machine, rate)
    assert enough >= 1 and enough * machine.rate >= rate * (1 - 1e-6)
    assert enough == 1 or (enough - 1) * machine.rate < rate


@given(machines)
def test_one_machine_fills_its_own_area_and_meets_its_own_rate(machine: Machine) -> None:
    assert copies_on(machine, machine.area) == 1 and copies_for(machine, machine.rate) == 1


@given(random_given())
def test_rows_are_back_ends_that_meet_the_limit(tables: Tables) -> None:
    found = equal_terms.facts(tables)
    names = [name for name, _ in tables.back_ends]
    assert [row.back_end for row in found.rows] == [
        name for name in names if name in {row.back_end for row in found.rows}
    ]
    counted = [row for row in found.rows if row.copies_on_area is not None]
    assert not found.rows or len(counted) >= 2
    if counted:
        assert min(row.copies_on_area or 0 for row in counted) == 1
        assert min(row.copies_at_rate or 0 for row in counted) == 1


def test_power_is_energy_times_rate() -> None:
    plain = synthetic(100)
    fixed = {"area_mm2": 2.0, "inference_interval_ns": 1000.0, "inference_energy_pj": 5e6}
    known = [pl.when(pl.col("state") == "valid").then(pl.lit(value)).alias(name) for name, value in fixed.items()]
    found = equal_terms.facts(dataclasses.replace(plain, trials=plain.trials.with_columns(known)))
    for row in found.rows:
        assert (row.copies_on_area, row.copies_at_rate) == (1, 1)
        assert row.rate == row.rate_on_area == "1.00\u202fM/s"
        assert row.power_on_area == row.power_at_rate == "5.00\u202fW"


@pytest.mark.parametrize(
    ("rate", "text"), [(1.25e6, "1.25\u202fM/s"), (3.0, "3.00\u202f/s"), (98_100.0, "98.1\u202fk/s")]
)
def test_rates_read_well(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_a_machine_without_an_area_is_a_dash_and_a_lone_one_is_not_compared() -> None:
    plain = synthetic(100)
    no_area = pl.when(pl.col("family") != "electronic").then(pl.col("area_mm2"))
    partly = dataclasses.replace(plain, trials=plain.trials.with_columns(area_mm2=no_area))
    row = next(row for row in equal_terms.facts(partly).rows if row.family == "electronic")
    assert row.copies_on_area is None and row.area == "–"
    none = dataclasses.replace(plain, trials=plain.trials.with_columns(area_mm2=pl.lit(None, pl.Float64)))
    assert equal_terms.facts(none).rows == () and 'id="equal"' not in render(none)
    assert equal_terms.facts(empty()).rows == ()


def test_the_page_and_the_summary_say_it() -> None:
    tables = synthetic(120)
    said = summary(tables)["equal_terms"]
    assert said and said in render(tables)
