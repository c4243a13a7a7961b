"""Networks in time: what becomes spikes, that many steps are the network itself, codes, pools, samples let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from joulescape.accuracy import spiking_run
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.spiking_plan import SpikingMachine, layout, programmed
from joulescape.accuracy.spiking_run import Simulation, answered, smooth_logits
from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

CONV: list[dict[str, Any]] = [
    {"name": "c1", "kind": "conv", "out_channels": 3, "kernel": 3, "padding": 1},
    {"name": "r1", "kind": "relu"},
    {"name": "p1", "kind": "max_pool", "kernel": 2},
    {"name": "c2", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
    {"name": "n2", "kind": "norm"},
    {"name": "r2", "kind": "relu"},
    {"name": "a2", "kind": "avg_pool", "kernel": 2},
    {"name": "f", "kind": "flatten"},
    {"name": "fc", "kind": "dense", "out_features": 5},
]
BRANCHED: list[dict[str, Any]] = [
    {"name": "c1", "kind": "conv", "out_channels": 3, "kernel": 3, "padding": 1},
    {"name": "r1", "kind": "relu"},
    {"name": "c2", "kind": "conv", "out_channels": 3, "kernel": 3, "padding": 1},
    {"name": "s", "kind": "add", "inputs": ["c2", "r1"]},
    {"name": "r2", "kind": "relu"},
    {"name": "g", "kind": "global_avg_pool"},
    {"name": "f", "kind": "flatten"},
    {"name": "low", "kind": "dense", "out_features": 3},
    {"name": "fc", "kind": "dense", "out_features": 5},
    {"name": "out", "kind": "softmax"},
]


def graph_of(operators: list[dict[str, Any]], shape: tuple[int, ...] = (1, 8, 8)) -> Graph:
    content = {"about": "t", "task": "digits", "input": list(shape), "operators": operators,
               "training": {"epochs": 1, "batch": 8, "learning_rate": 0.1}}  # fmt: skip
    return build_graph("small", NetworkSpec.model_validate(content))


def errors_of(graph: Graph, **numbers: float) -> Errors:
    all_of = {"timesteps": 16.0, "threshold_percentile": 100.0, "is_current": 1.0, **numbers}
    return {(o.name, "forward"): ErrorSpec("spiking", o.name, "forward", all_of) for o in graph.matrix_operators}


def machine_of(graph: Graph, samples: Tensor, **numbers: float) -> tuple[SpikingMachine, Mapping[str, Tensor]]:
    tensors = initial(graph, generator(1))
    return programmed(graph, tensors, errors_of(graph, **numbers), samples, generator()), tensors


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def samples_of(graph: Graph, count: int = 12) -> Tensor:
    return torch.rand((count, *graph.input_shape), generator=generator(2))


@pytest.mark.parametrize("operators", [CONV, BRANCHED], ids=["pooled", "branched"])
@pytest.mark.parametrize(
    "numbers", [{}, {"is_current": 0.0}, {"is_first_spike": 1.0}], ids=["current", "regular", "first"]
)
def test_many_steps_are_the_network_itself(operators: list[dict[str, Any]], numbers: dict[str, float]) -> None:
    """Convolutions, both pools, normalisation, a sum of two branches, two matrices in a row, a softmax behind."""
    graph = graph_of(operators)
    samples = samples_of(graph)
    machine, tensors = machine_of(graph, samples, timesteps=1024.0, **numbers)
    wanted = run(graph, tensors, samples)
    found = answered(machine, samples, generator()).logits
    assert float((found - wanted).norm() / wanted.norm()) < 0.02


def test_fewer_steps_err_more() -> None:
    graph = graph_of(CONV)
    samples = samples_of(graph, 40)
    gaps = []
    for steps in (2, 8, 32, 128):
        machine, tensors = machine_of(graph, samples, timesteps=float(steps))
        gaps.append(float((answered(machine, samples, generator()).logits - run(graph, tensors, samples)).norm()))
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 8 * gaps[-1]


@pytest.mark.parametrize("numbers", [{}, {"is_current": 0.0}, {"threshold_sigma_fraction": 0.1}])
def test_how_many_steps_are_taken_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, numbers: dict[str, float]
) -> None:
    graph = graph_of(CONV)
    samples = samples_of(graph)
    machine, _ = machine_of(graph, samples, timesteps=9.0, **numbers)
    found = []
    for chunk, batch in ((8, 100), (1, 100), (4, 5), (64, 7)):
        monkeypatch.setattr(spiking_run, "CHUNK", chunk)
        monkeypatch.setattr(spiking_run, "BATCH", batch)
        found.append(answered(machine, samples, generator()))
    for one in found[1:]:
        assert torch.allclose(one.logits, found[0].logits, atol=1e-5)
        assert torch.equal(one.decided, found[0].decided)
        assert one.spikes == pytest.approx(found[0].spikes)


def test_a_pool_sends_as_many_spikes_as_its_busiest_neuron() -> None:
    graph = graph_of(
        [
            CONV[0],
            CONV[1],
            CONV[2],
            {"name": "f", "kind": "flatten"},
            {"name": "fc", "kind": "dense", "out_features": 2},
        ]
    )
    samples = samples_of(graph, 3)
    machine, tensors = machine_of(graph, samples, timesteps=20.0)
    counted = answered(machine, samples, generator()).spikes["fc"]
    rectified = torch.relu(torch.nn.functional.conv2d(samples, tensors["c1.weight"], tensors["c1.bias"], padding=1))
    counts = (rectified / machine.nominal["r1"] * 20 + 0.5).floor().clamp(0, 20)
    wanted = torch.nn.functional.max_pool2d(counts, 2).mean()
    assert counted == pytest.approx(float(wanted), rel=0.01)


def test_spikes_are_counted_for_each_input_of_a_matrix() -> None:
    """A constant current is an event a step where it is not zero; regular spikes are as many as values say."""
    graph = graph_of(CONV)
    samples = samples_of(graph, 4)
    samples[:, :, :4] = 0
    current, _ = machine_of(graph, samples, timesteps=10.0)
    assert answered(current, samples, generator()).spikes["c1"] == pytest.approx(5.0)
    regular, _ = machine_of(graph, samples, timesteps=10.0, is_current=0.0)
    wanted = float((samples * 10 + 0.5).floor().mean())
    assert answered(regular, samples, generator()).spikes["c1"] == pytest.approx(wanted, rel=0.01)
    first, _ = machine_of(graph, samples, timesteps=10.0, is_first_spike=1.0)
    assert max(answered(first, samples, generator()).spikes.values()) <= 1.0


@pytest.mark.parametrize("padding", [0, 1])
def test_events_are_counted_synapse_by_synapse(padding: int) -> None:
    """A spike in a corner meets 4 of 9 places of a padded kernel, elsewhere more; weights of zero are no synapses."""
    conv = {**CONV[0], "padding": padding}
    graph = graph_of([conv, {"name": "f", "kind": "flatten"}, {"name": "fc", "kind": "dense", "out_features": 2}])
    samples = torch.zeros(1, 1, 8, 8)
    samples[0, 0, 0, 0] = 1.0
    machine, _ = machine_of(graph, samples, timesteps=5.0, is_current=0.0)
    machine.tensors["c1.weight"].data[0] = 0.0  # type: ignore[index]
    found, (first, _) = answered(machine, samples, generator()), graph.matrix_operators
    assert first.loops is not None
    places = 4 if padding else 1
    assert found.events["c1"] * first.loops.macs == pytest.approx(5 * 2 * places)
    assert found.events["fc"] == pytest.approx(found.spikes["fc"])


def test_a_decision_is_the_last_change_of_the_largest_potential() -> None:
    graph = graph_of(CONV)
    samples = samples_of(graph)
    machine, _ = machine_of(graph, samples, timesteps=24.0, is_current=0.0)
    found = answered(machine, samples, generator())
    choices = Simulation(machine, samples, generator()).advance(24).cumsum(0).argmax(-1)
    for sample, decided in enumerate(found.decided.tolist()):
        assert (choices[int(decided) - 1 :, sample] == choices[-1, sample]).all()
        assert decided == 1 or choices[int(decided) - 2, sample] != choices[-1, sample]


def test_samples_are_let_go_only_after_their_decision_stood() -> None:
    graph = graph_of(CONV)
    samples = samples_of(graph, 30)
    machine, _ = machine_of(graph, samples, timesteps=64.0)
    whole, soon = answered(machine, samples, generator()), answered(machine, samples, generator(), patience=16)
    assert (soon.steps >= soon.decided + 16).logical_or(soon.steps == 64).all()
    assert float(soon.steps.mean()) < 64 == float(whole.steps.mean())
    stayed = whole.decided <= soon.steps
    assert torch.equal(whole.logits.argmax(1)[stayed], soon.logits.argmax(1)[stayed])


@pytest.mark.parametrize("numbers", [{}, {"is_first_spike": 1.0}])
def test_training_sees_the_spikes_that_are_measured(numbers: dict[str, float]) -> None:
    graph = graph_of(CONV)
    samples = samples_of(graph)
    machine, _ = machine_of(graph, samples, timesteps=6.0, **numbers)
    leaf = machine.tensors["c1.weight"].clone().requires_grad_()
    held = SpikingMachine(
        machine.layout, {**machine.tensors, "c1.weight": leaf}, machine.nominal, machine.actual, machine.numbers
    )
    smooth = smooth_logits(held, samples, generator())
    assert torch.allclose(smooth.detach(), answered(machine, samples, generator()).logits, atol=1e-5)
    smooth.square().sum().backward()  # type: ignore[no-untyped-call]
    assert float(leaf.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_a_sum_without_a_rectifier_is_carried_by_pairs() -> None:
    found = layout(graph_of(BRANCHED))
    assert dict(found.neurons) == {"input": False, "r1": False, "r2": False, "g": False, "low": True}
    assert [operator.name for operator in found.tail] == ["out"]


SIGMOID = {"name": "m", "kind": "sigmoid"}


@pytest.mark.parametrize(
    ("operators", "said"),
    [
        ([CONV[0], SIGMOID, CONV[7], CONV[8]], "'m' \\(sigmoid\\) is none that spiking neurons compute"),
        ([CONV[0], CONV[2], CONV[7], CONV[8]], "'p1' takes the maximum of values of both signs"),
    ],
)
def test_what_cannot_run_in_spikes_is_named(operators: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        layout(graph_of(operators))


def test_a_maximum_before_its_rectifier_is_the_same_maximum() -> None:
    graph = graph_of([CONV[0], CONV[2], CONV[1], CONV[7], CONV[8]])
    samples = samples_of(graph)
    machine, tensors = machine_of(graph, samples, timesteps=512.0)
    wanted = run(graph, tensors, samples)
    assert float((answered(machine, samples, generator()).logits - wanted).norm() / wanted.norm()) < 0.02


def test_a_matrix_that_runs_elsewhere_is_refused() -> None:
    graph = graph_of(CONV)
    errors = {key: spec for key, spec in errors_of(graph).items() if key[0] != "c2"}
    with pytest.raises(SimulatorError, match="'c2' runs elsewhere"):
        programmed(graph, initial(graph, generator()), errors, samples_of(graph), generator())
