"""What the report says of the rungs, of promotion and of how the search ended: sentences against their numbers."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import polars as pl
import pytest
from drawn_pages import ordinary_page
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import assert_sound, elements
from random_tables import random_given
from scenarios import asked, on_rungs, ran
from synthetic import AUDIT, synthetic

from joulescape import tables
from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary
from joulescape.report.sections import audit, convergence
from joulescape.search import ladder
from joulescape.spec.space import AGREEMENT

RHO = re.compile(r"Spearman (−?\d\.\d\d) on (\d+) designs?(; too few to be sure)?\)")


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(160)


def audited(whole: Tables, *rows: dict[str, Any]) -> Tables:
    return dataclasses.replace(whole, audit=tables.make(rows, tables.AUDIT))


def pair(**changes: Any) -> dict[str, Any]:
    return {**AUDIT[1], **changes}


def test_each_rung_below_the_top_is_compared_with_it(whole: Tables) -> None:
    assert audit.facts(whole).sentences == (
        "The tuned rung ranks near-front designs like the full one (Spearman 0.94 on 9 designs).",
        "The merged rung does not rank near-front designs like the full one (Spearman 0.68 on 9 designs).",
    )
    assert audit.facts(whole).ladder == "merged → tuned → full"
    assert [pair.is_weak for pair in audit.facts(whole).pairs] == [True, False, True]


def test_the_top_rung_is_compared_with_the_full_simulation_where_it_is_not_that(whole: Tables) -> None:
    rows = [AUDIT[0], pair(high_rung="full", promote_fraction=None)]
    found = audit.facts(audited(on_rungs(whole, "merged", "tuned"), *rows))
    assert found.sentences[0].startswith("The merged rung ranks near-front designs only roughly like the tuned one (")
    assert found.sentences[1].startswith("The tuned rung ranks near-front designs like the full simulation (")
    assert found.ladder == "merged → tuned"


@given(st.floats(-1, 1), st.integers(2, 99))
def test_a_sentence_claims_no_more_than_its_correlation(rho: float, count: int) -> None:
    row = pair(near_front_spearman=rho, near_front_count=count)
    (said,) = [s for s in audit.facts(audited(synthetic(12), row)).sentences if "tuned" in s]
    found = RHO.search(said)
    assert found is not None
    assert float(found[1].replace("−", "-")) == pytest.approx(rho, abs=0.0051)
    assert int(found[2]) == count
    assert (found[3] is not None) == (count < audit.FEW)
    assert (" ranks near-front designs like " in said) == (rho >= AGREEMENT)
    assert ("does not rank" in said) == (rho < audit.ROUGHLY)


def test_a_correlation_that_does_not_exist_is_said_and_never_zero(whole: Tables) -> None:
    nothing = pair(spearman=None, near_front_spearman=None, mean_abs_error=None)
    found = audit.facts(audited(whole, nothing))
    assert found.sentences == (
        "Whether the tuned rung ranks designs like the full one cannot be told: "
        "on 22 designs measured on both, no rank correlation is defined.",
    )
    assert (found.pairs[0].spearman, found.pairs[0].error) == (audit.UNDEFINED, "–")
    assert not found.pairs[0].is_weak, "nothing is known of it: no fault of the rung"
    page = render(audited(whole, nothing))
    table = page.split('id="audit"')[1].split("</table>")[0]
    assert "not defined" in table and "0.00" not in table
    assert "Not defined: too few values, or all of one rung equal." in page


def test_without_a_near_front_correlation_that_of_all_designs_stands_and_says_so(whole: Tables) -> None:
    (said,) = audit.facts(audited(whole, pair(near_front_spearman=None, spearman=0.97))).sentences
    assert said == "The tuned rung ranks designs like the full one (Spearman 0.97 on 22 designs)."


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        (("full",), "Every design was measured on one rung (full): there is no other to compare it with."),
        (("closed_form",), "Every design was costed in closed form; nothing was measured."),
        (("merged", "full"), "The search climbed merged → full, but no comparison of its rungs is stored."),
        ((), "No comparison of rungs is stored."),
    ],
)
def test_without_an_audit_the_page_says_why(whole: Tables, rungs: tuple[str, ...], said: str) -> None:
    bare = audited(on_rungs(whole, *rungs))
    found = audit.facts(bare)
    assert found.sentences == (said,)
    assert (found.pairs, found.promotion) == ((), "")
    page = render(bare)
    assert said in page and 'id="audit"' not in page
    assert_sound(page)


@pytest.mark.parametrize(
    ("start", "ends", "said"),
    [
        (0.5, (0.5, 0.5), "Promotion stayed at 50\u202f% of a batch."),
        (0.5, (1.0, 1.0), "Promotion widened from 50\u202f% to 100\u202f% of a batch."),
        (0.5, (0.25, None), "Promotion narrowed from 50\u202f% to 25\u202f% of a batch."),
        (None, (0.5, None), "Promotion ended at 50\u202f% of a batch."),
        (
            0.5,
            (1.0, 0.5),
            "Promotion: from merged it widened from 50\u202f% to 100\u202f% of a batch; "
            "from tuned it stayed at 50\u202f% of a batch.",
        ),
        (0.5, (None, None), ""),
    ],
)
def test_promotion_says_where_it_began_and_ended(
    whole: Tables, start: float | None, ends: tuple[float | None, ...], said: str
) -> None:
    budget = {name: value for name, value in whole.spec["budget"].items() if name != "promote"}
    started = asked(whole, budget=budget if start is None else {**budget, "promote": start})
    rows = [{**row, "promote_fraction": end} for row, end in zip(AUDIT[:2], ends, strict=True)]
    assert audit.facts(audited(started, *rows)).promotion == said


def test_rungs_that_were_one_measurement_are_said_to_be_one(whole: Tables) -> None:
    """Machines that compute exactly are tuned and tested at once: nothing is left to compare, and nothing unknown."""
    nothing = dict.fromkeys(("spearman", "near_front_spearman", "mean_abs_error"))
    alike = {"designs_count": 10, "spearman": -0.64, "near_front_spearman": -0.91, "mean_abs_error": 0.006}
    rows = [pair(low_rung="merged", high_rung=high, **alike) for high in ("tuned", "full")]
    rows.append(pair(low_rung="tuned", high_rung="full", designs_count=0, near_front_count=0, **nothing))
    found = audit.facts(audited(whole, *rows))
    assert (
        found.sentences[1]
        == "The tuned and full rungs were one measurement of these designs: there is nothing to compare."
    )
    apart = [{**rows[0], "mean_abs_error": 0.007}, *rows[1:]]
    assert "cannot be told" in audit.facts(audited(whole, *apart)).sentences[1]
    page = render(audited(whole, *rows))
    assert page.split('id="audit"')[1].split("</table>")[0].count("<tr>") == 3, "what was not compared has no row"


def test_where_nothing_climbed_that_is_said_once(whole: Tables) -> None:
    nothing = {"designs_count": 0, **dict.fromkeys(("spearman", "near_front_spearman", "mean_abs_error"))}
    bare = audited(whole, *({**row, **nothing} for row in AUDIT))
    assert audit.facts(bare).sentences == (audit.NOTHING,)
    assert 'id="audit"' not in render(bare)


@pytest.mark.parametrize(
    ("asked_count", "compared", "said"),
    [
        (20, 22, "near the front, once 20 designs were measured on both."),
        (20, 10, "once 20 designs were measured on both; here 10 were, so the share could not move."),
        (500, 120, f"once {audit.RECENT} designs were measured on both."),
        (0, 0, "The question audits no design, so that the share never moves."),
    ],
)
def test_the_rule_of_promotion_says_whether_it_could_act(
    whole: Tables, asked_count: int, compared: int, said: str
) -> None:
    assert audit.RECENT == ladder.RECENT
    given = asked(whole, budget={**whole.spec["budget"], "audit": asked_count})
    assert audit.facts(audited(given, pair(designs_count=compared))).rule.endswith(said)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_the_table_holds_every_pair_with_its_own_numbers(tables: Tables) -> None:
    found = audit.facts(tables)
    rows = list(tables.audit.iter_rows(named=True))
    assert [(pair.low, pair.high, pair.designs) for pair in found.pairs] == [
        (row["low_rung"], row["high_rung"], row["designs_count"]) for row in rows
    ]
    for shown, row in zip(found.pairs, rows, strict=True):
        assert (shown.error == "–") == (row["mean_abs_error"] is None)
        assert shown.error == "–" or float(shown.error) == pytest.approx(100 * row["mean_abs_error"], abs=0.051)
        assert (shown.near_spearman == audit.UNDEFINED) == (row["near_front_spearman"] is None)
        assert (shown.low_seconds == "–") == (row["low_seconds"] is None)
    assert found.has_undefined == any(None in (row["spearman"], row["near_front_spearman"]) for row in rows)
    assert found.sentences


def test_the_table_names_each_column_once_and_marks_weak_pairs(whole: Tables) -> None:
    page = elements(ordinary_page())
    table = next(found for found in page if found.attributes.get("id") == "audit")
    rows = [found for found in page if found.tag == "tr" and table in found.around]
    assert [cell.text for cell in rows[1].children] == [
        "merged → tuned", "22", "0.81", "0.72 (9)", "4.1", "31.0\u202fms → 1.40\u202fs",
    ]  # fmt: skip
    weak = [found.text for found in page if "miss" in found.attributes.get("class", "") and table in found.around]
    assert weak == ["0.72 (9)", "0.68 (9)"]


def test_how_many_designs_each_measurement_bought(whole: Tables) -> None:
    assert (
        convergence.facts(whole).effort
        == "41,000 hardware variants costed from 300 accuracy measurements: 137 a measurement."
    )
    few = ran(whole, designs_judged_count=5, measurements_count=2, designs_per_measurement=2.5)
    assert (
        convergence.facts(few).effort == "5 hardware variants costed from 2 accuracy measurements: 2.50 a measurement."
    )
    one = ran(whole, designs_judged_count=80, measurements_count=1, designs_per_measurement=80.0)
    assert convergence.facts(one).effort == "80 hardware variants costed from 1 accuracy measurement: 80 a measurement."
    none = ran(whole, measurements_count=0, designs_per_measurement=None)
    assert convergence.facts(none).effort == "41,000 hardware variants costed; no accuracy was measured."
    assert convergence.facts(dataclasses.replace(whole, resolved={})).effort == ""


@pytest.mark.parametrize(
    "ended",
    [
        "the budget of trials is spent",
        "the budget of seconds is spent",
        "the hypervolume stalled: 5 batches added less than 0.10%",
        "too many candidates failed",
    ],
)
def test_why_the_search_ended_is_said_in_its_own_words(whole: Tables, ended: str) -> None:
    given_tables = ran(whole, ended=ended)
    assert convergence.facts(given_tables).sentences[0] == f"The search ended because {ended}."
    assert summary(given_tables)["search_ended"] == f"The search ended because {ended}."


def test_the_page_says_why_the_search_ended(whole: Tables) -> None:
    ended = "the hypervolume stalled: 5 batches added less than 0.10%"
    assert f"The search ended because {ended}." in render(ran(whole, ended=ended))


def test_an_exhausted_space_leaves_nothing_to_find(whole: Tables) -> None:
    rising = whole.history.with_columns(hypervolume=pl.col("trials_told").cast(pl.Float64))
    found = dataclasses.replace(whole, history=rising)
    assert "a longer search may find" in convergence.facts(found).verdict
    assert "would find nothing more" in convergence.facts(ran(found, ended="the space is exhausted")).verdict


def test_the_sampler_speaks_for_itself(whole: Tables) -> None:
    said = convergence.facts(whole).sentences[-1]
    assert said == "Sampler: tpe. Each pair is modelled alone: a conditional space is learnt more slowly."
    own = ran(whole, sampler_notes=["sampler tpe: each pair is bred by itself; nothing crosses over"])
    assert convergence.facts(own).sentences[-1].endswith(". Each pair is bred by itself; nothing crosses over.")
    quiet = ran(whole, sampler="grid", sampler_notes=[])
    assert convergence.facts(quiet).sentences[-1] == "Sampler: grid."
    unsaid = asked(ran(whole, sampler=None, sampler_notes=None), budget={"trials": 3})
    assert not any("Sampler" in sentence for sentence in convergence.facts(unsaid).sentences)


@given(random_given())
@settings(max_examples=20, deadline=None)
def test_candidates_are_counted_by_state_as_the_last_batch_has_them(tables: Tables) -> None:
    said = [s for s in convergence.facts(tables).sentences if "candidates:" in s]
    assert bool(said) == bool(tables.history.height)
    if said:
        last = tables.history.sort("batch").row(-1, named=True)
        assert said[0].startswith(f"{last['trials_told']:,} candidates: ")
        for state in ("valid", "screened", "infeasible", "failed"):
            count = last[f"{state}_count"]
            assert (f"{count:,} {state}" in said[0]) == bool(count)
