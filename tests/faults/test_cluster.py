"""A search on a cluster of two nodes, one of which has never seen this project and is lost on the way."""

from __future__ import annotations

import logging
import os
import sqlite3
import time

import pytest
import ray
from fault_project import project_in
from ray_nodes import bare_python, end, head, node

from joulescape.resolve.design_space import load_space
from joulescape.search.driver import Driver, Means
from joulescape.search.ray_pool import RayPool
from joulescape.search.run import search

SPACE = """\
question: Which of two machines recognises digits for less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
compression:
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
fine_tune: {epochs: 1}
hardware:
  electronic/systolic_int8: {array.rows: {kind: choice, options: [16, 32]}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 16, population: 8, per_back_end: 4, draws: 1, samples: 200}
"""


@pytest.fixture
def space(tmp_path):
    return load_space(project_in(tmp_path, SPACE) / "spaces" / "tiny.yaml")


@pytest.mark.slow
def test_all_nodes_work_and_a_lost_one_changes_nothing(space, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")
    stood, lost = [], []
    admit, wait = RayPool._admit, Driver.wait

    def noted_admit(pool, reference):
        before = len(pool._idle)
        admit(pool, reference)
        stood.extend(worker.node for worker in pool._idle[before:])

    def deadly_wait(driver):
        wait(driver)
        if len(set(stood)) == 2 and driver.judged >= 4 and not lost:
            lost.append(second)
            end(second)

    monkeypatch.setattr(RayPool, "_admit", noted_admit)
    monkeypatch.setattr(Driver, "wait", deadly_wait)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    python = bare_python(tmp_path / "bare")
    with head() as (address, _), node(address, python) as second:
        monkeypatch.setenv("RAY_ADDRESS", address)
        _both_nodes(address)
        far = search(space, tmp_path / "far", Means(cache=tmp_path / "far.sqlite"))
    monkeypatch.delenv("RAY_ADDRESS")
    assert len(set(stood)) == 2
    assert lost == [second]
    near = search(space, tmp_path / "near", Means(1, "serial", cache=tmp_path / "near.sqlite"))
    assert set(far.trials["state"]) <= {"valid", "infeasible", "screened"}
    assert far.trials.drop("seconds").equals(near.trials.drop("seconds"))
    assert far.front.drop("seconds").equals(near.front.drop("seconds"))
    (unpacked,) = (path for path in (tmp_path / f"joulescape-{os.getuid()}").iterdir())
    kept = unpacked / "project" / "results" / "networks" / "digits_mlp.npz"
    assert kept.read_bytes() == (space.networks_dir / "digits_mlp.npz").read_bytes()
    assert _measured(tmp_path / "far.sqlite") == _measured(tmp_path / "near.sqlite")


def _both_nodes(address):
    """Wait until the head knows both."""
    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    try:
        deadline = time.monotonic() + 240
        while ray.cluster_resources().get("CPU") != 2 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        ray.shutdown()


def _measured(cache):
    """The names under which measurements are kept: the same wherever they were made."""
    with sqlite3.connect(cache) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM measurements")}
