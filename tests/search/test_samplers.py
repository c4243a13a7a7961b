"""Laws of every sampler: a pure function of what was told, nothing twice, inside the domains, shorter is a prefix."""

from __future__ import annotations

from itertools import islice
from math import comb
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_fakes import PAIRS, FakeSpace, judge, make_space

from joulescape.evaluation import Evaluation
from joulescape.front import hypervolume, objective_matrix
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.candidate import Parameter
from joulescape.search.outcome import Job, failed, run_job
from joulescape.search.sampler import Ground, Told, active
from joulescape.search.samplers import BREED_PAIRS, sampler
from joulescape.search.samplers.nsga2 import SMALLEST_ELITE, parent_count
from joulescape.search.samplers.nsga3 import directions
from joulescape.search.study import Study
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain
from joulescape.spec.space import SamplerName

NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
QUICK = tuple(name for name in NAMES if name != "gp")
TRIALS = {"gp": 14}
"""A Gaussian process takes seconds: few trials, though enough of a pair that it is fitted."""

PARAMETERS = (
    Parameter("how", ChoiceDomain(kind="choice", options=("none", "prune", False))),
    Parameter("density", FloatDomain(kind="float", low=1e-3, high=1.0, log=True), parent="how", option="prune"),
    Parameter("n", IntDomain(kind="int", low=2, high=9, step=3)),
    Parameter("wide", IntDomain(kind="int", low=1, high=1000, log=True)),
    Parameter("fixed", ChoiceDomain(kind="choice", options=(7,))),
)


def space_for(name, root, **budget):
    pairs, population = (PAIRS[:1], 4) if name == "gp" else (PAIRS, 12)
    shared = {"sampler": name, "trials": TRIALS.get(name, 60), "population": population}
    return make_space(root, pairs=pairs, budget={**shared, **budget})


def judged(ask, space):
    return ask, run_job(Job(ask.candidate, Fidelity()), space, 0, judge, None, 10.0).evaluations


def played(space):
    """Every ask, each batch told before the next."""
    study, found = Study(space), []
    while asks := study.ask():
        found += asks
        study.tell([judged(ask, space) for ask in asks])
    return found


def names_of(asks):
    return [ask.candidate.candidate_id for ask in asks]


@pytest.mark.parametrize("name", NAMES)
def test_asks_are_a_pure_function_of_what_was_told_and_never_come_twice(tmp_path, name):
    space = space_for(name, tmp_path)
    first, again = played(space), played(space)
    assert [(a.trial, a.batch, a.pair, a.genes) for a in first] == [(a.trial, a.batch, a.pair, a.genes) for a in again]
    assert len(set(names_of(first))) == len(first) == space.spec.budget.trials


@pytest.mark.parametrize("name", NAMES)
def test_candidates_lie_in_their_domains_and_hold_what_is_switched_on_and_nothing_else(tmp_path, name):
    space = space_for(name, tmp_path)
    for ask in played(space):
        known = {p.name: p for p in space.parameters(ask.candidate.pair)}
        drawn = {key: value for key, value in ask.candidate.values.items() if key != "pair"}
        assert all(known[key].domain.holds(value) for key, value in drawn.items())
        on = {p.name for p in known.values() if p.parent is None or drawn.get(p.parent) == p.option}
        assert set(drawn) == on


@pytest.mark.parametrize("name", QUICK)
def test_a_shorter_search_is_a_prefix_of_a_longer_one(tmp_path, name):
    longer = played(space_for(name, tmp_path, trials=70))
    shorter = played(space_for(name, tmp_path, trials=41))
    assert names_of(longer)[:41] == names_of(shorter)


def test_a_sequence_goes_on_from_batch_to_batch(tmp_path):
    space = make_space(tmp_path, pairs=PAIRS[:1], budget={"sampler": "qmc", "trials": 40})
    parameters = space.parameters(PAIRS[0])
    sequence = sampler("qmc", Ground(parameters, 2, 12, space.spec.budget.seed, 1)).draws(0, ())
    drawn = [str(active(genes, parameters)) for genes in islice(sequence, 200)]
    asked = [str(active(ask.genes, parameters)) for ask in played(space)]
    assert asked == list(dict.fromkeys(drawn))[:40]


@pytest.mark.parametrize("name", sorted(set(QUICK) - {"grid"}))
def test_another_seed_is_another_search(tmp_path, name):
    one, other = (names_of(played(space_for(name, tmp_path, seed=seed))) for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize("name", NAMES)
def test_with_lag_two_a_batch_is_asked_before_the_last_was_told(tmp_path, name):
    space = space_for(name, tmp_path, lag=2)

    def lagging():
        study, found = Study(space), []
        waiting = [study.ask()]
        while waiting:
            waiting.append(study.ask())
            asks = waiting.pop(0)
            found += asks
            study.tell([judged(ask, space) for ask in asks])
            waiting = [batch for batch in waiting if batch]
        return found

    first, again = lagging(), lagging()
    assert [a.genes for a in first] == [a.genes for a in again]
    assert len(set(names_of(first))) == space.spec.budget.trials


@pytest.mark.parametrize("name", sorted(BREED_PAIRS - {"gp"}))
def test_what_was_told_decides_what_is_asked_next(tmp_path, name):
    space = space_for(name, tmp_path)
    studies = Study(space), Study(space)
    asks = []
    for _ in range(4):
        for study in studies:
            asks = study.ask()
            outcomes = [judged(ask, space) for ask in asks]
            if study is studies[1]:
                outcomes = [(ask, failed(Job(ask.candidate, Fidelity()), "no").evaluations) for ask in asks]
            study.tell(outcomes)
    one, other = (study.ask() for study in studies)
    assert names_of(one) != names_of(other)


@pytest.mark.parametrize("name", sorted(set(QUICK) - BREED_PAIRS))
def test_samplers_without_memory_ask_the_same_whatever_they_are_told(tmp_path, name):
    space = space_for(name, tmp_path)
    study, found = Study(space), []
    while asks := study.ask():
        found += asks
        study.tell([(ask, failed(Job(ask.candidate, Fidelity()), "no").evaluations) for ask in asks])
    assert names_of(found) == names_of(played(space))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "grid"])
def test_draws_of_one_pair_stay_in_their_domains_whatever_was_told(name):
    ground = Ground(PARAMETERS, objectives=2, population=8, seed=5, stream=1)
    source = sampler(name, ground)
    genes = {"how": "prune", "density": 0.1, "n": 5, "wide": 30, "fixed": 7}
    feasible = [Told(i, "a@b", {**genes, "wide": 30 + i}, (float(i), 9.0 - i), 0.0) for i in range(10)]
    infeasible = [Told(10 + i, "a@b", {**genes, "how": False, "n": 2}, None, i / 4) for i in range(3)]
    source.tell(feasible if name == "gp" else [*feasible, *infeasible])
    found = list(islice(source.draws(1, [genes]), 3 if name == "gp" else 30))
    known = {p.name: p.domain for p in PARAMETERS}
    assert all(known[key].holds(value) for one in found for key, value in one.items())
    assert all({"how", "n", "wide", "fixed"} <= set(one) for one in found)
    assert all(one["fixed"] == 7 for one in found)
    assert len({str(one) for one in found}) > len(found) // 2


class Bowl(FakeSpace):
    """Eight real numbers, so that chance is lost in it."""

    def parameters(self, pair):
        return tuple(
            Parameter(f"compression.0.quantize.b{i}", FloatDomain(kind="float", low=0, high=1)) for i in range(8)
        )


def bowl(ask):
    """The first number trades accuracy for energy, all others spoil both (ZDT1)."""
    first, *others = (value for key, value in ask.candidate.values.items() if key != "pair")
    rest = 1 + 9 * float(np.mean(others))
    metrics = {"accuracy_fraction": -first, "inference_energy_pj": 10 ** (rest * (1 - (first / rest) ** 0.5))}
    name = ask.candidate.candidate_id
    return ask, (Evaluation(name, name, 0, "valid", None, 0.0, "top", {}, metrics, {}),)


@pytest.mark.parametrize("name", ["nsga2", "nsga3", "tpe"])
def test_samplers_that_learn_beat_chance(tmp_path, name):
    def reached(sampler_name):
        budget = {"sampler": sampler_name, "trials": 160, "population": 16, "per_back_end": 0}
        made = make_space(tmp_path, pairs=PAIRS[:1], budget=budget)
        study, points = Study(Bowl(made.spec, made.root, pairs=made.pairs)), []
        while asks := study.ask():
            told = [bowl(ask) for ask in asks]
            study.tell(told)
            points += [objective_matrix([found.metrics], made.spec.objectives)[0] for _, (found,) in told]
        return hypervolume(np.array(points), [1.0, 6.0])

    assert reached(name) > 1.05 * reached("random")


def test_free_asks_follow_the_front_where_the_sampler_learns_and_go_round_elsewhere(tmp_path):
    counts = {}
    for name in ("nsga2", "random"):
        asks = played(space_for(name, tmp_path, trials=200, per_back_end=0))
        counts[name] = sorted(sum(ask.pair == pair.name for ask in asks) for pair in PAIRS)
    assert counts["random"] == [50, 50, 50, 50]
    assert counts["nsga2"][-1] > 60
    assert counts["nsga2"][0] >= 3


@given(st.integers(0, 10_000), st.integers(2, 100))
def test_parents_are_never_fewer_than_breed_and_grow_with_what_was_told(told, population):
    count = parent_count(told, population)
    assert SMALLEST_ELITE <= count <= parent_count(told + 1, population)
    assert count <= max(SMALLEST_ELITE, min(population, told // 4))


@given(st.integers(1, 5), st.integers(1, 60))
@settings(deadline=None)
def test_reference_directions_are_no_more_than_parents(objectives, population):
    count = directions(objectives, population)
    assert count == 1 or comb(objectives + count - 1, count) <= population
    assert comb(objectives + count, count + 1) > population or objectives == 1
