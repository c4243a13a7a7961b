"""Verdicts at the corners on hand-made designs: against every rival, in words; and who stays ahead, counted."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from joulescape.report import certainty, theme
from joulescape.report.decide import Limits, decide
from joulescape.report.sections.survivors import (
    LOSES,
    SAME,
    SURVIVES,
    TIES,
    UNKNOWN,
    Survivor,
    Verdict,
    _by_factor,
    _chosen,
    _compared,
    _sentence,
)

Columns = dict[str, list[Any]]
EXAMPLES = settings(max_examples=80, deadline=None)
Design = tuple[float, float | None, float]
designs = st.lists(
    st.tuples(st.integers(70, 99), st.sampled_from([None, 0.0, 0.002, 0.02]), st.sampled_from([1.0, 1.03, 2.0, 9.0])),
    min_size=2, max_size=5,
)  # fmt: skip


def table(rows: list[Design], **more: list[Any]) -> Columns:
    """Machine `m0`, `m1` ... with one design each: accuracy in percent, its spread, its energy."""
    return {
        "id": [f"d{place}" for place in range(len(rows))],
        "back_end": [f"m{place}" for place in range(len(rows))],
        "family": ["electronic"] * len(rows),
        "exact": [False] * len(rows),
        "samples": [None] * len(rows),
        "accuracy": [accuracy / 100 for accuracy, _, _ in rows],
        "sd": [sd for _, sd, _ in rows],
        "energy": [energy for _, _, energy in rows],
        "latency": [1.0] * len(rows),
        "area": [1.0] * len(rows),
        **more,
    }


def told(columns: Columns, role: Any) -> Verdict:
    return _compared(columns, decide(columns, Limits(prefer=role)), "m0", role)


@given(designs)
@EXAMPLES
def test_accuracy_is_held_against_every_rival(rows: list[Design]) -> None:
    (mine, spread, _), rivals = rows[0], rows[1:]
    words = set()
    for accuracy, sd, _ in rivals:
        reach = None if None in (spread, sd) else 2 * (spread or 0.0) + 2 * (sd or 0.0)
        ahead = (mine - accuracy) / 100
        assume(reach is None or abs(abs(ahead) - max(reach, SAME)) > 1e-9)  # the last bit tells who touches
        if reach is None or abs(ahead) < max(reach, SAME):
            words.add(TIES)
        else:
            words.add(SURVIVES if ahead > 0 else LOSES)
    found = told(table(rows), "accuracy")
    assert found.word == next(word for word in (LOSES, TIES, SURVIVES) if word in words)
    assert found.text.startswith(found.word)


def test_a_rival_of_a_wide_range_ties_behind_one_that_is_told_apart() -> None:
    rows: list[Design] = [(95, 0.001, 1.0), (94, 0.001, 1.0), (93, 0.02, 1.0)]
    assert told(table(rows[:2]), "accuracy").text == "survives by 1.0 points over m1"
    assert told(table(rows), "accuracy") == Verdict(TIES, "ties with m2")


def test_of_several_that_are_ahead_the_first_is_named() -> None:
    rows: list[Design] = [(80, 0.001, 1.0), (90, 0.001, 1.0), (95, 0.001, 1.0)]
    assert told(table(rows), "accuracy").text == "loses to m2 by 15.0 points"


@given(designs)
@EXAMPLES
def test_energy_is_held_against_the_least_of_the_others(rows: list[Design]) -> None:
    mine, least = rows[0][2], min(energy for _, _, energy in rows[1:])
    found = told(table(rows), "energy")
    if max(mine, least) < theme.TOLD_APART * min(mine, least):
        assert found.word == TIES
    else:
        assert found.word == (SURVIVES if mine < least else LOSES)
        assert f"{theme.times(max(mine / least, least / mine))}×" in found.text


def test_what_nobody_states_decides_nothing() -> None:
    rows: list[Design] = [(90, 0.0, 1.0), (90, 0.0, 1.0)]
    assert told(table(rows, area=[1.0, None]), "area").text == "alone: no rival states its area"
    assert told(table(rows, area=[None, 1.0]), "area") == Verdict(UNKNOWN, "not known: no area is stated there")


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6))
@EXAMPLES
def test_a_factor_reads_the_same_from_both_sides(mine: float, other: float) -> None:
    one, turned = _by_factor(mine, other, "x"), _by_factor(other, mine, "x")
    opposite = {SURVIVES: LOSES, LOSES: SURVIVES, TIES: TIES}
    assert turned.word == opposite[one.word]
    assert (one.word == TIES) == (abs(math.log(mine / other)) < math.log(theme.TOLD_APART))


def test_large_factors_have_two_figures() -> None:
    assert _by_factor(1.0, 1005.0, "x").text == "survives by 1,000× over x"
    assert _by_factor(3.2e6, 1.0, "x").text.replace(theme.SPACE, " ") == "loses to x by 3.2 million×"


def test_another_choice_is_named_with_its_energy() -> None:
    columns = table([(95, 0.0, 4.0), (95, 0.0, 1.0)])
    made = decide(columns, Limits())
    assert made.index == 1
    assert _chosen(columns, made, "m0").text == "goes to m1, 4.0× less energy"
    assert _chosen(columns, made, "m1") == Verdict(SURVIVES, SURVIVES)
    alike = table([(95, 0.0, 1.02), (96, 0.0, 1.0)])
    assert _chosen(alike, decide(alike, Limits()), "m0").text == "goes to m1"


@pytest.mark.parametrize(
    ("sd", "exact", "found"), [(0.01, False, 0.02), (0.01, True, 0.02), (None, True, 0.0), (None, False, None)]
)
def test_one_run_says_nothing_unless_every_run_is_the_same(sd: float | None, exact: bool, found: float | None) -> None:
    columns = table([(90, sd, 1.0)], exact=[exact])
    assert certainty.reach(columns, 0) == found


words = st.sampled_from([SURVIVES, TIES, LOSES, UNKNOWN])


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=5))
@EXAMPLES
def test_the_sentence_counts_who_survives(verdicts: list[tuple[str, str, str]]) -> None:
    rows = tuple(
        Survivor(f"r{place}", "a/b", "electronic", "1 J", "1 J", tuple(Verdict(word, word) for word in three))
        for place, three in enumerate(verdicts)
    )
    same = [three for three in verdicts if three[0] == three[1] == SURVIVES]
    always = [three for three in same if three[2] == SURVIVES]
    said = _sentence(rows)
    assert said.startswith(f"{len(same)} of {len(rows)} winner{'s' if len(rows) > 1 else ''} stay")
    assert said.endswith(f", {len(always) or 'none'} in the worst case too.")
    assert [row.said for row in rows] == [list(three) for three in verdicts]


def test_nobody_s_sentence_is_empty() -> None:
    assert _sentence(()) == ""
