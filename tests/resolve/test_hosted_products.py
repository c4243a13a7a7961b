"""A question says which machines leave products of two activations to their host."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]
LIGHT, BANKS = "photonic/lightning_transformer", "photonic/broadcast_weight"


def notes(hardware: dict[str, dict[str, object]], network: str = "digits_attention") -> tuple[str, ...]:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": [network],
        "back_ends": ["electronic/systolic_int8", LIGHT, BANKS, "memristive/isaac"],
        "phases": ["inference"],
        "hardware": hardware,
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
        "budget": {"trials": 4, "seed": 0},
    }
    return resolve_space(Document("spaces/q.yaml", content), ROOT, "q").notes


def left(name: str) -> str:
    return f"{name} leaves products of two activations to its host: scores, context of digits_attention"


@pytest.mark.parametrize(
    ("hardware", "leaving"),
    [
        ({}, [BANKS, "memristive/isaac"]),
        ({LIGHT: {"dynamic_products": False}}, [LIGHT, BANKS, "memristive/isaac"]),
        ({BANKS: {"dynamic_products": "program"}}, ["memristive/isaac"]),
        ({BANKS: {"dynamic_products": {"kind": "choice", "options": ["host", "program"]}}}, ["memristive/isaac"]),
    ],
)
def test_notes_name_the_machines_and_the_operators(hardware: dict[str, dict[str, object]], leaving: list[str]) -> None:
    found = [note for note in notes(hardware) if "two activations" in note]
    assert found == [left(name) for name in leaving]


def test_a_network_without_such_products_has_no_note() -> None:
    assert not [note for note in notes({}, "digits_mlp") if "two activations" in note]
