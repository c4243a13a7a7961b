"""What `check` refuses and says of a question's ladder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from joulescape import load_space
from joulescape.errors import SpecError
from joulescape.resolve.design_space import DesignSpace

ROOT = Path(__file__).resolve().parents[2]
ASKED: dict[str, Any] = {
    "question": "?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/systolic_int8"],
    "phases": ["inference", "training"],
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
}


def space(tmp_path: Path, rungs: list[str] | None = None, **changes: Any) -> DesignSpace:
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    path = tmp_path / "spaces" / "q.yaml"
    named = {"rungs": rungs, "sampler": changes.pop("sampler", None)}
    budget = {"trials": 4, **{name: value for name, value in named.items() if value is not None}}
    path.write_text(yaml.safe_dump({**ASKED, **changes, "budget": budget}, sort_keys=False))
    return load_space(path)


def test_the_closed_form_alone_does_not_answer_for_accuracy(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        space(tmp_path, ["closed_form"])
    (fault,) = caught.value.faults
    assert (fault.path, fault.value) == ("budget.rungs", "'closed_form' alone")
    assert fault.expected == "a rung that sees data above it (merged, tuned or full), for accuracy_fraction"
    assert fault.line is not None


@pytest.mark.parametrize("rungs", [["tuned", "merged"], ["merged", "merged"], ["full", "closed_form"]])
def test_rungs_stand_in_order_once_each(tmp_path: Path, rungs: list[str]) -> None:
    with pytest.raises(SpecError, match="in the order closed_form, merged, tuned, full"):
        space(tmp_path, rungs)


@pytest.mark.parametrize("rungs", [[], ["half"]])
def test_only_known_rungs_and_at_least_one(tmp_path: Path, rungs: list[str]) -> None:
    with pytest.raises(SpecError, match=r"budget\.rungs"):
        space(tmp_path, rungs)


@pytest.mark.parametrize("rungs", [None, ["closed_form"], ["merged", "full"]])
def test_a_question_about_costs_is_costed_and_says_so(tmp_path: Path, rungs: list[str] | None) -> None:
    found = space(tmp_path, rungs, objectives={"inference_energy_pj": "minimize", "area_mm2": "minimize"})
    assert found.spec.rungs == ("closed_form",)
    assert [note for note in found.notes if "nominal statistics" in note] == list(found.notes)
    assert len(found.notes) == 1


def test_a_question_about_training_names_its_only_rung(tmp_path: Path) -> None:
    asked = {"trained_accuracy_fraction": "maximize", "training_energy_pj": "minimize"}
    (note,) = space(tmp_path, objectives=asked).notes
    assert note.startswith("trained_accuracy_fraction and training_energy_pj: only rung 'full'")


def test_a_usual_question_needs_no_word(tmp_path: Path) -> None:
    found = space(tmp_path)
    assert found.notes == ()
    assert found.spec.rungs == ("merged", "tuned", "full")


def test_a_grid_measures_every_candidate_on_the_last_rung(tmp_path: Path) -> None:
    hardware = {"electronic/systolic_int8": {"accumulator_bits": {"kind": "choice", "options": [24, 32]}}}
    found = space(tmp_path, hardware=hardware, sampler="grid")
    assert found.spec.rungs == ("full",)
    (note,) = [note for note in found.notes if "rung" in note]
    assert note == "a grid knows every candidate: all of them are measured on rung 'full'"
