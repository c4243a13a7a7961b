"""The value that a candidate is told with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.evaluation import Evaluation
from joulescape.front import nondominated
from joulescape.search.archive import Archive, _joined

OBJECTIVES = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}


def variants(*values, state="valid"):
    return [
        Evaluation(
            "d", "c", index, state, None, 0.0, "f", {},
            {"accuracy_fraction": accuracy, "inference_energy_pj": energy}, {},
        )
        for index, (accuracy, energy) in enumerate(values)
    ]  # fmt: skip


def test_the_variant_that_adds_most_is_told():
    archive = Archive(OBJECTIVES)
    (first, second) = archive.tell([variants((0.9, 100.0)), variants((0.9, 99.0), (0.5, 10.0))])
    assert first == pytest.approx((-0.9, 2.0))
    assert second == pytest.approx((-0.5, 1.0))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30))
def test_a_front_that_grows_point_by_point_is_the_front_of_all(points):
    every, grown = np.array(points, dtype=float), np.empty((0, 3))
    for place in range(len(every)):
        grown = _joined(grown, every[place : place + 1])
        known = every[: place + 1]
        assert grown.tolist() == known[nondominated(known)].tolist()


def test_where_nothing_adds_the_variant_nearest_to_the_front_is_told_then_the_lowest():
    archive = Archive(OBJECTIVES)
    archive.tell([variants((0.9, 10.0)), variants((0.1, 10000.0))])
    assert archive.tell([variants((0.5, 1000.0), (0.8, 20.0))])[0] == pytest.approx((-0.8, 1.30103))
    assert archive.tell([variants((0.9, 10.0), (0.9, 10.0))])[0] == pytest.approx((-0.9, 1.0))


def test_the_reference_point_is_the_first_feasible_batch_and_then_fixed():
    archive = Archive(OBJECTIVES)
    assert archive.tell([variants((None, None), state="infeasible")]) == [None]
    assert archive.reference is None
    assert archive.hypervolume() is None
    archive.tell([variants((0.9, 10.0)), variants((0.4, 1000.0))])
    before = archive.reference
    assert before == pytest.approx([-0.4 + 0.05, 3.0 + 0.2])
    archive.tell([variants((0.1, 1e9))])
    assert archive.reference is before


def test_the_front_counts_designs_not_candidates_and_the_volume_grows():
    archive = Archive(OBJECTIVES)
    archive.tell([variants((0.5, 10.0), (0.7, 20.0), (0.9, 30.0)), []])
    assert archive.front_size == 3
    before = archive.hypervolume()
    archive.tell([variants((0.95, 5.0))])
    assert archive.front_size == 1
    assert archive.hypervolume() > before


point = st.tuples(st.integers(0, 7).map(lambda x: x / 8), st.integers(0, 7).map(lambda x: 10.0**x))
candidates = st.lists(point, min_size=0, max_size=4)
batches = st.lists(st.lists(candidates, min_size=1, max_size=4), min_size=1, max_size=3)


def volume(points, reference):
    """Area below the reference point that a set of points in the plane dominates, strip by strip."""
    inside = sorted({p for p in points if p[0] < reference[0] and p[1] < reference[1]})
    total, low = 0.0, reference[1]
    for x, y in inside:
        if y < low:
            total += (reference[0] - x) * (low - y)
            low = y
    return total


def told_by_the_letter(every):
    """The rule as the design says it, without any of the archive's shortcuts."""
    turned = [[[(-a, math.log10(e)) for a, e in one] for one in batch] for batch in every]
    reference, told, found = None, [], []
    for batch in turned:
        flat = [p for one in batch for p in one]
        if reference is None and flat:
            worst, best = [[f(p[i] for p in flat) for i in (0, 1)] for f in (max, min)]
            spans = [w - b for w, b in zip(worst, best, strict=True)]
            reference = [w + (0.1 * s if s > 0 else 0.1) for w, s in zip(worst, spans, strict=True)]
        for one in batch:
            if not one:
                found.append(None)
                continue
            adds = [volume([*told, p], reference) - volume(told, reference) for p in one]
            if max(adds) > 1e-9 or not told:
                chosen = next(i for i, value in enumerate(adds) if value > max(adds) - 1e-9)
            else:
                front = [p for p in told if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in told)]
                gaps = [min(math.dist(p, q) for q in front) for p in one]
                chosen = next(i for i, gap in enumerate(gaps) if gap < min(gaps) + 1e-9)
            told.append(one[chosen])
            found.append(one[chosen])
    return found


@given(batches)
@settings(deadline=None, max_examples=150)
def test_the_told_value_is_the_one_that_the_design_names(every):
    archive = Archive(OBJECTIVES)
    told = [point for batch in every for point in archive.tell([variants(*one) for one in batch])]
    expected = told_by_the_letter(every)
    assert [p is None for p in told] == [p is None for p in expected]
    assert [p for p in told if p] == [pytest.approx(p) for p in expected if p]


@given(batches)
@settings(deadline=None, max_examples=50)
def test_infeasible_variants_change_nothing(every):
    plain, mixed = Archive(OBJECTIVES), Archive(OBJECTIVES)
    for batch in every:
        lost = variants((1.0, 1e-9), state="infeasible")
        expected = plain.tell([variants(*one) for one in batch])
        assert mixed.tell([[*lost, *variants(*one)] for one in batch]) == expected
        assert mixed.hypervolume() == plain.hypervolume()
        assert mixed.front_size == plain.front_size


@given(batches)
@settings(deadline=None, max_examples=50)
def test_the_hypervolume_counts_every_variant_and_never_falls(every):
    archive, seen, before = Archive(OBJECTIVES), [], 0.0
    for batch in every:
        archive.tell([variants(*one) for one in batch])
        seen += [(-a, math.log10(e)) for one in batch for a, e in one]
        if archive.reference is not None:
            assert archive.hypervolume() == pytest.approx(volume(seen, archive.reference), abs=1e-9)
            assert archive.hypervolume() >= before - 1e-12
            before = archive.hypervolume()
    assert (archive.reference is None) == (not seen)


def test_where_two_variants_add_the_same_the_lowest_is_told_whatever_rounding_says():
    """0.0125 x 1.1 and 0.1375 x 0.1 are one area, but not one floating-point number."""
    (found,) = Archive(OBJECTIVES).tell([variants((0.0, 1.0), (1 / 8, 10.0))])
    assert found == (0.0, 0.0)


def test_variants_are_weighed_by_number_whatever_their_order():
    found = variants((0.5, 100.0), (0.5, 100.0), (0.4, 50.0), (0.6, 100.0))
    told = []
    for order in (found, found[::-1], found[2:] + found[:2]):
        archive = Archive(OBJECTIVES)
        archive.tell([variants((0.9, 10.0), (0.3, 5.0))])
        told.append(archive.tell([order]))
    assert told[0] == told[1] == told[2]
