"""Channels put side by side, shuffled or taken; padded pooling and local response normalisation: torch as oracle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as nnf
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.module import run
from joulescape.network.build import build_graph
from joulescape.network.channels import channel_groups
from joulescape.network.lower import is_nonnegative, lower
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)


def graph_of(shape: list[int], *operators: dict[str, Any]) -> Graph:
    content = {"about": "a", "task": "digits", "input": shape, "operators": list(operators)}
    return build_graph("net", NetworkSpec.model_validate(content))


def test_shuffle_swaps_group_and_place() -> None:
    graph = graph_of([6, 1, 1], {"name": "s", "kind": "channel_shuffle", "groups": 3})
    found = run(graph, {}, torch.arange(6.0).reshape(1, 6, 1, 1))
    assert found.flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_slices_put_side_by_side_are_the_whole() -> None:
    graph = graph_of(
        [5, 3, 3],
        {"name": "a", "kind": "channel_slice", "out_channels": 2},
        {"name": "b", "kind": "channel_slice", "inputs": ["input"], "first": 2, "out_channels": 3},
        {"name": "c", "kind": "concat", "inputs": ["a", "b"]},
    )
    x = torch.rand(2, 5, 3, 3)
    assert torch.equal(run(graph, {}, x), x) and graph.output.out_shape == (5, 3, 3)
    assert is_nonnegative(graph, "c")
    assert [work.layer for work in lower(graph, {}, "inference", 1, {}).works] == [], "only addresses: no work"


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(3, 12), st.integers(3, 12)), kernel=st.integers(1, 3), stride=st.integers(1, 3),
    padding=st.integers(0, 1), ceil_mode=st.booleans(), kind=st.sampled_from(["max_pool", "avg_pool"]),
)  # fmt: skip
def test_pooling_has_torchs_windows(
    size: tuple[int, int], kernel: int, stride: int, padding: int, ceil_mode: bool, kind: str
) -> None:
    how = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    if 2 * padding > kernel:
        with pytest.raises(ValueError, match="more than half"):
            graph_of([2, *size], {"name": "p", "kind": kind, **how})
        return
    graph = graph_of([2, *size], {"name": "p", "kind": kind, **how})
    x = torch.rand(1, 2, *size)
    pool = nnf.max_pool2d if kind == "max_pool" else nnf.avg_pool2d
    wanted = pool(x, kernel, stride, padding, ceil_mode=ceil_mode)
    assert graph.output.out_shape == tuple(wanted.shape[1:])
    assert torch.equal(run(graph, {}, x), wanted)


def test_local_response_normalisation_and_relu6_are_torchs() -> None:
    graph = graph_of([8, 2, 2], {"name": "n", "kind": "local_response_norm"}, {"name": "r", "kind": "relu6"})
    x = 20 * torch.randn(2, 8, 2, 2)
    assert torch.allclose(run(graph, {}, x), nnf.relu6(nnf.local_response_norm(x, 5)))
    assert [operator.ops_per_element for operator in graph.operators] == [11.0, 2.0]


def test_channels_around_a_shuffle_or_a_concat_stay() -> None:
    graph = graph_of(
        [1, 4, 4],
        {"name": "a", "kind": "conv", "out_channels": 4, "kernel": 1},
        {"name": "s", "kind": "channel_shuffle", "groups": 2},
        {"name": "b", "kind": "conv", "out_channels": 6, "kernel": 1},
        {"name": "c", "kind": "concat", "inputs": ["b", "s"]},
        {"name": "d", "kind": "conv", "out_channels": 3, "kernel": 1},
        {"name": "e", "kind": "conv", "out_channels": 2, "kernel": 1},
    )
    fixed = {name for group in channel_groups(graph).groups if group.is_fixed for name in group.producers}
    assert fixed == {"a", "b", "e"}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "channel_shuffle", "groups": 4}, "groups 4 must divide its 6 channels"),
    ({"kind": "channel_shuffle"}, "needs groups"),
    ({"kind": "channel_slice", "first": 4, "out_channels": 3}, "channels 4 to 6 are not all among its 6"),
    ({"kind": "concat"}, "takes at least two inputs"),
    ({"kind": "concat", "inputs": ["input", "small"]}, "one height and width"),
    ({"kind": "relu6", "groups": 2}, "takes no groups"),
    ({"kind": "max_pool", "kernel": 9}, "kernel 9 is larger than its input of 5"),
]


@pytest.mark.parametrize(("operator", "message"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_what_does_not_fit_is_refused(operator: dict[str, Any], message: str) -> None:
    small = {"name": "small", "kind": "max_pool", "kernel": 2}
    with pytest.raises(ValueError, match=message):
        graph_of([6, 5, 5], small, {"name": "x", "inputs": ["input"], **operator})
