"""Training beside inference: lives and their crossings against brute force; what a question without training says."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import asked, cost_only
from synthetic import empty, synthetic

from joulescape.report import lifetimes, training_charts
from joulescape.report.apart import apart
from joulescape.report.inputs import Tables
from joulescape.report.lifetimes import Life
from joulescape.report.page import render
from joulescape.report.sections import training

EXAMPLES = settings(max_examples=30, deadline=None)
energies = st.floats(1e-6, 1e6)
many = st.lists(st.tuples(energies, energies), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic()


def lives_of(pairs: list[tuple[float, float]]) -> list[Life]:
    return [Life(f"m{place}", once, each) for place, (once, each) in enumerate(pairs)]


@drawn(many)
def test_whoever_reigns_needs_the_least(pairs: list[tuple[float, float]]) -> None:
    lives = lives_of(pairs)
    known, by_name = lifetimes.reigns(lives), {life.name: life for life in lives}
    assert known[0].start == 1.0
    assert all(before.start < after.start for before, after in pairwise(known))
    assert all(by_name[after.name].each < by_name[before.name].each for before, after in pairwise(known))
    ends = [*(reign.start for reign in known[1:]), known[-1].start * 1e6]
    for reign, end in zip(known, ends, strict=True):
        for count in np.geomspace(reign.start, end, 7):
            least = min(life.energy(count) for life in lives)
            assert by_name[reign.name].energy(count) <= least * (1 + 1e-6)


@drawn(many, st.floats(0.01, 0.99))
def test_a_share_is_reached_after_its_inferences(pairs: list[tuple[float, float]], share: float) -> None:
    for life in lives_of(pairs):
        assert life.share(life.inferences_at(share)) == pytest.approx(share)
        assert life.share(2 * life.inferences_at(share)) > share


def test_sentences_name_who_takes_over_where() -> None:
    cheap, frugal, slow = Life("cheap", 1.0, 1.0), Life("frugal", 1001.0, 0.5), Life("slow", 101.0, 0.9)
    need = "needs the least energy of training and use together"
    assert lifetimes.sentence([cheap, frugal]) == f"Below 2,000 inferences, cheap {need}; above that, frugal."
    three = lifetimes.sentence([cheap, frugal, slow])
    assert three == f"Below 1,000 inferences, cheap {need}; from there to 2,250 inferences, slow; above that, frugal."
    assert lifetimes.sentence([cheap, Life("worse", 2.0, 2.0)]) == f"cheap {need}, however long its life."
    assert lifetimes.sentence([cheap]) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1.0, "1 inference"), (363.6, "364 inferences"), (30_712.0, "30,700 inferences"),
        (999_999.0, "1.00 million inferences"), (1.0748e9, "1.07 billion inferences"), (3e16, "3.00e+16 inferences"),
    ],
)  # fmt: skip
def test_counts_have_three_figures(count: float, text: str) -> None:
    assert lifetimes.count_text(count) == text


@drawn(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=12), st.integers(5, 20))
def test_names_are_apart_and_as_near_as_they_may(values: list[float], least: int) -> None:
    places = apart(values, 0.5, 2e6, 400, least)
    heights = sorted(400 * np.log(2e6 / np.array(places)) / np.log(4e6))
    assert all(after - before >= least - 1e-6 for before, after in pairwise(heights))
    assert heights[-1] <= 400 + 1e-6
    alone = apart(values[:1], 0.5, 2e6, 400, least)
    assert alone == pytest.approx(values[:1])


@drawn(random_given())
@EXAMPLES
def test_every_life_is_a_row_of_trials(tables: Tables) -> None:
    found = training.facts(tables)
    own = {row["design_id"]: row for row in tables.valid.iter_rows(named=True)}
    for life in found.lives:
        known = [
            row for row in own.values()
            if row["back_end"] == life.name and row["training_energy_pj"] and row["inference_energy_pj"]
        ]  # fmt: skip
        assert any(
            (life.once, life.each)
            == pytest.approx((row["training_energy_pj"] * 1e-12, row["inference_energy_pj"] * 1e-12))
            for row in known
        )
    assert len(found.splits) == len(found.lives) == len(found.families)
    assert (found.why_none == "") == bool(found.rows)


def test_each_design_has_both_ends(given: Tables) -> None:
    found = training.facts(given)
    names = [row["back_end"] for row in found.pairs]
    assert sorted(names) == sorted(2 * [name for name, _ in given.back_ends])
    for before, after in zip(found.pairs[::2], found.pairs[1::2], strict=True):
        assert (before["what"], after["what"]) == ("one inference", "whole training")
        assert before["x"] < after["x"] and before["y"] < after["y"]


def test_writing_the_weights_is_part_of_a_declared_life(given: Tables) -> None:
    written, count = 5e6, 1e5
    whole = pl.col("training_energy_pj") + count * pl.col("inference_energy_pj") + written
    life = dataclasses.replace(given, trials=given.trials.with_columns(lifecycle_energy_pj=whole))
    found = training.facts(asked(life, lifecycle={"inferences": count}))
    plain = training.facts(given)
    for one, other in zip(found.lives, plain.lives, strict=True):
        assert one.once - other.once == pytest.approx(written * 1e-12, rel=1e-2)
        assert one.each == other.each
    assert all(row["declared"].endswith("%") for row in found.splits)
    drawing = next(figure for figure in training.figures(found) if figure.id == "lifecycle")
    assert "the life that the question declares (100,000 inferences)" in drawing.caption


def test_a_question_without_training_says_so(given: Tables) -> None:
    bare = dataclasses.replace(given, trials=given.trials.with_columns(training_energy_pj=pl.lit(None, pl.Float64)))
    none = asked(bare, phases=["inference"])
    found = training.facts(none)
    assert found.why_none == "This question asks for inference alone: no training was costed."
    assert training.figures(found) == () and found.why_none in render(none)
    assert training.facts(bare).why_none == "Training was asked for, but no valid design states what it costs."
    assert training.figures(training.facts(empty())) == ()


def test_costs_alone_have_lives_too(given: Tables) -> None:
    found = training.facts(cost_only(given))
    assert len(found.lives) == len(given.back_ends)
    assert [figure.id for figure in training.figures(found)] == ["beside", "lifecycle"]


@drawn(many)
@EXAMPLES
def test_a_line_reaches_past_every_crossing(pairs: list[tuple[float, float]]) -> None:
    lives = lives_of(pairs)
    drawing = training_charts.lifecycle(lives, ["electronic"] * len(lives), None)[0]
    last = max(row["x"] for row in drawing.data["lives"])
    for reign in lifetimes.reigns(lives):
        assert reign.start <= last or last >= training_charts.LONGEST
    assert len(drawing.data.get("life_crossings", ())) == len(lifetimes.reigns(lives)) - 1
