"""A killed Snakemake leaves nothing behind: its search notices, through the shell and the tee between them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest
from fault_project import ROOT, is_alive, killed, project_in, remembered, wait_until

SPACE = """\
question: Which array needs less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8]
compression:
  - choice: {none: {}, prune: {granularity: element, density: {kind: float, low: 0.3, high: 1.0}}}
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
fine_tune: {epochs: 2}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 400, population: 4, rungs: [tuned]}
"""


@pytest.mark.slow
def test_soon_after_a_kill_of_snakemake_nothing_runs(tmp_path):
    project_in(tmp_path, SPACE)
    for name in ("rules", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path / "Snakefile")
    snakemake = str(Path(sys.executable).parent / "snakemake")
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    arguments = (snakemake, "--cores", "2", "results/tiny/trials.parquet")
    with killed(*arguments, cwd=tmp_path, env=environment) as process:
        assert wait_until(lambda: remembered(tmp_path) >= 1 or process.poll() is not None)
        below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
    assert any("joulescape" in _command(one) for one in below)
    assert wait_until(lambda: not any(map(is_alive, below)), 60)
    kept = remembered(tmp_path)
    assert 1 <= kept < 400
    assert "Snakemake has ended without a word" in (tmp_path / "results" / "logs" / "search" / "tiny.log").read_text()


def _command(process):
    """What a process was started as; nothing of one that has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
