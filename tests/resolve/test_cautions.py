"""What a machine's own settings forbid, or put in doubt, stands in the notes of a question before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.errors import SpecError
from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]
ISAAC = "memristive/isaac"


def notes(**hardware: Any) -> list[str]:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": ["digits_mlp"],
        "back_ends": ["electronic/systolic_int8", ISAAC],
        "phases": ["inference"],
        "hardware": {ISAAC: {path.replace("__", "."): value for path, value in hardware.items()}},
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
        "budget": {"trials": 4, "seed": 0},
    }
    found = resolve_space(Document("spaces/q.yaml", content), ROOT, "q").notes
    return [note for note in found if note.startswith(ISAAC) and "leaves" not in note]


def test_a_machine_without_faults_says_nothing() -> None:
    assert notes() == []
    assert notes(array__rows={"kind": "choice", "options": [64, 128]}) == []


def test_rows_beyond_the_wires_are_named() -> None:
    (note,) = notes(array__rows=1024)
    assert note.startswith(f"{ISAAC}: wires leave the far cell of 1024 x 128 cells")


def test_an_end_of_a_domain_that_wires_forbid_is_named_with_its_value() -> None:
    (note,) = notes(array__rows={"kind": "choice", "options": [128, 1024]})
    assert note.startswith(f"{ISAAC} at array.rows 1024: wires leave the far cell")


def test_a_way_around_faults_that_has_no_second_cell_is_named() -> None:
    (note,) = notes(cell__remapping="sign")
    assert "cell.remapping sign needs a second array" in note


@pytest.mark.parametrize(("bits", "said"), [(0, ">= 1|greater than or equal to 1"), (12, "scaling table")])
def test_converters_of_no_bits_or_too_many_are_faults_of_the_question(bits: int, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        notes(adc__bits=bits)
