"""One small question through the real workflow: `snakemake --cores 2`, then again, then with a fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[1]
SPACE = """\
question: Which of two machines recognises digits for less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
compression:
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
fine_tune: {epochs: 0}
hardware:
  electronic/systolic_int8:
    array.rows: {kind: choice, options: [16, 32]}
objectives:
  accuracy_fraction: maximize
  inference_energy_pj: minimize
budget: {trials: 8, population: 4, per_back_end: 4, draws: 1, samples: 60}
confirm: {draws: 2, designs: 4}
"""

pytestmark = pytest.mark.slow


def snakemake(project, *arguments):
    """The installed workflow command in `project`, with an environment that is not activated."""
    paths = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != Path(sys.executable).parent]
    command = [str(Path(sys.executable).parent / "snakemake"), "--cores", "2", *arguments]
    environment = {**os.environ, "PATH": os.pathsep.join(paths)}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=400
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name in ("hwlib", "models", "rules", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")
    for model in (folder / "models").glob("*.yaml"):
        if model.stem != "digits_mlp":
            model.unlink()
    (folder / "spaces").mkdir()
    (folder / "spaces" / "tiny.yaml").write_text(SPACE)
    code, text = snakemake(folder)
    assert code == 0, text
    return folder


def test_every_promised_file_is_there(project):
    results = project / "results"
    promised = (
        "networks/digits_mlp.npz", "tiny/resolved.json", "tiny/trials.parquet", "tiny/front.parquet",
        "tiny/history.parquet", "tiny/confirmed.parquet", "tiny/parts.parquet", "tiny/layers.parquet",
        "tiny/provenance.json", "tiny/report.html", "index.html", ".cache/evaluations.sqlite",
    )  # fmt: skip
    assert [name for name in promised if not (results / name).exists()] == []
    assert "8/8 candidates" in (results / "logs" / "search" / "tiny.log").read_text()


def test_the_tables_hold_the_whole_search(project):
    trials = pl.read_parquet(project / "results" / "tiny" / "trials.parquet")
    assert trials["candidate_id"].n_unique() == 8
    assert set(trials["back_end"]) == {"electronic/systolic_int8", "memristive/isaac"}
    assert trials.filter(pl.col("is_front"))["state"].unique().to_list() == ["valid"]
    confirmed = pl.read_parquet(project / "results" / "tiny" / "confirmed.parquet")
    assert set(confirmed["corner"]) == {"optimistic", "typical", "pessimistic"}
    assert confirmed["paired_loss_fraction"].null_count() == 0
    parts = pl.read_parquet(project / "results" / "tiny" / "parts.parquet").filter(
        (pl.col("quantity") == "energy") & (pl.col("phase") == "inference") & (pl.col("node") == "as_published")
    )
    sums = parts.group_by("design_id").agg(pl.col("energy_pj").sum())
    typical = confirmed.filter(pl.col("corner") == "typical").join(sums, on="design_id")
    assert typical["energy_pj"].to_list() == pytest.approx(typical["inference_energy_pj"].to_list(), rel=1e-9)


def test_the_run_is_recorded(project):
    resolved = json.loads((project / "results" / "tiny" / "resolved.json").read_text())
    assert resolved["name"] == "tiny"
    assert len(resolved["pairs"]) == 2
    assert resolved["run"]["ended"] == "the budget of trials is spent"


def test_a_second_run_does_nothing(project):
    code, text = snakemake(project)
    assert code == 0, text
    assert "Nothing to be done" in text


def test_only_the_report_is_drawn_again_when_only_it_must_be(project):
    code, text = snakemake(project, "--dry-run", "--forcerun", "report")
    assert code == 0, text
    assert "rule report:" in text
    assert not any(f"rule {name}:" in text for name in ("train", "search", "confirm"))


def test_a_lost_search_is_replayed_to_the_same_table(project):
    trials = project / "results" / "tiny" / "trials.parquet"
    before = pl.read_parquet(trials)
    trials.unlink()
    code, text = snakemake(project, "results/tiny/trials.parquet")
    assert code == 0, text
    assert "(0 judged, 8 remembered)" in text
    assert pl.read_parquet(trials).equals(before)


def test_a_fault_shows_before_any_work_with_its_place(project, tmp_path):
    folder = tmp_path / "faulty"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    broken = SPACE.replace("memristive/isaac]", "memristive/isac]").replace("objectives:", "objectivs:")
    (folder / "spaces" / "tiny.yaml").write_text(broken)
    code, text = snakemake(folder)
    assert code != 0
    assert "spaces/tiny.yaml:11" in text
    assert "did you mean 'objectives'?" in text
    assert "did you mean 'memristive/isaac'?" in text
    assert "Traceback" not in text
    assert not (folder / "results").exists()
