"""Factorised layers: exact at full rank, the best of their rank, the same function as the product of their parts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from compressible import arrays_of, built, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.module import initial, run
from joulescape.compression.base import Step
from joulescape.compression.low_rank.factors import factors
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import replaced
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.shapes import Request

torch.set_num_threads(1)


def low_rank(**values: Any) -> Step:
    return Step("low_rank", values, {})


def whole_conv(parts: list[np.ndarray], kind: str) -> np.ndarray:
    """The convolution that the parts make together."""
    if kind == "tucker":
        return np.einsum("np,pqyx,qc->ncyx", parts[2][:, :, 0, 0], parts[1], parts[0][:, :, 0, 0])
    if kind == "spatial":
        return np.einsum("nrx,rcy->ncyx", parts[1][:, :, 0, :], parts[0][:, :, :, 0])
    return np.einsum("nr,rcyx->ncyx", parts[1][:, :, 0, 0], parts[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(2, 20), st.integers(0, 99), st.data())
def test_a_dense_layer_has_the_least_error_of_its_rank(out: int, into: int, seed: int, data: st.DataObject) -> None:
    """Eckart and Young: the square error is the sum of the squares of the singular values left out."""
    weight = np.random.default_rng(seed).standard_normal((out, into))
    rank = data.draw(st.integers(1, min(out, into)))
    first, second = factors(weight, ["in", "out"], [(rank, into), (out, rank)])
    left_out = np.linalg.svd(weight, compute_uv=False)[rank:]
    assert float(((second @ first - weight) ** 2).sum()) == pytest.approx(float((left_out**2).sum()), abs=1e-9)


@pytest.mark.parametrize("kind", ["tucker", "spatial", "svd"])
def test_convolutions_are_exact_at_full_rank_and_lose_less_with_more(kind: str) -> None:
    weight = np.random.default_rng(3).standard_normal((6, 4, 3, 3))
    names = {"tucker": ["in", "core", "out"], "spatial": ["down", "across"], "svd": ["in", "out"]}[kind]
    full = {"tucker": 4, "spatial": 12, "svd": 6}[kind]
    errors = []
    for rank in range(1, full + 1):
        second = {"tucker": min(6, rank * 2), "spatial": rank, "svd": rank}[kind]
        shapes = {
            "tucker": [(rank, 4, 1, 1), (second, rank, 3, 3), (6, second, 1, 1)],
            "spatial": [(rank, 4, 3, 1), (6, rank, 1, 3)],
            "svd": [(rank, 4, 3, 3), (6, rank, 1, 1)],
        }[kind]
        parts = factors(weight, names, shapes)
        assert [part.shape for part in parts] == shapes
        errors.append(float(((whole_conv(parts, kind) - weight) ** 2).sum()))
    assert errors[-1] == pytest.approx(0.0, abs=1e-18)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(errors))


def conv_graph(**changes: Any) -> Graph:
    conv = {"name": "conv", "kind": "conv", "out_channels": 8, "kernel": 5, "padding": 2, **changes}
    rest = [{"name": "relu", "kind": "relu"}, {"name": "flat", "kind": "flatten"}]
    return built([conv, *rest, {"name": "fc", "kind": "dense", "out_features": 10}], (6, 9, 11))


@pytest.mark.parametrize("kind", ["tucker", "spatial", "svd"])
@pytest.mark.parametrize("changes", [{}, {"stride": 2}, {"bias": False}, {"kernel": 3, "padding": 0}, {"stride_x": 3}])
def test_parts_compute_what_their_product_computes(kind: str, changes: dict[str, Any]) -> None:
    graph = conv_graph(**changes)
    described = describe(graph, [low_rank(rank_fraction=0.3, conv=kind)])
    tensors = initial(graph, torch.Generator().manual_seed(1))
    parts = project(tensors, described)
    names = [o.name for o in described.graph.operators if o.name.startswith("conv/")]
    assert len(names) == (3 if kind == "tucker" else 2)
    product = whole_conv([parts[f"{name}.weight"].double().numpy() for name in names], kind)
    merged = {**tensors, "conv.weight": torch.from_numpy(product).float()}
    dense = [parts[f"fc/{part}.weight"] for part in ("in", "out")]
    merged["fc.weight"] = dense[1] @ dense[0]
    samples = torch.rand(3, 6, 9, 11, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(run(described.graph, parts, samples), run(graph, merged, samples), atol=1e-4)


def test_a_layer_that_would_not_shrink_stays_whole() -> None:
    graph = shipped("lenet5")
    described = describe(graph, [low_rank(rank_fraction=0.9)])
    assert "fc1" in {o.name for o in described.graph.operators}
    assert describe(graph, [low_rank(rank_fraction=1.0)]).graph == graph
    assert described.graph.parameter_count <= graph.parameter_count


def test_lenet5_at_the_published_ranks() -> None:
    """Ranks 15 and 10 of the two large dense layers: 54 kB, 4.6 times less than 246,824 bytes."""
    graph = shipped("lenet5")
    step = Step(
        "low_rank",
        {"conv": "keep", "ends": "keep"},
        {"fc1": {"rank_fraction": 15 / 120}, "fc2": {"rank_fraction": 10 / 84}},
    )
    smaller = describe(graph, [step]).graph
    assert {name: smaller.operator(name).weight_shape for name in ("fc1/in", "fc2/out")} == {
        "fc1/in": (15, 400), "fc2/out": (84, 10),
    }  # fmt: skip
    assert graph.parameter_count / smaller.parameter_count == pytest.approx(4.6, abs=0.1)
    assert smaller.macs == graph.macs - 48_000 - 10_080 + 15 * 520 + 10 * 204


def test_every_machine_saves_multiplications_in_training_too() -> None:
    graph = shipped("digits_lenet")
    described = describe(graph, [low_rank(rank_fraction=0.3)])
    for phase in ("inference", "training"):
        small, large = (
            sum(work.macs for work in lower(one.graph, one.formats, phase, 4, {}).works)
            for one in (described, describe(graph, []))
        )
        assert small < large
    assert sum(f.weight_bytes or 0 for f in described.formats.values()) < sum(
        f.weight_bytes or 0 for f in describe(graph, []).formats.values()
    )


def test_factors_are_quantised_and_pruned_like_any_layer() -> None:
    graph = shipped("digits_lenet")
    steps = [low_rank(rank_fraction=0.4), Step("prune", {"density": 0.5}, {}), Step("quantize", {"weight_bits": 4}, {})]
    described = describe(graph, steps)
    arrays = project(arrays_of(graph), described)
    for operator in described.graph.matrix_operators:
        weight = arrays[f"{operator.name}.weight"]
        assert weight.shape == operator.weight_shape and described.formats[operator.name].weight_bits == 4
        assert np.count_nonzero(weight) <= round(0.5 * weight.size) + 1


def test_channels_go_through_factors() -> None:
    """The rank is a channel like any other: it can be cut further."""
    graph = shipped("digits_lenet")
    steps = [low_rank(rank_fraction=0.5), Step("prune", {"granularity": "channel", "density": 0.5}, {})]
    described = describe(graph, steps)
    arrays = project(arrays_of(graph), described)
    assert all(arrays[f"{o.name}.weight"].shape == o.weight_shape for o in described.graph.matrix_operators)
    once = describe(graph, steps[:1]).graph.operator("fc1/in").out_shape[0]
    assert described.graph.operator("fc1/in").out_shape[0] == round(once / 2)


def test_replacing_points_every_reader_at_the_last_part() -> None:
    graph = shipped("digits_resnet")
    parts = {"a_conv1": [
        Request("a_conv1/in", "conv", (), (), {"out_channels": 5, "kernel": 1}),
        Request("a_conv1/out", "conv", (), (), {"out_channels": 12, "kernel": 3, "padding": 1}),
    ]}  # fmt: skip
    changed = replaced(graph, parts)
    assert changed.operator("a_norm1").inputs == ("a_conv1/out",)
    assert changed.operator("a_conv1/in").inputs == graph.operator("a_conv1").inputs
    assert changed.operator("a_conv1/out").inputs == ("a_conv1/in",)
    assert replaced(graph, {}) == graph
