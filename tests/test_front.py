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


SIDE = 1 / 8


def counted(cloud, reference):
    """Volume by counting the cells of a grid of side 1/8 whose lower corner some point dominates."""
    steps = [np.arange(0, end - 1e-12, SIDE) for end in reference]
    cells = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, len(reference))
    covered = np.zeros(len(cells), dtype=bool)
    for point in cloud:
        covered |= np.all(cells >= np.array(point) - 1e-12, axis=1)
    return covered.sum() * SIDE ** len(reference)


small_clouds = st.integers(1, 3).flatmap(lambda m: st.lists(st.tuples(*[coordinate] * m), min_size=1, max_size=8))


@given(small_clouds, st.sampled_from([0.5, 1.0, 1.75]))
@settings(deadline=None, max_examples=60)
def test_hypervolume_is_the_number_of_dominated_cells(cloud, end):
    reference = [end] * len(cloud[0])
    assert front.hypervolume(cloud, reference) == pytest.approx(counted(cloud, reference), abs=1e-9)


@given(small_clouds, st.sampled_from([0.5, 1.75]))
@settings(deadline=None, max_examples=60)
def test_gains_are_counted_cells_and_zero_where_nothing_is_added(cloud, end):
    reference = [end] * len(cloud[0])
    half = len(cloud) // 2
    known, points = cloud[:half], cloud[half:]
    archive = np.array(known).reshape(-1, len(reference))
    expected = [counted([*known, p], reference) - counted(known, reference) for p in points]
    found = front.gains(points, archive, reference)
    assert found == pytest.approx(expected, abs=1e-9)
    assert [value == 0 for value in found] == [value < 1e-9 for value in expected]


@given(clouds)
@settings(deadline=None)
def test_ranks_are_what_peeling_fronts_gives(cloud):
    left, expected, level = set(range(len(cloud))), {}, 0
    while left:
        peeled = {i for i in left if not any(dominates(cloud[j], cloud[i]) for j in left)}
        expected.update(dict.fromkeys(peeled, level))
        left, level = left - peeled, level + 1
    assert front.ranks(cloud).tolist() == [expected[i] for i in range(len(cloud))]


def crowded_by_the_letter(cloud):
    """Deb's loop: neighbours on each objective, ends twice the range."""
    total = [0.0] * len(cloud)
    for axis in range(len(cloud[0])):
        values = [point[axis] for point in cloud]
        span = max(values) - min(values)
        if span == 0:
            continue
        order = sorted(range(len(cloud)), key=lambda i: (values[i], i))
        for place, index in enumerate(order):
            is_end = place in (0, len(order) - 1)
            gap = 2.0 if is_end else (values[order[place + 1]] - values[order[place - 1]]) / span
            total[index] += gap
    return total


@given(clouds)
@settings(deadline=None)
def test_crowding_is_the_scaled_gap_between_both_neighbours(cloud):
    assert front.crowding(cloud) == pytest.approx(crowded_by_the_letter(cloud))


@given(clouds)
@settings(deadline=None)
def test_the_reference_point_is_the_worst_and_a_tenth_of_the_range(cloud):
    for axis, found in enumerate(front.reference_point(cloud)):
        values = [point[axis] for point in cloud]
        span = max(values) - min(values)
        assert found == pytest.approx(max(values) + (span / 10 if span else 0.1))


@given(clouds, clouds)
@settings(deadline=None)
def test_distances_are_to_the_nearest_known_point(cloud, known):
    known = [(*point, *([0.0] * 4))[: len(cloud[0])] for point in known]
    expected = [min(math.dist(point, other) for other in known) for point in cloud]
    assert front.distances(cloud, known) == pytest.approx(expected)


@given(clouds, st.integers(0, 5))
@settings(deadline=None)
def test_knees_are_the_deepest_of_the_front_with_room_between_them(cloud, count):
    found = front.knees(cloud, count)
    depth, mask = front.bulge(np.array(cloud)[front.nondominated(cloud)]), front.nondominated(cloud)
    by_index = dict(zip(np.flatnonzero(mask).tolist(), depth.tolist(), strict=True))
    assert len(found) <= count
    assert all(by_index[i] > 0 for i in found)
    assert [by_index[i] for i in found] == sorted((by_index[i] for i in found), reverse=True)
    if found:
        assert by_index[found[0]] == max(by_index.values())
    kept = np.array(cloud)[list(by_index)]
    span = np.where(np.ptp(kept, axis=0) > 0, np.ptp(kept, axis=0), 1.0)
    for i in found:
        assert all(np.linalg.norm((np.array(cloud[i]) - cloud[j]) / span) >= front.KNEE_RADIUS for j in found if i != j)


def test_nothing_has_no_knee_and_no_crowd():
    assert front.knees([]) == ()
    assert front.crowding(np.empty((0, 2))).shape == (0,)
    assert front.ranks(np.empty((0, 2))).shape == (0,)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(1e-3, 1e12)), min_size=1, max_size=8), st.floats(1e-3, 1e3))
def test_another_unit_of_a_cost_changes_no_front(values, factor):
    def rows(scale):
        return [{"accuracy_fraction": a, "inference_energy_pj": e * scale} for a, e in values]

    masks = [front.nondominated(np.round(front.objective_matrix(rows(s), OBJECTIVES), 9)) for s in (1.0, factor)]
    exact = front.objective_matrix(rows(1.0), OBJECTIVES)
    if min((abs(a - b) for i, a in enumerate(exact[:, 1]) for b in exact[:i, 1]), default=1.0) > 1e-6:
        assert masks[0].tolist() == masks[1].tolist()
