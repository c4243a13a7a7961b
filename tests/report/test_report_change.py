"""What changed between two studies, held against brute force: values, causes, coverage of fronts, energies."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import asked
from synthetic import synthetic

from joulescape import tables
from joulescape.report import theme
from joulescape.report.comparison.answers import Count, changed, counts, extremes, families_on_front
from joulescape.report.comparison.causes import ABSENT, Change, causes_in_words, changes, moved_energy
from joulescape.report.comparison.facts import _covered, compare
from joulescape.report.comparison.matching import SAME, matched
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import shown_designs

EXAMPLES = settings(max_examples=25, deadline=None)
BASE = synthetic(90)
positive = st.floats(1e-6, 1e9)


@given(positive, positive)
def test_a_change_of_a_cost_says_which_way(before: float, after: float) -> None:
    said = changed(before, after, "area_mm2")
    factor = after / before
    if abs(after - before) <= SAME * max(before, after):
        assert said == "unchanged"
    elif max(factor, 1 / factor) < theme.TOLD_APART:
        assert said.endswith("%") and math.copysign(1, factor - 1) == math.copysign(1, float(said[:-2]))
        assert float(said[:-2]) != 0
    else:
        assert said.startswith("×" if factor > 1 else "÷") and said not in {"×1.0", "÷1.0"}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_change_of_an_accuracy_is_points_that_are_not_nothing(before: float, after: float) -> None:
    said = changed(before, after, "accuracy_fraction")
    if abs(after - before) <= SAME * max(before, after):
        assert said == "unchanged"
    else:
        number = float(said.removesuffix(f"{theme.SPACE}points"))
        assert number != 0 and number == pytest.approx(100 * (after - before), abs=0.0501)
        assert (number > 0) == (after > before)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(1.0, 1.003, "+0.3 %"), (1.0, 0.97, "-3 %"), (1.0, 1.2, "×1.2"), (1000.0, 1.0, "÷1,000"), (1.0, 1.0, "unchanged")],
)
def test_small_changes_are_percentages(before: float, after: float, said: str) -> None:
    assert changed(before, after, "inference_energy_pj").replace(theme.SPACE, " ") == said


points = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)


@given(points, points)
def test_coverage_is_that_of_every_pair(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    found = _covered(np.array(old, dtype=float).reshape(-1, 2), np.array(new, dtype=float).reshape(-1, 2))
    if not old:
        assert found is None
    else:
        held = [any(b[0] <= a[0] and b[1] <= a[1] for b in new) for a in old]
        assert found == pytest.approx(sum(held) / len(old))


@given(random_given(20), random_given(20))
@EXAMPLES
def test_every_design_is_matched_once_at_most(before: Tables, after: Tables) -> None:
    found = matched(before, after, ["inference_energy_pj"])
    ids = [one.design_id for one in found]
    assert len(set(ids)) == len(ids) and set(ids) <= set(before.valid["design_id"])
    common = set(before.valid["design_id"]) & set(after.valid["design_id"])
    assert {one.design_id for one in found if one.by == "id"} == common
    assert all(one.size >= 0 for one in found)


@given(random_given(20))
@EXAMPLES
def test_nothing_moved_in_a_study_against_itself(one: Tables) -> None:
    assert changes(one, one) == ()
    assert all(row.change == 0 for row in moved_energy(one, one))
    assert all(row.change in {"unchanged", "–"} for row in extremes(one, one))
    assert all(old == new for row in counts(one, one) for old, new in (*row.states.values(), row.front))


@given(random_given(20), random_given(20))
@EXAMPLES
def test_the_best_of_a_metric_is_the_table_s(before: Tables, after: Tables) -> None:
    for row in extremes(before, after):
        for given_, value in ((before, row.before), (after, row.after)):
            known = [one for one in given_.valid[row.metric].to_list() if one is not None]
            if row.metric.endswith("_fraction"):
                assert value == max(known, default=None)
            else:
                assert value == min((one for one in known if one > 0), default=None)


def test_energy_moves_class_by_class_and_an_unknown_part_is_left_out() -> None:
    name, design = next(iter(shown_designs(BASE).items()))
    is_its = (pl.col("design_id") == design) & (pl.col("phase") == "inference")
    energy = is_its & (pl.col("quantity") == "energy") & (pl.col("node") == "as_published")
    first = BASE.parts.filter(energy).row(0, named=True)
    one = energy & (pl.col("component") == first["component"]) & (pl.col("layer") == first["layer"])
    gone = BASE.parts.with_columns(energy_pj=pl.when(one).then(None).otherwise(pl.col("energy_pj")))
    found = moved_energy(BASE, dataclasses.replace(BASE, parts=gone))
    moved = [row for row in found if row.change]
    assert [(row.back_end, row.component) for row in moved] == [(name, theme.component_class(first["component"]))]
    lost = BASE.parts.filter(one)["energy_pj"].sum()
    assert moved[0].change == pytest.approx(-lost)


def with_constants(given_: Tables, **values: float | None) -> Tables:
    name = BASE.back_ends[0][0]
    rows = [
        {"back_end": name, "station": name, "path": path, "value": value, "low": None, "high": None,
         "basis": "measured", "source": "a2020", "text": None}
        for path, value in values.items()
    ]  # fmt: skip
    return dataclasses.replace(given_, constants=tables.make(rows, tables.CONSTANTS))


def test_a_constant_that_is_no_number_is_absent_and_not_a_word() -> None:
    name = BASE.back_ends[0][0]
    found = changes(with_constants(BASE, a=1.0, b=2.0), with_constants(BASE, a=1.0, b=None))
    assert found == (Change("constants", f"{name}: b", "2 (measured, a2020)", f"{ABSENT} (measured, a2020)"),)


def test_a_constant_that_came_or_went_is_told() -> None:
    found = changes(with_constants(BASE, a=1.0), with_constants(BASE, a=1.0, b=2.0))
    assert [(change.before, change.after) for change in found] == [(ABSENT, "2 (measured, a2020)")]
    assert causes_in_words(with_constants(BASE, a=1.0), with_constants(BASE, b=1.0), found).startswith(
        "What differs: constants (1)."
    )


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"lifecycle": None}, []),
        ({"lifecycle": {"inferences": 5.0}}, ["lifecycle.inferences"]),
        ({"networks": ["digits_lenet", "x"]}, ["networks[1]"]),
        ({"constraints": {"area_mm2": {"at_most": 7}}}, ["constraints.area_mm2.at_most"]),
    ],
)
def test_a_difference_of_the_questions_is_a_leaf(spec: dict[str, Any], paths: list[str]) -> None:
    bare = asked(BASE, lifecycle=None, networks=["digits_lenet"], constraints={})
    found = [change.path for change in changes(bare, asked(bare, **spec)) if change.group == "question"]
    assert [path for path in found if path in paths] == paths
    assert all(path.startswith(tuple(spec)) for path in found)


pair = st.tuples(st.integers(0, 9), st.integers(0, 9))


@given(st.lists(st.tuples(st.sampled_from(["electronic", "photonic"]), pair), max_size=6))
def test_families_on_the_front_are_sums_of_their_machines(rows: list[tuple[str, tuple[int, int]]]) -> None:
    found = families_on_front([Count(f"m{place}", family, {}, front) for place, (family, front) in enumerate(rows)])
    for family in {name for name, _ in rows}:
        mine = [front for name, front in rows if name == family]
        assert found[family] == (sum(old for old, _ in mine), sum(new for _, new in mine))


def test_volumes_of_one_front_are_the_whole_and_a_subset_s_is_less() -> None:
    whole = compare(BASE, BASE).fronts
    assert whole.volume_before == whole.volume_after == pytest.approx(1.0)
    half = dataclasses.replace(BASE, front=BASE.front.head(max(1, BASE.front.height // 3)))
    part = compare(half, BASE).fronts
    assert part.covered_before == 1.0 and part.covered_after is not None and part.covered_after < 1.0
    assert part.volume_before is not None and part.volume_before < 1.0 == pytest.approx(part.volume_after)
