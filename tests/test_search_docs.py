"""docs/search.md is true: its commands run, its snippet gives the front, its words are those of the engine."""

from __future__ import annotations

import dataclasses
import logging
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent / "search"))
from search_fakes import judge, make_space

from joulescape.cli import COMMANDS
from joulescape.cli.cache_command import What
from joulescape.search.driver import Means
from joulescape.search.export import export
from joulescape.search.run import search

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


@pytest.fixture
def project(tmp_path):
    """A project in which question `q` was searched and exported."""
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    space = dataclasses.replace(make_space(tmp_path), name="q")
    search(space, tmp_path / "results" / "q", Means(), judge)
    export(tmp_path / "results" / "q", tmp_path / "results" / "q" / "study.log")
    return tmp_path


def test_every_command_and_option_that_is_named_exists():
    named = set(re.findall(r"joulescape (\w+)", TEXT)) & set(COMMANDS)
    assert named == {"search", "cache", "export"}
    helped = subprocess.run([BIN / "joulescape", "cache", "--help"], capture_output=True, text=True).stdout
    assert {"--clear", "--yes"} <= set(helped.split())
    assert all(f"`{what}`" in TEXT for what in What)


def test_the_console_commands_run(project):
    blocks = re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)]
    assert len(lines) == 2
    for line in lines:
        name, *arguments = shlex.split(line)
        done = subprocess.run([BIN / name, *arguments], cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_snippet_gives_the_front(project):
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    script = f"{snippet}\nprint(*sorted(t.user_attrs['design_id'] for t in study.best_trials))"
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=True)
    front = pl.read_parquet(project / "results" / "q" / "front.parquet")
    assert done.stdout.split() == sorted(front["design_id"])


def test_the_line_that_is_shown_has_the_words_of_a_real_one(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    search(make_space(tmp_path), tmp_path / "out", Means(), judge)
    real = next(m for m in caplog.messages if "/60 candidates" in m)
    for words in (
        " candidates (", " valid, ", " infeasible, ", " designs on the front, hypervolume ", "; best of each so far: ",
        " candidates/s, ", " evaluations/s", " left",
    ):  # fmt: skip
        assert words in real
        assert words.strip() in re.sub(r"\s+", " ", TEXT)


def test_every_page_that_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
