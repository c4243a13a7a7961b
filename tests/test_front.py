"""Laws of dominance and hypervolume."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape import front

OBJECTIVES = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}

coordinate = st.integers(0, 12).map(lambda x: x / 8)
clouds = st.integers(2, 4).flatmap(lambda m: st.lists(st.tuples(*[coordinate] * m), min_size=1, max_size=25))


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(clouds)
@settings(deadline=None)
def test_front_is_exactly_the_points_that_nobody_dominates(cloud):
    expected = [not any(dominates(other, point) for other in cloud) for point in cloud]
    assert front.nondominated(cloud).tolist() == expected


@given(clouds, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_front_hypervolume_and_contributions_do_not_depend_on_order(cloud, random):
    order = list(range(len(cloud)))
    random.shuffle(order)
    shuffled = [cloud[i] for i in order]
    reference = np.full(len(cloud[0]), 2.0)
    assert front.nondominated(shuffled).tolist() == front.nondominated(cloud)[order].tolist()
    assert front.hypervolume(shuffled, reference) == pytest.approx(front.hypervolume(cloud, reference), abs=1e-12)
    assert front.contributions(shuffled, reference) == pytest.approx(
        front.contributions(cloud, reference)[order], abs=1e-12
    )


@given(clouds)
@settings(deadline=None)
def test_a_further_point_adds_exactly_its_gain_and_never_takes(cloud):
    reference = np.full(len(cloud[0]), 1.4)
    *archive, point = cloud
    known = np.array(archive).reshape(-1, len(point))
    before, after = front.hypervolume(known, reference), front.hypervolume(cloud, reference)
    gain = front.gains([point], known, reference)[0]
    assert gain >= 0
    assert after == pytest.approx(before + gain, abs=1e-12)


@given(clouds)
@settings(deadline=None)
def test_contribution_is_what_the_front_loses_without_the_point(cloud):
    cloud = [point for point, kept in zip(cloud, front.nondominated(cloud), strict=True) if kept]
    reference = np.full(len(cloud[0]), 2.0)
    whole = front.hypervolume(cloud, reference)
    without = [
        front.hypervolume(np.array(cloud[:i] + cloud[i + 1 :]).reshape(-1, len(cloud[0])), reference)
        for i in range(len(cloud))
    ]
    assert front.contributions(cloud, reference) == pytest.approx([whole - w for w in without], abs=1e-9)


@given(clouds)
@settings(deadline=None)
def test_rank_zero_is_the_front_and_ranks_follow_dominance(cloud):
    ranks = front.ranks(cloud)
    assert (ranks == 0).tolist() == front.nondominated(cloud).tolist()
    assert all(ranks[i] < ranks[j] for i, a in enumerate(cloud) for j, b in enumerate(cloud) if dominates(a, b))


@given(clouds)
@settings(deadline=None)
def test_reference_point_is_behind_every_point(cloud):
    reference = front.reference_point(cloud)
    assert np.all(reference > np.array(cloud))
    assert front.hypervolume(cloud, reference) > 0


@given(clouds)
@settings(deadline=None)
def test_knees_lie_on_the_front_and_apart(cloud):
    found = front.knees(cloud)
    mask = front.nondominated(cloud)
    assert len(found) <= 3
    assert len(set(found)) == len(found)
    assert all(mask[index] for index in found)


def test_hypervolume_of_a_staircase_by_hand():
    points = [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.5, 2.5)]
    assert front.hypervolume(points, (3.0, 3.0)) == pytest.approx(3 + 2 + 1)
    assert front.contributions(points, (3.0, 3.0)).tolist() == pytest.approx([1, 1, 1, 0])


def test_matrix_has_logarithms_of_costs_and_negated_accuracy():
    rows = [{"accuracy_fraction": 0.9, "inference_energy_pj": 1000.0, "pair": "a@b"}]
    assert front.objective_matrix(rows, OBJECTIVES).tolist() == [[-0.9, 3.0]]
    assert front.objective_matrix([], OBJECTIVES).shape == (0, 2)


@pytest.mark.parametrize("energy", [None, 0.0, -1.0, math.nan, math.inf])
def test_a_value_without_a_logarithm_is_refused(energy):
    row = {"accuracy_fraction": 0.9, "inference_energy_pj": energy}
    assert not front.is_comparable(row, OBJECTIVES)
    with pytest.raises(ValueError, match="inference_energy_pj"):
        front.objective_matrix([row], OBJECTIVES)


def test_zero_accuracy_is_comparable():
    assert front.is_comparable({"accuracy_fraction": 0.0, "inference_energy_pj": 1.0}, OBJECTIVES)


def test_the_corner_of_an_l_shaped_front_is_its_knee():
    points = [(0.0, 1.0), (0.1, 0.1), (1.0, 0.0), (0.05, 0.9)]
    assert front.knees(points)[0] == 1
    assert front.knees(points[:1]) == ()


def test_crowding_is_largest_at_the_ends():
    crowding = front.crowding([(0.0, 4.0), (1.0, 3.0), (1.5, 2.5), (4.0, 0.0)])
    assert crowding[0] == crowding[3] == 4.0
    assert crowding[1] < crowding[2] < 4.0


def test_empty_fronts_are_empty():
    none = np.empty((0, 3))
    assert front.nondominated(none).shape == (0,)
    assert front.hypervolume(none, (1, 1, 1)) == 0.0
    assert front.contributions(none, (1, 1, 1)).shape == (0,)
    assert front.gains(none, none, (1, 1, 1)).shape == (0,)


def test_distance_to_the_nearest_front_point():
    assert front.distances([(3.0, 4.0), (1.0, 0.0)], [(0.0, 0.0), (0.0, 9.0)]).tolist() == [5.0, 1.0]
