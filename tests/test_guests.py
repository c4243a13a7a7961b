"""An outside simulator, installed as a wheel, goes the whole way: check, search, cost; slow and failing calls too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[1]
WHEEL_SOURCE = Path(__file__).parent / "plugins" / "near_memory"

BACK_END = """\
about: multipliers beside {banks} DRAM banks
simulator: near_memory
equivalence: exact
host: electronic/scalar_core
node_nm: 45
parameters:
  banks: {banks}
  macs_per_bank: 8
  clock_ghz: 0.5
  mac_pj: {{value: 0.3, low: 0.2, high: 0.4, basis: assumed, source: horowitz2014}}
  bank_read_pj_per_byte: {{value: 8.0, low: 4.0, high: 16.0, basis: assumed, source: horowitz2014}}
  bank_mm2: {{value: 0.5, low: 0.3, high: 0.8, basis: assumed, source: horowitz2014}}
  bank_leakage_mw: {{value: 0.01, low: 0.0, high: 0.02, basis: assumed, source: horowitz2014}}
"""
SPACE = """\
question: Does an outside simulator stand beside the built-in ones?
task: digits
networks: [digits_mlp]
back_ends: [electronic/banked, electronic/overflowing, electronic/systolic_int8]
compression:
  - quantize: {weight_bits: {kind: int, low: 4, high: 8}, activation_bits: 8}
fine_tune: {epochs: 0}
hardware:
  electronic/banked: {macs_per_bank: {kind: choice, options: [4, 8]}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 12, population: 6, per_back_end: 3, failed_share: 1.0, draws: 1}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project of its own with the guest's wheel installed beside it."""
    home = tmp_path_factory.mktemp("guest")
    source = shutil.copytree(WHEEL_SOURCE, home / "source")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", home / "site", source], check=True, capture_output=True)
    for shelf in ("hwlib", "models"):
        shutil.copytree(ROOT / shelf, home / "project" / shelf)
    (home / "project" / "spaces").mkdir()
    for name, banks in (("banked", 16), ("overflowing", 64)):
        (home / f"project/hwlib/electronic/{name}.yaml").write_text(BACK_END.format(banks=banks))
    (home / "project/spaces/guest.yaml").write_text(SPACE)
    return home / "project", {**os.environ, "PYTHONPATH": str(home / "site")}


def joulescape(project: tuple[Path, dict[str, str]], *arguments: str) -> subprocess.CompletedProcess[str]:
    root, environment = project
    command = [str(Path(sys.executable).with_name("joulescape")), *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


def test_check_knows_the_guest(project: tuple[Path, dict[str, str]]) -> None:
    found = joulescape(project, "check", "spaces/guest.yaml")
    assert found.returncode == 0, found.stderr
    assert "digits_mlp@electronic/banked" in found.stdout


def test_the_guests_own_settings_are_checked(project: tuple[Path, dict[str, str]]) -> None:
    bad = project[0] / "spaces" / "bad.yaml"
    bad.write_text(SPACE.replace("macs_per_bank: {kind: choice, options: [4, 8]}", "macs_per_banks: 4"))
    found = joulescape(project, "check", "spaces/bad.yaml")
    assert found.returncode == 2
    assert "macs_per_bank" in found.stderr
    assert "Traceback" not in found.stderr


def test_cost_asks_the_outside_program(project: tuple[Path, dict[str, str]]) -> None:
    found = joulescape(project, "cost", "digits_mlp", "electronic/banked", "--format", "json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    stations = {row["station"] for row in report["layers"] if row["macs"]}
    assert stations == {"electronic/banked"}
    assert {"mac", "bank_read", "bank_leakage"} <= {row["component"] for row in report["energy"]}


@pytest.mark.slow
def test_a_search_keeps_the_guest_and_records_its_failures(project: tuple[Path, dict[str, str]]) -> None:
    found = joulescape(project, "search", "spaces/guest.yaml", "--out", "results/guest", "--workers", "1")
    assert found.returncode == 0, found.stderr
    trials = pl.read_parquet(project[0] / "results" / "guest" / "trials.parquet")
    states = {name: set(group["state"]) for (name,), group in trials.group_by("back_end")}
    assert states["electronic/banked"] == {"valid"}
    assert states["electronic/overflowing"] == {"failed"}
    failed = trials.filter(pl.col("state") == "failed")
    assert failed["reason"].str.contains("bank address overflow: 64 banks").all()
    assert failed["inference_energy_pj"].null_count() == failed.height
    front = pl.read_parquet(project[0] / "results" / "guest" / "front.parquet")
    assert "electronic/overflowing" not in set(front["back_end"])
