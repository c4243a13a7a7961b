"""Whatever piece is missing, a page is drawn that says so, and it never shows a number that nobody gave."""

from __future__ import annotations

import dataclasses
import re

import polars as pl
import pytest
from drawn_pages import ordinary_page
from page_reader import assert_sound
from synthetic import synthetic

from joulescape import tables
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render
from joulescape.report.sections import decision, headline, pareto, tested

PIECES = ("history", "confirmed", "parts", "published")


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(160)


def without(given: Tables, *names: str) -> Tables:
    return dataclasses.replace(given, **{name: getattr(given, name).clear() for name in names})


@pytest.mark.parametrize("name", PIECES)
def test_a_page_without_one_table(whole: Tables, name: str) -> None:
    given = without(whole, name)
    page = render(given)
    assert_sound(page)
    assert headline.facts(whole).tiles[0].value in page


def test_a_page_of_trials_alone(whole: Tables) -> None:
    given = dataclasses.replace(without(whole, "front", "layers", *PIECES), resolved={}, references={}, networks={})
    page = render(given)
    assert_sound(page)
    assert "No design has been confirmed" in page
    assert "is not known" in decision.facts(given).range
    assert decision.facts(given).tie == "" or "No clear winner" in decision.facts(given).tie
    assert list(Facts.of(given).figures())[:3] == ["energy", "latency", "area"]


def test_a_page_of_nothing_at_all(whole: Tables) -> None:
    given = dataclasses.replace(without(whole, "trials", "front", *PIECES), resolved={}, references={}, networks={})
    page = render(given)
    assert_sound(page)
    assert "No design was tried." in page
    assert Facts.of(given).figures() == {}


@pytest.mark.parametrize("metric", ["inference_energy_pj", "inference_latency_ns", "area_mm2"])
def test_a_cost_that_nobody_states_is_a_dash(whole: Tables, metric: str) -> None:
    absent = whole.trials.with_columns(pl.lit(None, pl.Float64).alias(metric))
    given = dataclasses.replace(whole, trials=absent)
    role = {name: role for role, name in given.axes.items()}[metric]
    assert {offer.values[role] for offer in decision.facts(given).offers if offer.row is not None} == {"–"}
    assert role not in {slider.role for slider in decision.facts(given).sliders}
    assert role not in Facts.of(given).figures()


def test_without_energies_the_headline_claims_none(whole: Tables) -> None:
    absent = whole.trials.with_columns(pl.lit(None, pl.Float64).alias("inference_energy_pj"))
    said = headline.facts(dataclasses.replace(whole, trials=absent)).sentence
    assert said.endswith("but none states its energy per inference.")
    assert "×" not in said


def test_one_draw_has_no_spread(whole: Tables) -> None:
    single = whole.trials.with_columns(accuracy_sd_fraction=pl.lit(None, pl.Float64), accuracy_draws_count=pl.lit(1))
    given = dataclasses.replace(whole, trials=single)
    assert "±" not in decision.facts(given).answer.split(" on validation")[0]
    assert "±" in decision.facts(whole).answer.split(" on validation")[0]
    assert_sound(render(given))


def test_one_family_has_no_small_multiples_and_no_rival(whole: Tables) -> None:
    alone = dataclasses.replace(whole, trials=whole.trials.filter(pl.col("family") == "photonic"))
    assert not any(name.startswith("family_") for name in Facts.of(alone).figures())
    assert decision.facts(alone).tie == ""
    assert "Where does each family stand alone?" not in render(alone)
    assert "Where does each family stand alone?" in ordinary_page()


def test_one_design_is_enough(whole: Tables) -> None:
    alone = dataclasses.replace(whole, trials=whole.valid.head(1))
    assert_sound(render(alone))
    assert decision.facts(alone).why == "It is also the most accurate design."
    assert pareto.facts(alone).rows[0]["row"] == 0


def test_corners_that_all_fail_leave_no_chart_but_a_table(whole: Tables) -> None:
    nothing = {name: pl.lit(None, pl.Float64) for name in tables.METRICS}
    bad = whole.confirmed.with_columns(
        **nothing, state=pl.lit("failed"), reason=pl.lit("SimulatorError: no <b>link</b> 7")
    )
    given = dataclasses.replace(whole, confirmed=bad)
    assert tested.figures(tested.facts(given)) == ()
    page = render(given)
    assert_sound(page)
    assert 'id="corner-failures"' in page
    assert "no &lt;b&gt;link&lt;/b&gt; 7" in page


def test_a_failure_without_a_reason_names_its_state(whole: Tables) -> None:
    last = pl.col("corner") == "pessimistic"
    bad = whole.confirmed.with_columns(state=pl.when(last).then(pl.lit("failed")).otherwise(pl.col("state")))
    found = tested.facts(dataclasses.replace(whole, confirmed=bad))
    assert {(row.corner, row.reason, row.example) for row in found.failed} == {("pessimistic", "failed", "failed")}
    assert all(row["open"] for row in found.rows)
    assert all(row["range_text"].endswith("no valid design at the pessimistic corner") for row in found.rows)


def test_many_like_failures_are_one_line(whole: Tables) -> None:
    reason = pl.format("a path of {} dB leaves {} bits", pl.int_range(pl.len()), pl.int_range(pl.len()) + 2)
    bad = whole.confirmed.with_columns(state=pl.lit("infeasible"), reason=reason)
    page = render(dataclasses.replace(whole, confirmed=bad))
    table = page.split('id="corner-failures"')[1].split("</table>")[0]
    assert table.count("<tr>") == 1 + 3 * len(set(whole.confirmed["back_end"]))
    assert not re.search(r"\bd0000[0-9a-f]{2}\b", table), "a design is named by its label, not by its hash"
