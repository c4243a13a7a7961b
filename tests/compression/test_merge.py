"""Merging is exact: the merged network computes what the network computes, with fewer layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compressible import arrays_of, built, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.module import run
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.operators import Graph

torch.set_num_threads(1)
Written = dict[str, Any]


def _outputs(graph: Graph, *steps: Step, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Graph]:
    """The network's output before and after the steps, and the graph after them."""
    arrays, described = arrays_of(graph, seed), describe(graph, steps)
    samples = torch.from_numpy(np.random.default_rng(seed).random((4, *graph.input_shape)).astype(np.float32))
    before = run(graph, {n: torch.from_numpy(a) for n, a in arrays.items()}, samples)
    after = {n: torch.from_numpy(np.asarray(a)) for n, a in project(arrays, described).items()}
    return before.numpy(), run(described.graph, after, samples).numpy(), described.graph


@pytest.mark.parametrize("network", ["digits_resnet", "vgg8_small", "digits_shuffle"])
def test_folded_normalisations_leave_the_output_alone(network: str) -> None:
    graph = shipped(network)
    before, after, merged = _outputs(graph, Step("merge", {}, {}))
    np.testing.assert_allclose(after, before, rtol=2e-3, atol=1e-4 * np.abs(before).max())
    assert not [operator for operator in merged.operators if operator.kind == "norm"]
    norms = [operator for operator in graph.operators if operator.kind == "norm"]
    assert merged.macs == graph.macs
    assert merged.parameter_count == graph.parameter_count - sum(o.parameter_count // 2 for o in norms)


@settings(max_examples=25, deadline=None)
@given(
    kernel=st.integers(1, 3), stride=st.integers(1, 2), padding=st.integers(0, 1), window=st.integers(1, 3),
    step=st.integers(1, 3), groups=st.sampled_from([1, 2]), bias=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_an_average_after_a_convolution_is_a_convolution(
    kernel: int, stride: int, padding: int, window: int, step: int, groups: int, bias: bool, seed: int
) -> None:
    conv = {"name": "c", "kind": "conv", "out_channels": 4, "kernel": kernel, "kernel_x": 2, "stride": stride}
    operators = [
        {**conv, "padding": padding, "groups": groups, "bias": bias},
        {"name": "p", "kind": "avg_pool", "kernel": window, "stride": step},
    ]
    graph = built(operators, (2, 11, 10))
    before, after, merged = _outputs(graph, Step("merge", {"pooling": True}, {}), seed=seed)
    assert [operator.name for operator in merged.operators] == ["c"]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(inner=st.booleans(), outer=st.booleans(), step=st.integers(1, 2), seed=st.integers(0, 99))
def test_a_point_after_a_convolution_is_a_convolution(inner: bool, outer: bool, step: int, seed: int) -> None:
    operators = [
        {"name": "c", "kind": "conv", "out_channels": 3, "kernel": 3, "padding": 1, "bias": inner},
        {"name": "p", "kind": "conv", "out_channels": 6, "kernel": 1, "stride": step, "bias": outer},
        {"name": "r", "kind": "relu"},
    ]
    graph = built(operators, (2, 7, 6))
    before, after, merged = _outputs(graph, Step("merge", {"pointwise": True}, {}), seed=seed)
    assert [operator.name for operator in merged.operators] == ["c", "r"]
    assert merged.operator("c").has_bias == (inner or outer)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


def test_a_chain_becomes_one_convolution() -> None:
    operators = [
        {"name": "c", "kind": "conv", "out_channels": 3, "kernel": 3, "padding": 1, "bias": False},
        {"name": "n", "kind": "norm"},
        {"name": "p", "kind": "conv", "out_channels": 5, "kernel": 1},
        {"name": "m", "kind": "norm"},
        {"name": "a", "kind": "avg_pool", "kernel": 2},
        {"name": "r", "kind": "relu"},
    ]
    graph = built(operators, (2, 8, 8))
    before, after, merged = _outputs(graph, Step("merge", {"pooling": True, "pointwise": True}, {}))
    assert [operator.name for operator in merged.operators] == ["c", "r"]
    assert merged.operator("c").weight_shape == (5, 2, 4, 4)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "between",
    [
        [{"name": "r", "kind": "relu"}, {"name": "n", "kind": "norm"}],
        [{"name": "p", "kind": "avg_pool", "kernel": 2, "padding": 1}],
        [{"name": "p", "kind": "avg_pool", "kernel": 2, "ceil_mode": True}],
        [{"name": "p", "kind": "max_pool", "kernel": 2}],
        [{"name": "p", "kind": "conv", "out_channels": 4, "kernel": 1, "groups": 2}],
        [{"name": "p", "kind": "conv", "out_channels": 4, "kernel": 1, "padding": 1}],
        [{"name": "n", "kind": "norm"}, {"name": "a", "kind": "add", "inputs": ["c", "n"]}],
    ],
)  # fmt: skip
def test_what_would_not_be_exact_stays(between: list[Written]) -> None:
    graph = built([{"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3}, *between], (2, 9, 9))
    step = Step("merge", {"pooling": True, "pointwise": True}, {})
    assert describe(graph, [step]).graph == graph


def test_weights_on_a_grid_stay_and_one_layer_may_say_no() -> None:
    graph = shipped("digits_resnet")
    quantised = describe(graph, [Step("quantize", {"weight_bits": 4}, {}), Step("merge", {}, {})])
    assert quantised.graph == graph
    without = describe(graph, [Step("merge", {}, {"stem": {"norm": False}})]).graph
    assert [operator.name for operator in without.operators if operator.kind == "norm"] == ["stem_norm"]


def test_pruned_channels_and_a_later_grid_go_with_it() -> None:
    graph = shipped("vgg8_small")
    prune = Step("prune", {"granularity": "channel", "density": 0.5}, {})
    arrays = arrays_of(graph)
    small = describe(graph, [prune])
    steps = [prune, Step("merge", {}, {}), Step("winograd", {"tile": 2}, {}), Step("quantize", {"weight_bits": 8}, {})]
    described = describe(graph, steps)
    found = project(arrays, described)
    assert not [name for name in found if name.startswith("norm")]
    assert {o.name: tuple(found[f"{o.name}.weight"].shape) for o in described.graph.matrix_operators} == {
        o.name: o.weight_shape for o in small.graph.matrix_operators
    }
    again = project(found, described)
    assert all(np.allclose(again[name], array, atol=1e-6) for name, array in found.items())
