"""What is left of a killed driver's Ray is ended, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from real_project import is_alive, wait_until

from joulescape.search import reaper
from joulescape.search.reaper import Reaper

DRIVER = 4_000_000_123  # no process has this number


@pytest.fixture
def sleeper():
    """A process that says its words, or keeps a file open, and sleeps."""
    made = []

    def make(*words, log=None):
        script = "import sys, time; kept = sys.argv[-1] and open(sys.argv[-1], 'w'); print(flush=True); time.sleep(600)"
        command = [sys.executable, "-c", script, *words, str(log or "")]
        made.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        made[-1].stdout.readline()
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.communicate()


def test_processes_of_the_session_are_known_by_their_command_or_by_their_open_log(sleeper, tmp_path, monkeypatch):
    monkeypatch.setattr(reaper, "_LOOKS_S", (0.0,))
    folders = [tmp_path / name for name in (f"session_a_{DRIVER}", f"session_a_{DRIVER}9", f"x_{DRIVER}")]
    for folder in folders:
        folder.mkdir()
    by_command = sleeper(f"--session-dir={folders[0]}")
    by_log = sleeper(log=folders[0] / "agent.log")
    others = [sleeper(log=folders[1] / "agent.log"), sleeper(f"--session-dir={folders[2]}"), sleeper()]
    reaper.reap(DRIVER)
    assert [process.wait(240) for process in (by_command, by_log)] == [-9, -9]
    assert [process.poll() for process in others] == [None, None, None]


def test_after_a_regular_end_nothing_is_looked_for(sleeper, tmp_path):
    (tmp_path / f"session_a_{os.getpid()}").mkdir()
    spared = sleeper(log=tmp_path / f"session_a_{os.getpid()}" / "agent.log")
    reaping = Reaper()
    reaping.close()
    assert spared.poll() is None


def test_a_killed_driver_takes_its_session_along(sleeper, tmp_path):
    script = (
        "from joulescape.search.reaper import Reaper; kept = Reaper(); print(kept._process.pid, flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as driver:
        watching = int(driver.stdout.readline())
        folder = tmp_path / f"session_a_{driver.pid}"
        folder.mkdir()
        left = sleeper(log=folder / "agent.log")
        driver.kill()
    assert left.wait(240) == -9
    assert wait_until(lambda: not is_alive(watching))
