"""A network on a machine: groups are programmed apart, roles that are absent are float32, gradients pass straight."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.machine_layers import MachineLayers, numerics, program
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.randomness import generator
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.registry import PluginError
from joulescape.spec.network import NetworkSpec

OPERATORS: list[dict[str, Any]] = [
    {"name": "conv", "kind": "conv", "out_channels": 4, "kernel": 3, "stride": 2, "padding": 1},
    {"name": "relu", "kind": "relu"},
    {"name": "grouped", "kind": "conv", "out_channels": 4, "kernel": 3, "groups": 4},
    {"name": "pool", "kind": "global_avg_pool"},
    {"name": "fc", "kind": "dense", "out_features": 3},
]


@pytest.fixture(scope="module")
def convnet() -> Graph:
    content = {"about": "a", "task": "digits", "input": [1, 8, 8], "operators": OPERATORS, "training": {"epochs": 1}}
    return build_graph("convnet", NetworkSpec.model_validate(content))


def fixed_point(graph: Graph, bits: float, *names: str) -> Errors:
    numbers = {"weight_bits": bits, "input_bits": bits}
    return {
        (o.name, "forward"): ErrorSpec("fixed_point", o.name, "forward", numbers)
        for o in graph.matrix_operators
        if not names or o.name in names
    }


def on_machine(graph: Graph, tensors: dict[str, torch.Tensor], x: torch.Tensor, errors: Errors) -> MachineLayers:
    calibration = calibrate(describe(graph, ()), tensors, x)
    return program(graph, tensors, errors, calibration, generator(0, "device"), generator(0, "read"), "merged")


def test_a_wide_machine_computes_the_network(convnet: Graph) -> None:
    tensors, x = initial(convnet, generator(0, "w")), torch.rand(6, 1, 8, 8, generator=generator(0, "x"))
    machine = on_machine(convnet, tensors, x, fixed_point(convnet, 20))
    assert {name: len(parts) for name, parts in machine.programmed.items()} == {"conv": 1, "grouped": 4, "fc": 1}
    assert torch.allclose(run(convnet, tensors, x, machine.rule), run(convnet, tensors, x), atol=1e-4)


def test_only_operators_with_errors_run_on_the_machine(convnet: Graph) -> None:
    tensors, x = initial(convnet, generator(0, "w")), torch.rand(6, 1, 8, 8, generator=generator(0, "x"))
    assert torch.equal(run(convnet, tensors, x, on_machine(convnet, tensors, x, {}).rule), run(convnet, tensors, x))
    machine = on_machine(convnet, tensors, x, fixed_point(convnet, 2, "fc"))
    assert set(machine.programmed) == {"fc"}
    assert not torch.allclose(run(convnet, tensors, x, machine.rule), run(convnet, tensors, x), atol=1e-3)


def test_straight_through_has_the_machines_value_and_the_networks_gradient(convnet: Graph) -> None:
    tensors, x = initial(convnet, generator(0, "w")), torch.rand(6, 1, 8, 8, generator=generator(0, "x"))
    machine = on_machine(convnet, tensors, x, fixed_point(convnet, 4, "fc"))
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
    y = run(convnet, leaves, x, machine.straight_through(leaves))
    assert torch.allclose(y, run(convnet, tensors, x, machine.rule), atol=1e-5)
    ideal = run(convnet, leaves, x)
    error = torch.randn(y.shape, generator=generator(0, "e"))
    names = ["conv.weight", "grouped.weight", "fc.weight", "fc.bias"]
    found, wanted = (torch.autograd.grad((out * error).sum(), [leaves[n] for n in names]) for out in (y, ideal))
    assert all(torch.allclose(f, w, atol=1e-5) for f, w in zip(found, wanted, strict=True))


def test_a_product_of_activations_is_multiplied_and_not_stored() -> None:
    operators = [{"name": "m", "kind": "matmul", "inputs": ["input", "input"], "scale": 0.5}]
    content = {"about": "a", "task": "digits", "input": [8, 8], "operators": operators, "training": {"epochs": 1}}
    graph = build_graph("attention", NetworkSpec.model_validate(content))
    x = torch.randn(5, 8, 8, generator=generator(0, "x"))
    machine = on_machine(graph, {}, x, fixed_point(graph, 12))
    assert machine.programmed == {} and set(machine.products) == {"m"}
    assert torch.allclose(run(graph, {}, x, machine.rule), x @ x / 2, atol=0.02)
    coarse = run(graph, {}, x, on_machine(graph, {}, x, fixed_point(graph, 4)).rule)
    assert float((coarse - x @ x / 2).abs().max()) > 0.2


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(PluginError, match="no plug-in 'abacus'"):
        numerics("abacus")


def test_streams_have_names() -> None:
    draws = [torch.rand(3, generator=generator(*key)) for key in ((0, "a", 0), (0, "a", 1), (0, "b", 0), (1, "a", 0))]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4
    assert torch.equal(draws[0], torch.rand(3, generator=generator(0, "a")))
