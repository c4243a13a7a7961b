"""Ray workers give what one process gives, whatever dies on the way."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fakes import deadly_judge, judge, make_space

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search import driver, ray_pool
from joulescape.search.driver import Means
from joulescape.search.outcome import Job
from joulescape.search.ray_pool import probe
from joulescape.search.run import search
from joulescape.search.workers import open_pool


@pytest.fixture(autouse=True)
def workers_find_the_stand_ins(monkeypatch, caplog):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.mark.slow
def test_two_ray_workers_give_the_trials_of_one_process_even_when_a_candidate_kills_its_worker(tmp_path):
    small = {"trials": 12, "population": 12, "failed_share": 1.0}
    space = make_space(tmp_path, budget=small)
    ray = search(space, tmp_path / "ray", Means(2, "ray", cache=tmp_path / "ray.sqlite"), deadly_judge)
    lost = ray.trials.filter(pl.col("reason").str.starts_with("its worker died 2 times"))
    bits = "compression.1.quantize.weight_bits"
    assert set(lost[bits].to_list()) == {6}
    assert set(lost["back_end"].to_list()) == {"electronic/grid"}
    serial = search(space, tmp_path / "one", Means(1, "serial", cache=tmp_path / "one.sqlite"), judge)
    first = [r.trials.filter(pl.col("batch") == 0).unique("candidate_id", maintain_order=True) for r in (ray, serial)]
    assert first[0]["candidate_id"].to_list() == first[1]["candidate_id"].to_list()
    alive = ray.trials.filter((pl.col("state") == "valid") & (pl.col("batch") == 0)).drop("seconds", "is_front")
    same = serial.trials.filter(pl.col("design_id").is_in(alive["design_id"].to_list())).drop("seconds", "is_front")
    assert alive.equals(same)
    assert len(alive) + len(lost) >= 11


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


def test_a_dead_cluster_address_is_refused_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ResultsError, match=f"RAY_ADDRESS is 127.0.0.1:{port}, but nothing answers"):
        probe(f"127.0.0.1:{port}")


def test_a_living_address_and_a_name_pass_the_probe():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        probe(f"ray://127.0.0.1:{server.getsockname()[1]}")
    probe("auto")


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
    """What `_start` and `_take` use of Ray."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            """Root."""

        class RayActorError(RayError):
            """A dead worker."""

        class OutOfMemoryError(RayError):
            """A killed worker."""

        class WorkerCrashedError(RayError):
            """A dead worker."""

        class RayTaskError(RayError):
            """An exception inside a worker, with a page of text."""

            def __init__(self, cause):
                super().__init__("ray::judge() (pid=1)\n  File x, line 1\n" + repr(cause))
                self.cause = cause

    def __init__(self, raises=None):
        self.raises, self.asked, self.is_shut = raises, {}, False

    def init(self, **options):
        self.asked = options
        if self.raises:
            raise self.raises

    def shutdown(self):
        self.is_shut = True

    def get(self, reference):
        raise reference


@pytest.fixture
def plain_environment(monkeypatch):
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in ("RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        os.environ.pop(name, None)


@pytest.mark.parametrize(
    "error", [RuntimeError("no room\nand a page more"), OSError(28, "No space left"), ValueError("x")]
)
def test_a_ray_that_does_not_start_says_so_in_one_line_with_a_remedy(plain_environment, error):
    ray = StandInRay(error)
    with pytest.raises(ResultsError, match=r"Ray does not start \(.*\); --executor serial does without") as caught:
        ray_pool._start(ray, 2)
    assert "\n" not in str(caught.value)
    assert ray.is_shut


def test_a_ray_of_our_own_is_private_and_sized(plain_environment):
    ray = StandInRay()
    ray_pool._start(ray, 3)
    assert ray.asked["address"] == "local"
    assert ray.asked["num_cpus"] == 3
    assert ray.asked["_node_ip_address"] == "127.0.0.1"
    assert not ray.asked["include_dashboard"]
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_cluster_is_joined_with_its_own_authentication_and_size(plain_environment, monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        ray = StandInRay()
        ray_pool._start(ray, 3)
    assert ray.asked["address"] == os.environ["RAY_ADDRESS"]
    assert "num_cpus" not in ray.asked
    assert "RAY_AUTH_MODE" not in os.environ


def pool_of(space, count, workers=2):
    """A pool without processes, with `count` jobs queued; spawned workers are names."""
    pool = object.__new__(ray_pool.RayPool)
    pool._ray, pool._workers, pool._time_out_s, pool._job_s = StandInRay(), workers, 5.0, None
    pool._idle, pool._calls = [], {}
    pool._spawn = lambda: "a new worker"
    drawn = {"pair": space.pairs[0].name, "compression.1.quantize.weight_bits": 8}
    job = Job(space.candidate(drawn), Fidelity())
    pool._queue = deque(ray_pool._Waiting(ticket, job) for ticket in range(count))
    return pool


@given(st.integers(1, 60), st.integers(1, 5), st.one_of(st.none(), st.floats(0, 1)), st.integers(0, 20))
def test_chunks_hold_every_job_once_and_second_attempts_alone(count, workers, job_s, again):
    pool = pool_of(make_space("."), count, workers)
    pool._job_s = job_s
    first = pool._queue.popleft()
    pool._queue.extendleft(ray_pool._Waiting(100 + i, first.job, 2) for i in range(again))
    pool._queue.append(first)
    wanted = sorted(item.ticket for item in pool._queue)
    chunks = []
    while pool._queue:
        left = len(pool._queue)
        chunks.append(pool._chunk())
        assert 1 <= len(chunks[-1]) <= min(ray_pool.LARGEST_CHUNK, -(-left // workers))
    assert sorted(item.ticket for chunk in chunks for item in chunk) == wanted
    assert all(len(chunk) == 1 for chunk in chunks if any(item.attempt > 1 for item in chunk))
    if job_s is None:
        assert all(len(chunk) == 1 for chunk in chunks)


def called(pool, error):
    call = ray_pool._Call("the worker", tuple(pool._queue), 0.0)
    pool._queue.clear()
    pool._calls[error] = call
    return call


@pytest.mark.parametrize("kind", ["RayActorError", "OutOfMemoryError", "WorkerCrashedError"])
def test_jobs_of_a_dead_worker_are_tried_once_more_and_have_then_failed(tmp_path, kind):
    pool = pool_of(make_space(tmp_path), 3)
    error = getattr(StandInRay.exceptions, kind)()
    called(pool, error)
    assert pool._take(error) == []
    assert [(item.ticket, item.attempt) for item in pool._queue] == [(0, 2), (1, 2), (2, 2)]
    assert pool._idle == ["a new worker"]
    called(pool, error)
    lost = pool._take(error)
    assert [result.ticket for result in lost] == [0, 1, 2]
    assert {result.outcome.evaluations[0].reason for result in lost} == {"its worker died 2 times"}
    assert not any(result.outcome.is_lasting for result in lost)
    assert not pool._queue


def test_what_goes_wrong_with_the_cache_in_a_worker_arrives_as_one_line(tmp_path):
    pool = pool_of(make_space(tmp_path), 1)
    error = StandInRay.exceptions.RayTaskError(ResultsError("the cache is damaged"))
    called(pool, error)
    with pytest.raises(ResultsError, match=r"^the cache is damaged$"):
        pool._take(error)
    bug = StandInRay.exceptions.RayTaskError(KeyError("a bug"))
    pool._calls[bug] = ray_pool._Call("the worker", (), 0.0)
    with pytest.raises(StandInRay.exceptions.RayTaskError, match="a bug"):
        pool._take(bug)
