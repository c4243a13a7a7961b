"""One candidate judged: nothing inside an evaluation gets out as an exception, but a damaged cache does."""

from __future__ import annotations

import dataclasses
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fakes import PAIRS, judge, make_space

from joulescape.errors import Infeasible, ResultsError, SimulatorError
from joulescape.evaluation import Evaluation
from joulescape.network.fidelity import Fidelity
from joulescape.search.cache import Cache
from joulescape.search.outcome import Job, Outcome, failed, run_job
from joulescape.tables import METRICS


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


def test_variants_equal_in_every_metric_are_one_design(space):
    def twins(*args):
        (first, *_) = judge(*args)
        other = {**first.metrics, "area_mm2": (first.metrics.get("area_mm2") or 1.0) * 2}
        again, larger = (dataclasses.replace(first, variant_id=index) for index in (7, 8))
        return (first, again, dataclasses.replace(larger, metrics=other))

    assert [item.variant_id for item in run(job_of(space), space, twins).evaluations] == [0, 8]


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
    assert outcome.evaluations[0].reason == "ZeroDivisionError: three bits never work here, nor do four"
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
    assert outcome.is_lasting
    assert outcome.limit_s == 0.05
    assert outcome.seconds >= 0.05
    assert Outcome.decoded(outcome.encoded()) == outcome


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


@pytest.mark.parametrize("violation", [float("nan"), float("inf")])
def test_a_refusal_without_a_finite_violation_is_a_failure_that_can_be_stored(space, violation):
    def refused(*_):
        raise Infeasible("nothing fits", violation)

    outcome = run(job_of(space), space, refused)
    assert outcome.is_failed
    assert "cannot be stored" in outcome.evaluations[0].reason
    assert Outcome.decoded(outcome.encoded()) == outcome


@pytest.mark.parametrize("variants", [None, (0,), (1, 2)])
def test_an_evaluation_that_gives_nothing_has_failed_whatever_was_asked(space, variants):
    outcome = run(job_of(space, variants=variants), space, lambda *_: ())
    assert outcome.is_failed
    assert "no variant at all" in outcome.evaluations[0].reason


@pytest.mark.parametrize(
    ("error", "is_lasting"),
    [
        (ValueError("a bad shape"), True),
        (ZeroDivisionError(), True),
        (SimulatorError("a negative energy"), True),
        (MemoryError(), False),
        (OSError(28, "No space left on device"), False),
        (ConnectionResetError(), False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), False),
    ],
)
def test_only_what_follows_from_the_design_is_remembered(space, error, is_lasting):
    def broken(*_):
        raise error

    outcome = run(job_of(space), space, broken)
    assert outcome.is_failed
    assert outcome.is_lasting is is_lasting
    assert type(error).__name__ in outcome.evaluations[0].reason


def test_a_failure_costs_the_time_it_took(space):
    def late(*_):
        time.sleep(0.03)
        raise ValueError("at last")

    assert run(job_of(space), space, late).seconds >= 0.03
    assert run(job_of(space), space, lambda *_: time.sleep(9), time_out_s=0.05).seconds >= 0.05


def test_the_alarm_of_the_process_is_given_back(space):
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(True))
    try:
        run(job_of(space), space, time_out_s=5.0)
        signal.raise_signal(signal.SIGALRM)
        assert heard == [True]
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_in_another_thread_a_job_is_judged_without_an_alarm(space):
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(run, job_of(space), space).result()
    assert outcome.evaluations[0].state == "valid"


numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(max_size=8)
scalars = st.one_of(st.booleans(), st.integers(), numbers, names)
evaluations = st.builds(
    Evaluation,
    design_id=names,
    candidate_id=names,
    variant_id=st.integers(0, 4095),
    state=st.sampled_from(["valid", "infeasible", "failed"]),
    reason=st.one_of(st.none(), names),
    violation=numbers,
    fidelity=names,
    variant=st.dictionaries(names, scalars, max_size=3),
    metrics=st.dictionaries(st.sampled_from(METRICS), st.one_of(st.none(), numbers)),
    facts=st.dictionaries(names, st.one_of(st.none(), scalars), max_size=3),
)


@given(
    st.lists(evaluations, min_size=1, max_size=3),
    st.floats(0, 1e6),
    st.one_of(st.none(), names),
    st.booleans(),
)
def test_every_field_of_an_evaluation_comes_back_from_the_cache_as_it_went(found, seconds, log, is_lasting):
    outcome = Outcome(tuple(found), seconds, log, is_lasting)
    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "cache.sqlite") as cache:
        cache.store([("key", outcome.encoded())], [])
        again = Outcome.decoded(cache.outcome("key"))
    assert again == outcome
    for before, after in zip(outcome.evaluations, again.evaluations, strict=True):
        kinds = [[type(v) for v in (*e.variant.values(), *e.facts.values())] for e in (before, after)]
        assert kinds[0] == kinds[1]
        assert list(before.metrics) == list(after.metrics)


@given(st.lists(numbers, min_size=1, max_size=4))
def test_numbers_of_numpy_are_stored_as_the_same_numbers(values):
    evaluation = failed(job_of(make_space(".")), "").evaluations[0]
    plain = dataclasses.replace(
        evaluation, facts={str(i): v for i, v in enumerate(values)}, variant={"n": 3, "b": True}
    )
    typed = dataclasses.replace(
        plain,
        facts={name: np.float64(v) for name, v in plain.facts.items()},
        variant={"n": np.int64(3), "b": np.bool_(True)},
    )
    assert Outcome.decoded(Outcome((typed,), 0.0).encoded()) == Outcome((plain,), 0.0)
