"""Asking and telling: nothing twice, nothing forgotten, nothing that depends on how long the search will be."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_fakes import PAIRS, FakeSpace, judge, make_space

from joulescape.errors import Infeasible
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.candidate import Parameter
from joulescape.search.outcome import Job, failed, run_job
from joulescape.search.study import Study
from joulescape.spec.domain import ChoiceDomain, IntDomain


class SmallSpace(FakeSpace):
    """7 x 9 candidates a pair, no real number among them."""

    def parameters(self, pair):
        return (
            Parameter("compression.1.quantize.weight_bits", IntDomain(kind="int", low=2, high=8)),
            Parameter("compression.2.columns", ChoiceDomain(kind="choice", options=tuple(range(1, 10)))),
        )


def judged(ask, space):
    return ask, run_job(Job(ask.candidate, Fidelity()), space, 0, judge, None, 10.0).evaluations


def played(space, batches):
    """Asks of so many batches, each told before the next."""
    study, found = Study(space), []
    for _ in range(batches):
        asks = study.ask()
        found.append(asks)
        study.tell([judged(ask, space) for ask in asks])
    return study, found


def small(root, **changes):
    space = make_space(root, **changes)
    return SmallSpace(space.spec, space.root, pairs=space.pairs)


@pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS[:2]])
def test_a_finite_space_is_asked_to_its_last_candidate(tmp_path, pairs):
    space = small(tmp_path, pairs=pairs, budget={"trials": 1000})
    study, batches = played(space, 14)
    asked = [ask.candidate.candidate_id for batch in batches for ask in batch]
    assert len(asked) == len(set(asked)) == 63 * len(pairs)
    assert study.is_exhausted
    assert not study.is_spent
    assert study.ask() == []


def test_a_spent_budget_asks_for_nothing_and_does_not_look_for_the_end_of_the_space(tmp_path):
    study, _ = played(small(tmp_path, pairs=PAIRS[:1], budget={"trials": 60}), 5)
    assert study.is_spent
    assert study.ask() == []
    assert not study.is_exhausted


@given(st.integers(2, 16), st.integers(1, 40), st.integers(0, 3))
@settings(deadline=None, max_examples=15)
def test_trials_are_numbered_once_in_whole_batches(population, trials, seed):
    space = make_space(".", budget={"population": population, "trials": trials, "seed": seed})
    _, batches = played(space, -(-trials // population) + 1)
    asks = [ask for batch in batches for ask in batch]
    assert [ask.trial for ask in asks] == list(range(trials))
    assert [len(batch) for batch in batches[:-2]] == [population] * (len(batches) - 2)
    assert len({ask.candidate.candidate_id for ask in asks}) == trials
    assert all(ask.batch == number for number, batch in enumerate(batches) for ask in batch)


def test_reserves_by_back_end_are_kept_in_the_whole_search(tmp_path):
    wanted = {"electronic/grid": 10, "memristive/cells": 30, "photonic/mesh": 5}
    space = make_space(tmp_path, budget={"trials": 60, "per_back_end": wanted})
    _, batches = played(space, 5)
    counts = Counter(ask.candidate.back_end for batch in batches for ask in batch)
    assert all(counts[name] >= reserve for name, reserve in wanted.items())
    assert counts.total() == 60


def test_failed_candidates_are_not_parents_and_infeasible_ones_carry_their_violation(tmp_path, monkeypatch):
    space = make_space(tmp_path, pairs=PAIRS[:1])
    study, heard = Study(space), []
    asks = study.ask()
    monkeypatch.setattr(study._pairs[PAIRS[0].name]._sampler, "tell", heard.extend)
    lost = [(ask, failed(Job(ask.candidate, Fidelity()), "no").evaluations) for ask in asks[:6]]

    def refused(*_):
        raise Infeasible("too big", 0.25)

    jobs = [Job(ask.candidate, Fidelity()) for ask in asks[6:]]
    rest = [
        (ask, run_job(job, space, 0, refused, None, 1.0).evaluations) for ask, job in zip(asks[6:], jobs, strict=True)
    ]
    study.tell([*lost, *rest])
    assert [(item.point, item.violation) for item in heard] == [(None, 0.25)] * 6
    assert study.archive.hypervolume() is None
    assert len(study.ask()) == 12


def test_what_is_told_decides_what_is_asked_next_and_only_that(tmp_path):
    space = make_space(tmp_path)
    (_, first), (_, again) = played(space, 4), played(space, 4)
    assert [[a.candidate.candidate_id for a in b] for b in first] == [
        [a.candidate.candidate_id for a in b] for b in again
    ]
    other = Study(space)
    for batch in first[:3]:
        asks = other.ask()
        turned = [(ask, judged(ask, space)[1]) for ask in asks]
        if batch is first[2]:
            turned = [(ask, failed(Job(ask.candidate, Fidelity()), "no").evaluations) for ask in asks]
        other.tell(turned)
    assert [a.candidate.candidate_id for a in other.ask()] != [a.candidate.candidate_id for a in first[3]]
