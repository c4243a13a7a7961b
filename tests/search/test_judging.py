"""Judging is the same in every process; far from the cache it asks the driver's node, or does without."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import ray
from search_fakes import PAIRS, judge, make_space

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.search.cache import Cache
from joulescape.search.digests import measured_version
from joulescape.search.judging import FarMemory, Work, judge_of
from joulescape.search.outcome import Job

KNOWN = Measured(accuracy_fraction=(0.5,), correct=(b"\x01",))


class Reader:
    """An actor's handle: what `remote` gives is what `ray.get` is asked for."""

    def __init__(self, answer):
        self.asked, self.answer, self.read = [], answer, self

    def remote(self, key):
        self.asked.append(key)
        return self.answer


@pytest.fixture
def answers(monkeypatch):
    def get(reference, timeout):
        assert timeout > 0
        if isinstance(reference, Exception):
            raise reference
        return reference

    monkeypatch.setattr(ray, "get", get)


@pytest.fixture
def work(tmp_path):
    Cache(tmp_path / "evaluations.sqlite").close()
    return Work(make_space(tmp_path), 0, judge, tmp_path / "evaluations.sqlite", 10.0)


def job_of(space, bits=8):
    drawn = {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": bits}
    return Job(space.candidate(drawn), Fidelity())


def test_results_come_under_their_tickets_with_what_was_measured(work):
    jobs = [(7, job_of(work.space, 8)), (3, job_of(work.space, 4)), (5, job_of(work.space, 8))]
    found = judge_of(work)(jobs)
    assert [result.ticket for result in found] == [7, 3, 5]
    assert [len(result.measurements) for result in found] == [1, 1, 1]
    assert found[0].outcome.evaluations == found[2].outcome.evaluations


def test_a_node_finds_the_weights_where_they_were_unpacked(work, tmp_path):
    seen = []

    def noted(candidate, space, fidelity, seed, memory):
        seen.append(space.root)
        return judge(candidate, space, fidelity, seed, memory)

    judge_of(replace(work, evaluate=noted), tmp_path / "unpacked")([(0, job_of(work.space))])
    assert seen == [tmp_path / "unpacked" / "project"]


def test_a_far_memory_asks_by_the_whole_name_and_once_it_measured_itself_no_more(work, answers):
    reader = Reader(pickle.dumps(KNOWN))
    memory = FarMemory(work.cache, "v1", reader)
    assert memory.get("a") == KNOWN
    assert reader.asked == ["v1:a"]
    memory.put("b", KNOWN)
    assert memory.get("b") == KNOWN
    assert reader.asked == ["v1:a"]
    assert [name for name, _ in memory.hand_over()] == ["v1:b"]


@pytest.mark.parametrize("error", [ray.exceptions.ActorDiedError(), ray.exceptions.GetTimeoutError("late"), None])
def test_where_nobody_answers_it_measures_again(work, answers, error):
    reader = Reader(error)
    (found,) = judge_of(work, reader=reader)([(0, job_of(work.space))])
    assert found.outcome.evaluations[0].state == "valid"
    assert [name for name, _ in found.measurements] == reader.asked
    assert reader.asked[0].startswith(f"{measured_version()}:")


def test_a_cache_that_cannot_be_read_there_ends_the_run_and_fails_no_candidate(work, answers):
    error = ray.exceptions.RayTaskError("read", "a page of text", OSError("damaged"))
    with pytest.raises(ResultsError, match=r"evaluations.sqlite cannot be read \(.*damaged.*\); run again"):
        judge_of(work, reader=Reader(error))([(0, job_of(work.space))])
