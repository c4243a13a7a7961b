"""Ray workers that die, hang or run out of memory: each such candidate fails once, all others are as ever."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import polars as pl
import pytest
from fault_judges import judge, make_space, perilous_judge

from joulescape.search.driver import Means
from joulescape.search.run import search

BITS = "compression.1.quantize.weight_bits"
REASONS = {
    4: "took longer than 3 s",
    5: "took longer than 3 s",
    6: "its worker died 2 times",
    7: "MemoryError: ",
}


@pytest.fixture
def workers_find_the_stand_ins(monkeypatch):
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here), str(here.parent / "search")]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.slow
def test_perilous_candidates_fail_once_and_a_rerun_does_not_meet_them_again(
    tmp_path, workers_find_the_stand_ins, caplog
):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")
    budget = {"trials": 10, "population": 10, "failed_share": 1.0, "time_out_s": 3.0, "seed": 4}
    space, cache = make_space(tmp_path, budget=budget), tmp_path / "ray.sqlite"
    found = search(space, tmp_path / "ray", Means(2, "ray", cache=cache), perilous_judge).trials
    perils = found.filter((pl.col("back_end") == "electronic/grid") & pl.col(BITS).is_in(list(REASONS)))
    assert sorted(perils[BITS]) == [4, 5, 6, 7]  # each peril is met once
    assert [REASONS[bits] for bits in perils[BITS]] == perils["reason"].to_list()
    safe = search(space, tmp_path / "safe", Means(1, "serial", cache=tmp_path / "safe.sqlite"), judge).trials
    ids = perils["candidate_id"].to_list()
    others = [table.filter(~pl.col("candidate_id").is_in(ids)).drop("seconds", "is_front") for table in (found, safe)]
    assert others[0].equals(others[1])
    again = search(space, tmp_path / "again", Means(1, "serial", cache=cache), perilous_judge)
    assert again.judged == perils.filter(pl.col(BITS) == 7).height  # memory may be back
    assert again.trials.drop("seconds").equals(found.drop("seconds"))
