"""Ranges over the corners and near-ties: against brute force, and the page's script against Python."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
from importlib.resources import files
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import synthetic

from joulescape.report import certainty, sampling, theme
from joulescape.report.blob import rounded
from joulescape.report.certainty import Band
from joulescape.report.decide import COSTS, Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import decision

NODE = shutil.which("node")
PREFERENCES = ("balance", "energy", "latency", "area", "accuracy")
Columns = dict[str, list[Any]]


def columns(*rows: tuple[Any, ...]) -> Columns:
    names = ("id", "back_end", "family", "accuracy", "sd", "energy", "latency", "area")
    made = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return {**made, "exact": [sd is None for sd in made["sd"]], "samples": [None] * len(rows)}


TWO = columns(
    ("d1", "electronic/a", "electronic", 0.95, 0.01, 100.0, 10.0, 1.0),
    ("d2", "photonic/b", "photonic", 0.96, None, 150.0, 2.0, 9.0),
)
WIDE = {"electronic/a": Band(0.5, 2.0, 3), "photonic/b": Band(0.9, 1.1, 1)}
NARROW = {"electronic/a": Band(0.9, 1.1, 3), "photonic/b": Band(0.9, 1.1, 1)}


def bands(energy: dict[str, Band]) -> certainty.Bands:
    return {"energy": energy, "latency": {}, "area": {}}


def factor(row: dict[str, Any], typical: dict[str, Any], metric: str) -> float | None:
    return row[metric] / typical[metric] if row[metric] and typical[metric] else None


@given(random_given())
@settings(max_examples=40, deadline=None)
def test_a_confirmed_design_has_the_extremes_of_its_own_corners(tables: Tables) -> None:
    found = certainty.bands(tables)
    metrics = dict(tables.axes.items())
    for (design,), group in tables.confirmed.group_by("design_id"):
        rows = {row["corner"]: row for row in group.iter_rows(named=True)}
        for cost in COSTS:
            if not rows["typical"][metrics[cost]]:
                assert design not in found[cost]
                continue
            band = found[cost][design]
            factors = [factor(row, rows["typical"], metrics[cost]) for row in rows.values()]
            known = [value for value in factors if value is not None]
            for end, corner, extreme in ((band.low, "optimistic", min), (band.high, "pessimistic", max)):
                wanted = None if rows[corner]["state"] == "infeasible" else rounded(extreme([1.0, *known]))
                assert end == wanted


@given(random_given())
@settings(max_examples=40, deadline=None)
def test_a_back_end_is_as_wide_as_its_widest_design(tables: Tables) -> None:
    found = certainty.bands(tables)["energy"]
    designs = dict(tables.confirmed.select("design_id", "back_end").rows())
    for name in set(designs.values()) & set(found):
        own = [found[design] for design, back_end in designs.items() if back_end == name and design in found]
        assert found[name].designs == len(own) > 0
        lows, highs = [band.low for band in own if band.low], [band.high for band in own if band.high]
        assert (found[name].low, found[name].high) == (min(lows, default=None), max(highs, default=None))


@given(random_given(), st.sampled_from(["accuracy", *COSTS]))
@settings(max_examples=40, deadline=None)
def test_a_span_holds_its_value_and_overlap_is_mutual(tables: Tables, name: str) -> None:
    table, found = design_columns(tables), certainty.bands(tables)
    rows = range(len(table["id"]))
    for row in rows:
        reach = certainty.span(table, found, name, row)
        assert (reach is None) == (table[name][row] is None)
        assert reach is None or reach[0] <= table[name][row] <= reach[1]
        if reach is not None:
            assert certainty.overlap(table, found, name, row, row)
    for first in list(rows)[:8]:
        for second in list(rows)[:8]:
            one = certainty.overlap(table, found, name, first, second)
            assert one == certainty.overlap(table, found, name, second, first)


@given(random_given(), st.sampled_from(PREFERENCES))
@settings(max_examples=40, deadline=None)
def test_rivals_are_the_best_of_other_families_that_nothing_tells_apart(tables: Tables, prefer: str) -> None:
    table, found = design_columns(tables), certainty.bands(tables)
    chosen = decide(table, Limits(accuracy=default_limit(table), prefer=prefer))
    close = certainty.rivals(table, chosen, found, prefer)
    if chosen.index is None:
        assert close == []
        return
    judged = ("accuracy", "energy") if prefer == "balance" else (prefer,)
    for row in chosen.best.values():
        is_other = table["family"][row] != table["family"][chosen.index]
        spans = [(certainty.span(table, found, n, row), certainty.span(table, found, n, chosen.index)) for n in judged]
        touches = all(a is not None and b is not None and a[0] <= b[1] and b[0] <= a[1] for a, b in spans)
        assert (row in close) == (is_other and touches)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_wider_corners_never_make_a_winner_clearer(tables: Tables) -> None:
    table, found = design_columns(tables), certainty.bands(tables)
    wider = {
        cost: {
            name: Band(None if band.low is None else band.low / 2, None if band.high is None else band.high * 2, 1)
            for name, band in known.items()
        }
        for cost, known in found.items()
    }
    for prefer in PREFERENCES:
        chosen = decide(table, Limits(prefer=prefer))
        before = certainty.rivals(table, chosen, found, prefer)
        assert set(before) <= set(certainty.rivals(table, chosen, wider, prefer))


def test_ranges_that_overlap_make_no_winner() -> None:
    for prefer in ("balance", "energy"):
        chosen = decide(TWO, Limits(prefer=prefer))
        assert chosen.index == 0
        assert certainty.rivals(TWO, chosen, bands(WIDE), prefer) == [1]
        assert certainty.rivals(TWO, chosen, bands(NARROW), prefer) == []


def test_accuracy_is_told_apart_by_two_deviations_only() -> None:
    chosen = decide(TWO, Limits(prefer="accuracy"))
    assert chosen.index == 1
    assert certainty.rivals(TWO, chosen, bands(NARROW), "accuracy") == [0]
    sure = {**TWO, "sd": [0.0049, None]}
    assert certainty.rivals(sure, chosen, bands(NARROW), "accuracy") == []


def test_one_run_is_told_apart_from_nothing_unless_it_is_every_run() -> None:
    once = {**TWO, "sd": [None, None], "accuracy": [0.1, 0.96], "exact": [True, True]}
    chosen = decide(once, Limits(prefer="accuracy"))
    assert certainty.rivals(once, chosen, bands(NARROW), "accuracy") == []
    unsure = {**once, "exact": [True, False]}
    assert certainty.span(unsure, bands(NARROW), "accuracy", 0) == (0.1, 0.1)
    assert certainty.span(unsure, bands(NARROW), "accuracy", 1) == (-math.inf, math.inf)
    assert certainty.rivals(unsure, chosen, bands(NARROW), "accuracy") == [0]


@given(st.floats(0.5, 1.0), st.sampled_from([None, 0.0, 0.004, 0.03]), st.integers(20, 10_000))
def test_the_samples_widen_what_the_draws_say(accuracy: float, sd: float | None, samples: int) -> None:
    one = {**TWO, "accuracy": [accuracy, 0.5], "sd": [sd, None], "exact": [True, True]}
    plain, asked = certainty.reach(one, 0), certainty.reach({**one, "samples": [samples, None]}, 0)
    error = sampling.standard_error(accuracy, samples)
    assert plain == 2 * (sd or 0.0)
    assert asked == pytest.approx(math.hypot(plain, error))


def test_designs_less_than_twice_the_error_of_the_best_apart_are_never_told_apart() -> None:
    for best, samples in ((0.994, 360), (0.8, 360), (0.97, 10_000)):
        apart = 1.999 * sampling.standard_error(best, samples)
        near = {**TWO, "accuracy": [best - apart, best], "sd": [None, None], "samples": [samples] * 2}
        near["exact"] = [True, True]
        assert certainty.overlap(near, bands(NARROW), "accuracy", 0, 1)
        far = {**near, "accuracy": [best - 2 * apart, best]}
        assert not certainty.overlap(far, bands(NARROW), "accuracy", 0, 1)


def test_an_end_without_a_valid_design_is_open() -> None:
    open_end = {"electronic/a": Band(0.9, None, 1), "photonic/b": Band(0.9, 1.1, 1)}
    assert certainty.span(TWO, bands(open_end), "energy", 0) == (pytest.approx(90.0), math.inf)
    assert certainty.overlap(TWO, bands(open_end), "energy", 0, 1)
    assert certainty.span(TWO, bands({"electronic/a": Band(None, 1.5, 1)}), "energy", 0) == (0.0, 150.0)


def test_a_cost_that_nobody_confirmed_is_a_point() -> None:
    assert certainty.span(TWO, bands({}), "latency", 1) == (2.0, 2.0)
    assert certainty.span({**TWO, "area": [None, 9.0]}, bands({}), "area", 0) is None


def test_a_family_is_no_rival_of_itself() -> None:
    same = {**TWO, "family": ["electronic", "electronic"]}
    assert certainty.rivals(same, decide(same, Limits(prefer="energy")), bands(WIDE), "energy") == []


def test_the_words_name_every_rival_once() -> None:
    three = columns(
        ("d1", "a/x", "f", 0.9, None, 1.0, 1.0, 1.0),
        ("d2", "b/y", "g", 0.9, None, 1.0, 1.0, 1.0),
        ("d3", "c/z", "h", 0.9, None, 1.0, 1.0, 1.0),
    )
    assert certainty.tie_text(three, [1, 2, 1]).endswith("the best of b/y or c/z.")
    assert certainty.tie_text(three, []) == ""
    assert certainty.tie_text(three, [1], ("accuracy", "energy")).startswith("No clear winner in accuracy and energy: ")


def test_the_range_says_where_it_comes_from() -> None:
    said = certainty.range_text(TWO, bands(WIDE), 0, "inference_energy_pj")
    assert "50.0\u202fpJ (÷2.0) with every constant optimistic, 200\u202fpJ (×2.0) with every" in said
    assert "3 confirmed designs of electronic/a; this design itself was not confirmed" in said
    assert "1 confirmed design of photonic/b" in certainty.range_text(TWO, bands(WIDE), 1, "inference_energy_pj")
    own = certainty.range_text(TWO, bands({**WIDE, "d1": Band(0.8, None, 1)}), 0, "inference_energy_pj")
    assert "80.0\u202fpJ" in own and "no valid design with every constant pessimistic" in own
    assert "this design, confirmed)" in own
    assert "is not known" in certainty.range_text(TWO, bands({}), 0, "inference_energy_pj")


@given(st.floats(1e-6, 1e6))
def test_a_factor_reads_as_multiplied_or_divided(value: float) -> None:
    said = theme.factor_text(value)
    number = float(said[1:].replace(",", ""))
    assert (number if said[0] == "×" else 1 / number) == pytest.approx(value, rel=0.06)
    assert (said[0] == "×") == (value >= 1)


def test_the_headline_s_ratio_is_no_claim_where_corners_are_wide() -> None:
    from joulescape.report.sections import headline

    sure = synthetic()
    cost = pl.col("inference_energy_pj")
    typical = {row["design_id"]: row["inference_energy_pj"] for row in sure.trials.iter_rows(named=True)}
    base = pl.col("design_id").replace_strict(typical, return_dtype=pl.Float64)
    corner = pl.col("corner")
    for least, most, is_tie in ((0.01, 100.0, True), (0.999, 1.001, False)):
        scale = pl.when(corner == "optimistic").then(least).when(corner == "pessimistic").then(most).otherwise(1.0)
        changed = dataclasses.replace(
            sure, confirmed=sure.confirmed.with_columns((base * scale).alias(cost.meta.output_name()))
        )
        assert headline.facts(changed).sentence.startswith("No clear winner") == is_tie
        assert bool(decision.facts(changed).tie) >= is_tie


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("samples", [None, 360])
def test_the_page_is_as_sure_as_python(samples: int | None) -> None:
    found = synthetic(240)
    some = found.confirmed.with_columns(
        state=pl.when((pl.col("corner") == "pessimistic") & (pl.col("back_end") == "photonic/mzi_mesh"))
        .then(pl.lit("infeasible"))
        .otherwise(pl.lit("valid")),
    )
    counts = {} if samples is None else {"validation": samples}
    changed = dataclasses.replace(found, confirmed=some, resolved={**found.resolved, "samples": counts})
    table, known = design_columns(changed), certainty.bands(changed)
    cases = [Limits(accuracy=level, prefer=prefer) for level in (None, 0.8, 0.93, 0.97) for prefer in PREFERENCES]
    sources = ("decide.js", "numbers.js", "certainty.js")
    script = "".join((files("joulescape.report") / "assets" / name).read_text(encoding="utf-8") for name in sources)
    script += """
    const [columns, bands, cases, page] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    console.log(JSON.stringify(cases.map((limits) => {
      const found = decide(columns, limits);
      const close = rivals(columns, found, bands, limits.prefer);
      const tie = tieText(columns, close, judgedBy(columns, limits.prefer));
      const range = rangeText(columns, bands, found.index, page.metrics.energy, page);
      return [close, tie, range, columns.id.map((_, row) => reach(columns, row))];
    })));"""
    page = {
        "units": {key: list(unit) for key, unit in theme.UNITS.items()},
        "plain_units": theme.PLAIN_UNITS,
        "metrics": dict(changed.axes.items()),
    }
    sent = [table, decision.panel(decision.facts(changed))["bands"], [dataclasses.asdict(case) for case in cases], page]
    ran = subprocess.run([str(NODE), "-e", script], input=json.dumps(sent), capture_output=True, text=True, check=True)
    wanted = []
    for case in cases:
        chosen = decide(table, case)
        assert chosen.index is not None
        close = certainty.rivals(table, chosen, known, case.prefer)
        said = certainty.range_text(table, known, chosen.index, changed.axes.energy)
        reached = [certainty.reach(table, row) for row in range(len(table["id"]))]
        wanted.append([close, certainty.tie_text(table, close, certainty.judged_by(table, case.prefer)), said, reached])
    assert json.loads(ran.stdout) == wanted
    assert any("no valid design with every constant pessimistic" in said for _, _, said, _ in wanted)
