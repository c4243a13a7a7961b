"""A machine far too large for a question's networks is told, with the setting that makes it smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape import cost
from joulescape.errors import Infeasible
from joulescape.pricing.idle_look import idle_machines
from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]
ISAAC, NEURRAM = "memristive/isaac", "memristive/neurram"


def notes(back_end: str, *networks: str, **hardware: Any) -> list[str]:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": list(networks or ("digits_mlp",)),
        "back_ends": [back_end],
        "hardware": {back_end: hardware} if hardware else {},
        "objectives": {"inference_energy_pj": "minimize"},
        "budget": {"trials": 4},
    }
    return list(idle_machines(resolve_space(Document("spaces/q.yaml", content), ROOT, "q")))


@pytest.mark.parametrize(("name", "size", "there"), [(ISAAC, "tiles", 168), (NEURRAM, "arrays", 48)])
def test_a_chip_that_mostly_idles_is_told_with_the_setting_of_its_size(name: str, size: str, there: int) -> None:
    said = f"{name}: 1 of {there} {size} holds digits_mlp; the rest idles: give hardware.{name}.{size} a domain"
    assert notes(name) == [said]


def test_a_size_that_the_question_sets_or_searches_is_its_own() -> None:
    assert notes(ISAAC, tiles=168) == []
    assert notes(ISAAC, tiles={"kind": "choice", "options": [1, 168]}) == []
    assert len(notes(ISAAC, **{"array.rows": 64})) == 1


def test_machines_without_such_a_size_are_silent() -> None:
    assert notes("photonic/mzi_mesh") == notes("electronic/systolic_int8") == []


def test_the_named_count_holds_the_network_and_one_less_does_not() -> None:
    single = {"imas_per_tile": 1, "crossbars_per_ima": 1}
    (said,) = notes(ISAAC, "digits_mlp", **single)
    count = int(said.removeprefix(f"{ISAAC}: ").split()[0])
    assert count > 1 and f"{count} of 168 tiles hold digits_mlp" in said
    sets = {f"hardware.{path}": value for path, value in single.items()}
    assert cost("digits_mlp", ISAAC, {**sets, "hardware.tiles": count}, root=ROOT).totals["inference_energy_pj"]
    with pytest.raises(Infeasible):
        cost("digits_mlp", ISAAC, {**sets, "hardware.tiles": count - 1}, root=ROOT)
