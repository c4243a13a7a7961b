"""`joulescape gap` and `check` of a study, through the real command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from joulescape import cli

ROOT = Path(__file__).parents[2]
STUDY = """\
study: gap
question: How far?
questions: {}
baselines: [electronic/systolic_int8]
metrics: [inference_energy_pj]
shores: {trends: [networks, performance_density]}
"""


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `joulescape` with these words; (exit code, standard output, standard error)."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(cli, "COMMANDS", ("check", "gap"))
        monkeypatch.setattr(cli.app, "registered_commands", [])
        monkeypatch.setattr(sys, "argv", ["joulescape", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def shelves(tmp_path, monkeypatch):
    """A project of its own with the real points, as the working folder."""
    (tmp_path / "spaces").mkdir()
    (tmp_path / "hwlib").mkdir()
    for name in ("trends", "references.bib"):
        (tmp_path / "hwlib" / name).symlink_to(ROOT / "hwlib" / name)
    (tmp_path / "spaces" / "far.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_part_is_worked_out_into_the_study_s_folder_and_its_findings_are_printed(shelves, run):
    code, out, err = run("gap", "spaces/far.yaml", "--only", "shores")
    assert code == 0, err
    folder = shelves / "results" / "far"
    found = pl.read_parquet(folder / "findings.parquet")
    *printed, last = out.splitlines()
    assert printed == [f"{row['sentence']} ({row['uncertainty']})" for row in found.iter_rows(named=True)]
    assert last.startswith(f"far: {found.height} findings; see ")
    assert "shores: " in err
    assert " rows of fits in " in err


def test_another_folder_may_be_named(shelves, run):
    assert run("gap", "spaces/far.yaml", "--only", "shores", "--out", "elsewhere")[0] == 0
    assert (shelves / "elsewhere" / "fits.csv").exists()
    assert not (shelves / "results").exists()


def test_a_printed_command_prints_its_finding_again(shelves, run):
    code, first, _ = run("gap", "spaces/far.yaml", "--only", "shores")
    (command,) = set(pl.read_parquet("results/far/findings.parquet")["command"])
    code, again, _ = run(*command.split()[1:])
    assert code == 0
    assert again == first


def test_an_unknown_part_and_a_question_are_refused(shelves, run):
    assert run("gap", "spaces/far.yaml", "--only", "shore")[0] == 2
    (shelves / "spaces" / "q.yaml").write_text("question: Which?\n")
    code, _, err = run("gap", "spaces/q.yaml")
    assert code == 2
    assert "found a question, expected a study (`study: gap`)" in err


def test_check_says_what_a_study_puts_together(shelves, run):
    code, out, err = run("check", "spaces/far.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "spaces/far.yaml: How far?"
    points = len(yaml.safe_load((ROOT / "hwlib/trends/performance_density.yaml").read_text())["points"])
    assert f"  performance_density: {points} points in performance_density_by_year, performance_density_by_node" in out
    assert out.endswith("  a study: no fault\n")


def test_check_lists_the_faults_of_studies_and_questions_together(shelves, run):
    (shelves / "spaces" / "far.yaml").write_text(STUDY.replace("networks, perf", "netwoks, perf"))
    code, _, err = run("check", "spaces/far.yaml", "spaces/none.yaml")
    assert code == 2
    assert "spaces/far.yaml:6: at 'shores.trends.0' found 'netwoks'" in err
    assert "did you mean 'networks'?" in err
    assert err.endswith("2 faults found\n")


def test_checking_a_study_imports_nothing_heavy(shelves):
    code = (
        "import sys; from joulescape.resolve.study import load_study; load_study('spaces/far.yaml');"
        "print(*[n for n in ('torch', 'optuna', 'ray', 'polars', 'scipy', 'altair') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
