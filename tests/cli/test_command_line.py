"""The command line as a whole: help is light, errors are ours, exit codes mean something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import joulescape
from joulescape.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "optuna", "ray", "polars", "scipy", "sklearn", "altair", "numpy")


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("joulescape")), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_help_lists_every_command_with_a_sentence() -> None:
    helped = run("--help")
    assert helped.returncode == 0
    for name in COMMANDS:
        (line,) = [line for line in helped.stdout.splitlines() if line.split()[1:2] == [name]]
        assert len(line.split()) > 4


def test_the_version_is_the_packages_own() -> None:
    assert run("--version").stdout.strip() == joulescape.__version__


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_and_its_options(name: str) -> None:
    helped = run(name, "--help")
    assert helped.returncode == 0
    assert "Usage: joulescape" in helped.stdout
    assert "Traceback" not in helped.stderr


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from joulescape.cli import _register; _register(); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) & set(HEAVY) == set()


@pytest.mark.parametrize("arguments", [(), ("explode",), ("check",), ("cost",), ("cost", "digits_mlp")])
def test_a_wrong_call_is_told_how_to_call(arguments: tuple[str, ...]) -> None:
    found = run(*arguments)
    assert found.returncode == 2
    assert "Usage: joulescape" in found.stdout + found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "spaces/nowhere.yaml", "--out", "x"), "spaces/nowhere.yaml"),
        (("confirm", "spaces/which_machine.yaml", "--out", "no_such_folder"), "search"),
        (("report", "no_such_folder", "--out", "x.html"), "no_such_folder"),
        (("train", "digits_lent"), "digits_lenet"),
        (("cost", "shg_digits", "electronic/systolic_int8"), "shg1"),
        (("cost", "digits_mlp", "physical/shg"), "digits_mlp"),
        (("cost", "digits_mlp", "electronic/systolic_int8", "--set", "hardware.array.rows=many"), "rows"),
        (("cost", "digits_mlp", "electronic/systolic_int8", "--set", "batch=0"), "batch"),
        (("cost", "digits_mlp", "electronic/systolic_int9"), "electronic/systolic_int8"),
        (("cost", "digits_mlp", "memristive/isaac", "--root", ".."), "no folder hwlib/ at or above it"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for shelf in ("hwlib", "models", "spaces", "tests"):
        (project / shelf).symlink_to(ROOT / shelf)
    found = run(*arguments, cwd=project)
    assert found.returncode == 2, found.stdout + found.stderr
    assert says in found.stderr
    assert "Traceback" not in found.stderr


def test_misfit_of_network_and_machine_is_a_clear_refusal() -> None:
    sets = ["--set", "hardware.tiles=1", "--set", "hardware.imas_per_tile=1", "--set", "hardware.crossbars_per_ima=1"]
    found = run("cost", "digits_resnet", "memristive/isaac", *sets)
    assert found.returncode == 2
    assert "crossbars" in found.stderr


def test_list_names_the_shelves() -> None:
    for shelf, known in (("networks", "digits_lenet"), ("back-ends", "memristive/isaac"), ("methods", "prune")):
        assert known in run("list", shelf).stdout.split()


def test_validate_gives_the_documented_rows() -> None:
    found = run("validate", "--family", "photonic", "--format", "json")
    rows = json.loads(found.stdout)
    wanted = {
        "back_end",
        "what",
        "workload",
        "role",
        "published",
        "model",
        "error_fraction",
        "pass",
        "expected",
        "source",
        "where",
    }
    assert all(wanted <= set(row) for row in rows)
    assert {row["back_end"].split("/")[0] for row in rows} == {"photonic"}
    judged = [row for row in rows if row["role"] != "claim" and row["model"] is not None]
    assert found.returncode == any(not row["pass"] and row["expected"] == "pass" for row in judged)
    assert all(row["reason"] for row in rows if row["expected"] == "miss")
