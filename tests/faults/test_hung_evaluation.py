"""An evaluation that hangs is ended, recorded once as failed, and not tried again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from fault_judges import deaf_judge, make_space
from joulescape.search import own_process, workers
from joulescape.search.driver import Means
from joulescape.search.run import search

workers.GRACE_S = own_process.GRACE_S = 0.5
if __name__ == "__main__":
    budget = {{"trials": 4, "population": 4, "time_out_s": 2.0, "failed_share": 1.0}}
    root = Path({root!r})
    found = search(make_space(root, budget=budget), root / "out", Means(1, "serial"), deaf_judge)
    print(found.judged, found.reused)
"""


@pytest.mark.slow
def test_native_code_that_does_not_return_ends_one_run_and_is_a_failed_candidate_in_the_next(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent), root=str(tmp_path)))
    runs = [subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=400) for _ in range(3)]
    assert [run.returncode for run in runs] == [1, 0, 0], runs[-1].stderr
    assert "fault_judges.py" in runs[0].stderr  # the traceback of what hung
    trials = pl.read_parquet(tmp_path / "out" / "trials.parquet")
    late = trials.filter(pl.col("reason") == "took longer than 2 s")
    assert len(late) >= 2
    assert set(late["compression.1.quantize.weight_bits"]) <= {2, 3, 4, 5, 6}
    assert set(trials.filter(pl.col("state") == "failed")["reason"]) == {"took longer than 2 s"}
    assert runs[2].stdout.split() == ["0", "4"]
