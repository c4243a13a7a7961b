"""Yield, from the question to the page: chips drawn at confirm, a share with its interval, a table in the report."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from ladder_fakes import ladder_space
from real_project import make_project
from search_fakes import make_space

from joulescape import evaluate, load_space
from joulescape.accuracy.chips import yield_fraction
from joulescape.report.inputs import read_tables
from joulescape.report.page import render
from joulescape.report.sections import yields
from joulescape.search.confirm import confirm
from joulescape.search.driver import Means
from joulescape.search.fidelities import ConfirmPlan, search_fidelity
from joulescape.search.run import search
from joulescape.spec.space import ConfirmSpec

SPACE = """\
question: How many chips are good?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
fine_tune: {epochs: 0}
hardware:
  memristive/isaac: {tiles: 4, adc.bits: {kind: int, low: 4, high: 6}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 4, population: 2, per_back_end: 2, draws: 1, samples: 60, rungs: [full]}
confirm: {draws: 2, designs: 2, yield_above: 0.955, chips: 5}
"""


def judge(*arguments):
    """The true evaluation, without what confirm does for it alone: references of other training seeds."""
    return evaluate(*arguments)


def plan(space, back_end, corner):
    pair = next(pair for pair in space.pairs if pair.back_end == back_end)
    return ConfirmPlan.of(space, []).fidelity(space.candidate({"pair": pair.name}), corner)


def test_more_chips_are_drawn_at_the_typical_corner_of_machines_that_are_not_trained_for_each(tmp_path):
    asked = {"yield_above": 0.9, "chips": 30, "draws": 4}
    space = make_space(tmp_path, confirm=asked)
    assert plan(space, "memristive/cells", "typical").draws == 30
    assert plan(space, "memristive/cells", "pessimistic").draws == 4
    own = ladder_space(tmp_path, own=True, confirm=asked)
    assert plan(own, "photonic/mesh", "typical").draws == plan(own, "photonic/mesh", "typical").trainings == 4


def test_a_yield_asks_nothing_of_the_search_and_no_more_draws_without_chips(tmp_path):
    space = make_space(tmp_path, confirm={"yield_above": 0.9})
    assert plan(space, "memristive/cells", "typical").draws == space.spec.confirm.draws
    assert search_fidelity(space.spec).yield_above is None
    assert plan(make_space(tmp_path), "memristive/cells", "typical").yield_above is None


def test_chips_without_a_limit_are_refused():
    with pytest.raises(ValueError, match=r"yield_above: 0\.9"):
        ConfirmSpec(chips=30)


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory) -> tuple[Path, pl.DataFrame]:
    logging.getLogger("joulescape.search").setLevel(logging.CRITICAL)
    root = make_project(tmp_path_factory.mktemp("yield"), SPACE)
    space = load_space(root / "spaces" / "tiny.yaml")
    out = root / "results" / "tiny"
    search(space, out, Means(), judge)
    confirm(space, out, Means(), judge)
    return out, pl.read_parquet(out / "confirmed.parquet")


def test_chips_that_differ_have_a_yield_in_the_table_and_chips_that_do_not_have_none(confirmed):
    _, table = confirmed
    cells = table.filter(pl.col("back_end") == "memristive/isaac")
    typical = cells.filter(pl.col("corner") == "typical")
    assert typical["accuracy_draws_count"].to_list() == [5] * typical.height
    assert typical.height > 0
    for row in cells.filter(pl.col("accuracy_fraction").is_not_null()).iter_rows(named=True):
        chips = row["accuracy_draws_count"]
        good = round(row["yield_fraction"] * chips)
        again = yield_fraction((1.0,) * good + (0.0,) * (chips - good), 0.5)
        assert row["yield_above_fraction"] == 0.955
        assert (row["yield_low_fraction"], row["yield_high_fraction"]) == pytest.approx((again.low, again.high))
    exact = table.filter(pl.col("back_end") == "electronic/systolic_int8")
    assert exact["yield_fraction"].is_null().all()
    assert exact.height > 0


def test_the_page_tells_the_share_and_its_interval(confirmed):
    out, table = confirmed
    page = render(read_tables(out))
    rows = table.filter((pl.col("corner") == "typical") & pl.col("yield_fraction").is_not_null())
    assert page.count('id="yields"') == 1
    assert "at least 95.5 %" in page
    for row in rows.iter_rows(named=True):
        low, high = (100 * row[f"yield_{end}_fraction"] for end in ("low", "high"))
        assert f"{low:.0f} to {high:.0f} %" in page


def test_without_a_yield_there_is_nothing_to_tell(confirmed):
    out, table = confirmed
    bare = table.with_columns(yield_fraction=pl.lit(None, dtype=pl.Float64))
    assert yields.facts(replace(read_tables(out), confirmed=bare)) == yields.YieldFacts((), "")
