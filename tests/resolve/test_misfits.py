"""Settings that pass alone and that no layer of the network can take: refused before any work, with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.errors import SpecError
from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]


def question(step: dict[str, Any], *networks: str) -> Document:
    content = {
        "question": "?", "task": "digits", "networks": list(networks or ("digits_lenet",)),
        "back_ends": ["electronic/systolic_int8"], "compression": [step], "budget": {"trials": 4},
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    }  # fmt: skip
    return Document("q.yaml", content)


@pytest.mark.parametrize(
    ("step", "place", "why"),
    [
        (
            {"low_rank": {"ranks": {"fc1": 49}}}, "compression.0.low_rank",
            "ranks gives 'fc1' 49, above the rank 48 of its weights of 48 x 64 (dense)",
        ),
        (
            {"low_rank": {"ranks": {"fc9": 2}}}, "compression.0.low_rank",
            "ranks names 'fc9', which is none of the layers that it takes in 'digits_lenet'; did you mean 'fc2'?",
        ),
        (
            {"choice": {"none": {}, "low_rank": {"conv": "spatial", "ranks": {"conv2": 99}}}},
            "compression.0.choice.low_rank", "ranks gives 'conv2' 99, above the rank",
        ),
    ],
)  # fmt: skip
def test_a_rank_that_no_layer_has_is_a_fault_of_the_question(step: dict[str, Any], place: str, why: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_space(question(step), ROOT, "q")
    (fault,) = (str(fault) for fault in caught.value.faults)
    assert f"at '{place}'" in fault and why in fault


def test_every_network_of_the_question_is_looked_at() -> None:
    step = {"low_rank": {"ranks": {"fc1": 60}}}
    assert resolve_space(question(step, "digits_mlp"), ROOT, "q").pairs
    with pytest.raises(SpecError, match="60, above the rank 48"):
        resolve_space(question(step, "digits_mlp", "digits_lenet"), ROOT, "q")


def test_a_rank_that_a_layer_has_passes_and_reaches_the_step() -> None:
    space = resolve_space(question({"low_rank": {"ranks": {"fc1": 48, "fc2": 3}}}), ROOT, "q")
    (step,) = space.candidate({"pair": space.pairs[0].name}).compression
    assert step.settings["ranks"] == {"fc1": 48, "fc2": 3}


def test_settings_that_are_wrong_alone_are_told_once() -> None:
    with pytest.raises(SpecError) as caught:
        resolve_space(question({"low_rank": {"ranks": {"fc1": 0}, "rank_fraction": 2.0}}), ROOT, "q")
    assert len(caught.value.faults) == 2
