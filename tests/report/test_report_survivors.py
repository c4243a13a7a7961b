"""Winners at the corners: the panel asked again among the confirmed designs of each corner, against brute force."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from random_tables import random_given
from scenarios import cost_only, measured_once
from synthetic import empty, synthetic

from joulescape import tables
from joulescape.report import corners
from joulescape.report.decide import Limits, Preference, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.page import render, summary
from joulescape.report.sections import survivors

EXAMPLES = settings(max_examples=40, deadline=None)
ROLES: tuple[Preference, ...] = ("energy", "latency", "area")


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic()


def at_corner(tables_: Tables, name: str, corner: str, role: str) -> list[float]:
    """A role's values of one back end's confirmed designs that are valid and within the limit at a corner."""
    metric, limit = dict(tables_.axes.items())[role], default_limit(design_columns(tables_))
    rows = tables_.confirmed.filter(
        (pl.col("back_end") == name) & (pl.col("corner") == corner) & (pl.col("state").fill_null("valid") == "valid")
    )
    return [
        row[metric]
        for row in rows.iter_rows(named=True)
        if row[metric] and row["accuracy_fraction"] is not None and row["accuracy_fraction"] >= limit
    ]


@drawn(random_given())
@EXAMPLES
def test_the_least_of_a_cost_is_told_as_the_tables_have_it(given_: Tables) -> None:
    found = {row.role: row for row in survivors.facts(given_).rows}
    names = sorted(set(given_.confirmed["back_end"].to_list()))
    for role in ROLES:
        row = found.get(survivors.WHO[role])
        if row is None:
            continue
        least = {name: min(at_corner(given_, name, "typical", role), default=None) for name in names}
        assert least[row.back_end] == min(value for value in least.values() if value is not None)
        for verdict, ends in zip(
            row.verdicts, (("optimistic",) * 2, ("pessimistic",) * 2, ("pessimistic", "optimistic")), strict=True
        ):
            mine = min(at_corner(given_, row.back_end, ends[0], role), default=None)
            rivals = [
                value for name in names if name != row.back_end
                if (value := min(at_corner(given_, name, ends[1], role), default=None)) is not None
            ]  # fmt: skip
            if mine is None:
                assert verdict.word in (survivors.LOSES, survivors.UNKNOWN)
            elif not rivals:
                assert verdict.word == survivors.ALONE
            elif mine * 1.05 <= min(rivals):
                assert verdict.word == survivors.SURVIVES
            elif mine >= 1.05 * min(rivals):
                assert verdict.word == survivors.LOSES
            else:
                assert verdict.word == survivors.TIES


@drawn(random_given())
@EXAMPLES
def test_a_table_of_a_corner_is_that_corner_s(given_: Tables) -> None:
    names = sorted(set(given_.confirmed["back_end"].to_list()))
    for corner in ("optimistic", "typical", "pessimistic"):
        table = corners.confirmed_at(given_, dict.fromkeys(names, corner))
        rows = given_.confirmed.filter((pl.col("corner") == corner) & pl.col("accuracy_fraction").is_not_null())
        own = {row["design_id"]: row for row in rows.iter_rows(named=True)}
        assert set(table["id"]) == set(own)
        for place, design in enumerate(table["id"]):
            assert table["energy"][place] == (own[design]["inference_energy_pj"] or None)
            assert table["accuracy"][place] == own[design]["accuracy_fraction"]


def scaled(given_: Tables, back_end: str, corner: str, factor: float) -> Tables:
    """The same with one machine's energies at one corner changed."""
    is_its = (pl.col("back_end") == back_end) & (pl.col("corner") == corner)
    energy = pl.when(is_its).then(pl.col("inference_energy_pj") * factor).otherwise(pl.col("inference_energy_pj"))
    return dataclasses.replace(given_, confirmed=given_.confirmed.with_columns(inference_energy_pj=energy))


def of_role(given_: Tables, role: Any) -> survivors.Survivor:
    return next(row for row in survivors.facts(given_).rows if row.role == survivors.WHO[role])


def test_a_winner_that_the_worst_case_turns_is_named_with_its_rival(given: Tables) -> None:
    plain = of_role(given, "energy")
    assert [verdict.word for verdict in plain.verdicts[:2]] == [survivors.SURVIVES] * 2
    dear = of_role(scaled(given, plain.back_end, "pessimistic", 1e4), "energy")
    assert [verdict.word for verdict in dear.verdicts] == [survivors.SURVIVES, survivors.LOSES, survivors.LOSES]
    assert all(verdict.text.startswith("loses to ") and "×" in verdict.text for verdict in dear.verdicts[1:])
    assert dear.value == plain.value and dear.range != plain.range


def test_a_machine_that_works_no_more_loses_and_an_alone_one_survives(given: Tables) -> None:
    winner = of_role(given, "energy").back_end
    gone = (pl.col("corner") == "pessimistic") & (pl.col("back_end") == winner)
    state = pl.when(gone).then(pl.lit("infeasible")).otherwise(pl.lit("valid"))
    lost = of_role(dataclasses.replace(given, confirmed=given.confirmed.with_columns(state=state)), "energy")
    assert lost.verdicts[1].text == "loses: none of its designs is valid there" and lost.range.endswith("not valid")
    others = (pl.col("corner") == "pessimistic") & (pl.col("back_end") != winner)
    state = pl.when(others).then(pl.lit("failed")).otherwise(pl.lit("valid"))
    alone = of_role(dataclasses.replace(given, confirmed=given.confirmed.with_columns(state=state)), "energy")
    assert alone.verdicts[1].text == "alone: no rival is left there"
    assert alone.verdicts[1].word == survivors.ALONE
    assert "more stand" in survivors._sentence((dataclasses.replace(alone, verdicts=alone.verdicts[1:2] * 3),))
    assert survivors._sentence((dataclasses.replace(alone, verdicts=alone.verdicts[1:2] * 3),)).startswith("0 of 1")


def test_the_panel_s_choice_that_falls_below_the_limit_is_told_with_its_points(given: Tables) -> None:
    columns = design_columns(given)
    limit = default_limit(columns)
    picked = decide(columns, Limits(accuracy=limit)).index
    assert picked is not None and limit is not None
    typical = given.confirmed.filter(pl.col("corner") == "typical")
    design = next(name for name in (columns["id"][picked], *typical["design_id"]) if name in set(typical["design_id"]))
    its = (pl.col("design_id") == design) & (pl.col("corner") == "pessimistic")
    value = pl.when(its).then(limit - 0.029).otherwise(pl.col("accuracy_fraction"))
    fallen = dataclasses.replace(given, confirmed=given.confirmed.with_columns(accuracy_fraction=value))
    said = survivors._fall(fallen, design, limit)
    assert "2.9 points below the limit of" in said and "pessimistic" in said
    higher = pl.when(its).then(limit).otherwise(pl.col("accuracy_fraction"))
    kept = dataclasses.replace(given, confirmed=given.confirmed.with_columns(accuracy_fraction=higher))
    assert survivors._fall(kept, design, limit) == survivors._fall(given, "unknown", limit) == ""


def test_one_run_ties(given: Tables) -> None:
    rows = given.valid.select("back_end", "equivalence").unique().filter(pl.col("equivalence") == "approximate")
    once = given
    for name in rows["back_end"]:
        once = measured_once(once, name)
    texts = [verdict.text for verdict in of_role(once, "accuracy").verdicts]
    assert any(text.endswith("one run, no spread is known") for text in texts)


@pytest.mark.parametrize(
    ("mine", "other", "text"),
    [(1.0, 2.0, "survives by 2.0× over x"), (2.0, 1.0, "loses to x by 2.0×"), (1.0, 1.04, "ties with x")],
)
def test_factors_in_words(mine: float, other: float, text: str) -> None:
    assert survivors._by_factor(mine, other, "x").text == text


def test_nothing_is_told_of_one_machine_or_of_none(given: Tables) -> None:
    alone = given.confirmed.filter(pl.col("back_end") == "memristive/isaac")
    assert survivors.facts(dataclasses.replace(given, confirmed=alone)) == survivors.SurvivorFacts()
    assert survivors.facts(empty()) == survivors.SurvivorFacts()
    assert 'id="survivors"' not in render(dataclasses.replace(given, confirmed=tables.make([], tables.CONFIRMED)))


def test_machines_that_were_not_confirmed_are_named(given: Tables) -> None:
    kept = given.confirmed.filter(pl.col("back_end") != "physical/shg")
    assert survivors.facts(dataclasses.replace(given, confirmed=kept)).absent == ("physical/shg",)


def test_costs_alone_have_no_most_accurate(given: Tables) -> None:
    found = survivors.facts(cost_only(given))
    assert survivors.WHO["accuracy"] not in {row.role for row in found.rows} and found.rows


def test_the_page_and_the_summary_say_it(given: Tables) -> None:
    found, page = survivors.facts(given), render(given)
    assert found.sentence in page and page.count('id="survivors"') == 1
    assert summary(given)["survivors"] == found.sentence
    assert len(summary(given)["winners"]) == len(found.rows) == 5


def test_another_choice_than_the_panel_s_is_said(given: Tables) -> None:
    columns = design_columns(given)
    picked = decide(columns, Limits(accuracy=default_limit(columns))).index
    assert picked is not None
    kept = given.confirmed.filter(pl.col("design_id") != columns["id"][picked])
    found = survivors.facts(dataclasses.replace(given, confirmed=kept))
    assert found.rows and found.differs == survivors.OTHER
