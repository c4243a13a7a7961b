"""The law of the search, with the true evaluation: workers, executors and kills change no row."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess

import polars as pl
import pytest
from real_project import (
    command,
    descendants,
    is_alive,
    joulescape,
    judges,
    make_project,
    remembered,
    wait_until,
    with_weights,
)

from joulescape.resolve.design_space import load_space
from joulescape.search.confirm import confirm
from joulescape.search.driver import Means
from joulescape.search.run import search

pytestmark = pytest.mark.slow


def trials_of(project, name="tiny"):
    return pl.read_parquet(project / "results" / name / "trials.parquet").drop("seconds")


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Searched once in one process, through the command line."""
    folder = with_weights(make_project(tmp_path_factory.mktemp("true")), every_seed=True)
    code, text = joulescape(folder, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert "(12 judged, 0 remembered)" in text
    return folder


def test_progress_says_how_far_what_is_best_and_how_long(project):
    code, text = joulescape(project, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert "(0 judged, 12 remembered)" in text
    lines = [line for line in text.splitlines() if "/12 candidates (" in line]
    assert len(lines) == 3
    best = r"accuracy_fraction 0\.9\d*, inference_energy \d\S* [npµ]J"
    front = r"on the front, hypervolume \d\S*; best of each so far"
    assert re.search(rf"4/12 candidates .*{front}: {best}; .*evaluations/s.*; replaying what is remembered", lines[0])
    assert re.search(r"12/12 candidates .*done in \d+ s", lines[-1])


def test_a_ray_worker_gives_the_rows_of_one_process(project, tmp_path):
    """One worker; two are asked in test_true_ladder, and by the search below that is killed."""
    space = load_space(project / "spaces" / "tiny.yaml")
    found = search(space, tmp_path / "out", Means(1, "ray", cache=tmp_path / "ray.sqlite"))
    assert (found.judged, found.reused) == (12, 0)
    assert found.trials.drop("seconds").equals(trials_of(project))


@pytest.mark.parametrize("how", [("serial", 1), ("ray", 2)])
def test_a_killed_search_run_again_ends_with_the_same_rows_and_leaves_no_process(project, tmp_path, how):
    executor, workers = how
    folder = make_project(tmp_path, source=project)
    (folder / "results").mkdir()
    (folder / "results" / "networks").symlink_to(project / "results" / "networks")
    asked = ("search", "spaces/tiny.yaml", "--executor", executor, "--workers", str(workers))
    with subprocess.Popen(command(*asked), cwd=folder, stderr=subprocess.DEVNULL) as process:
        assert wait_until(lambda: remembered(folder) >= 2 or process.poll() is not None)
        below = judges(descendants(process.pid))
        os.kill(process.pid, signal.SIGKILL)
    kept = remembered(folder)
    assert 2 <= kept < 12
    assert bool(below) == (executor == "ray")
    assert wait_until(lambda: not any(map(is_alive, below)))
    assert not (folder / "results" / "tiny" / "trials.parquet").exists()
    code, text = joulescape(folder, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert f"({12 - kept} judged, {kept} remembered)" in text
    assert trials_of(folder).equals(trials_of(project))


def test_confirm_of_the_true_search_is_a_replay_the_second_time(project, tmp_path):
    space = load_space(project / "spaces" / "tiny.yaml")
    once = confirm(space, project / "results" / "tiny")
    before = remembered(project)
    again = confirm(space, project / "results" / "tiny")
    assert remembered(project) == before
    assert once.confirmed.equals(again.confirmed)
    assert once.parts.equals(again.parts)
    assert set(once.confirmed["state"]) == {"valid"}


def test_a_constant_of_the_shelf_that_moved_asks_for_a_new_search(project, tmp_path):
    folder = make_project(tmp_path, source=project)
    (folder / "results").symlink_to(project / "results")
    space = load_space(folder / "spaces" / "tiny.yaml")
    assert len(confirm(space, folder / "results" / "tiny").confirmed) > 0
    shelf = folder / "hwlib" / "memristive" / "isaac.yaml"
    shelf.write_text(shelf.read_text().replace("about: ", "about: Another text. ", 1))
    code, text = joulescape(folder, "confirm", "spaces/tiny.yaml")
    assert code == 2
    assert "another version of space 'tiny': search again" in text
    assert "Traceback" not in text
