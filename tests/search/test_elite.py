"""The elite: nobody outside dominates anybody inside, and survival batch by batch loses no front that fits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.search.elite import SPARE, Elite, best
from joulescape.search.sampler import Told


def told(point, violation=0.0):
    return Told(0, "a@b", {}, point, violation)


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@given(points, st.integers(1, 20))
@settings(deadline=None)
def test_nobody_outside_the_elite_dominates_anybody_inside(cloud, size):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    chosen = best(everyone, size)
    assert len(chosen) == min(size, len(cloud))
    outside = [item for item in everyone if not any(item is other for other in chosen)]
    assert not any(np.all(np.array(o.point) <= c.point) and o.point != c.point for o in outside for c in chosen)


def test_infeasible_ones_enter_last_and_by_violation():
    parents = [told(None, 2.0), told((1.0, 1.0)), told(None, 0.5)]
    assert [item.violation for item in best(parents, 3)] == [0.0, 0.5, 2.0]
    assert best([], 3) == []


def ranked_by_the_letter(everyone):
    """Ranks by peeling fronts, best first; inside a rank only membership is compared."""
    left, levels = list(everyone), []
    while left:
        front = [
            a for a in left
            if not any(all(x <= y for x, y in zip(b.point, a.point, strict=True)) and b.point != a.point for b in left)
        ]  # fmt: skip
        levels.append(front)
        left = [item for item in left if not any(item is other for other in front)]
    return levels


@given(points)
@settings(deadline=None)
def test_the_elite_takes_whole_ranks_before_the_next(cloud):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    order = best(everyone, len(everyone))
    start = 0
    for level in ranked_by_the_letter(everyone):
        assert {id(x) for x in order[start : start + len(level)]} == {id(x) for x in level}
        start += len(level)


@given(points, st.integers(1, 20))
@settings(deadline=None)
def test_a_smaller_elite_is_the_head_of_a_bigger_one(cloud, size):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    assert best(everyone, size) == best(everyone, len(everyone))[:size]


@given(points, st.integers(1, 7))
@settings(deadline=None)
def test_survival_batch_by_batch_keeps_the_front_where_it_fits(cloud, batch):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    elite = Elite(len(cloud))
    for start in range(0, len(cloud), batch):
        elite.tell(everyone[start : start + batch])
    assert elite.told == len(cloud)
    front = ranked_by_the_letter(everyone)[0]
    assert {id(item) for item in elite.best(len(front))} == {id(item) for item in front}


@given(points, st.integers(1, 6), st.integers(1, 7))
@settings(deadline=None)
def test_survivors_are_bounded_and_every_batch_is_heard(cloud, size, batch):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    elite, kept = Elite(size), []
    for start in range(0, len(cloud), batch):
        heard = everyone[start : start + batch]
        rivals, kept_before = [*kept, *heard], len(kept)
        elite.tell(heard)
        kept = elite.best(len(cloud))
        assert kept == best(rivals, size * SPARE)
        assert kept_before <= len(kept) <= size * SPARE
