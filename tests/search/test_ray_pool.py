"""Ray workers give what one process gives, whatever dies on the way."""

from __future__ import annotations

import logging
import time
from collections import deque
from pathlib import Path

import pytest
from search_fakes import judge, make_space

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search import driver, on_nodes, ray_pool
from joulescape.search.chunks import JobTimes
from joulescape.search.digests import JUDGING_PACKAGES
from joulescape.search.driver import Means
from joulescape.search.outcome import Job
from joulescape.search.run import search
from joulescape.search.workers import open_pool


@pytest.fixture(autouse=True)
def workers_find_the_stand_ins(monkeypatch, caplog):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.mark.slow
def test_one_process_and_two_ray_workers_agree_to_the_last_row_of_what_is_infeasible_or_fails(tmp_path):
    space = make_space(tmp_path)
    ways = {"serial": Means(1, "serial"), "ray2": Means(2, "ray")}
    found = []
    for name, means in ways.items():
        here = Means(means.workers, means.executor, cache=tmp_path / f"{name}.sqlite")
        found.append(search(space, tmp_path / name, here, judge))
    tables = [result.trials.drop("seconds") for result in found]
    assert [result.judged for result in found] == [60, 60]
    assert tables[0].equals(tables[1])
    assert found[0].history.equals(found[1].history)


def test_auto_takes_ray_only_where_the_rest_of_the_work_is_long(tmp_path, monkeypatch):
    opened = []

    def noted(work, workers, executor):
        opened.append(executor)
        return open_pool(work, 1, "serial")

    monkeypatch.setattr(driver, "open_pool", noted)
    space = make_space(tmp_path)
    quick = search(space, tmp_path / "quick", Means(2, cache=tmp_path / "a.sqlite"), judge)
    assert opened == ["serial"]
    monkeypatch.setattr(driver, "RAY_START_S", 0.0)
    long = search(space, tmp_path / "long", Means(2, cache=tmp_path / "b.sqlite"), judge)
    assert opened == ["serial", "serial", "ray"]
    assert long.trials.drop("seconds").equals(quick.trials.drop("seconds"))
    search(space, tmp_path / "one", Means(1, cache=tmp_path / "c.sqlite"), judge)
    assert opened[3:] == ["serial"]


class StandInRay:
    """What the pool uses of Ray, without a process: a reference is what `get` returns, or raises."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            """Root."""

        class ActorDiedError(RayError):
            """A dead worker."""

        class OutOfMemoryError(RayError):
            """A killed worker."""

        class ObjectLostError(RayError):
            """A result that went with its node."""

        class RayTaskError(RayError):
            """An exception inside a worker, with a page of text."""

            def __init__(self, cause):
                super().__init__("ray::judge() (pid=1)\n  File x, line 1\n" + repr(cause))
                self.cause = cause

    def __init__(self):
        self.killed, self.alive = [], True

    def get(self, reference):
        if isinstance(reference, Exception):
            raise reference
        return reference.value

    def nodes(self):
        return [{"NodeID": "here", "Alive": self.alive}]

    def kill(self, actor):
        self.killed.append(actor)

    def wait(self, references, num_returns, timeout):
        return ([references[0]] if references and timeout >= 0 else []), []


class Reference:
    """A finished call."""

    def __init__(self, value):
        self.value = value


WORKER = ray_pool._Worker("the worker", "here")


def pool_of(space, count, workers=2):
    """A pool without processes, with `count` jobs queued; spawned workers are names that never stand."""
    pool = object.__new__(ray_pool.RayPool)
    pool._ray, pool._workers, pool._limit_s, pool._times = StandInRay(), workers, 5.0, JobTimes()
    pool._idle, pool._calls, pool._starting, pool._judged_by = [], {}, {}, {}
    pool._bad_starts, pool._reaper = 0, None
    pool._spawn = lambda: (Reference(len(pool._starting)), "a new worker")
    drawn = {"pair": space.pairs[0].name, "compression.1.quantize.weight_bits": 8}
    job = Job(space.candidate(drawn), Fidelity())
    pool._queue = deque(ray_pool._Waiting(ticket, job) for ticket in range(count))
    return pool


def called(pool, reference, deadline=float("inf")):
    """The whole queue in one call."""
    pool._calls[reference] = ray_pool._Call(WORKER, tuple(pool._queue), deadline)
    pool._queue.clear()
    return reference


OTHER = ray_pool._Worker("another", "here")


def test_a_candidate_that_climbs_goes_where_it_was_judged_before_and_nobody_waits_for_it(tmp_path):
    space = make_space(tmp_path)
    pool = pool_of(space, 0)
    for ticket, bits in enumerate((2, 3, 4, 5)):
        drawn = {"pair": space.pairs[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": bits}
        pool._queue.append(ray_pool._Waiting(ticket, Job(space.candidate(drawn), Fidelity(rung="full"))))
    names = [item.job.candidate.candidate_id for item in pool._queue]
    pool._judged_by = {names[0]: OTHER, names[2]: WORKER}
    turns = [[item.ticket for item in pool._chunk(WORKER)] for _ in range(4)]
    assert turns == [[2], [1], [3], [0]]


LOSSES = ["ActorDiedError", "OutOfMemoryError", "ObjectLostError"]


def test_a_second_attempt_goes_alone_and_the_others_in_chunks(tmp_path):
    pool = pool_of(make_space(tmp_path), 9)
    pool._times.add([0.001])
    first = pool._queue.popleft()
    pool._queue.extendleft([ray_pool._Waiting(20, first.job, is_alone=True), ray_pool._Waiting(21, first.job, 1, True)])
    pool._queue.append(ray_pool._Waiting(22, first.job, is_alone=True))
    sizes = []
    while pool._queue:
        sizes.append([item.ticket for item in pool._chunk(WORKER)])
    assert sizes == [[21], [20], [1, 2, 3, 4, 5], [6, 7], [8], [22]]


@pytest.mark.parametrize("kind", LOSSES)
def test_a_job_that_kills_its_worker_twice_while_alone_has_failed_for_good(tmp_path, kind):
    pool = pool_of(make_space(tmp_path), 1)
    error = getattr(StandInRay.exceptions, kind)()
    assert pool._take(called(pool, error)) == []
    assert [(item.ticket, item.deaths, item.is_alone) for item in pool._queue] == [(0, 1, True)]
    assert list(pool._starting.values()) == ["a new worker"]
    assert pool._idle == []
    (lost,) = pool._take(called(pool, error))
    assert lost.outcome.evaluations[0].reason == "its worker died 2 times"
    assert lost.outcome.is_lasting
    assert lost.outcome.limit_s is None
    assert not pool._queue


def test_a_death_in_company_is_held_against_nobody(tmp_path):
    pool = pool_of(make_space(tmp_path), 3)
    error = StandInRay.exceptions.ActorDiedError()
    assert pool._take(called(pool, error)) == []
    assert [(item.ticket, item.deaths, item.is_alone) for item in pool._queue] == [(i, 0, True) for i in range(3)]


def test_the_loss_of_a_node_is_held_against_nobody_however_often(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    pool._ray.alive = False
    for _ in range(5):
        assert pool._take(called(pool, StandInRay.exceptions.ActorDiedError())) == []
    assert [(item.ticket, item.deaths) for item in pool._queue] == [(0, 0)]
    pool._ray.alive = True
    said = StandInRay.exceptions.ActorDiedError("The actor died because its node has died. Node Id: 1")
    assert pool._take(called(pool, said)) == []
    assert [(item.ticket, item.deaths) for item in pool._queue] == [(0, 0)]


def test_a_lone_job_that_hangs_has_had_its_time_and_is_not_tried_again(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    (late,) = pool._drop(called(pool, Reference(None)))
    assert (late.outcome.limit_s, late.outcome.seconds, late.outcome.is_lasting) == (5.0, 5.0, True)
    assert late.outcome.evaluations[0].reason == "took longer than 5 s"
    assert pool._ray.killed == ["the worker"]
    assert list(pool._starting.values()) == ["a new worker"]
    assert not pool._queue


def test_of_a_chunk_that_hangs_each_goes_alone(tmp_path):
    pool = pool_of(make_space(tmp_path), 3)
    assert pool._drop(called(pool, Reference(None))) == []
    assert pool._ray.killed == ["the worker"]
    assert [(item.ticket, item.deaths, item.is_alone) for item in pool._queue] == [(i, 0, True) for i in range(3)]


def test_only_what_is_overdue_is_dropped(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    pool._ray.wait = lambda references, num_returns, timeout: ([], references)
    now = time.monotonic()
    called(pool, Reference("late"), now - 1)
    pool._calls["in time"] = ray_pool._Call(WORKER, (), now + 99)
    assert pool._patience_s() == 0.0
    assert [result.ticket for result in pool._next()] == [0]
    assert list(pool._calls) == ["in time"]


def test_what_goes_wrong_with_the_cache_in_a_worker_arrives_as_one_line(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    error = StandInRay.exceptions.RayTaskError(ResultsError("the cache is damaged"))
    with pytest.raises(ResultsError, match=r"^the cache is damaged$"):
        pool._take(called(pool, error))
    bug = StandInRay.exceptions.RayTaskError(KeyError("a bug"))
    with pytest.raises(StandInRay.exceptions.RayTaskError, match="a bug"):
        pool._take(called(pool, bug))


def standing(host="far", **versions):
    """What a worker says of its place."""
    return {"host": host, "pid": 1, "node": "here", "versions": {**on_nodes.versions(JUDGING_PACKAGES), **versions}}


def test_a_worker_gets_work_only_once_it_stands(tmp_path):
    pool = pool_of(make_space(tmp_path), 4)
    pool._feed()
    assert not pool._calls
    reference = Reference(standing())
    pool._starting[reference] = "fresh"
    pool._admit(reference)
    assert pool._idle == [ray_pool._Worker("fresh", "here")]
    assert not pool._starting


def test_workers_that_die_before_they_stand_are_replaced_but_not_for_ever(tmp_path):
    pool = pool_of(make_space(tmp_path), 4)
    error = StandInRay.exceptions.ActorDiedError("The actor died\nand a page more")
    lost = StandInRay.exceptions.ActorDiedError("The actor died because its node has died.")
    for said in [error, error, *[lost] * 5]:
        pool._starting[said] = "weak"
        pool._admit(said)
    assert list(pool._starting.values()) == ["a new worker"] * 7
    pool._starting[error] = "weak"
    pool._admit(error)
    assert list(pool._starting.values()) == ["a new worker"] * 7
    pool._starting = {error: "weak"}
    pool._idle = [WORKER]
    pool._admit(error)  # somebody is left
    pool._starting, pool._idle = {error: "weak"}, []
    with pytest.raises(ResultsError, match=r"do not start \(The actor died\); --executor serial does without"):
        pool._admit(error)


def test_one_that_stands_makes_good_for_those_that_did_not(tmp_path):
    pool = pool_of(make_space(tmp_path), 4)
    for _ in range(4):
        for reference in (StandInRay.exceptions.ActorDiedError(), Reference(standing())):
            pool._starting[reference] = "a worker"
            pool._admit(reference)
    assert len(pool._idle) == 4


def test_a_worker_that_cannot_import_says_why(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    error = StandInRay.exceptions.RayTaskError(ModuleNotFoundError("No module named 'torch'"))
    pool._starting[error] = "weak"
    with pytest.raises(ResultsError, match=r"cannot start .*No module named 'torch'.*docs/cluster.md"):
        pool._admit(error)


@pytest.mark.parametrize("version", ["1.0", None])
def test_a_node_with_other_packages_is_refused_by_name(tmp_path, version):
    pool = pool_of(make_space(tmp_path), 1)
    reference = Reference(standing(torch=version))
    pool._starting[reference] = "other"
    with pytest.raises(ResultsError, match=rf"node far of the Ray cluster has torch {version}, here "):
        pool._admit(reference)


def test_a_cluster_without_a_free_cpu_is_not_waited_for_for_ever(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    pool._starting["never"] = "no room"
    pool._ray.wait = lambda references, num_returns, timeout: ([], references)
    assert pool._patience_s() == ray_pool.START_S
    with pytest.raises(ResultsError, match="no Ray worker stands after 120 s"):
        pool.collect()
