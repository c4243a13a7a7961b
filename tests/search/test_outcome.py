"""One candidate judged: nothing inside an evaluation gets out as an exception, but a damaged cache does."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fakes import PAIRS, judge, make_space

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search.outcome import Job, Outcome, failed, run_job


@pytest.fixture
def space(tmp_path):
    return make_space(tmp_path)


def job_of(space, bits=8, pair=PAIRS[0], variants=None, **values):
    drawn = {"pair": pair.name, "compression.0": "none", "compression.1.quantize.weight_bits": bits, **values}
    return Job(space.candidate(drawn), Fidelity(), variants)


def run(job, space, evaluate=judge, time_out_s=10.0):
    return run_job(job, space, 0, evaluate, None, time_out_s)


def test_only_the_non_dominated_variants_are_kept(space):
    outcome = run(job_of(space), space)
    assert [e.variant_id for e in outcome.evaluations] == [1]
    assert outcome.evaluations[0].facts == {"accuracy_draws_count": 1, "paired_loss_fraction": 0.01}


def test_asked_variants_are_kept_whatever_they_are(space):
    assert [e.variant_id for e in run(job_of(space, variants=(0, 2)), space).evaluations] == [0, 2]


def test_an_infeasible_candidate_is_one_row_with_its_violation(space):
    job = job_of(space, pair=PAIRS[3], **{"compression.0": "prune", "compression.0.prune.density": 0.2})
    (row,) = run(job, space).evaluations
    assert (row.state, row.violation) == ("infeasible", pytest.approx(1.0))
    assert set(row.metrics.values()) == {None}


def test_the_variant_that_misses_by_least_stands_for_an_infeasible_candidate(space):
    def all_miss(*args):
        found = judge(*args)
        return [dataclasses.replace(e, state="infeasible", violation=3.0 - e.variant_id) for e in found]

    assert [e.variant_id for e in run(job_of(space), space, all_miss).evaluations] == [2]


def test_a_failure_keeps_its_traceback_for_the_log(space):
    outcome = run(job_of(space, bits=3, pair=PAIRS[2]), space)
    assert outcome.is_failed
    assert outcome.evaluations[0].reason == "ZeroDivisionError: three bits never work here"
    assert "search_fakes.py" in outcome.log


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 0.0, -1.0])
def test_a_valid_design_with_an_impossible_objective_has_failed(space, value):
    def broken(*args):
        metrics = {"accuracy_fraction": 0.5, "inference_energy_pj": value}
        return [dataclasses.replace(e, metrics=metrics) for e in judge(*args)]

    outcome = run(job_of(space), space, broken)
    assert outcome.is_failed
    assert "inference_energy_pj" in outcome.evaluations[0].reason


def test_an_evaluation_without_any_variant_has_failed(space):
    assert run(job_of(space), space, lambda *_: ()).is_failed


def test_a_damaged_cache_is_not_taken_for_a_failed_design(space):
    def damaged(*_):
        raise ResultsError("the cache is damaged")

    with pytest.raises(ResultsError):
        run(job_of(space), space, damaged)


def test_the_time_limit_reaches_through_a_careless_handler(space):
    def endless(*_):
        while True:
            try:
                while True:
                    pass
            except Exception:  # noqa: BLE001
                continue

    outcome = run(job_of(space), space, endless, time_out_s=0.05)
    assert outcome.evaluations[0].reason == "took longer than 0.05 s"
    assert not outcome.is_lasting


@given(st.floats(allow_nan=False, allow_infinity=False), st.one_of(st.none(), st.text()))
def test_an_outcome_comes_back_from_json_as_it_went(number, text):
    space = make_space(".")
    evaluation = failed(job_of(space), text or "").evaluations[0]
    evaluation = dataclasses.replace(evaluation, reason=text, violation=number, metrics={"area_mm2": number})
    outcome = Outcome((evaluation,), abs(number), text)
    assert Outcome.decoded(outcome.encoded()) == outcome


@pytest.mark.parametrize("text", ["", "{", "{}", '{"evaluations": [{}], "seconds": 1}', "[]"])
def test_damaged_json_is_noticed(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Outcome.decoded(text)
