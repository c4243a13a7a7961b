"""A machine that was measured once has no spread: a hollow mark and n = 1, never a bar of length nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from random_tables import random_given
from scenarios import asked, measured_once
from synthetic import synthetic

from joulescape.report import certainty, theme
from joulescape.report.corners import confirmed_at
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render
from joulescape.report.sections import decision, pareto, tested
from joulescape.report.shell import VEGA_LITE

ONCE = "electronic/systolic_int8"
HOLLOW = "Hollow: one run (n = 1)"


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(240)


@pytest.fixture(scope="module")
def once(whole: Tables) -> Tables:
    return measured_once(whole, ONCE)


def test_one_run_has_no_ends_and_says_so(once: Tables) -> None:
    for rows in (tested.facts(once).rows, pareto.facts(once).confirmed):
        for row in rows:
            is_once = row["back_end"] == ONCE
            assert (row["low"] is None) == (row["high"] is None) == is_once
            assert (row["spread"] == "one run: no spread known") == is_once
            assert row["draws"] == (1 if is_once else 5)
            assert row["test"] is not None


def test_the_caption_explains_hollow_only_where_there_is_one(whole: Tables, once: Tables) -> None:
    assert HOLLOW in Facts.of(once).figures()["tested"].caption
    assert HOLLOW not in Facts.of(whole).figures()["tested"].caption


def marks(given_tables: Tables, name: str, fill: str) -> int:
    """Marks of one fill in a chart of white electronic designs alone: hollow ones have none."""
    import vl_convert

    facts = Facts.of(given_tables)
    figure = facts.figures()[name]
    spec = {**figure.with_rows({"designs": facts.pareto.rows, "one": [{"one": 1}]}), "width": 400}
    config = theme.vega_config("light")
    svg: str = vl_convert.vegalite_to_svg(json.dumps({**spec, "config": config}), vl_version=VEGA_LITE)
    return svg.count(f'fill="{fill}"')


def test_the_point_is_hollow_and_has_no_bar(whole: Tables, once: Tables) -> None:
    electronic = theme.FAMILY_COLOURS["light"][theme.FAMILIES.index("electronic")]
    count = sum(row["back_end"] == ONCE for row in tested.facts(once).rows)
    assert count > 0
    assert marks(whole, "tested", electronic) - marks(once, "tested", electronic) >= count
    assert marks(whole, "energy", electronic) - marks(once, "energy", electronic) >= count


def test_an_answer_of_one_run_states_it(whole: Tables) -> None:
    nothing: dict[str, Any] = {"accuracy_sd_fraction": pl.lit(None, pl.Float64), "accuracy_draws_count": pl.lit(1)}
    found = decision.facts(dataclasses.replace(whole, trials=whole.trials.with_columns(**nothing)))
    assert "\u202f% on validation (n = 1); " in found.answer
    assert "on validation (n" not in decision.facts(whole).answer


def test_a_confirmed_single_run_states_it(once: Tables) -> None:
    said = certainty.tested_texts(once)
    its = set(once.confirmed.filter(pl.col("back_end") == ONCE)["design_id"])
    assert its and all(said[design].endswith("on test (n = 1)") and "±" not in said[design] for design in its)
    assert all("± 1.0 (2 sd) on test (n = 5)" in text for design, text in said.items() if design not in its)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_a_spread_is_drawn_where_it_is_known_and_nowhere_else(tables: Tables) -> None:
    spreads = dict(
        tables.confirmed.filter(pl.col("corner") == "typical").select("design_id", "accuracy_sd_fraction").rows()
    )
    for row in tested.facts(tables).rows:
        sd = spreads[row["design"]]
        assert (row["low"] is None) == (sd is None)
        assert sd is None or row["low"] == pytest.approx(row["test"] - 2 * sd, abs=2e-4)
    for row in pareto.facts(tables).confirmed:
        assert (row["low"] is None) == (spreads[row["id"]] is None)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_only_an_exact_machine_s_single_run_is_a_point(tables: Tables) -> None:
    columns, bands = design_columns(tables), certainty.bands(tables)
    for row, sd in enumerate(columns["sd"]):
        low, high = certainty.span(columns, bands, "accuracy", row) or (0.0, 0.0)
        assert (high == float("inf")) == (sd is None and not columns["exact"][row])
        if sd is None and columns["exact"][row]:
            assert low == high == columns["accuracy"][row]


def test_a_design_without_energy_leaves_the_corners_of_the_others(whole: Tables) -> None:
    first = whole.confirmed["design_id"][0]
    energy = pl.when(pl.col("design_id") == first).then(None).otherwise(pl.col("inference_energy_pj"))
    given_tables = dataclasses.replace(whole, confirmed=whole.confirmed.with_columns(inference_energy_pj=energy))
    charts = {figure.id: figure for figure in tested.figures(tested.facts(given_tables))}
    count = whole.confirmed["design_id"].n_unique()
    assert len(charts["tested"].data["tested"]) == count
    assert len(charts["corners"].data["corners"]) == count - 1
    assert "–" in next(row["energy_text"] for row in tested.facts(given_tables).rows if row["design"] == first)
    assert 'data-chart="corners"' in render(given_tables)


def test_a_single_run_keeps_its_place_in_the_order(whole: Tables, once: Tables) -> None:
    for given_tables in (whole, once):
        for figure in tested.figures(tested.facts(given_tables)):
            axes = [layer["encoding"]["y"] for layer in figure.spec()["layer"]]
            labels = [row["label"] for row in figure.data[figure.id]]
            assert all(axis["scale"]["domain"] == labels for axis in axes)


def test_the_spread_is_of_the_accuracy_that_is_judged(whole: Tables) -> None:
    spread = whole.trials.with_columns(
        trained_accuracy_sd_fraction=pl.lit(0.02), trained_accuracy_draws_count=pl.lit(3, pl.Int64)
    )
    learnt = asked(
        dataclasses.replace(whole, trials=spread),
        objectives={"trained_accuracy_fraction": "maximize", "training_energy_pj": "minimize"},
    )
    columns = design_columns(learnt)
    assert {*columns["sd"]} == {0.02} and {*columns["draws"]} == {3}
    assert not any(columns["exact"])  # what repeats its runs does not repeat its trainings
    assert not any(confirmed_at(learnt, dict.fromkeys(columns["back_end"], "typical"))["exact"])
    assert any(design_columns(whole)["exact"])
