"""Breeding: a pure function of elite and seed, inside the domains, and better than chance."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from joulescape.resolve.candidate import Parameter
from joulescape.search.elite import best
from joulescape.search.optuna_studies import Finished
from joulescape.search.sampler import Told, active, distributions
from joulescape.search.samplers.nsga2 import children
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
    return Told(0, "a@b", {"compression.0": "none", "x": 0.5, "deep": 0, "n": 2, **genes}, point, violation)


def some(parents, count, seed=1):
    return list(islice(children(parents, Finished(SPACE, 2), seed), count))


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


def test_an_elite_without_any_feasible_member_breeds():
    parents = [told(None, float(i + 1), n=2) for i in range(5)]
    assert all(set(genes) == set(SPACE) for genes in some(parents, 5))


def test_nsga2_beats_chance_on_a_known_problem():
    names = [f"g{i}" for i in range(8)]
    space = distributions([Parameter(name, FloatDomain(kind="float", low=0, high=1)) for name in names])

    def judged(genes):
        values = [genes[name] for name in names]
        rest = 1 + 9 * float(np.mean(values[1:]))
        return Told(0, "a@b", genes, (values[0], rest * (1 - (values[0] / rest) ** 0.5)), 0.0)

    def reached(bred):
        seen = []
        for batch in range(20):
            parents = best(seen, 16) if bred else []
            seen += [judged(genes) for genes in islice(children(parents, Finished(space, 2), batch), 16)]
        return np.mean([sum(item.point) for item in best(seen, 16)])

    assert reached(bred=True) < reached(bred=False) - 0.5


@pytest.mark.parametrize("violation", [0.0, 1e-12, 5.0])
def test_feasible_parents_pass_on_their_genes_and_infeasible_ones_hardly(violation):
    good = [told((float(i), -float(i)), n=2) for i in range(4)]
    bad = [told(None, violation, n=8) for _ in range(4)]
    found = [genes["n"] for genes in some([*good, *bad], 60)]
    assert found.count(2) > 2 * found.count(8)


def test_an_int_domain_whose_step_misses_the_top_ends_below_it():
    (distribution,) = distributions([Parameter("n", IntDomain(kind="int", low=2, high=9, step=3))]).values()
    assert (distribution.low, distribution.high, distribution.step) == (2, 8, 3)


@pytest.mark.parametrize("points", [[(1.0, 2.0)] * 3, [(1.0, 2.0), None, (0.5, 3.0)]])
def test_a_trial_that_is_made_once_is_the_one_that_would_be_made_again(points):
    """Whoever joins or leaves, feasible or not: what is remembered is what a fresh maker gives."""
    items = [told(point, violation=0.3, n=2 + 3 * place) for place, point in enumerate(points)]
    maker = Finished(SPACE, 2)
    for group in (items, items[:1], items[::-1], [*items[1:], told((9.0, 9.0))]):
        again, fresh = maker.trials(group), Finished(SPACE, 2).trials(group)
        assert [(t.values, t.params, t.constraints) for t in again] == [
            (t.values, t.params, t.constraints) for t in fresh
        ]


def test_a_feasible_trial_is_made_once():
    items, maker = [told((1.0, 2.0)), told((2.0, 1.0), n=5)], Finished(SPACE, 2)
    first, second = maker.trials(items), maker.trials(items[::-1])
    assert first[0] is second[1]
    assert first[1] is second[0]
