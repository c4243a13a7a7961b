"""Every section's facts against brute force on random tables, and in any order of rows."""

from __future__ import annotations

import dataclasses
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import FAMILY_OF, random_given, random_tables, shuffled

from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.decide import COSTS, TOLERANCE_FRACTION, Limits, decide, default_limit
from joulescape.report.designs import chart_rows, design_columns, front_ids, si_factors, table_columns
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts
from joulescape.report.sections import (
    breakdown,
    convergence,
    decision,
    families,
    headline,
    pareto,
    published,
    refused,
    tested,
)

EXAMPLES = settings(max_examples=40, deadline=None)


def valid_rows(tables: Tables) -> list[dict[str, object]]:
    return [
        row
        for row in tables.trials.iter_rows(named=True)
        if row["state"] == "valid" and row["accuracy_fraction"] is not None
    ]


@given(random_given())
@EXAMPLES
def test_columns_are_the_valid_designs_rounded(tables: Tables) -> None:
    rows, columns = valid_rows(tables), design_columns(tables)
    assert columns["id"] == [row["design_id"] for row in rows]
    for role, metric in tables.axes.items():
        values = [rounded(row[metric]) for row in rows]  # type: ignore[arg-type]
        assert columns[role] == (values if role == "accuracy" else [value or None for value in values])
    assert columns["front"] == [row["design_id"] in front_ids(tables) for row in rows]
    assert all(len(values) == len(rows) for values in table_columns(tables).values())


@given(random_given())
@EXAMPLES
def test_chart_rows_carry_si_costs_and_their_place(tables: Tables) -> None:
    columns = design_columns(tables)
    for row in chart_rows(columns, tables):
        assert columns["id"][row["row"]] == row["id"]
        for role, factor in si_factors(tables).items():
            assert row[f"{role}_si"] == (None if row[role] is None else row[role] * factor)


@given(random_given())
@EXAMPLES
def test_the_headline_s_numbers_are_the_least(tables: Tables) -> None:
    columns, said = design_columns(tables), headline.facts(tables)
    if not columns["id"]:
        assert said.sentence.startswith(("No design is valid", "No design was tried"))
        return
    limit = round(max(columns["accuracy"]) - TOLERANCE_FRACTION, 4)
    within = [row for row in range(len(columns["id"])) if columns["accuracy"][row] >= limit]
    energies = [columns["energy"][row] for row in within if columns["energy"][row]]
    assert said.tiles[0].value == theme.show(max(columns["accuracy"]), "accuracy_fraction")
    known = [columns["energy"][row] for row in within if columns["energy"][row] is not None]
    assert said.tiles[1].value == theme.show(min(known, default=None), "inference_energy_pj")
    level = theme.show(limit, "accuracy_fraction")
    assert level in said.sentence
    if energies:
        cheapest = [columns["back_end"][row] for row in within if columns["energy"][row] == min(energies)]
        assert any(name in said.sentence for name in cheapest)


@given(random_given())
@EXAMPLES
def test_families_on_the_front_are_counted_with_their_accuracy(tables: Tables) -> None:
    columns = design_columns(tables)
    if columns["id"]:
        limit = default_limit(columns) or 0.0
        wanted = {
            columns["family"][row]
            for row in range(len(columns["id"]))
            if columns["front"][row] and columns["accuracy"][row] >= limit
        }
        tile = headline.facts(tables).tiles[2]
        assert tile.value == f"{len(wanted)} of {len(set(tables.trials['family']))}"
        assert theme.show(limit, "accuracy_fraction") in tile.label
        assert all(name in tile.label for name in wanted)


@given(random_given())
@EXAMPLES
def test_scope_says_when_the_winner_rests_on_assumptions(tables: Tables) -> None:
    columns, said = design_columns(tables), " ".join(headline.facts(tables).scope)
    index = decide(columns, Limits(accuracy=default_limit(columns), prefer="energy")).index
    share = None if index is None else tables.valid["assumed_energy_fraction"][index]
    assert ("rests mostly on assumed numbers" in said) == (share is not None and share > 0.5)


@given(random_given(), st.sampled_from(["balance", "energy", "latency", "area", "accuracy"]))
@EXAMPLES
def test_no_feasible_design_beats_the_choice(tables: Tables, prefer: str) -> None:
    columns = design_columns(tables)
    limits = Limits(accuracy=default_limit(columns), prefer=prefer)
    index = decide(columns, limits).index
    within = [row for row in range(len(columns["id"])) if columns["accuracy"][row] >= (limits.accuracy or 0)]
    assert (index is None) == (not within)
    if index is None:
        return
    for row in within:
        if prefer in COSTS:
            value = columns[prefer][row]
            assert value is None or columns[prefer][index] <= value
        elif prefer == "accuracy":
            assert columns["accuracy"][row] <= columns["accuracy"][index]
        elif columns["energy"][index] and columns["energy"][row]:
            is_better = columns["accuracy"][row] > columns["accuracy"][index]
            assert not (is_better and columns["energy"][row] <= columns["energy"][index])


@given(random_given())
@EXAMPLES
def test_offers_count_the_designs_within_the_limit(tables: Tables) -> None:
    columns, found = design_columns(tables), decision.facts(tables)
    limit = found.limits.accuracy or 0.0
    pairs = zip(columns["back_end"], columns["accuracy"], strict=True)
    wanted = Counter(name for name, accuracy in pairs if accuracy >= limit)
    assert {offer.back_end: offer.count for offer in found.offers} == {
        name: wanted[name] for name, _ in tables.back_ends
    }
    for offer in found.offers:
        assert (offer.row is None) == (offer.count == 0)
        assert offer.row is None or columns["back_end"][offer.row] == offer.back_end


@given(random_given(), st.sampled_from(COSTS))
@EXAMPLES
def test_a_front_is_what_nobody_of_its_back_end_beats(tables: Tables, cost: str) -> None:
    columns = design_columns(tables)
    steps = {step["row"] for step in pareto.facts(tables).fronts[cost]}
    points = [(columns[cost][row], columns["accuracy"][row]) for row in range(len(columns["id"]))]
    for row, (value, accuracy) in enumerate(points):
        if not value:
            assert row not in steps
            continue
        mates = [
            points[other]
            for other in range(len(points))
            if columns["back_end"][other] == columns["back_end"][row] and points[other][0]
        ]
        beaten = any(a >= accuracy and v <= value and (a, v) != (accuracy, value) for v, a in mates)
        if row in steps:
            assert not beaten
        elif not beaten:
            twins = [other for other in steps if points[other] == points[row]]
            assert any(columns["back_end"][other] == columns["back_end"][row] for other in twins)


@given(random_given())
@EXAMPLES
def test_a_family_s_words_are_its_own_extremes(tables: Tables) -> None:
    columns, found = design_columns(tables), families.facts(tables)
    assert [family.name for family in found.families] == sorted(
        set(columns["family"]),
        key=lambda name: (name == "neuromorphic", theme.FAMILIES.index(name) if name in theme.FAMILIES else 9),
    )
    for family in found.families:
        rows = [row for row, name in enumerate(columns["family"]) if name == family.name]
        within = [row for row in rows if columns["accuracy"][row] >= (default_limit(columns) or 0.0)]
        assert (family.designs, family.within) == (len(rows), len(within))
        known = [columns["energy"][row] for row in within if columns["energy"][row] is not None]
        assert family.least_energy == theme.show(min(known, default=None), "inference_energy_pj")
        assert family.best == theme.show(max(columns["accuracy"][row] for row in rows), "accuracy_fraction")
    assert len(families.figures(found)) in (0, len(found.families))


@given(random_given(), st.integers(0, 1000))
@EXAMPLES
def test_facts_do_not_hang_on_the_order_of_rows(tables: Tables, seed: int) -> None:
    other = shuffled(tables, seed)
    assert other.back_ends == tables.back_ends
    one, two = headline.facts(tables), headline.facts(other)
    assert (one.sentence, one.scope, one.tiles[:3]) == (two.sentence, two.scope, two.tiles[:3])
    assert decision.facts(tables).bands == decision.facts(other).bands
    assert decision.facts(tables).sliders == decision.facts(other).sliders
    assert breakdown.facts(tables).classes == breakdown.facts(other).classes
    assert convergence.facts(tables) == convergence.facts(other)
    for section, name in ((tested, "failed_count"), (tested, "loss_fractions"), (published, "prediction_count")):
        assert getattr(section.facts(tables), name) == getattr(section.facts(other), name)
    counted = [sorted((r.reason, r.count) for r in refused.facts(each).reasons) for each in (tables, other)]
    assert counted[0] == counted[1]


def test_tested_rows_do_not_hang_on_the_order_of_rows() -> None:
    tables = random_tables(11, designs=60, back_ends=5, confirmed=8)
    other = shuffled(tables, 3)
    first, second = tested.facts(tables), tested.facts(other)
    for rows, table in ((first.rows, tables), (second.rows, other)):  # the place in the page's own table does
        assert all(row["row"] is None or table.valid["design_id"][row["row"]] == row["design"] for row in rows)
    bare = [[{**row, "row": None} for row in rows] for rows in (first.rows, second.rows)]
    assert bare[0] == bare[1]
    assert first.failed == second.failed


def test_a_family_without_a_colour_is_drawn_last() -> None:
    tables = random_tables(4, designs=80, back_ends=len(FAMILY_OF), confirmed=8)
    assert tables.back_ends[-1] == ("guest/f", "neuromorphic")
    figures = Facts.of(tables).figures()
    assert [name for name in figures if name.startswith("family_")][-1] == "family_neuromorphic"


def test_the_same_tables_give_the_same_facts() -> None:
    one, two = random_tables(5), random_tables(5)
    assert dataclasses.asdict(Facts.of(one)) == dataclasses.asdict(Facts.of(two))
