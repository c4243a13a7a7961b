"""Measuring on a spiking machine: trained networks, spikes that reach the cost, training through time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy.alike import draws_count
from joulescape.accuracy.measure import accuracy_key, measure
from joulescape.accuracy.spiking import SpikingDraw, spiking_extras, with_spikes
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import LayerStatistics, MatrixWork

torch.set_num_threads(1)

Make = Callable[..., Any]
SEARCH, CONFIRM = Fidelity(rung="tuned", draws=3), Fidelity(rung="full", split="test", draws=3)
TERNARY = Step("ternary", {"rule": "twn", "scale_per": "layer", "activation_bits": 32}, {})


def spikes(graph: Graph, **numbers: float) -> Errors:
    all_of = {"timesteps": 32.0, "threshold_percentile": 99.9, "is_current": 1.0, **numbers}
    return {(o.name, "forward"): ErrorSpec("spiking", o.name, "forward", all_of) for o in graph.matrix_operators}


def found(
    small: Graph, recipe: Make, networks_dir: Path, fidelity: Fidelity = CONFIRM, steps: Any = (),
    tune: dict[str, Any] | None = None, **numbers: float,
) -> Measured:  # fmt: skip
    asked = recipe(fine_tune=tune, equivalence="approximate")
    return measure(describe(small, steps), spikes(small, **numbers), asked, fidelity, 0, networks_dir)


def reference(small: Graph, recipe: Make, networks_dir: Path) -> float:
    return measure(describe(small, ()), {}, recipe(), CONFIRM, 0, networks_dir).accuracy_fraction[0]


@pytest.mark.parametrize(
    "numbers", [{}, {"is_current": 0.0}, {"is_first_spike": 1.0}], ids=["current", "regular", "first"]
)
def test_a_converted_network_loses_at_most_a_point_in_32_steps(
    small: Graph, recipe: Make, networks_dir: Path, numbers: dict[str, Any]
) -> None:
    assert found(small, recipe, networks_dir, **numbers).accuracy_fraction[0] >= (
        reference(small, recipe, networks_dir) - 0.012
    )


def test_one_step_loses_more_than_many(small: Graph, recipe: Make, networks_dir: Path) -> None:
    one, many = (
        found(small, recipe, networks_dir, timesteps=steps, is_current=0.0).accuracy_fraction[0]
        for steps in (1.0, 64.0)
    )
    assert one < many - 0.02


def test_nothing_drawn_is_one_draw_and_anything_drawn_is_several(
    small: Graph, recipe: Make, networks_dir: Path
) -> None:
    assert len(found(small, recipe, networks_dir).accuracy_fraction) == 1
    asked = recipe(equivalence="approximate")
    for name in ("is_poisson", "weight_sigma_fraction", "threshold_sigma_fraction"):
        assert draws_count(asked, spikes(small, **{name: 0.2}), CONFIRM) == 3
    noisy = found(small, recipe, networks_dir, is_current=0.0, is_poisson=1.0, timesteps=4.0)
    assert len({tuple(right) for right in noisy.correct}) == 3
    assert noisy == found(small, recipe, networks_dir, is_current=0.0, is_poisson=1.0, timesteps=4.0)


def test_mismatch_costs_accuracy(small: Graph, recipe: Make, networks_dir: Path) -> None:
    means = []
    for sigma in (0.0, 0.5, 2.0):
        got = found(small, recipe, networks_dir, weight_sigma_fraction=sigma, threshold_sigma_fraction=sigma / 4)
        means.append(sum(got.accuracy_fraction) / len(got.accuracy_fraction))
    assert means[0] > means[1] > means[2]


def test_spikes_are_measured_and_reach_the_work(small: Graph, recipe: Make, networks_dir: Path) -> None:
    """Twice the steps are twice the spikes; a first spike is at most one; the search counts as the confirmation."""
    few, many = (found(small, recipe, networks_dir, timesteps=steps) for steps in (16.0, 32.0))
    for name in ("fc1", "fc2"):
        ratio = many.statistics[name].input_spikes / few.statistics[name].input_spikes  # type: ignore[operator]
        assert ratio == pytest.approx(2, rel=0.05)
    assert found(small, recipe, networks_dir, SEARCH).statistics == many.statistics
    first = found(small, recipe, networks_dir, is_first_spike=1.0).statistics["fc2"].input_spikes
    assert first is not None and 0 < first < 1
    works = lower(small, describe(small, ()).formats, "inference", 1, many.statistics).works
    told = {work.layer: work.input.spikes for work in works if isinstance(work, MatrixWork)}
    assert told == {name: many.statistics[name].input_spikes for name in ("fc1", "fc2")}


def test_a_search_lets_samples_go_and_a_confirmation_never_does(small: Graph, recipe: Make, networks_dir: Path) -> None:
    soon, whole = (found(small, recipe, networks_dir, fidelity, timesteps=64.0) for fidelity in (SEARCH, CONFIRM))
    assert soon.extras["seen_steps"] < 40 and whole.extras["seen_steps"] == 64
    confirm_tuned = replace(SEARCH, split="test")
    assert found(small, recipe, networks_dir, confirm_tuned, timesteps=64.0).extras["seen_steps"] == 64


def test_first_decisions_come_a_step_later_for_each_layer(small: Graph, recipe: Make, networks_dir: Path) -> None:
    told = found(small, recipe, networks_dir).extras
    assert 2 <= told["first_decision_steps"] < 8, "two layers: one step of delay"
    windows = found(small, recipe, networks_dir, is_first_spike=1.0).extras
    assert 64 < windows["first_decision_steps"] <= 96, "in the third window of 32 steps"


def test_training_in_spikes_helps_where_steps_are_few(small: Graph, recipe: Make, networks_dir: Path) -> None:
    """One step: as converted, or tuned with the spikes of the machine."""
    blind, aware = (
        found(
            small, recipe, networks_dir, timesteps=1.0, is_current=0.0, tune={"epochs": 3, "noise_aware": is_aware}
        ).accuracy_fraction[0]
        for is_aware in (False, True)
    )
    assert aware > blind + 0.03


def test_training_by_first_spikes_helps_as_well(small: Graph, recipe: Make, networks_dir: Path) -> None:
    blind, aware = (
        found(small, recipe, networks_dir, steps=(TERNARY,), timesteps=1.0, is_first_spike=1.0,
              tune={"epochs": 4, "noise_aware": is_aware}).accuracy_fraction[0]
        for is_aware in (False, True)
    )  # fmt: skip
    assert aware > blind


def test_every_number_names_another_measurement(small: Graph, recipe: Make, networks_dir: Path) -> None:
    asked, network = recipe(equivalence="approximate"), describe(small, ())
    keys = {
        accuracy_key(network, spikes(small, **{name: value}), asked, CONFIRM, 0, networks_dir)
        for name, value in (
            ("timesteps", 8.0),
            ("timesteps", 16.0),
            ("threshold_percentile", 99.0),
            ("is_current", 0.0),
        )
    }
    assert len(keys) == 4


def test_draws_are_averaged() -> None:
    draws = [SpikingDraw(b"", {"fc": spikes_}, {"fc": spikes_ / 2}, 2.0, 8.0) for spikes_ in (1.0, 3.0)]
    seen = with_spikes({"fc": LayerStatistics(), "other": LayerStatistics()}, draws)
    assert (seen["fc"].input_spikes, seen["fc"].synaptic_events) == (2.0, 1.0)
    assert seen["other"] == LayerStatistics()
    assert with_spikes({"fc": LayerStatistics()}, [])["fc"].input_spikes is None
    assert spiking_extras(draws) == {"spikes_per_neuron": 2.0, "first_decision_steps": 2.0, "seen_steps": 8.0}
    assert spiking_extras([]) == {}
