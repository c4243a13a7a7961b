"""A question about costs alone: searched, confirmed and reported without a measurement, and without PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest
from real_project import joulescape, make_project

from joulescape.tables import METRICS

SPACE = """\
question: Which machine costs least?
task: digits
networks: [digits_mlp, digits_lenet]
back_ends: [electronic/systolic_int8, memristive/isaac]
phases: [inference, training]
compression:
  - quantize: {weight_bits: {kind: int, low: 2, high: 8}, activation_bits: 8}
hardware:
  electronic/systolic_int8:
    array.rows: {kind: choice, options: [8, 16, 32]}
    array.columns: {kind: choice, options: [8, 16, 32]}
  memristive/isaac: {adc.bits: {kind: int, low: 4, high: 9}, tiles: {kind: choice, options: [1, 2]}}
objectives: {inference_energy_pj: minimize, inference_latency_ns: minimize}
constraints: {area_mm2: {at_most: 50}}
budget: {trials: 20, population: 8, per_back_end: 5}
confirm: {designs: 6}
"""
RUN = """
import sys
from pathlib import Path
from joulescape.resolve.design_space import load_space
from joulescape.search.confirm import confirm
from joulescape.search.run import search
space = load_space(Path("spaces/costs.yaml"))
search(space, Path("results/costs"))
confirm(space, Path("results/costs"))
print("torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = make_project(tmp_path_factory.mktemp("costs"), SPACE, "costs")
    done = subprocess.run([sys.executable, "-c", RUN], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
    return folder


def table(project, name):
    return pl.read_parquet(project / "results" / "costs" / f"{name}.parquet")


def test_nothing_is_trained_or_measured(project):
    assert not (project / "results" / "networks").exists()
    run = json.loads((project / "results" / "costs" / "resolved.json").read_text())
    assert run["run"]["measurements_count"] == 0
    assert run["run"]["designs_per_measurement"] is None
    assert run["run"]["fidelity"] == "closed_form"
    assert any("nominal statistics" in note for note in run["notes"])
    assert len(table(project, "audit")) == 0


def test_every_design_has_its_full_cost_and_no_accuracy(project):
    trials = table(project, "trials")
    valid = trials.filter(pl.col("state") == "valid")
    assert trials["candidate_id"].n_unique() == 20
    assert valid["fidelity"].unique().to_list() == ["closed_form"]
    known = set(METRICS) - {"accuracy_fraction", "trained_accuracy_fraction", "lifecycle_energy_pj"}
    assert all(valid[name].null_count() == 0 for name in known)
    assert valid["accuracy_fraction"].null_count() == len(valid) > 0
    assert table(project, "front").height > 0
    counts = trials.unique("candidate_id")["variants_count"]
    assert table(project, "history")["designs_judged_count"][-1] == counts.sum()
    assert set(counts) == {9, 2}


def test_confirm_asks_the_corners(project):
    confirmed = table(project, "confirmed")
    assert set(confirmed["corner"]) == {"optimistic", "typical", "pessimistic"}
    assert set(confirmed["back_end"]) == {"electronic/systolic_int8", "memristive/isaac"}
    assert confirmed["split"].null_count() == confirmed["accuracy_fraction"].null_count() == len(confirmed)
    energies = confirmed.pivot("corner", index="design_id", values="inference_energy_pj")
    assert (energies["optimistic"] < energies["typical"]).all()
    assert (energies["typical"] < energies["pessimistic"]).all()
    assert len(table(project, "parts")) > 0
    assert len(table(project, "layers")) > 0


def test_check_says_so(project):
    code, text = joulescape(project, "check", "spaces/costs.yaml")
    assert code == 0, text
    assert "note: no accuracy is asked for" in text
