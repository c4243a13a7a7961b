"""States by name, where they come from, and what is said of networks that nobody compressed."""

from __future__ import annotations

import pytest
from bridge_questions import BASELINE, COSTS, asked, question

from joulescape.errors import ResultsError
from joulescape.gap.bridge import silent_rows
from joulescape.gap.states import silent_networks, state, states
from joulescape.resolve.candidate import Pair

MLP = Pair("digits_mlp", BASELINE)


def test_every_choice_is_a_state_and_the_first_is_the_network_as_trained() -> None:
    names = [one.name for one in states(asked(), MLP)]
    assert names == ["none", "quantize 8/8", "fixed_point 4/4"]
    assert [one.is_compressed for one in states(asked(), MLP)] == [False, True, True]


def test_steps_multiply_and_real_numbers_stand_at_their_points() -> None:
    density = {"kind": "float", "low": 0.2, "high": 1.0, "points": 2}
    steps = [{"choice": {"none": {}, "prune": {"density": density}}}, {"quantize": {"weight_bits": 4}}]
    names = [one.name for one in states(question(compression=steps), MLP)]
    assert names == ["quantize 4", "prune density 0.2 + quantize 4", "prune density 1 + quantize 4"]


def test_drawn_hardware_is_no_state() -> None:
    space = question(hardware={BASELINE: {"array.rows": {"kind": "choice", "options": [8, 16]}}})
    assert [one.name for one in states(space, MLP)] == ["none", "quantize 8/8", "fixed_point 4/4"]


def test_an_unknown_state_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ResultsError, match=r"q has no state 'quantise 8/8' of digits_mlp, but none, quantize 8/8"):
        state(asked(), MLP, "quantise 8/8")
    assert state(asked(), MLP, "none").basis == "none"


def test_a_published_state_says_its_source_and_one_that_is_set_says_that_nobody_measured() -> None:
    pair = Pair("mnist_mlp", BASELINE)
    space = question(task="mnist", networks=["mnist_mlp"], compression=[{"choice": {"none": {}, "reported": {}}}])
    found = state(space, pair, "reported")
    assert found.basis == "measured" and found.source.startswith("joulescape: this network after its own recipe")
    assumed = state(asked(), MLP, "quantize 8/8")
    assert assumed.basis == "assumed" and "nobody measured" in assumed.source
    measured = question(objectives={**COSTS, "accuracy_fraction": "maximize"})
    assert state(measured, MLP, "quantize 8/8").basis == "measured"


def test_a_network_that_nobody_compressed_is_said() -> None:
    assert silent_networks(asked()) == ("digits_mlp", "digits_lenet")
    said = list(silent_rows(asked()))
    assert [row["network"] for row in said] == ["digits_mlp", "digits_lenet"]
    assert all(row["state"] == "infeasible" and "no publication was found" in row["reason"] for row in said)
    assert not list(silent_rows(question(objectives={**COSTS, "accuracy_fraction": "maximize"})))
