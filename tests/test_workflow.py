"""One small question through the real workflow: `snakemake --cores 2`, then again, then with a fault."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from joulescape.spec.back_end import FAMILIES

sys.path.insert(0, str(Path(__file__).parent / "search"))
from real_project import is_free, remembered, wait_until

ROOT = Path(__file__).parents[1]
SPACE = """\
question: Which machine of four families recognises digits for less energy?
task: digits
networks: [digits_mlp, shg_digits]
back_ends: [electronic/systolic_int8, memristive/isaac, photonic/mzi_mesh, physical/shg]
compression:
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
fine_tune: {epochs: 0}
training: {epochs: 1}
hardware:
  electronic/systolic_int8:
    array.rows: {kind: choice, options: [16, 32]}
objectives:
  accuracy_fraction: maximize
  inference_energy_pj: minimize
budget: {trials: 8, population: 4, per_back_end: {physical/shg: 1}, draws: 1, samples: 60}
confirm: {draws: 2, designs: 4}
"""
MACHINES = (
    "electronic/systolic_int8", "electronic/scalar_core", "memristive/isaac", "photonic/mzi_mesh", "physical/shg",
)  # fmt: skip
STUDY = """\
study: gap
question: How far do chips lag behind?
questions: {measured: tiny}
baselines: [electronic/systolic_int8]
metrics: [inference_energy_pj]
shores: {trends: [performance_density]}
"""

pytestmark = pytest.mark.slow


def started(project, *arguments):
    """The workflow of `project` under way, with an environment that is not activated and the project's own package."""
    paths = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != Path(sys.executable).parent]
    command = [str(Path(sys.executable).parent / "snakemake"), "--cores", "2", *arguments]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(project / "src")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=project, env=environment, **pipes)


def snakemake(project, *arguments):
    """The workflow run to its end: exit code and all that it said."""
    with started(project, *arguments) as process:
        text, _ = process.communicate(timeout=400)
    return process.returncode, text


def ran(text):
    """The rules that ran, by what Snakemake said."""
    return set(re.findall(r"^(?:local)?rule (\w+):", text, flags=re.MULTILINE))


def effort(text):
    """(judged, remembered) evaluations of a search, by what it said."""
    judged, kept = re.search(r"\((\d+) judged, (\d+) remembered\)", text).groups()
    return int(judged), int(kept)


def evaluations(project):
    """How many the project's search took, remembered ones among them."""
    return sum(effort((project / "results" / "logs" / "search" / "tiny.log").read_text()))


def copied(project, folder, *left_out):
    """The project in another folder: shelves, package, results and Snakemake's memory of them."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(*left_out))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The machines of one small question and their host; an own copy of the package, so that only tests change it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("hwlib", "models", "rules", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")
    for model in (folder / "models").glob("*.yaml"):
        if model.stem not in ("digits_mlp", "shg_digits"):
            model.unlink()
        else:  # what the workflow asks of a network is that it is trained, not how well
            model.write_text(re.sub(r"epochs: \d+", "epochs: 3", model.read_text()))
    for machine in (folder / "hwlib").glob("*/*.yaml"):
        if machine.parent.name in FAMILIES and f"{machine.parent.name}/{machine.stem}" not in MACHINES:
            machine.unlink()
    (folder / "spaces").mkdir()
    (folder / "spaces" / "tiny.yaml").write_text(SPACE)
    (folder / "spaces" / "far.yaml").write_text(STUDY)
    code, text = snakemake(folder)
    assert code == 0, text
    return folder


def test_every_promised_file_is_there(project):
    results = project / "results"
    promised = (
        "networks/digits_mlp.npz", "tiny/resolved.json", "tiny/trials.parquet", "tiny/front.parquet",
        "tiny/history.parquet", "tiny/audit.parquet", "tiny/trials.csv", "tiny/front.csv", "tiny/confirmed.parquet",
        "tiny/confirmed.csv", "tiny/parts.parquet", "tiny/layers.parquet", "tiny/errors.parquet",
        "tiny/mappings.parquet", "tiny/constants.parquet", "tiny/provenance.json", "tiny/report.html",
        "tiny/study.log", "far/study.json", "far/fits.csv", "far/report.html", "far/report.md",
        "index.html", ".cache/evaluations.sqlite",
    )  # fmt: skip
    assert [name for name in promised if not (results / name).exists()] == []
    assert "8/8 candidates" in (results / "logs" / "search" / "tiny.log").read_text()


def test_every_rule_leaves_a_log_and_none_is_shared(project):
    rules = "".join(path.read_text() for path in sorted((project / "rules").glob("*.smk")))
    bodies = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^rule |^\w|\Z)", rules, flags=re.MULTILINE | re.DOTALL))
    logs = {name: re.search(r"log:\s+\"results/(logs/\S+)\"", body) for name, body in bodies.items()}
    assert [name for name, log in logs.items() if log is None] == []
    names = {"{space}": "tiny", "{network}": "digits_mlp", "{study}": "far"}
    places = [re.sub(r"\{\w+\}", lambda found: names[found[0]], log[1]) for log in logs.values()]
    assert len(set(places)) == len(places) == 9
    assert [place for place in places if not (project / "results" / place).exists()] == []


def test_the_exported_study_has_the_search_s_designs(project):
    trials = pl.read_parquet(project / "results" / "tiny" / "trials.parquet")
    journal = (project / "results" / "tiny" / "study.log").read_text()
    assert all(design in journal for design in trials["design_id"])


def test_the_tables_hold_the_whole_search(project):
    trials = pl.read_parquet(project / "results" / "tiny" / "trials.parquet")
    assert trials["candidate_id"].n_unique() == 8
    assert set(trials["family"]) == {"electronic", "memristive", "photonic", "physical"}
    assert set(trials["state"]) == {"valid"}
    assert trials.filter(pl.col("is_front"))["state"].unique().to_list() == ["valid"]
    confirmed = pl.read_parquet(project / "results" / "tiny" / "confirmed.parquet")
    assert set(confirmed["corner"]) == {"optimistic", "typical", "pessimistic"}
    compared = confirmed.filter((pl.col("back_end") != "physical/shg") & (pl.col("state") == "valid"))
    assert compared["back_end"].n_unique() >= 2
    assert compared["paired_loss_fraction"].null_count() == 0
    parts = pl.read_parquet(project / "results" / "tiny" / "parts.parquet").filter(
        (pl.col("quantity") == "energy") & (pl.col("phase") == "inference") & (pl.col("node") == "as_published")
    )
    sums = parts.group_by("design_id").agg(pl.col("energy_pj").sum())
    typical = confirmed.filter(pl.col("corner") == "typical").join(sums, on="design_id")
    assert typical["energy_pj"].to_list() == pytest.approx(typical["inference_energy_pj"].to_list(), rel=1e-9)


def test_the_run_is_recorded(project):
    resolved = json.loads((project / "results" / "tiny" / "resolved.json").read_text())
    assert resolved["name"] == "tiny"
    assert {pair["back_end"] for pair in resolved["pairs"]} == set(resolved["spec"]["back_ends"])
    assert resolved["run"]["ended"] == "the budget of trials is spent"


def test_a_second_run_does_nothing(project):
    code, text = snakemake(project)
    assert code == 0, text
    assert "Nothing to be done" in text


def test_deleted_files_are_made_again_though_the_page_is_newer(project, tmp_path):
    """By the steps that write them and those after; a search whose tables are all there is left alone."""
    lost = [project / "results" / "tiny" / name for name in ("confirmed.csv", "report.md")]
    kept = [(path.rename(tmp_path / path.name), path) for path in lost]
    code, text = snakemake(project, "--dry-run", "results/tiny/report.html")
    assert (code, ran(text)) == (0, {"confirm", "report"}), text
    assert "Missing output files: results/tiny/confirmed.csv" in text
    for aside, path in kept:
        aside.rename(path)


def test_only_the_report_is_drawn_again_when_a_template_changes(project):
    template = project / "src" / "joulescape" / "report" / "templates" / "report.html.j2"
    template.write_text(template.read_text() + "{# another draft #}\n")
    code, text = snakemake(project)
    assert code == 0, text
    assert ran(text) == {"report", "study_report", "index", "all"}
    code, text = snakemake(project)
    assert "Nothing to be done" in text


def test_a_change_of_the_sampler_asks_again_and_of_a_simulator_does_not_train(project, tmp_path):
    folder = copied(project, tmp_path / "edited")
    study = folder / "src" / "joulescape" / "search" / "study.py"
    study.write_text(study.read_text() + "# another draft\n")
    code, text = snakemake(folder, "--dry-run")
    assert code == 0, text
    assert ran(text) >= {"search", "confirm", "report"}
    assert "train" not in ran(text)
    systolic = folder / "src" / "joulescape" / "simulators" / "scalar" / "simulator.py"
    systolic.write_text(systolic.read_text() + "# another draft\n")
    code, text = snakemake(folder, "--dry-run")
    assert ran(text) >= {"search", "confirm", "report", "published"}
    assert "train" not in ran(text)


def test_a_lost_search_is_replayed_to_the_same_table(project):
    trials = project / "results" / "tiny" / "trials.parquet"
    before, every = pl.read_parquet(trials), evaluations(project)
    trials.unlink()
    code, text = snakemake(project, "results/tiny/trials.parquet")
    assert code == 0, text
    assert effort(text) == (0, every)
    assert pl.read_parquet(trials).equals(before)


def test_a_fault_shows_before_any_work_with_its_place(project, tmp_path):
    folder = tmp_path / "faulty"
    copied(project, folder, "results", ".snakemake")
    broken = SPACE.replace("memristive/isaac,", "memristive/isac,").replace("objectives:", "objectivs:")
    (folder / "spaces" / "tiny.yaml").write_text(broken)
    code, text = snakemake(folder)
    assert code != 0
    assert "spaces/tiny.yaml:12: at 'objectivs'" in text
    assert "did you mean 'objectives'?" in text
    assert "did you mean 'memristive/isaac'?" in text
    assert "Traceback" not in text
    assert not (folder / "results").exists()


def test_a_killed_workflow_ends_its_search_and_its_rerun_ends_with_the_same_table(project, tmp_path):
    folder = copied(project, tmp_path / "killed", ".cache")
    shutil.rmtree(folder / "results" / "tiny")
    with started(folder, "results/tiny/trials.parquet") as process:
        assert wait_until(lambda: remembered(folder) >= 1 or process.poll() is not None)
        process.kill()
    assert remembered(folder) >= 1
    assert wait_until(lambda: is_free(folder / "results" / "tiny"))
    code, text = snakemake(folder, "results/tiny/trials.parquet")
    assert code != 0
    assert "--unlock" in text
    code, text = snakemake(folder, "--unlock")
    assert code == 0, text
    kept = remembered(folder)
    code, text = snakemake(folder, "results/tiny/trials.parquet")
    assert code == 0, text
    assert "Nothing to be done" in text or effort(text) == (evaluations(project) - kept, kept)
    tables = [pl.read_parquet(p / "results" / "tiny" / "trials.parquet").drop("seconds") for p in (project, folder)]
    assert tables[0].equals(tables[1])


def test_a_question_that_no_design_answers_ends_in_a_report_that_says_so(project, tmp_path):
    folder = copied(project, tmp_path / "hopeless")
    hopeless = SPACE + "constraints: {inference_latency_ns: {at_most: 1.0e-6}}\n"
    (folder / "spaces" / "hopeless.yaml").write_text(hopeless)
    code, text = snakemake(folder, "results/hopeless/report.html")
    assert code == 0, text
    trials = pl.read_parquet(folder / "results" / "hopeless" / "trials.parquet")
    assert set(trials["state"]) == {"infeasible"}
    assert trials["candidate_id"].n_unique() == 8
    assert trials["reason"].unique().to_list() == ["inference_latency_ns must be at most 1e-06"]
    assert trials["inference_latency_ns"].null_count() == 0
    assert len(pl.read_parquet(folder / "results" / "hopeless" / "front.parquet")) == 0
    assert len(pl.read_parquet(folder / "results" / "hopeless" / "confirmed.parquet")) == 0
    page = (folder / "results" / "hopeless" / "report.html").read_text().replace("<wbr>", "")
    assert "No design is valid: " in page
    assert "miss the limit on latency per inference (at most" in page
