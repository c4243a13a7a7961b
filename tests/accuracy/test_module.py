"""The executor computes what torch's own modules compute; rows and weights multiply to the same convolution."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from joulescape.accuracy.module import from_rows, initial, plain, run, to_rows, trainable, weight_rows, with_bias
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec


def graph_of(shape: list[int], *operators: dict[str, Any]) -> Graph:
    content = {"about": "a", "task": "digits", "input": shape, "operators": list(operators), "training": {"epochs": 1}}
    return build_graph("net", NetworkSpec.model_validate(content))


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CONVS = [(4, 6, 3, 1, 1, 1), (4, 6, 3, 2, 0, 2), (4, 4, 2, 2, 1, 4), (4, 5, 1, 1, 0, 1)]


@pytest.mark.parametrize(("channels", "out", "kernel", "stride", "padding", "groups"), CONVS)
def test_rows_times_weights_are_the_convolution(
    channels: int, out: int, kernel: int, stride: int, padding: int, groups: int
) -> None:
    conv = {"name": "c", "kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride, "padding": padding}
    graph = graph_of([channels, 7, 6], {**conv, "groups": groups})
    operator, tensors = graph.output, initial(graph, stream())
    tensors["c.bias"] = torch.randn(out, generator=stream(3))
    x = torch.randn(3, channels, 7, 6, generator=stream(1))
    rows = to_rows(operator, x)
    assert operator.loops is not None
    assert rows.shape == (groups, 3 * operator.loops.OY * operator.loops.OX, operator.loops.reduction)
    products = rows @ weight_rows(operator, tensors).transpose(1, 2)
    found = with_bias(operator, from_rows(operator, products, 3), tensors)
    assert torch.allclose(found, plain(operator, (x,), tensors), atol=1e-5)
    wanted = nn.functional.conv2d(x, tensors["c.weight"], tensors["c.bias"], stride, padding, 1, groups)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_every_operator_equals_torchs() -> None:
    graph = graph_of(
        [2, 8, 8],
        {"name": "conv", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
        {"name": "norm", "kind": "norm"},
        {"name": "relu", "kind": "relu"},
        {"name": "add", "kind": "add", "inputs": ["relu", "norm"]},
        {"name": "max", "kind": "max_pool", "kernel": 2},
        {"name": "avg", "kind": "avg_pool", "kernel": 2},
        {"name": "flat", "kind": "flatten"},
        {"name": "fc", "kind": "dense", "out_features": 6},
        {"name": "sig", "kind": "sigmoid"},
        {"name": "scale", "kind": "scale_offset"},
        {"name": "sum", "kind": "spectral_sum", "out_features": 4},
        {"name": "soft", "kind": "softmax"},
    )
    tensors, x = initial(graph, stream()), torch.randn(5, 2, 8, 8, generator=stream(1))
    tensors["scale.scale"], tensors["scale.offset"] = torch.tensor([2.0]), torch.tensor([0.5])
    conv, norm, fc = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4).eval(), nn.Linear(16, 6)
    for module, name in ((conv, "conv"), (fc, "fc")):
        module.load_state_dict({"weight": tensors[f"{name}.weight"], "bias": tensors[f"{name}.bias"]})
    with torch.no_grad():
        y = norm(conv(x))
        y = (y.relu() + y).flatten(0, 0)
        y = nn.functional.avg_pool2d(nn.functional.max_pool2d(y, 2), 2).flatten(1)
        y = fc(y).sigmoid() * 2 + 0.5
        y = torch.stack([y[:, 0], y[:, 1:3].sum(1), y[:, 3], y[:, 4:].sum(1)], 1).softmax(1)
        assert torch.allclose(run(graph, tensors, x), y, atol=1e-5)


def test_training_moves_running_statistics_and_inference_does_not() -> None:
    graph = graph_of([3, 4, 4], {"name": "n", "kind": "norm"}, {"name": "g", "kind": "global_avg_pool"})
    tensors, x = initial(graph, stream()), torch.randn(8, 3, 4, 4, generator=stream(1)) + 2
    run(graph, tensors, x)
    assert torch.equal(tensors["n.mean"], torch.zeros(3))
    run(graph, tensors, x, is_training=True)
    assert torch.allclose(tensors["n.mean"], 0.1 * x.mean((0, 2, 3)), atol=1e-6)
    assert trainable(tensors) == ("n.weight", "n.bias")


def test_matmul_and_a_rule_of_ones_own() -> None:
    graph = graph_of([3, 3], {"name": "m", "kind": "matmul", "inputs": ["input", "input"]})
    x = torch.randn(2, 3, 3, generator=stream())
    assert torch.allclose(run(graph, {}, x), x @ x)
    assert torch.equal(run(graph, {}, x, matrix=lambda o, inputs, t: inputs[0] * 0), torch.zeros_like(x))


def test_a_physical_operator_needs_a_rule() -> None:
    graph = graph_of([4], {"name": "p", "kind": "shg", "bins": 9, "data_bins": 6, "out_features": 5})
    with pytest.raises(ValueError, match="'p' .shg. is physical"):
        run(graph, {}, torch.zeros(2, 4))
    assert run(graph, {}, torch.ones(2, 4), physical=lambda o, inputs, t: inputs[0][:, :1].repeat(1, 5)).shape == (2, 5)
