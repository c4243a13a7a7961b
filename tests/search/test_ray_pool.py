"""Ray workers give what one process gives, whatever dies on the way."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import polars as pl
import pytest
from search_fakes import deadly_judge, judge, make_space

from joulescape.errors import ResultsError
from joulescape.search import driver
from joulescape.search.driver import Means
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
