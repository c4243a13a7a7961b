"""A driver killed without warning loses nothing that was finished, and its rerun ends with the same table."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from search_fakes import make_space, slow_judge

from joulescape.search import driver
from joulescape.search.driver import Means
from joulescape.search.run import search

SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from search_fakes import make_space, slow_judge
from joulescape.search.driver import Means
from joulescape.search import driver
from joulescape.search.run import search
driver.code_digest = lambda: "unchanged"
root = Path({root!r})
search(make_space(root), root / "out", Means(), slow_judge)
"""


def remembered(cache: Path) -> int:
    if not cache.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
def test_kill_and_rerun_gives_the_table_of_an_unbroken_run(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")
    monkeypatch.setattr(driver, "code_digest", lambda: "unchanged")
    cache = tmp_path / "results" / ".cache" / "evaluations.sqlite"
    script = SCRIPT.format(here=str(Path(__file__).parent), root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 240
        while remembered(cache) < 17 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    kept = remembered(cache)
    assert 17 <= kept < 60
    assert not (tmp_path / "out" / "trials.parquet").exists()
    space = make_space(tmp_path)
    resumed = search(space, tmp_path / "out", Means(), slow_judge)
    assert (resumed.reused, resumed.judged) == (kept, 60 - kept)
    unbroken = search(space, tmp_path / "whole", Means(cache=tmp_path / "whole.sqlite"), slow_judge)
    assert resumed.trials.drop("seconds").equals(unbroken.trials.drop("seconds"))
    assert resumed.history.equals(unbroken.history)
