"""Which channels go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from joulescape.network.build import build_graph
from joulescape.network.channels import ChannelMap, channel_groups
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"


def graph_of(shape: list[int], *operators: dict[str, Any]) -> Graph:
    content = {"about": "a", "task": "digits", "input": shape, "operators": list(operators), "training": {"epochs": 1}}
    return build_graph("net", NetworkSpec.model_validate(content))


def free(channel_map: ChannelMap) -> dict[tuple[str, ...], int]:
    return {tuple(sorted(group.producers)): group.size for group in channel_map.groups if not group.is_fixed}


def shipped(name: str) -> Graph:
    return build_graph(name, NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text())))


def test_a_plain_network_has_one_group_a_hidden_layer() -> None:
    assert free(channel_groups(shipped("digits_lenet"))) == {("conv1",): 8, ("conv2",): 16, ("fc1",): 48}


def test_residual_adds_tie_their_branches() -> None:
    assert free(channel_groups(shipped("digits_resnet"))) == {
        ("a_conv2", "stem"): 12,
        ("a_conv1",): 12,
        ("b_conv1",): 24,
        ("b_conv2", "b_short"): 24,
    }


def test_a_flatten_spreads_a_channel_over_its_positions() -> None:
    origins = channel_groups(shipped("digits_lenet")).origins
    assert origins["flat"].block == 4
    assert origins["flat"].group == origins["conv2"].group


def test_an_add_with_the_data_fixes_the_branch() -> None:
    graph = graph_of(
        [4, 6, 6],
        {"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
        {"name": "a", "kind": "add", "inputs": ["c", "input"]},
        {"name": "g", "kind": "global_avg_pool"},
        {"name": "d", "kind": "dense", "out_features": 3},
    )
    assert free(channel_groups(graph)) == {}


def test_what_feeds_a_group_a_sum_or_a_physical_layer_stays() -> None:
    grouped = graph_of(
        [1, 6, 6],
        {"name": "c", "kind": "conv", "out_channels": 4, "kernel": 1},
        {"name": "w", "kind": "conv", "out_channels": 4, "kernel": 3, "groups": 4},
        {"name": "e", "kind": "conv", "out_channels": 5, "kernel": 1},
        {"name": "g", "kind": "global_avg_pool"},
        {"name": "d", "kind": "dense", "out_features": 3},
    )
    assert free(channel_groups(grouped)) == {("e",): 5}
    physical = graph_of(
        [8],
        {"name": "d", "kind": "dense", "out_features": 6},
        {"name": "p", "kind": "shg", "bins": 9, "data_bins": 6, "out_features": 4},
        {"name": "s", "kind": "spectral_sum", "out_features": 2},
    )
    assert free(channel_groups(physical)) == {}
