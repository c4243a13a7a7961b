"""The value that a candidate is told with."""

from __future__ import annotations

import pytest

from joulescape.evaluation import Evaluation
from joulescape.search.archive import Archive

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
