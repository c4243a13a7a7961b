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
from joulescape.compression.base import CompressionError, Step
from joulescape.compression.low_rank import LowRankSettings
from joulescape.compression.low_rank.energy import ranks_of_energy
from joulescape.compression.low_rank.factors import factors
from joulescape.compression.low_rank.whitening import whitening
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


# The error of outputs, and ranks by layer


def inputs(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Rows with a few strong directions, one dead input, one twice."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, size)) @ (rng.standard_normal((size, size)) * 0.5 ** np.arange(size)[:, None])
    rows[:, 0] = 0.0
    rows[:, 1] = rows[:, 2]
    return rows


def test_whitening_is_a_root_of_the_second_moment() -> None:
    rows = np.random.default_rng(0).standard_normal((200, 12))
    forth, back = whitening(rows)
    np.testing.assert_allclose(forth @ forth.T, rows.T @ rows / 200, atol=1e-12)
    np.testing.assert_allclose(forth @ back, np.eye(12), atol=1e-9)
    assert np.isfinite(whitening(np.zeros((5, 4)))[1]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 12), st.integers(4, 12), st.integers(0, 99), st.data())
def test_outputs_have_the_least_error_of_the_rank(out: int, into: int, seed: int, data: st.DataObject) -> None:
    """The square error of the outputs is the sum of the squares of the singular values of X W^T left out."""
    weight, rows = np.random.default_rng(seed).standard_normal((out, into)), inputs(60, into, seed)
    rank = data.draw(st.integers(1, min(out, into)))
    first, second = factors(weight, ["in", "out"], [(rank, into), (out, rank)], rows)
    outputs = rows @ weight.T
    error = float(((rows @ (second @ first).T - outputs) ** 2).sum())
    left_out = float((np.linalg.svd(outputs, compute_uv=False)[rank:] ** 2).sum())
    assert error == pytest.approx(left_out, rel=1e-3, abs=1e-4 * float((outputs**2).sum()))


@pytest.mark.parametrize("kind", ["tucker", "spatial", "svd"])
def test_convolutions_keep_what_their_inputs_carry(kind: str) -> None:
    """With correlated channels outputs lose less than where the weights' own error is least; nothing at full rank."""
    rng = np.random.default_rng(7)
    weight = rng.standard_normal((6, 5, 3, 3))
    mix = rng.standard_normal((5, 5)) * np.array([4.0, 2.0, 0.3, 0.1, 0.05])[:, None]
    rows = np.einsum("mcp,cd->mdp", rng.standard_normal((400, 5, 9)), mix).reshape(400, 45)
    names = {"tucker": ["in", "core", "out"], "spatial": ["down", "across"], "svd": ["in", "out"]}[kind]

    def lost(rank: int, seen: np.ndarray | None) -> float:
        shapes = {
            "tucker": [(min(rank, 5), 5, 1, 1), (6, min(rank, 5), 3, 3), (6, 6, 1, 1)],
            "spatial": [(rank, 5, 3, 1), (6, rank, 1, 3)],
            "svd": [(rank, 5, 3, 3), (6, rank, 1, 1)],
        }[kind]
        error = whole_conv(factors(weight, names, shapes, seen), kind) - weight
        return float(((rows @ error.reshape(6, 45).T) ** 2).sum() / ((rows @ weight.reshape(6, 45).T) ** 2).sum())

    assert lost(2, rows) < 0.8 * lost(2, None)
    assert lost({"tucker": 5, "spatial": 15, "svd": 6}[kind], rows) < 1e-9


def test_the_error_of_outputs_needs_inputs() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [low_rank(error="outputs")])
    with pytest.raises(ValueError, match="'fc1'.*activations"):
        project(arrays_of(graph), described)
    rows = {"fc1.activations": inputs(90, 64)[None], "fc2.activations": inputs(90, 64)[None]}
    found = project({**arrays_of(graph), **rows}, described)
    assert found["fc1/in.weight"].shape == described.graph.operator("fc1/in").weight_shape
    again = project({n: a for n, a in found.items() if not n.endswith("activations")}, described)
    assert np.array_equal(again["fc1/in.weight"], found["fc1/in.weight"]), "factors that are there are left alone"


def test_ranks_are_given_by_layer() -> None:
    graph = shipped("lenet5")
    smaller = describe(graph, [low_rank(rank_fraction=1.0, conv="tucker", ranks={"fc1": 15, "conv2": 8})]).graph
    assert smaller.operator("fc1/in").weight_shape == (15, 400)
    assert smaller.operator("conv2/core").weight_shape == (8, 3, 5, 5)
    assert {o.name for o in smaller.matrix_operators if "/" not in o.name} == {"conv1", "fc2", "fc3"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ranks": {"fc1": 121}}, r"'fc1' 121, above the rank 120 of its weights of 120 x 400 \(dense\)"),
        ({"ranks": {"conv2": 31}, "conv": "spatial"}, r"'conv2' 31, above the rank 30 .*\(spatial\)"),
        ({"ranks": {"fc8": 3}}, "'fc8', which is none of the layers that it takes in 'lenet5'; did you mean 'fc3'"),
        ({"ranks": {"relu1": 3}}, "'relu1', which is none"),
    ],
)
def test_ranks_that_no_layer_has_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(CompressionError, match=message):
        describe(shipped("lenet5"), [low_rank(**values)])


def test_ranks_keep_the_energy_that_was_asked_for() -> None:
    graph, arrays = shipped("digits_lenet"), arrays_of(shipped("digits_lenet"))
    for share in (0.5, 0.9, 1.0):
        for name, rank in ranks_of_energy(graph, arrays, share).items():
            squares = np.linalg.svd(arrays[f"{name}.weight"].reshape(len(arrays[f"{name}.weight"]), -1))[1] ** 2
            assert squares[:rank].sum() >= share * squares.sum() * (1 - 1e-6)
            assert rank == 1 or squares[: rank - 1].sum() < share * squares.sum()
    seen = {"fc1.activations": inputs(200, 256)[None][:, :, : arrays["fc1.weight"].shape[1]]}
    assert ranks_of_energy(graph, {**arrays, **seen}, 0.9)["fc1"] < ranks_of_energy(graph, arrays, 0.9)["fc1"]


def test_layers_that_ranks_do_not_name_stay_whole_unless_a_fraction_is_given() -> None:
    assert LowRankSettings().fraction == 0.25
    assert LowRankSettings(ranks={"fc1": 4}).fraction == 1.0
    assert LowRankSettings(ranks={"fc1": 4}, rank_fraction=0.5).fraction == 0.5
