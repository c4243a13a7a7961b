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
        (
            {"low_rank": {"conv": "keep", "ranks": {"conv1": 2}}}, "compression.0.low_rank",
            "no rank of 'conv1' in ranks: conv keep leaves convolutions whole",
        ),
        (
            {"low_rank": {"ends": "keep", "ranks": {"fc2": 2}}}, "compression.0.low_rank",
            "no rank of 'fc2' in ranks: ends keep leaves the first and the last layer whole",
        ),
        (
            {"prune": {"scope": "energy", "energy_fraction": 0.3}}, "compression.0.prune",
            "no energy_fraction: the machine tells every layer its own",
        ),
        ({"prune": {"strength": 0.3}}, "compression.0.prune", "no strength: it is for criterion group_lasso"),
        ({"prune": {"sparse_epochs": 2}}, "compression.0.prune", "no sparse_epochs: it is for criterion"),
        ({"prune": {"tilt": 0.3}}, "compression.0.prune", "no tilt: it is for scope energy"),
        ({"prune": {"group": 8}}, "compression.0.prune", "no group: it is for granularity n_of_m"),
        ({"prune": {"pull": 0.1}}, "compression.0.prune", "no pull: it is for schedule admm"),
    ],
)  # fmt: skip
def test_a_rank_that_no_layer_has_is_a_fault_of_the_question(step: dict[str, Any], place: str, why: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_space(question(step), ROOT, "q")
    (fault,) = (str(fault) for fault in caught.value.faults)
    assert f"at '{place}'" in fault and why in fault


def refused(step: dict[str, Any], network: str) -> str:
    with pytest.raises(SpecError) as caught:
        resolve_space(question(step, network), ROOT, "q")
    return str(caught.value)


def test_importance_is_refused_where_an_operator_hides_its_channels() -> None:
    """Every candidate would fail while it is measured; a domain is looked at in each of its options."""
    assert "does not go back through 'stage2_body_shuffle' (channel_shuffle)" in refused(
        {"prune": {"criterion": "nisp"}}, "digits_shuffle"
    )
    drawn = {"kind": "choice", "options": ["magnitude", "nisp"]}
    assert "nisp does not go back through 'pool' (mean_tokens)" in refused(
        {"prune": {"criterion": drawn}}, "digits_attention"
    )
    for network in ("digits_lenet", "digits_resnet", "digits_mlp"):
        assert resolve_space(question({"prune": {"criterion": "nisp"}}, network), ROOT, "q").pairs


def test_a_setting_that_counts_at_one_option_passes() -> None:
    criteria = {"kind": "choice", "options": ["magnitude", "group_lasso"]}
    step = {"prune": {"granularity": "channel", "criterion": criteria, "strength": 0.3, "group": 4}}
    assert resolve_space(question(step), ROOT, "q").pairs
    forms = {"kind": "choice", "options": ["keep", "svd"]}
    assert resolve_space(question({"low_rank": {"conv": forms, "ranks": {"conv1": 2}}}), ROOT, "q").pairs


def test_a_rank_above_that_of_few_inputs_and_taps_is_refused() -> None:
    """The stem reads one channel through nine taps: twelve filters have nine directions."""
    assert "'stem' 12, above the rank 9 of its weights of 12 x 1 x 3 x 3 (tucker)" in refused(
        {"low_rank": {"ranks": {"stem": 12}}}, "digits_resnet"
    )
    assert resolve_space(question({"low_rank": {"ranks": {"stem": 9}}}, "digits_resnet"), ROOT, "q").pairs


def test_inputs_may_stay_as_they_are() -> None:
    step = {"quantize": {"weight_bits": 4, "activation_bits": 32}}
    space = resolve_space(question(step), ROOT, "q")
    (done,) = space.candidate({"pair": space.pairs[0].name}).compression
    assert done.settings == step["quantize"]


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
