"""The file of a compressed network: it gives back the arrays, its bytes are those claimed, damage is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, built, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import MAGIC, StorageError, measured_bytes, packed, read, write
from joulescape.network.work import LayerStatistics, weight_bytes

NETWORKS = ["digits_mlp", "digits_lenet", "digits_resnet", "lenet5"]

STEP = st.sampled_from([
    Step("prune", {"density": 0.1}, {}), Step("prune", {"density": 0.4, "criterion": "lamp"}, {}),
    Step("prune", {"granularity": "n_of_m"}, {}), Step("prune", {"granularity": "channel"}, {}),
    Step("prune", {"density": 0.2, "scope": "global"}, {}), Step("quantize", {"weight_bits": 4}, {}),
    Step("quantize", {"weight_bits": 3, "scale_per": "layer"}, {}), Step("share", {"bits": 3}, {}),
    Step("ternary", {}, {}), Step("ternary", {"rule": "ttq"}, {}), Step("binary", {}, {}),
    Step("logarithmic", {}, {}), Step("incremental", {}, {}), Step("dorefa", {"weight_bits": 3}, {}),
    Step("fixed_point", {"weight_bits": 6}, {}), Step("low_rank", {"rank_fraction": 0.4}, {}),
    Step("circulant", {"block": 4}, {}), Step("huffman", {}, {}), Step("huffman", {"bias_bits": 16}, {}),
])  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(NETWORKS[:3]), st.lists(STEP, max_size=4), st.integers(0, 99))
def test_any_steps_in_any_order_are_written_and_read(network: str, steps: list[Step], seed: int) -> None:
    described = describe(shipped(network), steps)
    arrays = project(arrays_of(shipped(network), seed), described)
    file = packed(described, arrays)
    again = read(described, file.data)
    wanted = {name for name in arrays if name.rpartition(".")[2] in ("weight", "bias", "mean", "variance")}
    assert set(again) == wanted
    for name, array in again.items():
        assert array.dtype == np.float32 and array.shape == arrays[name].shape
        tolerance = 1e-6 if name.endswith(".weight") else 1e-3
        np.testing.assert_allclose(array, arrays[name], rtol=tolerance, atol=1e-6)
    weights = sum(held.weight_bytes for held in file.layers.values())
    assert weights < len(file.data)
    others = sum(array.size * 4 for name, array in again.items() if not name.endswith(".weight"))
    scales = sum(4 * o.out_shape[0] for o in described.graph.matrix_operators)
    norms = sum(4 * o.out_shape[0] for o in described.graph.operators if o.kind == "norm")
    assert len(file.data) <= weights + others + norms + scales + 12 + 9 * len(file.layers)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_uncompressed_network_takes_four_bytes_a_parameter(network: str) -> None:
    graph = shipped(network)
    described, arrays = describe(graph, []), arrays_of(graph)
    for operator in graph.matrix_operators:
        held = measured_bytes(described, arrays)[operator.name]
        assert (
            held.weight_bytes
            == described.formats[operator.name].weight_bytes
            == 4 * math.prod(operator.weight_shape or ())
        )
        assert held.index_bytes == 0.0
    running = sum(2 * o.out_shape[0] for o in graph.operators if o.kind == "norm")
    heads = 12 + 6 * len(graph.matrix_operators)
    assert len(write(described, arrays)) == 4 * (graph.parameter_count + running) + heads


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("network", NETWORKS)
def test_dense_grids_take_exactly_what_was_announced(network: str, bits: int) -> None:
    graph = shipped(network)
    described = describe(graph, [Step("quantize", {"weight_bits": bits}, {})])
    for name, held in measured_bytes(described, project(arrays_of(graph), described)).items():
        assert held.weight_bytes == described.formats[name].weight_bytes


@pytest.mark.parametrize(
    "step",
    [
        Step("ternary", {}, {}), Step("binary", {}, {}), Step("logarithmic", {}, {}), Step("fixed_point", {}, {}),
        Step("prune", {"granularity": "n_of_m", "group": 4}, {}), Step("prune", {"granularity": "channel"}, {}),
        Step("low_rank", {}, {}), Step("circulant", {"block": 8}, {}),
    ],
    ids=lambda step: step.method,
)  # fmt: skip
def test_codes_whose_size_no_weight_can_change_take_exactly_that(step: Step) -> None:
    graph = shipped("lenet5")
    described = describe(graph, [step])
    for seed in (0, 1):
        for name, held in measured_bytes(described, project(arrays_of(graph, seed), described)).items():
            assert held.weight_bytes == described.formats[name].weight_bytes
            assert held.index_bytes == described.formats[name].index_bytes


@pytest.mark.parametrize("bits", [1, 3, 5])
def test_shared_values_take_their_numbers_and_the_list(bits: int) -> None:
    graph = shipped("lenet5")
    described = describe(graph, [Step("share", {"bits": bits}, {})])
    arrays = project(arrays_of(graph), described)
    for name, held in measured_bytes(described, arrays).items():
        weight = arrays[f"{name}.weight"]
        listed = len(np.unique(weight))
        assert held.weight_bytes == math.ceil(weight.size * bits / 8) + 4 * listed
        assert held.weight_bytes <= (described.formats[name].weight_bytes or 0)


def test_huffman_is_never_more_than_announced_and_mostly_less() -> None:
    graph = shipped("lenet5")
    steps = [Step("prune", {"density": 0.1, "index_bits": 5}, {}), Step("share", {"bits": 4}, {})]
    plain, coded = describe(graph, steps), describe(graph, [*steps, Step("huffman", {}, {})])
    arrays = project(arrays_of(graph), coded)
    fixed, variable = measured_bytes(plain, arrays), measured_bytes(coded, arrays)
    for name, held in variable.items():
        assert held.weight_bytes <= fixed[name].weight_bytes
    assert sum(h.weight_bytes for h in variable.values()) < 0.9 * sum(h.weight_bytes for h in fixed.values())


def test_half_precision_biases_take_half() -> None:
    graph = shipped("digits_mlp")
    single, half = (describe(graph, [Step("huffman", {"bias_bits": bits}, {})]) for bits in (32, 16))
    assert len(write(single, arrays_of(graph))) - len(write(half, project(arrays_of(graph), half))) == 2 * 74


def test_blocks_that_are_not_circulant_are_stored_whole() -> None:
    graph = shipped("digits_mlp")
    described, arrays = describe(graph, [Step("circulant", {"block": 4}, {})]), arrays_of(graph)
    assert measured_bytes(described, arrays)["fc1"].weight_bytes == 4 * 64 * 64
    assert np.array_equal(read(described, write(described, arrays))["fc1.weight"], arrays["fc1.weight"])
    circulant = project(arrays, described)
    assert measured_bytes(described, circulant)["fc1"].weight_bytes == 64 * 64


def test_scales_and_offsets_of_features_are_kept() -> None:
    operators: list[dict[str, Any]] = [
        {"name": "fc", "kind": "dense", "out_features": 10}, {"name": "scale", "kind": "scale_offset"},
    ]  # fmt: skip
    graph = built(operators, (64,))
    described, arrays = describe(graph, []), arrays_of(graph)
    assert set(read(described, write(described, arrays))) == {"fc.weight", "fc.bias", "scale.scale", "scale.offset"}


def test_a_file_of_another_network_or_cut_off_is_refused() -> None:
    one, other = (describe(shipped("digits_mlp"), [Step("quantize", {"weight_bits": bits}, {})]) for bits in (3, 4))
    data = write(one, project(arrays_of(one.original), one))
    assert data[:4] == MAGIC
    with pytest.raises(StorageError, match="no weights of this network"):
        read(other, data)
    with pytest.raises(StorageError, match="no weights of this network"):
        read(one, b"PK" + data[2:])
    for length in (13, 40, len(data) // 2, len(data) - 1):
        with pytest.raises(StorageError, match="damaged or cut off"):
            read(one, data[:length])
    with pytest.raises(StorageError, match="of them are arrays"):
        read(one, data + b"more")


def test_measured_bytes_stand_in_for_the_announced() -> None:
    formats = describe(shipped("digits_mlp"), []).formats
    assert weight_bytes(formats, {}) == 4 * (64 * 64 + 640)
    assert weight_bytes(formats, {"fc1": LayerStatistics(weight_bytes=100.0)}) == 100 + 4 * 640
    assert weight_bytes(formats, {"fc1": LayerStatistics()}) == 4 * (64 * 64 + 640)
