"""Equal area and equal rate: copies are whole, what is filled is not exceeded, what is asked is reached."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import empty, synthetic

from joulescape import tables
from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary
from joulescape.report.sections import breakdown, equal_terms
from joulescape.report.sections.equal_terms import Machine, copies_for, copies_on, power_of, rate_text
from joulescape.report.standing import static_parts, static_share

positive = st.floats(1e-3, 1e6)
machines = st.builds(Machine, area=positive, rate=positive, energy=positive, power=positive)


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


@settings(deadline=None)
@given(random_given())
def test_rows_are_back_ends_that_meet_the_limit(given_: Tables) -> None:
    found = equal_terms.facts(given_)
    names = [name for name, _ in given_.back_ends]
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
    fixed = {"area_mm2": 2.0, "inference_interval_ns": 1000.0, "inference_energy_pj": 5e6, "mean_power_mw": 5000.0}
    known = [pl.when(pl.col("state") == "valid").then(pl.lit(value)).alias(name) for name, value in fixed.items()]
    found = equal_terms.facts(dataclasses.replace(plain, trials=plain.trials.with_columns(known)))
    for row in found.rows:
        assert (row.copies_on_area, row.copies_at_rate) == (1, 1)
        assert row.rate == row.rate_on_area == "1.00\u202fM/s"
        assert row.power_on_area == row.power_at_rate == "5.00\u202fW" and row.energy_on_area == "5.00\u202fµJ"


PIPELINED = Machine(area=1.0, rate=1e6, energy=1e7, power=1000.0, static=0.8)
"""10 µs and 10 µJ an inference, one every µs: 0.8 W static and 2 µJ of work."""


def test_a_pipelined_machine_draws_its_static_power_once() -> None:
    assert power_of(PIPELINED, 1, 1e6) == pytest.approx(800 + 2e6 * 1e-12 * 1e6 * 1e3)
    assert power_of(PIPELINED, 3, 1.5e6) == pytest.approx(3 * 800 + 3000)
    unknown = dataclasses.replace(PIPELINED, static=None)
    assert power_of(unknown, 1, 1e6) == 1000 <= power_of(PIPELINED, 1, 1e6) and not unknown.is_sure
    assert dataclasses.replace(unknown, rate=1e5).is_sure


def pipelined(depth: float) -> Tables:
    """Machines that begin `depth` inferences within a latency, and whose clock draws half the energy in every layer."""
    plain = synthetic(100)
    fixed = {"area_mm2": 2.0, "inference_latency_ns": 1000.0, "inference_interval_ns": 1000.0 / depth,
             "inference_energy_pj": 5e6, "mean_power_mw": 5000.0}  # fmt: skip
    known = [pl.when(pl.col("state") == "valid").then(pl.lit(value)).alias(name) for name, value in fixed.items()]
    runs = [(design, layer, time) for design in plain.parts["design_id"].unique(maintain_order=True)
            for layer, time in (("conv1", 100.0), ("dense1", 300.0))]  # fmt: skip
    shared = {"phase": "inference", "role": "forward", "node": "as_published", "quantity": "energy"}
    parts = [
        {**shared, "design_id": design, "layer": layer, "component": component, "scope": "core", "energy_pj": energy,
         "basis": "measured"}
        for design, layer, time in runs
        for component, energy in (("pump", time), ("adc", 400.0 if layer == "conv1" else 0.0))
    ]  # fmt: skip
    layers = [
        {**shared, "design_id": design, "layer": layer, "batch_latency_ns": time, "macs": 1}
        for design, layer, time in runs
    ]
    made = tables.make([{key: row[key] for key in row if key in tables.LAYERS} for row in layers], tables.LAYERS)
    return dataclasses.replace(
        plain, trials=plain.trials.with_columns(known), parts=tables.make(parts, tables.PARTS), layers=made
    )


def test_what_draws_alike_in_every_layer_is_static_whatever_its_name() -> None:
    given_ = pipelined(10)
    design = given_.parts["design_id"][0]
    assert static_parts(given_, design) == {"pump": 0.5} and static_share(given_, design) == 0.5
    assert static_share(given_, "unknown") is None
    alone = dataclasses.replace(given_, layers=given_.layers.clear())
    assert static_share(alone, design) == 0.0  # by its class a pump works


def test_a_machine_that_is_mostly_static_is_told_by_its_components() -> None:
    given_ = pipelined(1)
    names = set(breakdown.facts(given_).designs)
    assert breakdown.facts(given_).static == []
    energy = pl.when(pl.col("component") == "pump").then(3 * pl.col("energy_pj")).otherwise(pl.col("energy_pj"))
    dear = dataclasses.replace(given_, parts=given_.parts.with_columns(energy_pj=energy))
    rows = breakdown.facts(dear).static
    assert {row["back_end"] for row in rows} == names
    assert {(row["share"], row["parts"]) for row in rows} == {("75 %", "pump 75 %")}
    assert 'id="static"' in render(dear)


def test_the_table_counts_static_power_once() -> None:
    found = equal_terms.facts(pipelined(10))
    sure = [row for row in found.rows if row.back_end not in found.least_known]
    assert sure and found.area == "2.00\u202fmm²"
    for row in sure:
        assert row.power_on_area == "27.5\u202fW" and row.energy_on_area == "2.75\u202fµJ"  # 2.5 W and 10 × 2.5 W
    bare = equal_terms.facts(dataclasses.replace(pipelined(10), parts=tables.make([], tables.PARTS)))
    assert {row.power_on_area for row in bare.rows} == {"at least 5.00\u202fW"} and len(bare.least_known) > 1


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
    plain = synthetic(120)
    said = summary(plain)["equal_terms"]
    assert said and said in render(plain)
