"""What a device holds: thresholds from training data, synapses group by group, mismatch drawn once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from joulescape.accuracy.module import initial
from joulescape.accuracy.spiking_plan import SpikingMachine, is_spiking, layout, programmed
from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

MLP: list[dict[str, Any]] = [
    {"name": "fc1", "kind": "dense", "out_features": 12},
    {"name": "r1", "kind": "relu"},
    {"name": "fc2", "kind": "dense", "out_features": 5},
]
GROUPED: list[dict[str, Any]] = [
    {"name": "c1", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
    {"name": "r1", "kind": "relu"},
    {"name": "c2", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1, "groups": 2},
    {"name": "r2", "kind": "relu"},
    {"name": "f", "kind": "flatten"},
    {"name": "fc", "kind": "dense", "out_features": 3},
]


def graph_of(operators: list[dict[str, Any]], shape: tuple[int, ...]) -> Graph:
    content = {"about": "t", "task": "digits", "input": list(shape), "operators": operators,
               "training": {"epochs": 1, "batch": 8, "learning_rate": 0.1}}  # fmt: skip
    return build_graph("small", NetworkSpec.model_validate(content))


def errors_of(graph: Graph, **numbers: float) -> Errors:
    all_of = {"timesteps": 16.0, **numbers}
    return {(o.name, "forward"): ErrorSpec("spiking", o.name, "forward", all_of) for o in graph.matrix_operators}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mlp(samples: Tensor, seed: int = 0, **numbers: float) -> SpikingMachine:
    graph = graph_of(MLP, (20,))
    return programmed(graph, initial(graph, generator(3)), errors_of(graph, **numbers), samples, generator(seed))


SAMPLES = torch.rand(200, 20, generator=generator(7))


@pytest.mark.parametrize("percent", [50.0, 90.0, 99.9, 100.0])
def test_thresholds_are_percentiles_of_training_activations(percent: float) -> None:
    held = mlp(SAMPLES, threshold_percentile=percent)
    rows = torch.relu(SAMPLES @ held.tensors["fc1.weight"].T + held.tensors["fc1.bias"])
    positive = np.sort(rows[rows > 0].numpy())
    rank = max(1, round(percent / 100 * len(positive)))
    assert held.nominal["r1"] == pytest.approx(positive[rank - 1])
    assert held.nominal["input"] == 1.0, "samples lie in [0, 1] whatever their percentile"


def test_a_lower_percentile_is_a_lower_threshold_and_never_zero() -> None:
    tops = [mlp(SAMPLES, threshold_percentile=percent).nominal["r1"] for percent in (50.0, 80.0, 95.0, 100.0)]
    assert tops == sorted(tops) and tops[0] < tops[-1]
    assert mlp(torch.zeros(10, 20)).nominal["r1"] > 0, "a layer that never fires has a threshold all the same"


def test_what_a_neuron_misses_is_drawn_once_a_device() -> None:
    one, same, other = (
        mlp(SAMPLES, seed, threshold_sigma_fraction=0.1, weight_sigma_fraction=0.2) for seed in (1, 1, 2)
    )
    top, again, others = (held.actual["r1"] for held in (one, same, other))
    assert isinstance(top, Tensor) and isinstance(again, Tensor) and isinstance(others, Tensor)
    assert top.shape == (12,) and torch.equal(top, again) and not torch.equal(top, others)
    assert torch.equal(one.tensors["fc1.weight"], same.tensors["fc1.weight"])
    assert not torch.equal(one.tensors["fc1.weight"], other.tensors["fc1.weight"])
    assert torch.equal(one.tensors["fc1.bias"], other.tensors["fc1.bias"]), "biases are digital"
    assert one.actual["input"] == 1.0


def test_thresholds_follow_the_weights_that_the_device_holds() -> None:
    """Balanced after writing: mismatch of weights moves activations, and so what a spike stands for."""
    plain, off = mlp(SAMPLES), mlp(SAMPLES, weight_sigma_fraction=0.5)
    rows = torch.relu(SAMPLES @ off.tensors["fc1.weight"].T + off.tensors["fc1.bias"])
    assert off.nominal["r1"] == pytest.approx(float(rows.max())) != plain.nominal["r1"]


def test_groups_are_written_side_by_side_with_a_scale_a_neuron() -> None:
    graph = graph_of(GROUPED, (1, 6, 6))
    tensors = initial(graph, generator(1))
    samples = torch.rand((9, 1, 6, 6), generator=generator(2))
    held = programmed(graph, tensors, errors_of(graph, weight_bits=4.0), samples, generator()).tensors
    assert held["c2.weight"].shape == tensors["c2.weight"].shape == (4, 2, 3, 3)
    for kept, was in zip(held["c2.weight"], tensors["c2.weight"], strict=True):
        assert len(torch.unique(kept)) <= 15
        assert float((kept - was).abs().max()) < 0.2 * float(was.abs().max())


def test_the_weights_that_are_written_are_left_alone() -> None:
    graph = graph_of(MLP, (20,))
    tensors = initial(graph, generator(3))
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    programmed(graph, tensors, errors_of(graph, weight_bits=2.0, weight_sigma_fraction=0.3), SAMPLES, generator())
    assert all(torch.equal(tensors[name], before[name]) for name in before)


def test_which_errors_are_those_of_a_spiking_machine() -> None:
    graph = graph_of(MLP, (20,))
    plain = {("fc1", "forward"): ErrorSpec("fixed_point", "fc1", "forward", {"weight_bits": 8.0})}
    assert is_spiking(errors_of(graph)) and not is_spiking({}) and not is_spiking(plain)  # type: ignore[arg-type]


def test_a_tail_that_reaches_back_is_refused() -> None:
    """A softmax may stand behind the last layer; what reads a hidden layer beside it may not."""
    behind = graph_of([*MLP, {"name": "out", "kind": "softmax"}], (20,))
    assert [operator.name for operator in layout(behind).tail] == ["out"]
    beside = graph_of(
        [
            *GROUPED[:2],
            {"name": "c2", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
            {"name": "late", "kind": "sigmoid", "inputs": ["r1"]},
            {"name": "both", "kind": "concat", "inputs": ["c2", "late"]},
        ],
        (1, 6, 6),
    )
    with pytest.raises(SimulatorError, match="'late' reads a hidden layer"):
        layout(beside)
