"""The driver: what was finished is stored whatever happens next, and Ray never starts or fails in silence."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys

import polars as pl
import pytest
from search_fakes import PAIRS, judge, make_space, sleepy_judge

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search import driver as driver_module
from joulescape.search.driver import Driver, Means
from joulescape.search.fidelities import search_fidelity
from joulescape.search.outcome import Job
from joulescape.search.run import search
from joulescape.search.workers import InProcess, open_pool


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.WARNING, logger="joulescape.search")


@pytest.fixture
def opened(monkeypatch):
    """Executors in the order in which they were opened; Ray is played by this process."""
    found = []

    def noted(work, workers, executor):
        found.append(executor)
        return open_pool(work, 1, "serial")

    monkeypatch.setattr(driver_module, "open_pool", noted)
    return found


@pytest.fixture
def broken_ray(monkeypatch):
    def refused(work, workers, executor):
        if executor == "ray":
            raise ResultsError("Ray does not start (no shared memory)")
        return InProcess(work)

    monkeypatch.setattr(driver_module, "open_pool", refused)


def rows(result):
    return result.trials.drop("seconds")


def test_with_lag_two_ray_is_opened_at_once_and_only_once(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(driver_module, "RAY_START_S", 0.0)
    space = make_space(tmp_path, budget={"lag": 2})
    parallel = search(space, tmp_path / "a", Means(2, cache=tmp_path / "a.sqlite"), judge)
    assert opened == ["ray"]
    alone = search(space, tmp_path / "b", Means(1, cache=tmp_path / "b.sqlite"), judge)
    assert opened == ["ray", "serial"]
    assert rows(parallel).equals(rows(alone))


def test_a_replay_opens_no_worker(tmp_path, opened):
    space = make_space(tmp_path)
    search(space, tmp_path / "out", Means(), judge)
    assert opened == ["serial"]
    assert search(space, tmp_path / "out", Means(2), judge).judged == 0
    assert search(space, tmp_path / "out", Means(2, "ray"), judge).judged == 0
    assert opened == ["serial"]


@pytest.mark.parametrize("lag", [1, 2])
def test_where_ray_does_not_start_auto_goes_on_alone_and_says_so_once(tmp_path, broken_ray, caplog, monkeypatch, lag):
    monkeypatch.setattr(driver_module, "RAY_START_S", 0.0)
    space = make_space(tmp_path, budget={"lag": lag})
    found = search(space, tmp_path / "out", Means(2), judge)
    said = [record.getMessage() for record in caplog.records if "Ray" in record.getMessage()]
    assert said == ["Ray does not start (no shared memory); the run goes on with one worker, in this process"]
    assert found.judged == 60


def test_where_ray_was_asked_for_by_name_its_failure_ends_the_run(tmp_path, broken_ray):
    with pytest.raises(ResultsError, match="no shared memory"):
        search(make_space(tmp_path), tmp_path / "out", Means(2, "ray"), judge)


def test_a_disk_that_fills_in_the_middle_loses_nothing_that_was_finished(tmp_path, monkeypatch):
    class Filling(driver_module.Cache):
        """After 17 results there is no page left, and every result is long."""

        stored = 0

        def store(self, outcomes, measurements):
            self.stored += len(outcomes)
            if self.stored > 17:
                self._connection.execute("PRAGMA max_page_count=1")
                outcomes = [(key, text + " " * 10**6) for key, text in outcomes]
            super().store(outcomes, measurements)

    space = make_space(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(driver_module, "Cache", Filling)
        with pytest.raises(ResultsError, match=r"full.*finished evaluations are kept: free the disk"):
            search(space, tmp_path / "out", Means(), judge)
    assert not (tmp_path / "out" / "trials.parquet").exists()
    again = search(space, tmp_path / "out", Means(), judge)
    assert (again.reused, again.judged) == (17, 43)
    whole = search(space, tmp_path / "whole", Means(cache=tmp_path / "whole.sqlite"), judge)
    assert rows(again).equals(rows(whole))


def test_tables_that_cannot_be_written_are_named_and_the_rerun_judges_nothing(tmp_path, monkeypatch):
    space = make_space(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(ResultsError, match=r"cannot be written .*No space left.*run again"):
            search(space, tmp_path / "out", Means(), judge)
    again = search(space, tmp_path / "out", Means(), judge)
    assert (again.reused, again.judged) == (60, 0)


def test_a_damaged_record_is_named_with_the_remedy(tmp_path):
    space = make_space(tmp_path)
    search(space, tmp_path / "out", Means(), judge)
    with sqlite3.connect(tmp_path / "results" / ".cache" / "evaluations.sqlite") as connection:
        connection.execute("UPDATE evaluations SET outcome = substr(outcome, 1, 40)")
    with pytest.raises(ResultsError, match="is damaged .* delete it and run again"):
        search(space, tmp_path / "out", Means(), judge)


def test_a_folder_held_by_another_process_is_refused_until_that_process_ends(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom joulescape.search.cache import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    out, pipes = tmp_path / "out", {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script, str(out)], **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ResultsError, match="another run works in"):
            search(make_space(tmp_path), out, Means(), judge)
        holder.kill()
    assert search(make_space(tmp_path), out, Means(), judge).judged == 60


def test_outcomes_come_back_in_the_order_of_their_jobs(tmp_path):
    space = make_space(tmp_path)
    drawn = [
        {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": b} for b in range(2, 9)
    ]
    jobs = [Job(space.candidate(values), search_fidelity(space.spec)) for values in drawn]
    with Driver(space, Means(), judge) as run:
        some = run.run(jobs[::2])
        every = run.run(jobs)
        assert (run.judged, run.reused) == (7, 4)
    assert [o.evaluations[0].candidate_id for o in every] == [job.candidate.candidate_id for job in jobs]
    assert [o.evaluations for o in every[::2]] == [o.evaluations for o in some]


def test_weights_that_cannot_be_kept_are_named(tmp_path):
    from joulescape.evaluation import evaluate

    space = make_space(tmp_path)
    (tmp_path / "file").write_text("in the way")
    object.__setattr__(space, "networks", {})
    with Driver(space, Means(cache=tmp_path / "a.sqlite"), evaluate):
        pass

    class Unwritable(type(space)):
        spec, networks_dir = space.spec, tmp_path / "file" / "networks"
        graphs: dict = {}  # noqa: RUF012

        @property
        def networks(self):
            raise NotADirectoryError(20, "Not a directory", str(self.networks_dir))

    broken = object.__new__(Unwritable)
    with pytest.raises(ResultsError, match=r"networks cannot be used .*Not a directory"):
        Driver(broken, Means(cache=tmp_path / "b.sqlite"), evaluate)


def sleeping(tmp_path, limit_s):
    """(outcome, judged, reused) of one candidate that sleeps for a minute, under a limit."""
    space = make_space(tmp_path, budget={"time_out_s": limit_s})
    values = {"pair": "lenet@electronic/grid", "compression.0": "none", "compression.1.quantize.weight_bits": 4}
    with Driver(space, Means(), sleepy_judge) as run:
        (outcome,) = run.run([Job(space.candidate(values), search_fidelity(space.spec))])
        return outcome, run.judged, run.reused


def test_what_ran_out_of_time_is_replayed_until_the_limit_is_longer(tmp_path):
    first, *counts = sleeping(tmp_path, 0.1)
    assert counts == [1, 0]
    assert (first.is_failed, first.limit_s) == (True, 0.1)
    assert first.evaluations[0].reason == "took longer than 0.1 s"
    for limit_s, expected in ((0.1, [0, 1]), (0.05, [0, 1]), (0.2, [1, 0]), (0.1, [0, 1]), (0.2, [0, 1])):
        again, *counts = sleeping(tmp_path, limit_s)
        assert counts == expected, limit_s
        assert again.is_failed
    assert again.limit_s == 0.2


def test_results_that_come_in_together_are_stored_in_one_transaction(tmp_path, monkeypatch):
    space = make_space(tmp_path)
    drawn = [
        {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": b} for b in range(2, 9)
    ]
    jobs = [Job(space.candidate(values), search_fidelity(space.spec)) for values in drawn]

    class AllAtOnce(InProcess):
        def collect(self):
            return [result for _ in range(len(self._queue)) for result in super(AllAtOnce, self).collect()]

    monkeypatch.setattr(driver_module, "open_pool", lambda work, workers, executor: AllAtOnce(work))
    stored = []
    with Driver(space, Means(), judge) as run:
        whole = run.cache.store
        monkeypatch.setattr(run.cache, "store", lambda outcomes, m: stored.append(len(outcomes)) or whole(outcomes, m))
        run.run(jobs)
    assert stored == [driver_module.PROBE, len(jobs) - driver_module.PROBE]


def test_the_code_behind_a_result_stands_in_its_key(tmp_path, monkeypatch):
    space = make_space(tmp_path)
    job = Job(space.candidate({"pair": PAIRS[0].name, "compression.1.quantize.weight_bits": 4}), Fidelity())
    keys = []
    for code in ("one", "two", "one"):
        monkeypatch.setattr(driver_module, "code_digest", lambda code=code: code)
        with Driver(space, Means(), judge) as run:
            run.run([job])
            keys.append(run._key(job))
            assert (run.judged, run.reused) == ((0, 1) if len(keys) == 3 else (1, 0))
    assert [key.partition("@")[2] for key in keys] == ["one", "two", "one"]
    assert len({key.partition("@")[0] for key in keys}) == 1


def test_what_is_asked_of_the_same_candidate_is_told_apart(tmp_path):
    space = make_space(tmp_path)
    candidate = space.candidate({"pair": PAIRS[0].name, "compression.1.quantize.weight_bits": 4})
    other = space.candidate({"pair": PAIRS[0].name, "compression.1.quantize.weight_bits": 5})
    jobs = [
        Job(candidate, Fidelity()), Job(other, Fidelity()), Job(candidate, Fidelity(split="test")),
        Job(candidate, Fidelity(), (0,)), Job(candidate, Fidelity(), ()), Job(candidate, Fidelity(), (0, 1)),
    ]  # fmt: skip
    with Driver(space, Means(), judge) as run:
        assert len({run._key(job) for job in jobs}) == len(jobs)
        assert run._key(jobs[0]) == run._key(Job(candidate, Fidelity()))
    with Driver(make_space(tmp_path, budget={"seed": 4}), Means(), judge) as run:
        other_seed = run._key(jobs[0])
    with Driver(space, Means(), judge) as run:
        assert run._key(jobs[0]) != other_seed
