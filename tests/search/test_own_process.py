"""A process of its own: killed when it hangs, replaced when it dies, and gone with its parent."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from fault_judges import judge, make_space, perilous_judge
from search_fakes import PAIRS

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.search import own_process
from joulescape.search.cache import Cache
from joulescape.search.judging import Work
from joulescape.search.outcome import Job
from joulescape.search.own_process import OwnProcess
from joulescape.search.workers import InProcess


def job_of(space, bits):
    drawn = {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": bits}
    return Job(space.candidate(drawn), Fidelity())


@pytest.fixture
def work(tmp_path):
    Cache(tmp_path / "evaluations.sqlite").close()
    return Work(make_space(tmp_path), 0, perilous_judge, tmp_path / "evaluations.sqlite", 1.5)


@pytest.mark.slow
def test_what_hangs_is_killed_what_dies_is_tried_twice_and_the_rest_goes_on(work, monkeypatch):
    monkeypatch.setattr(own_process, "GRACE_S", 0.2)
    apart = OwnProcess(work)
    found = {bits: apart.judge(bits, job_of(work.space, bits)).outcome for bits in (8, 4, 5, 6, 7, 2)}
    assert {bits: outcome.evaluations[0].reason for bits, outcome in found.items()} == {
        8: None,
        4: "took longer than 1.5 s",
        5: "took longer than 1.5 s",
        6: "its worker died 2 times",
        7: "MemoryError: ",
        2: None,
    }
    assert [found[bits].limit_s for bits in (4, 5, 6)] == [1.5, 1.5, None]
    assert [found[bits].is_lasting for bits in (4, 5, 6, 7)] == [True, True, True, False]
    here = judge(job_of(work.space, 8).candidate, work.space, Fidelity(), 0)
    assert found[8].evaluations[0].metrics == here[1].metrics
    apart.close()
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_process_that_does_not_start_ends_the_run_and_is_nobodys_death(work, monkeypatch, capfd):
    module = ModuleType("only_here")
    exec("def unheard_of(*asked): pass", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    module.unheard_of.__module__ = "only_here"
    apart = OwnProcess(replace(work, evaluate=module.unheard_of))
    with pytest.raises(ResultsError, match=r"does not start \(exit code 1"):
        apart.judge(0, job_of(work.space, 8))
    assert "only_here" in capfd.readouterr().err
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_outside_the_main_thread_a_time_limit_holds_all_the_same(work, monkeypatch):
    results = []

    def run():
        pool = InProcess(work)
        pool.submit([(0, job_of(work.space, 4)), (1, job_of(work.space, 8))])
        results.extend([*pool.collect(), *pool.collect()])
        pool.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(240)
    assert [(result.ticket, result.outcome.limit_s) for result in results] == [(0, 1.5), (1, None)]
