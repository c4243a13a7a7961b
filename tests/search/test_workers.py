"""The twin without Ray: what its process may die of is noted before, and judged apart after."""

from __future__ import annotations

import faulthandler
from dataclasses import replace

import pytest
from search_fakes import PAIRS, judge, make_space

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search import workers
from joulescape.search.cache import Cache
from joulescape.search.in_hand import FOLDER, InHand, name_of
from joulescape.search.judging import GRACE_S, Result, Work
from joulescape.search.outcome import Job, died, failed
from joulescape.search.workers import InProcess, on_cluster, open_pool


class Apart:
    """A stand-in for the process of its own: says who came, and gives what it is told to."""

    def __init__(self, work):
        self.came, self.gives, self.is_closed = [], None, False

    def judge(self, ticket, job):
        self.came.append(ticket)
        return Result(ticket, self.gives(job) if self.gives else failed(job, "apart", is_lasting=False), ())

    def close(self):
        self.is_closed = True


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "OwnProcess", Apart)
    Cache(tmp_path / "evaluations.sqlite").close()
    return Work(make_space(tmp_path), 0, judge, tmp_path / "evaluations.sqlite", 10.0)


def jobs_of(space):
    for ticket, bits in enumerate((8, 7, 6)):
        drawn = {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": bits}
        yield ticket, Job(space.candidate(drawn), Fidelity())


def suspect(work, job):
    """Leave the note of a process that died over `job`."""
    folder = work.cache.parent / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "1-a").write_text(name_of(job))


def run(pool, jobs):
    pool.submit(jobs)
    results = [result for _ in jobs for result in pool.collect()]
    pool.close()
    return results


def test_jobs_are_judged_in_order_here(work):
    pool = InProcess(work)
    results = run(pool, list(jobs_of(work.space)))
    assert [(result.ticket, result.outcome.is_failed) for result in results] == [(0, False), (1, False), (2, False)]
    assert pool._own_process.came == []
    assert pool._own_process.is_closed
    assert list((work.cache.parent / FOLDER).iterdir()) == []


def test_a_suspect_is_judged_apart_and_then_no_more(work):
    jobs = list(jobs_of(work.space))
    suspect(work, jobs[1][1])
    pool = InProcess(work)
    run(pool, jobs)
    assert pool._own_process.came == [1]
    assert not InHand(work.cache).is_suspect(jobs[1][1])


def test_where_a_suspect_was_to_blame_all_others_follow_it(work):
    jobs = list(jobs_of(work.space))
    suspect(work, jobs[1][1])
    pool = InProcess(work)
    pool._own_process.gives = died
    run(pool, jobs)
    assert pool._own_process.came == [1, 2]


def test_a_job_is_noted_while_it_is_judged_and_the_process_ends_if_it_never_returns(work, monkeypatch):
    seen, armed = [], []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda seconds, exit: armed.append((seconds, exit)))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: armed.append("cancelled"))
    pool = InProcess(work)

    def spy(jobs):
        seen.append(pool._in_hand._path.read_text().strip() == name_of(jobs[0][1]))
        raise ResultsError("the cache is damaged")

    pool._judge = spy
    pool.submit(list(jobs_of(work.space)))
    with pytest.raises(ResultsError):
        pool.collect()
    assert seen == [True]
    assert armed == [(work.time_out_s + GRACE_S, True), "cancelled"]
    pool.close()


@pytest.fixture
def guards(monkeypatch):
    """What is asked of the guard over this process."""
    asked = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda seconds, exit: asked.append(seconds))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: asked.append("lifted"))
    return asked


@pytest.mark.parametrize(
    ("limit_s", "age_s", "expected"),
    [
        (900.0, 60.0, [910.0, "lifted"]),  # one guard over quick jobs that follow each other
        (900.0, 0.0, [910.0, "lifted"] * 3),  # jobs that take their time have each their own
        (10.0, 60.0, [20.0, "lifted"] * 3),  # and so have all under a short limit
    ],
)
def test_a_guard_stands_over_every_job_and_over_nothing_after_the_last(
    work, guards, monkeypatch, limit_s, age_s, expected
):
    monkeypatch.setattr(workers, "GUARD_S", age_s)
    run(InProcess(replace(work, time_out_s=limit_s)), list(jobs_of(work.space)))
    assert guards == expected


def test_no_guard_stays_while_a_suspect_is_judged_apart_nor_where_a_run_stops(work, guards, monkeypatch):
    def stops(*_):
        raise ResultsError("the cache is damaged")

    jobs = list(jobs_of(work.space))
    suspect(work, jobs[1][1])
    pool = InProcess(replace(work, time_out_s=900.0))
    pool.submit(jobs)
    pool.collect()
    assert guards == [910.0]
    pool.collect()
    assert guards == [910.0, "lifted"]
    monkeypatch.setattr(pool, "_judge", stops)
    with pytest.raises(ResultsError):
        pool.collect()
    assert guards == [910.0, "lifted"] * 2


@pytest.mark.parametrize("executor", ["serial", "auto"])
def test_ray_is_opened_only_by_name(work, executor):
    assert isinstance(open_pool(work, 4, executor), InProcess)


@pytest.mark.parametrize(("address", "is_named"), [("host:1", True), ("", False)])
def test_a_cluster_is_one_that_the_user_named(monkeypatch, address, is_named):
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert on_cluster() is is_named
