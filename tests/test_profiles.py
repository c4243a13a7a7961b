"""The profiles that `snakemake --profile` takes: what they ask of a machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/config.yaml"))


def dry_run(folder, *arguments):
    """What `snakemake -n` plans."""
    command = [str(Path(sys.executable).parent / "snakemake"), "-n", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_goes_on_after_a_kill_and_runs_again_what_changed(name):
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    assert profile["rerun-incomplete"] is True
    assert profile["rerun-triggers"] == ["mtime", "params", "input", "code"]


def test_a_slurm_search_gets_the_cpus_of_one_node_and_the_rest_one(tmp_path):
    for name in ("hwlib", "models", "rules", "profiles", "spaces"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path / "Snakefile")
    code, text = dry_run(tmp_path, "--profile", "profiles/slurm", "results/which_machine/report.html")
    assert code == 0, text
    jobs = {found[1]: found[0] for found in re.finditer(r"^rule (\w+):\n(?: {4}.*\n)+", text, flags=re.MULTILINE)}
    assert set(jobs) == {"train", "search", "confirm", "published", "report"}
    for name, job in jobs.items():
        is_large = name in ("search", "confirm")
        assert ("threads: 16" in job) is is_large, job
        assert ("runtime=720" if is_large else "runtime=60") in job
        assert ("mem_mb=24000" if is_large else "mem_mb=4000") in job
