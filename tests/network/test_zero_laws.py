"""Zeros of a training step on random networks: shares stay shares, and follow what is seen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import Written, graph_of, networks

from joulescape.network.operators import Graph
from joulescape.network.zeros import RECTIFIERS, Zeros

SOME = settings(max_examples=25, deadline=None)
SHARES = st.lists(st.floats(0.0, 1.0), min_size=24, max_size=24)
Network = tuple[list[int], list[Written]]
FREE: list[Written] = [{"name": "flat", "kind": "flatten"}]
END: list[Written] = [{"name": "last", "kind": "dense", "out_features": 4}]


def seen(graph: Graph, shares: list[float]) -> dict[str, float]:
    """A density for the input of every matrix operator."""
    return dict(zip((operator.name for operator in graph.matrix_operators), shares, strict=False))


def all_shares(graph: Graph, shares: list[float]) -> dict[tuple[str, str], float]:
    zeros = Zeros(graph, seen(graph, shares))
    found = {("needed", operator.name): zeros.needed(operator.name) for operator in graph.operators}
    found |= {("error", operator.name): zeros.error_density(operator.name) for operator in graph.operators}
    return found | {("asked", operator.name): zeros.asked(operator) for operator in graph.matrix_operators}


@SOME
@given(network=networks(), shares=SHARES)
def test_every_answer_is_a_share(network: Network, shares: list[float]) -> None:
    assert all(0.0 <= share <= 1.0 for share in all_shares(graph_of(*network), shares).values())


@SOME
@given(network=networks(), shares=SHARES, more=SHARES)
def test_fewer_zeros_in_never_mean_more_zeros_out(network: Network, shares: list[float], more: list[float]) -> None:
    graph = graph_of(*network)
    most = [max(pair) for pair in zip(shares, more, strict=True)]
    few, many = all_shares(graph, shares), all_shares(graph, most)
    assert all(few[key] <= many[key] + 1e-12 for key in few)


@SOME
@given(network=networks(), shares=SHARES)
def test_only_rectifiers_and_maxima_make_zeros(network: Network, shares: list[float]) -> None:
    """With dense inputs nothing is spared but what a maximum does not send back; without either, nothing at all."""
    graph = graph_of(*network)
    dense = all_shares(graph, [1.0] * 24)
    assert all(share == 1.0 for (what, _), share in dense.items() if what != "error")
    if not any(operator.kind in RECTIFIERS | {"max_pool"} for operator in graph.operators):
        assert set(all_shares(graph, shares).values()) == {1.0}


@SOME
@given(network=networks(), shares=SHARES)
def test_what_costs_nothing_between_two_operators_changes_no_share(network: Network, shares: list[float]) -> None:
    """A flatten before a rectifier and a dense layer, or behind the rectifier: the same densities."""
    shape, operators = network
    rectifier = {"name": "rect", "kind": "relu"}
    before = graph_of(shape, [*operators, *FREE, rectifier, *END])
    behind = graph_of(shape, [*operators, rectifier, *FREE, *END])
    assert {key: share for key, share in all_shares(before, shares).items() if key[1] not in {"flat", "rect"}} == {
        key: share for key, share in all_shares(behind, shares).items() if key[1] not in {"flat", "rect"}
    }


@given(kernel=st.integers(1, 4), density=st.floats(0.0, 1.0))
def test_a_maximum_sends_one_error_a_window(kernel: int, density: float) -> None:
    """Windows side by side over a map that they cover: one of kernel^2 elements."""
    conv = {"name": "conv", "kind": "conv", "out_channels": 2, "kernel": 1}
    pool = {"name": "pool", "kind": "max_pool", "kernel": kernel}
    graph = graph_of([1, 12, 12], [conv, pool, *FREE, *END])
    zeros = Zeros(graph, {"last": density})
    assert zeros.error_density("conv") == pytest.approx(1 / kernel**2)
    rectified = graph_of([1, 12, 12], [conv, {"name": "rect", "kind": "relu"}, pool, *FREE, *END])
    assert Zeros(rectified, {"last": density}).error_density("conv") == pytest.approx(density / kernel**2)
    assert Zeros(rectified, {"last": density}).needed("conv") == pytest.approx(density)


@given(one=st.floats(0.0, 1.0), other=st.floats(0.0, 1.0))
def test_two_readers_need_what_either_needs_and_send_both(one: float, other: float) -> None:
    """A residual branch reads the rectifier as it is, so every result behind it gets an error."""
    conv = {"kind": "conv", "out_channels": 3, "kernel": 1}
    start: list[Written] = [{"name": "a", **conv}, {"name": "rect", "kind": "relu"}, {"name": "b", **conv}]
    plain = graph_of([1, 6, 6], [*start, *FREE, *END])
    assert Zeros(plain, {"b": one, "last": other}).error_density("a") == one
    residual = graph_of([1, 6, 6], [*start, {"name": "sum", "kind": "add", "inputs": ["b", "rect"]}, *FREE, *END])
    assert Zeros(residual, {"b": one, "last": other}).error_density("a") == 1.0
    assert Zeros(residual, {"b": one, "last": other}).asked(residual.operator("b")) == one
