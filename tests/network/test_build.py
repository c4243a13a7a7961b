"""Shapes, loop bounds and parameters of every kind of operator, and the faults of graphs that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from joulescape.network.build import build_graph, reshape
from joulescape.network.operators import Graph, Loops
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"


def graph_of(shape: list[int], *operators: dict[str, Any]) -> Graph:
    content = {"about": "a", "task": "digits", "input": shape, "operators": list(operators), "training": {"epochs": 1}}
    return build_graph("net", NetworkSpec.model_validate(content))


def test_conv_shapes_loops_and_parameters() -> None:
    conv = graph_of([4, 9, 7], {"name": "c", "kind": "conv", "out_channels": 6, "kernel": 3, "stride": 2, "padding": 1})
    operator = conv.output
    assert operator.out_shape == (6, 5, 4)
    assert operator.loops == Loops(K=6, C=4, OY=5, OX=4, FY=3, FX=3, stride_y=2, stride_x=2)
    assert operator.weight_shape == (6, 4, 3, 3)
    assert operator.parameter_count == 6 * 4 * 9 + 6
    assert conv.macs == 6 * 4 * 9 * 20


def test_grouped_conv_counts_macs_per_group() -> None:
    conv = graph_of(
        [4, 8, 8], {"name": "c", "kind": "conv", "out_channels": 8, "kernel": 1, "groups": 4, "bias": False}
    )
    assert conv.output.loops == Loops(G=4, K=2, C=1, OY=8, OX=8)
    assert conv.output.weight_shape == (8, 1, 1, 1)
    assert conv.parameter_count == 8
    assert not conv.output.has_bias


def test_dense_on_a_sequence_runs_once_a_token() -> None:
    dense = graph_of([5, 12], {"name": "d", "kind": "dense", "out_features": 3})
    assert dense.output.out_shape == (5, 3)
    assert dense.macs == 5 * 12 * 3


def test_matmul_multiplies_two_activations_and_has_no_weight() -> None:
    graph = graph_of(
        [6, 6],
        {"name": "a", "kind": "dense", "out_features": 6},
        {"name": "m", "kind": "matmul", "inputs": ["a", "input"]},
    )
    assert graph.output.out_shape == (6, 6)
    assert graph.output.loops is not None and graph.output.loops.macs == 216
    assert graph.output.weight_shape is None and graph.output.parameter_count == 0


def test_vector_operators_state_their_operations() -> None:
    graph = graph_of(
        [2, 4, 4],
        {"name": "n", "kind": "norm"},
        {"name": "m", "kind": "max_pool", "kernel": 2},
        {"name": "g", "kind": "global_avg_pool"},
        {"name": "s", "kind": "softmax"},
    )
    assert [o.out_shape for o in graph.operators] == [(2, 4, 4), (2, 2, 2), (2,), (2,)]
    assert [o.ops_per_element for o in graph.operators] == [2.0, 3.0, 4.0, 5.0]
    assert graph.parameter_count == 4


def test_physical_network_has_scales_and_sums() -> None:
    graph = graph_of(
        [64],
        {"name": "p", "kind": "shg", "bins": 100, "data_bins": 64, "out_features": 50},
        {"name": "k", "kind": "scale_offset"},
        {"name": "e", "kind": "scale_offset", "out_features": 50, "bias": False},
        {"name": "s", "kind": "spectral_sum", "out_features": 10},
    )
    assert [o.out_shape for o in graph.operators] == [(50,), (50,), (50,), (10,)]
    assert [o.parameter_count for o in graph.operators] == [36, 2, 50, 0]
    assert graph.physical_operators[0].name == "p"


FAULTS: list[tuple[list[int], list[dict[str, Any]], str]] = [
    ([8], [{"name": "c", "kind": "conv", "out_channels": 2, "kernel": 3}], r"operator 'c' \(conv\): reads \(channels"),
    ([1, 8, 8], [{"name": "c", "kind": "conv", "kernel": 3}], "'c' .* needs out_channels"),
    ([1, 2, 2], [{"name": "c", "kind": "conv", "out_channels": 2, "kernel": 3}], "kernel 3 is larger"),
    ([3, 8, 8], [{"name": "c", "kind": "conv", "out_channels": 4, "kernel": 1, "groups": 2}], "groups 2 must divide"),
    ([1, 8, 8], [{"name": "d", "kind": "dense", "out_features": 2}], r"'d' \(dense\): reads \(features,\)"),
    ([8], [{"name": "d", "kind": "dense", "out_features": 2, "kernel": 3}], "'d' .*takes no kernel"),
    ([8], [{"name": "r", "kind": "relu", "inputs": ["inptu"]}], "did you mean 'input'"),
    ([8], [{"name": "r", "kind": "relu"}, {"name": "r", "kind": "relu"}], "name is already taken"),
    ([8], [{"name": "input", "kind": "relu"}], "'input' names the data"),
    ([8], [{"name": "r", "kind": "relu"}, {"name": "s", "kind": "relu", "inputs": ["input"]}], "'r' .*nothing reads"),
    ([8], [{"name": "a", "kind": "add"}], "'a' .*at least two inputs"),
    (
        [8],
        [
            {"name": "d", "kind": "dense", "out_features": 4},
            {"name": "a", "kind": "add", "inputs": ["d", "input"]},
        ],
        "one shape, got d",
    ),
    ([4, 3], [{"name": "m", "kind": "matmul", "inputs": ["input", "input"]}], "cannot multiply"),
    ([8], [{"name": "p", "kind": "shg", "bins": 6, "data_bins": 6, "out_features": 4}], "must leave parameter bins"),
    ([8], [{"name": "p", "kind": "shg", "bins": 9, "data_bins": 6, "out_features": 4}], "do not fit 6 data bins"),
    ([8], [{"name": "p", "kind": "shg", "bins": 9, "data_bins": 8, "out_features": 18}], "exceeds the 17 bins"),
    ([4], [{"name": "s", "kind": "spectral_sum", "out_features": 5}], "cannot sum 4 inputs into 5"),
    ([4], [{"name": "s", "kind": "scale_offset", "out_features": 3}], "must be 1 .* or 4"),
]


@pytest.mark.parametrize(("shape", "operators", "message"), FAULTS, ids=[f[2] for f in FAULTS])
def test_a_graph_that_cannot_be_names_its_operator(
    shape: list[int], operators: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        graph_of(shape, *operators)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_lenet", "digits_resnet"])
def test_shipped_networks_build_and_rebuild(name: str) -> None:
    spec = NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text()))
    graph = build_graph(name, spec)
    assert graph.output.out_shape == (10,)
    assert reshape(graph, {}) == graph
