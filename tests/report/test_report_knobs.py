"""Which knob matters: what is said and drawn of each back end's parameters."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from random_tables import random_given
from scenarios import cost_only
from synthetic import empty, synthetic

from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary
from joulescape.report.sections import knobs

EXAMPLES = settings(max_examples=25, deadline=None)


def ruled(designs: int = 400) -> Tables:
    """Energy follows the density alone; the converter's bits follow nothing."""
    import dataclasses

    plain = synthetic(designs)
    generator = np.random.default_rng(0)
    density, bits = generator.uniform(0.05, 1, designs), generator.integers(4, 9, designs)
    trials = plain.trials.with_columns(
        pl.Series("compression.0.prune.density", density),
        pl.Series("hardware.memristive/isaac.adc.bits", bits),
        inference_energy_pj=pl.when(pl.col("state") == "valid").then(pl.Series(1e5 * density)),
    )
    return dataclasses.replace(plain, trials=trials)


def test_the_knob_that_rules_is_named() -> None:
    found = knobs.facts(ruled())
    assert set(found.back_ends) == set(ruled().trials["back_end"].unique())
    for sentence in found.sentences:
        assert "energy with prune.density (8" in sentence or "energy moves most with prune.density (8" in sentence
    energy = {row["knob"]: row["share"] for row in found.rows if row["role"] == "energy"}
    assert energy["prune.density"] > 0.85 > 0.1 > energy["adc.bits"]


@given(random_given())
@EXAMPLES
def test_rows_are_shares_in_one_order(tables: Tables) -> None:
    found = knobs.facts(tables)
    assert sorted((*found.back_ends, *found.untold)) == sorted(name for name, _ in tables.back_ends)
    orders: dict[tuple[str, str], list[str]] = {}
    for row in found.rows:
        assert 0 <= row["low"] <= row["share"] * 1.001 + 1e-9 and row["share"] <= row["high"] * 1.001 + 1e-9
        orders.setdefault((row["back_end"], row["role"]), []).append(row["knob"])
    for name in found.back_ends:
        mine = [order for (back_end, _), order in orders.items() if back_end == name]
        assert all(order == mine[0] and len(order) == len(set(order)) <= knobs.SHOWN for order in mine)
        assert len(mine) == len(found.roles)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("hardware.memristive/isaac.adc.bits", "adc.bits"),
        ("compression.1.quantize.weight_bits", "quantize.weight_bits"),
        ("compression.0", "compression step 1"),
        ("training.epochs", "training.epochs"),
        ("network", "network"),
    ],
)
def test_labels_are_short(name: str, label: str) -> None:
    assert knobs.knob_label(name) == label


def test_labels_that_would_be_equal_stay_whole() -> None:
    names = ["compression.0.quantize.bits", "compression.1.quantize.bits", "network"]
    assert list(knobs._labels(names).values()) == [*names[:2], "network"]


def test_nothing_is_told_of_a_hopeless_search() -> None:
    found = knobs.facts(empty())
    assert not found.rows and not found.sentences and not knobs.figures(found)


def test_a_question_of_costs_has_no_accuracy_knobs() -> None:
    found = knobs.facts(cost_only(ruled()))
    assert "accuracy" not in found.roles and {row["role"] for row in found.rows} == {"energy", "latency", "area"}


def test_the_page_and_the_summary_say_it() -> None:
    tables = ruled()
    page = render(tables)
    assert "Which knob matters?" in page
    for sentence in summary(tables)["knobs"]:
        assert sentence.split(":")[0] in page
    assert page.index('id="knobs"') < page.index('id="trust"')


def test_many_designs_are_thinned_evenly() -> None:
    tables = synthetic(2000)
    kept = knobs._analysed(tables, "memristive/isaac")
    assert 0 < kept.height <= knobs.ANALYSED
    trials = kept["trial"].to_list()
    assert trials == sorted(trials)
