"""What may go wrong around a search, through the command line: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPACE = """\
question: q
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8]
fine_tune: {epochs: 0}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 1, population: 2, samples: 20}
"""


@pytest.fixture
def project(tmp_path):
    for name in ("hwlib", "models"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "q.yaml").write_text(SPACE)
    return tmp_path


def joulescape(project, *arguments):
    command = [str(Path(sys.executable).parent / "joulescape"), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=400)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("trials", ["0", "-3", "many"])
def test_an_impossible_budget_is_a_fault_of_the_file(project, trials):
    (project / "spaces" / "q.yaml").write_text(SPACE.replace("trials: 1", f"trials: {trials}"))
    code, text = joulescape(project, "search", "spaces/q.yaml")
    assert code == 2
    assert "spaces/q.yaml:7" in text
    assert "budget.trials" in text


def test_a_missing_question_is_named(project):
    code, text = joulescape(project, "search", "spaces/absent.yaml")
    assert code == 2
    assert "absent.yaml" in text


def test_confirm_before_search_says_what_to_do(project):
    code, text = joulescape(project, "confirm", "spaces/q.yaml")
    assert code == 2
    assert "run `joulescape search` first" in text


def test_a_damaged_cache_says_what_to_do(project):
    cache = project / "results" / ".cache" / "evaluations.sqlite"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"no database" * 1000)
    code, text = joulescape(project, "search", "spaces/q.yaml")
    assert code == 2
    assert "delete it and run again" in text


def test_results_that_cannot_be_written_are_named(project):
    (project / "results").write_text("a file in the way")
    code, text = joulescape(project, "search", "spaces/q.yaml")
    assert code == 2
    assert "cannot be written" in text


def test_missing_reference_weights_are_trained_first_and_a_rerun_remembers(project):
    code, text = joulescape(project, "search", "spaces/q.yaml")
    assert code == 0, text
    assert (project / "results" / "networks" / "digits_mlp.npz").exists()
    code, text = joulescape(project, "search", "spaces/q.yaml")
    assert code == 0, text
    assert "(0 judged, 1 remembered)" in text
