"""Why a machine has no design: the limit it fell to and by how much, and never an accuracy that nobody measured."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from page_reader import assert_sound
from random_tables import random_given
from scenarios import asked, cost_only
from synthetic import BACK_ENDS, empty, synthetic

from joulescape.report import theme
from joulescape.report.decide import default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary_text
from joulescape.report.sections import decision, headline, refused
from joulescape.report.sections.absence import absences, nothing_valid

FIRST, *OTHERS = BACK_ENDS
COSTS = ("inference_energy_pj", "inference_latency_ns", "area_mm2")


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(80)


def fallen(given: Tables, names: list[str], reason: str, miss: float | None, state: str = "infeasible") -> Tables:
    """The same with every design of these back ends out of the race; the least of their misses is `miss`."""
    gone = pl.col("back_end").is_in(names)
    step = pl.int_range(pl.len()) * 0.1
    changed: dict[str, Any] = {
        "state": pl.lit(state),
        "reason": pl.lit(reason),
        "violation": pl.lit(None, pl.Float64) if miss is None else step.over("back_end") + miss,
        **{name: pl.lit(None, pl.Float64) for name in ("accuracy_fraction", *COSTS)},
    }
    columns = {name: pl.when(gone).then(made).otherwise(pl.col(name)) for name, made in changed.items()}
    kept = {name: getattr(given, name).filter(~gone) for name in ("front", "confirmed")}
    return dataclasses.replace(given, trials=given.trials.with_columns(**columns), **kept)


AREA = "area_mm2 must be at most 20"


def test_machines_that_fell_to_one_limit_are_said_to_miss_it(whole: Tables) -> None:
    found = headline.facts(fallen(fallen(whole, OTHERS[:1], AREA, 0.0254), OTHERS[1:], AREA, 2.7))
    assert found.short == (
        f"Only {FIRST} designs meet the limit on area (at most 20.0\u202fmm²): "
        f"the nearest other, {OTHERS[0]}, misses it by 2.5\u202f%."
    )
    assert "accuracy" not in found.short and "accuracy or more (the best minus 5 points)" in found.numbers


def test_machines_without_a_design_are_told_apart_by_what_became_of_them(whole: Tables) -> None:
    one = fallen(whole, OTHERS[:1], AREA, 7.0)
    two = fallen(one, OTHERS[1:2], "SimulatorError: no", None, "failed")
    columns = design_columns(two)
    limit = default_limit(columns)
    assert limit is not None
    low = two.trials.with_columns(
        accuracy_fraction=pl.when((pl.col("back_end") == OTHERS[2]) & (pl.col("state") == "valid"))
        .then(0.5)
        .otherwise(pl.col("accuracy_fraction"))
    )
    said = headline.facts(dataclasses.replace(two, trials=low)).short
    head, _, tail = said.removesuffix(".").partition(": ")
    assert head == f"Only {FIRST} designs are valid and reach {theme.show(limit, 'accuracy_fraction')} accuracy"
    assert set(tail.split("; ")) == {
        f"{OTHERS[0]} misses the limit on area (at most 20.0\u202fmm²)",
        f"{OTHERS[1]} has no valid design (failed)",
        f"{OTHERS[2]} stays below",
    }


@drawn(random_given(), st.sampled_from(["none", "limit", "failed", "screened"]))
@settings(max_examples=60, deadline=None)
def test_none_is_said_to_fail_by_an_accuracy_that_it_was_not_asked_for(tables: Tables, way: str) -> None:
    """`Only X designs reach ...` and `stays below` speak of machines alone with valid designs, all below."""
    names = [name for name, _ in tables.back_ends][1:]
    if way != "none":
        tables = fallen(
            tables, names, AREA if way == "limit" else "no link", 0.3, "infeasible" if way == "limit" else way
        )
    columns = design_columns(tables)
    if not columns["id"]:
        return
    said, limit = headline.facts(tables).sentence, default_limit(columns) or 0.0
    measured = set(columns["back_end"])
    within = {name for name, value in zip(columns["back_end"], columns["accuracy"], strict=True) if value >= limit}
    others = {name for name, _ in tables.back_ends if not said.startswith(f"Only {name} ")}
    if re.match(r"Only \S+ designs reach", said):
        assert others <= measured - within
    for clause in re.findall(r"([^:;]+) stays? below", said):
        assert {name for name in others if name in clause} <= measured - within
    for name in absences(tables):
        assert name not in measured


@drawn(st.floats(1e-6, 1e6), st.floats(1e-3, 1e6), st.sampled_from(["most", "least"]), st.sampled_from(COSTS))
def test_the_nearest_stands_beyond_its_limit_by_what_is_said(miss: float, bound: float, way: str, metric: str) -> None:
    found = refused._broken(f"{metric} must be at {way} {bound:g}", miss)
    assert found is not None and found.miss == miss
    factor, percent = (
        re.fullmatch(r"a factor of ([\d.,]+)(?:\u202f\w+)?", found.by),
        re.fullmatch(r"([\d.e+-]+)\u202f%", found.by),
    )
    assert factor or percent or math.isclose(miss, 0, abs_tol=1e-9)
    if percent:
        assert float(percent[1]) == pytest.approx(100 * miss, rel=0.06, abs=0.051)
        assert miss < 1.0001 or way == "least"


def test_a_missed_accuracy_is_told_in_points() -> None:
    found = refused._broken("accuracy_fraction must be at least 0.95", 0.02)
    assert found is not None and (found.nearest, found.by) == ("93.1\u202f%", "1.9 points")
    assert refused._broken("area 9 mm2 exceeds 2", 0.1) is None


def test_the_row_of_a_machine_says_why_it_is_empty_and_the_page_stays_whole(whole: Tables) -> None:
    given = fallen(whole, OTHERS, AREA, 0.0254)
    offers = {offer.back_end: offer for offer in decision.facts(given).offers}
    said = "No valid design. Area (at most 20.0\u202fmm²): the nearest has 20.5\u202fmm², off by 2.5\u202f%."
    assert [offers[name].why for name in OTHERS] == [said] * len(OTHERS) and offers[FIRST].why == ""
    page = render(given)
    assert_sound(page)
    assert page.count('class="reason"') == len(OTHERS) and said in page
    assert json.loads(summary_text(given))["back_ends"][1]["why"]


def test_where_no_design_is_valid_the_headline_names_the_limits_and_the_nearest(whole: Tables) -> None:
    given = fallen(fallen(whole, [FIRST], "inference_latency_ns must be at most 1", 579.0), OTHERS, AREA, 0.0254)
    total, mine = given.trials.height, given.trials.filter(pl.col("back_end") == FIRST).height
    said = headline.facts(given).short
    assert "the limit on latency per inference (at most 1.00\u202fns), the nearest at 580\u202fns" in said
    assert (
        f"{total - mine:,} of {total:,} miss the limit on area (at most 20.0\u202fmm²), the nearest at 20.5\u202fmm²"
        in said
    )
    page = render(given)
    assert page.index('id="refused"') < page.index('id="search"')
    assert_sound(page)
    assert nothing_valid(fallen(whole, list(BACK_ENDS), AREA, 1.0)).startswith(f"all {total:,} miss the limit on area")
    assert nothing_valid(empty()) == ""


def test_a_limit_on_accuracy_of_the_question_itself_is_said(whole: Tables) -> None:
    given = asked(whole, constraints={"accuracy_fraction": {"at_least": 0.5}})
    assert "each has the 50.0\u202f% that the question asks for" in headline.facts(given).scope
    assert not any("the question asks for" in said for said in headline.facts(whole).scope)
    assert headline.facts(fallen(whole, OTHERS, AREA, 0.5)).tiles[2].label.endswith("; 3 have no valid design")
    assert "valid design" not in headline.facts(whole).tiles[2].label


def test_of_costs_alone_it_is_said_why_no_other_states_one(whole: Tables) -> None:
    given = cost_only(fallen(whole, OTHERS, AREA, 0.5))
    assert headline.facts(given).sentence.startswith(f"Cost only: only {FIRST} designs meet the limit on area")
    assert "only machine" in headline.facts(asked(given, back_ends=[FIRST])).sentence
