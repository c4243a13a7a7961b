"""Broken questions, each with every fault word for word; and broken shelves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from stand_in_project import FILES, SPACE

from joulescape.errors import SpecError
from joulescape.resolve.design_space import load_space

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_spaces.yaml").read_text())


def faults(file: str | Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_space(file)
    return [str(fault) for fault in caught.value.faults]


def test_there_are_enough_cases():
    assert len(CASES) >= 25
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_fault_is_said(project, case):
    text = SPACE + case["add"] + "\n" if "add" in case else SPACE.replace(*case["replace"])
    assert text != SPACE
    (project / "spaces" / "s.yaml").write_text(text)
    assert faults("spaces/s.yaml") == case["faults"]


def test_missing_file_names_the_nearest(project):
    (project / "spaces" / "which.yaml").write_text(SPACE)
    expected = "no readable file (no such file or directory), expected a YAML file; did you mean 'spaces/which.yaml'?"
    assert faults("spaces/whch.yaml") == [f"spaces/whch.yaml: found {expected}"]


def test_a_folder_of_results_is_told_its_question(project):
    (project / "spaces" / "which.yaml").write_text(SPACE)
    (project / "results" / "which").mkdir(parents=True)
    expected = "found a folder, expected the question's own file, a YAML file in spaces/"
    assert faults("spaces") == [f"spaces: {expected}"]
    assert faults("results/which") == [f"results/which: {expected}; did you mean 'spaces/which.yaml'?"]


def test_no_fault_offers_a_name_that_is_itself_misspelt(project):
    text = SPACE.replace("electronic/grid]", "electronic/gird]").replace(
        "trials: 10", "trials: 10, per_back_end: {electronic/grid: 4}"
    )
    (project / "spaces" / "s.yaml").write_text(text + "hardware: {electronic/grid: {adc.bits: 4}}\n")
    said = faults("spaces/s.yaml")
    assert len(said) == 3 and sum("did you mean" in one for one in said) == 1
    assert "did you mean 'electronic/grid'?" in said[0] and not any("mean 'electronic/gird'" in one for one in said)


def test_not_utf8(project):
    (project / "spaces" / "s.yaml").write_bytes(b"question: Which?\ntask: \xff\n")
    assert faults("spaces/s.yaml") == ["spaces/s.yaml:2: found byte 0xff, expected text in UTF-8"]


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("- a\n", "a list"), ("word\n", "'word'")])
def test_no_mapping(project, text, found):
    (project / "spaces" / "s.yaml").write_text(text)
    assert faults("spaces/s.yaml") == [f"spaces/s.yaml:1: found {found}, expected a mapping of keys and values"]


def test_outside_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPACE)
    (said,) = faults("s.yaml")
    assert said.startswith("s.yaml: found no folder hwlib/ at or above it, expected a file inside a project")


SHELF_CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_shelves.yaml").read_text())


@pytest.mark.parametrize("case", SHELF_CASES, ids=lambda case: case["name"])
def test_faults_of_a_shelf_are_placed_there(project, case):
    file = case["file"]
    assert case["replace"][0] in FILES[file]
    (project / file).write_text(FILES[file].replace(*case["replace"]))
    (project / "spaces" / "s.yaml").write_text(SPACE)
    assert faults("spaces/s.yaml") == case["faults"]


def test_faults_of_all_files_come_together(project):
    (project / "models" / "mlp.yaml").write_text(FILES["models/mlp.yaml"].replace("input: [64]", "input: [sixty]"))
    (project / "hwlib/electronic/core.yaml").write_text(
        FILES["hwlib/electronic/core.yaml"].replace("lanes: 4", "lanes: 0")
    )
    (project / "spaces" / "s.yaml").write_text(SPACE.replace("trials: 10", "trials: 0"))
    assert [said.partition(": ")[0] for said in faults("spaces/s.yaml")] == [
        "hwlib/electronic/core.yaml:8", "models/mlp.yaml:3", "spaces/s.yaml:7",
    ]  # fmt: skip


def test_reserves_of_back_ends_of_the_question_are_taken(project):
    text = SPACE.replace("budget: {trials: 10}", "budget: {trials: 10, per_back_end: {electronic/grid: 4}}")
    (project / "spaces" / "s.yaml").write_text(text)
    budget = load_space("spaces/s.yaml").spec.budget
    assert (budget.reserve("electronic/grid"), budget.reserve("another")) == (4, 20)
