"""A Ray that somebody left running on this machine, and a home that cannot be written: neither is in the way."""

from __future__ import annotations

import os
import sys
import time

import psutil
import pytest
from fault_project import free_port, joulescape, killed, project_in

RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats")


@pytest.fixture
def leftover(tmp_path_factory):
    """`ray start --head` with a port and a folder of its own; ended by its own numbers."""
    folder = tmp_path_factory.mktemp("ray")
    options = (f"--port={free_port()}", "--num-cpus=1", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}")
    quiet = ("--include-dashboard=false", "--object-store-memory=80000000")
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    environment.pop("RAY_ADDRESS", None)
    with killed(*RAY, *options, *quiet, env=environment) as head:
        deadline = time.monotonic() + 60
        while not (below := _raylets(head.pid)) and time.monotonic() < deadline:
            time.sleep(0.2)
        yield psutil.Process(below[0])
        for child in psutil.Process(head.pid).children(recursive=True):
            child.kill()


def _raylets(pid):
    return [one.pid for one in psutil.Process(pid).children(recursive=True) if one.name() == "raylet"]


@pytest.mark.slow
def test_a_leftover_head_is_neither_joined_nor_harmed(tmp_path, leftover, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    project_in(tmp_path)
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml", "--executor", "ray", "--workers", "2")
    assert code == 0, text
    assert "(4 judged, 0 remembered)" in text
    assert leftover.is_running()
    assert leftover.status() != psutil.STATUS_ZOMBIE
    assert not any("NodeWorker" in child.name() for child in leftover.children())


@pytest.mark.slow
def test_a_home_that_cannot_be_written_does_not_matter(tmp_path):
    project_in(tmp_path)
    arguments = ("search", "spaces/tiny.yaml", "--executor", "ray", "--workers", "1")
    code, text = joulescape(tmp_path, *arguments, HOME="/dev/null/home")
    assert code == 0, text
    assert "(4 judged, 0 remembered)" in text
