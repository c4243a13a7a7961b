"""Breeding: a pure function of elite and seed, inside the domains, and better than chance."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.resolve.candidate import Parameter
from joulescape.search.sampler import Told, active, children, distributions, elite
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain

PARAMETERS = (
    Parameter("pair", ChoiceDomain(kind="choice", options=("a@b",))),
    Parameter("compression.0", ChoiceDomain(kind="choice", options=("none", "prune"))),
    Parameter("x", FloatDomain(kind="float", low=1e-3, high=1.0, log=True), parent="compression.0", option="prune"),
    Parameter("deep", IntDomain(kind="int", low=0, high=1), parent="x", option="never"),
    Parameter("n", IntDomain(kind="int", low=2, high=9, step=3)),
)
SPACE = distributions(PARAMETERS)


def told(point, violation=0.0, **genes):
    return Told("a@b", {"compression.0": "none", "x": 0.5, "deep": 0, "n": 2, **genes}, point, violation)


def some(parents, count, seed=1):
    return list(islice(children(parents, SPACE, 2, seed), count))


def test_pair_is_not_drawn_with_the_others():
    assert set(SPACE) == {"compression.0", "x", "deep", "n"}


@pytest.mark.parametrize("parents", [[], [told((float(i), float(-i)), n=(2, 5, 8)[i % 3]) for i in range(6)]])
def test_children_stay_in_their_domains_and_follow_the_seed(parents):
    found = some(parents, 30)
    assert all(genes["n"] in (2, 5, 8) for genes in found)
    assert all(1e-3 <= genes["x"] <= 1 for genes in found)
    assert found == some(parents, 30)
    assert found[:7] == some(parents, 7)
    assert found != some(parents, 30, seed=2)


def test_only_switched_on_genes_reach_the_candidate():
    genes = {"compression.0": "prune", "x": 0.5, "deep": 1, "n": 2}
    assert active(genes, PARAMETERS) == {"compression.0": "prune", "x": 0.5, "n": 2}
    assert active({**genes, "compression.0": "none"}, PARAMETERS) == {"compression.0": "none", "n": 2}


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@given(points, st.integers(1, 20))
@settings(deadline=None)
def test_nobody_outside_the_elite_dominates_anybody_inside(cloud, size):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    chosen = elite(everyone, size)
    assert len(chosen) == min(size, len(cloud))
    outside = [item for item in everyone if not any(item is other for other in chosen)]
    assert not any(np.all(np.array(o.point) <= c.point) and o.point != c.point for o in outside for c in chosen)


def test_infeasible_ones_enter_last_and_by_violation():
    parents = [told(None, 2.0), told((1.0, 1.0)), told(None, 0.5)]
    assert [item.violation for item in elite(parents, 3)] == [0.0, 0.5, 2.0]
    assert elite([], 3) == []


def test_an_elite_without_any_feasible_member_breeds():
    parents = [told(None, float(i + 1), n=2) for i in range(5)]
    assert all(set(genes) == set(SPACE) for genes in some(parents, 5))


def test_nsga2_beats_chance_on_a_known_problem():
    names = [f"g{i}" for i in range(8)]
    space = distributions([Parameter(name, FloatDomain(kind="float", low=0, high=1)) for name in names])

    def judged(genes):
        values = [genes[name] for name in names]
        rest = 1 + 9 * float(np.mean(values[1:]))
        return Told("a@b", genes, (values[0], rest * (1 - (values[0] / rest) ** 0.5)), 0.0)

    def best(bred):
        seen = []
        for batch in range(20):
            parents = elite(seen, 16) if bred else []
            seen += [judged(genes) for genes in islice(children(parents, space, 2, batch), 16)]
        return np.mean([sum(item.point) for item in elite(seen, 16)])

    assert best(bred=True) < best(bred=False) - 0.5


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
    order = elite(everyone, len(everyone))
    start = 0
    for level in ranked_by_the_letter(everyone):
        assert {id(x) for x in order[start : start + len(level)]} == {id(x) for x in level}
        start += len(level)


@given(points, st.integers(1, 20))
@settings(deadline=None)
def test_a_smaller_elite_is_the_head_of_a_bigger_one(cloud, size):
    everyone = [told(tuple(map(float, point))) for point in cloud]
    assert elite(everyone, size) == elite(everyone, len(everyone))[:size]


@pytest.mark.parametrize("violation", [0.0, 1e-12, 5.0])
def test_feasible_parents_pass_on_their_genes_and_infeasible_ones_hardly(violation):
    good = [told((float(i), -float(i)), n=2) for i in range(4)]
    bad = [told(None, violation, n=8) for _ in range(4)]
    found = [genes["n"] for genes in some([*good, *bad], 60)]
    assert found.count(2) > 2 * found.count(8)


def test_an_int_domain_whose_step_misses_the_top_ends_below_it():
    (distribution,) = distributions([Parameter("n", IntDomain(kind="int", low=2, high=9, step=3))]).values()
    assert (distribution.low, distribution.high, distribution.step) == (2, 8, 3)
