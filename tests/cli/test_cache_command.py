"""`joulescape cache`: what is remembered, and forgetting it, which asks first."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from joulescape.search.cache import PLACE, Cache, in_use

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    with Cache(tmp_path / PLACE) as cache:
        cache.store([("one@old", "{}"), ("two@old", "x" * 3000)], [("m@old", b"blob")])
    return tmp_path


def cache(project, *arguments, said=""):
    command = [str(Path(sys.executable).with_name("joulescape")), "cache", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, input=said)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def rows(text):
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith("  ")}


def test_place_size_and_entries_by_kind_are_shown(project):
    code, text = cache(project)
    assert code == 0
    assert str(PLACE) in text.splitlines()[0]
    assert rows(text)["evaluations"] == ["2", "3.0", "kB", "0", "2"]
    assert rows(text)["measurements"] == ["1", "9", "B", "0", "1"]
    assert "`joulescape cache --clear stale` frees 3.0 kB" in text


def test_a_folder_inside_the_project_will_do_and_one_outside_will_not(project, tmp_path_factory):
    assert cache(project, "--root", "results")[0] == 0
    code, text = cache(tmp_path_factory.mktemp("elsewhere"))
    assert code == 2
    assert "no folder hwlib/" in text


def test_nothing_yet_is_said_so(project):
    (project / PLACE).unlink()
    code, text = cache(project)
    assert (code, "nothing is remembered yet" in text) == (0, True)


@pytest.mark.parametrize("said", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_forgotten(project, said):
    code, text = cache(project, "--clear", "all", said=said)
    assert code == 1
    assert "Forget everything in" in text
    assert rows(cache(project)[1])["evaluations"][0] == "2"


@pytest.mark.parametrize(("arguments", "said"), [(("--yes",), ""), ((), "y\n")])
def test_a_yes_forgets(project, arguments, said):
    code, text = cache(project, "--clear", "evaluations", *arguments, said=said)
    assert code == 0
    assert "2 entries forgotten" in text
    assert rows(cache(project)[1])["evaluations"][0] == "0"
    assert rows(cache(project)[1])["measurements"][0] == "1"


def test_a_search_that_runs_is_not_robbed(project):
    with in_use(project / PLACE, fcntl.LOCK_SH):
        code, text = cache(project, "--clear", "stale", "--yes")
    assert code == 2
    assert "a search or confirm uses it; wait until that ends" in text
    assert rows(cache(project)[1])["evaluations"][0] == "2"
