"""Depth and channels of networks of physical systems: what stays, how large it is, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compressible import built, shipped
from hypothesis import given
from hypothesis import strategies as st

from joulescape.compression.base import CompressionError, Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.restack import RestackSettings, plugin, restacked
from joulescape.network.operators import Graph

STACK = shipped("shg_digits")


def physical(system: str, count: int, **sizes: Any) -> Graph:
    lines: list[dict[str, Any]] = []
    for index in range(count):
        lines.append({"name": f"p{index}", "kind": "physical", "system": system, "out_features": 12, "sizes": sizes})
        lines.append({"name": f"s{index}", "kind": "scale_offset"})
    return built([*lines, {"name": "out", "kind": "spectral_sum", "out_features": 4}], (12,))


def at(graph: Graph, **values: int) -> Graph:
    return restacked(graph, {o.name: RestackSettings(**values) for o in graph.physical_operators})


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_last_layer_stays_and_scales_leave_with_their_layer(depth: int) -> None:
    names = [operator.name for operator in at(STACK, depth=depth).operators]
    systems = [*(f"shg{i}" for i in range(1, depth)), "shg4"]
    assert names == [n for system in systems for n in (system, f"scale{system[-1]}")] + ["classes"]


def test_a_network_with_fewer_layers_stays_as_it_is() -> None:
    assert at(STACK, depth=9).operators == STACK.operators
    assert restacked(STACK, {}) is STACK


@given(st.integers(1, 4), st.integers(1, 300))
def test_every_layer_has_so_many_channels_or_a_few_more(depth: int, channels: int) -> None:
    graph = at(STACK, depth=depth, channels=channels)
    (count,) = {o.parameter_count for o in graph.physical_operators}
    assert len(graph.physical_operators) == depth
    assert channels <= count < channels + 32 and (64 + count) % 32 == 0, "each of 64 recorded values sums whole bins"


@pytest.mark.parametrize(
    ("system", "sizes", "expected"),
    [("plate", {"trained": 20}, 7), ("circuit", {"trained": 20}, 7), ("oscillators", {"units": 12}, 19 * 22 // 2)],
)
def test_every_system_says_what_its_channels_are(system: str, sizes: dict[str, int], expected: int) -> None:
    graph = at(physical(system, 2, **sizes), depth=1, channels=7)
    assert [o.name for o in graph.physical_operators] == ["p1"]
    assert graph.physical_operators[0].parameter_count == expected


def test_layers_may_have_channels_of_their_own_but_one_depth() -> None:
    step = Step("restack", {"channels": 64}, {"shg2": {"channels": 32}})
    graph = describe(STACK, [step]).graph
    assert [o.parameter_count for o in graph.physical_operators] == [64, 32, 64, 64]
    with pytest.raises(CompressionError, match=r"one depth for the whole network, got \[1, 3\]"):
        restacked(STACK, {"shg1": RestackSettings(depth=1), "shg2": RestackSettings(depth=3)})


def test_what_cannot_be_is_said_before_any_work() -> None:
    """A series of 12 data and one trained sample in two steps each has no 40 averages."""
    lines = [{"name": "p", "kind": "plate", "out_features": 40, "sizes": {"trained": 20}}]
    graph = built(lines, (12,))
    said = plugin.misfit(graph, {"p": RestackSettings(channels=1)})
    assert said is not None and "cannot record 40 averages of 26 samples" in said
    assert plugin.misfit(graph, {"p": RestackSettings(channels=8)}) is None


def test_formats_and_tensors_follow_the_graph() -> None:
    described = describe(STACK, [Step("restack", {"depth": 2, "channels": 32}, {})])
    assert set(described.formats) == {o.name for o in described.graph.operators}
    assert described.formats["shg1"].weight_bytes == 4 * 32
    tensors = {f"{name}.{short}": np.zeros(3) for name in ("shg1", "scale1", "scale2") for short in ("weight", "scale")}
    assert set(project(tensors, described)) == {"scale1.weight", "scale1.scale"}


def test_other_networks_are_left_alone() -> None:
    assert not any(plugin.takes(operator) for operator in shipped("digits_lenet").operators)
