"""Pairs that never run are told by `joulescape check`, with the machine's own reason; a starter holds none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.cli.new_command import TEMPLATE
from joulescape.pricing.first_look import pairs_without_designs
from joulescape.resolve.design_space import resolve_space
from joulescape.resolve.example import example_names
from joulescape.spec.document import Document, read_document

ROOT = Path(__file__).parents[2]
NARROW = "memristive/memristor_12x12"


def notes(network: str, back_end: str, **more: Any) -> list[str]:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": [network],
        "back_ends": [back_end],
        "objectives": {"inference_energy_pj": "minimize"},
        "budget": {"trials": 4},
        **more,
    }
    return list(pairs_without_designs(resolve_space(Document("spaces/q.yaml", content), ROOT, "q")))


@pytest.mark.parametrize(
    ("network", "back_end", "reason"),
    [
        ("digits_attention", "memristive/analog_chain", "no converters between layers"),
        ("digits_lenet", "memristive/analog_chain", "no max_pool"),
        ("digits_mlp", "electronic/truenorth", "`ternary`"),
        ("digits_mlp", NARROW, "66 arrays would do"),
    ],
)
def test_a_pair_that_never_runs_is_noted_with_its_reason(network: str, back_end: str, reason: str) -> None:
    (note,) = notes(network, back_end)
    assert note.startswith(f"{network}@{back_end}: infeasible as set: ")
    assert reason in note


def test_one_design_that_runs_is_enough() -> None:
    ternary: dict[str, Any] = {"choice": {"none": {}, "ternary": {}}}
    assert notes("digits_mlp", "electronic/truenorth", compression=[ternary], fine_tune={"epochs": 1}) == []
    assert notes("digits_mlp", "memristive/analog_chain") == []
    swept = ({"arrays": {"kind": "choice", "options": [1, most]}} for most in (2, 200))
    found = [notes("digits_mlp", NARROW, hardware={NARROW: arrays}) for arrays in swept]
    assert [len(said) for said in found] == [1, 0]


def test_every_pair_of_a_starter_runs(tmp_path: Path) -> None:
    names = example_names(ROOT)
    shown = {"schema": "s", "shown": "s", "task": names.task, "network": names.network}
    file = tmp_path / "starter.yaml"
    file.write_text(TEMPLATE.format(**shown, back_ends=", ".join(names.back_ends)))
    space = resolve_space(read_document(file), ROOT, "starter")
    assert len(space.pairs) == 2
    assert list(pairs_without_designs(space)) == []
