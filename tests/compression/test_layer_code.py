"""The code of one layer: exact for every kind of value and every place of zeros, and never longer than the plainest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression._layer_code import decode_layer, encode_layer
from joulescape.compression._values import to_levels
from joulescape.compression.prune.groups import project_groups
from joulescape.compression.prune.settings import PruneSettings
from joulescape.compression.quantize.grids import quantised
from joulescape.network.work import OperandFormat, Structure, Values

SOME = settings(max_examples=60, deadline=None)


def weights(seed: int, shape: tuple[int, ...], density: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kept = rng.random(shape) < density
    return np.where(kept, rng.standard_normal(shape), 0).astype(np.float32)


def on_values(weight: np.ndarray, values: Values, bits: int) -> np.ndarray:
    """The weights moved to values of a kind; zeros stay zero."""
    if values == "uniform":
        return np.asarray(quantised(weight, bits))
    if values == "power_of_two":
        peak = np.abs(weight).max(axis=1, keepdims=True)
        safe = np.where(weight == 0, 1, np.abs(weight) / np.where(peak > 0, peak, 1))
        below = np.clip(np.round(-np.log2(safe)), 0, 2 ** (bits - 1) - 2)
        return np.where(weight == 0, 0, np.sign(weight) * peak * 2.0**-below).astype(np.float32)
    if values == "codebook":
        steps = max(1, 2 ** (bits - 1) - 1)
        level = np.clip(np.round(weight * steps / 3), -(steps // 2) - 1, steps // 2)
        return np.where(weight == 0, 0, (level * 0.37 + 0.1)).astype(np.float32)
    return weight


SHAPES = st.sampled_from([(1, 1), (3, 7), (8, 25), (16, 40), (5, 130)])
STRUCTURES: list[Structure] = ["dense", "unstructured"]


@SOME
@given(
    SHAPES, st.sampled_from(["real", "uniform", "power_of_two", "codebook"]), st.sampled_from(STRUCTURES),
    st.integers(2, 8), st.booleans(), st.integers(1, 8), st.floats(0.02, 1.0), st.integers(0, 99),
)  # fmt: skip
def test_every_code_is_exact(
    shape: tuple[int, ...], values: Values, structure: Structure, bits: int, is_coded: bool, index_bits: int,
    density: float, seed: int,
) -> None:  # fmt: skip
    weight = on_values(weights(seed, shape, density if structure != "dense" else 1.0), values, bits)
    form = OperandFormat(
        code_bits=float(32 if values == "real" else bits), values=values, weight_structure=structure,
        is_entropy_coded=is_coded, index_bits=index_bits,
    )  # fmt: skip
    code = encode_layer(weight, form)
    again, used = decode_layer(code.data + b"what follows", shape, form)
    assert used == len(code.data)
    assert np.array_equal(again == 0, weight == 0)
    np.testing.assert_allclose(again, weight, rtol=2e-7)
    # Only the list of values counts besides codes and index; scales and six bytes of head are the rest.
    assert code.weight_bytes <= len(code.data) <= code.weight_bytes + 8 + 4 * shape[0]
    listed = 4 * 2**bits if values == "codebook" else 0
    assert code.weight_bytes <= math.ceil(weight.size * to_levels(weight, form).bits / 8) + listed


@SOME
@given(st.integers(1, 9), st.integers(1, 40), st.integers(2, 8), st.floats(0.1, 1.0), st.integers(0, 99))
def test_n_of_m_is_exact_in_its_announced_bytes(rows: int, fan_in: int, group: int, density: float, seed: int) -> None:
    at = PruneSettings(granularity="n_of_m", density=density, group=group)
    weight = np.asarray(project_groups({"a.weight": weights(seed, (rows, fan_in))}, {"a": at})["a.weight"])
    kept = max(1, round(density * group))
    form = OperandFormat(weight_structure="n_of_m", group=group, kept=kept)
    code = encode_layer(weight, form)
    again, used = decode_layer(code.data, (rows, fan_in), form)
    assert np.array_equal(again, weight) and used == len(code.data)
    places = max(1, math.ceil(math.log2(group)))
    grouped = math.ceil(rows * math.ceil(fan_in / group) * kept * (32 + places) / 8)
    assert code.weight_bytes == min(grouped, 4 * rows * fan_in)


def test_values_that_are_not_of_their_kind_are_stored_as_they_are() -> None:
    weight = weights(1, (4, 30))
    for values in ("uniform", "power_of_two", "codebook"):
        form = OperandFormat(code_bits=3.0, values=values)
        assert to_levels(weight, form).values == "real"
        assert np.array_equal(decode_layer(encode_layer(weight, form).data, weight.shape, form)[0], weight)


def test_more_than_n_of_m_are_stored_densely() -> None:
    weight, form = weights(1, (4, 32)), OperandFormat(weight_structure="n_of_m", group=4, kept=1)
    code = encode_layer(weight, form)
    assert code.weight_bytes == 4 * weight.size and code.index_bytes == 0.0
    assert np.array_equal(decode_layer(code.data, weight.shape, form)[0], weight)


def test_huffman_saves_where_values_are_uneven_and_never_costs() -> None:
    weight = np.asarray(quantised(weights(2, (64, 200)), 4))
    plain, coded = (
        encode_layer(weight, OperandFormat(weight_bits=4.0, values="uniform", is_entropy_coded=is_coded))
        for is_coded in (False, True)
    )
    assert coded.weight_bytes < plain.weight_bytes == weight.size // 2
    flat = on_values(weights(2, (2, 4)), "uniform", 2)
    assert (
        encode_layer(flat, OperandFormat(weight_bits=2.0, values="uniform", is_entropy_coded=True)).weight_bytes
        <= encode_layer(flat, OperandFormat(weight_bits=2.0, values="uniform")).weight_bytes
    )


@pytest.mark.parametrize("rows", [1, 3])
def test_one_bit_holds_signs_and_refuses_zeros(rows: int) -> None:
    form = OperandFormat(weight_bits=1.0, values="uniform")
    weight = np.asarray(quantised(weights(3, (rows, 40)), 1))
    assert encode_layer(weight, form).weight_bytes == math.ceil(rows * 40 / 8)
    weight[0, 0] = 0.0
    code = encode_layer(weight, form)
    assert code.weight_bytes == 4 * rows * 40
    assert np.array_equal(decode_layer(code.data, weight.shape, form)[0], weight)


def test_an_empty_layer_of_zeros() -> None:
    weight, form = np.zeros((4, 16), dtype=np.float32), OperandFormat(weight_structure="unstructured")
    code = encode_layer(weight, form)
    assert code.weight_bytes == 0
    assert np.array_equal(decode_layer(code.data, weight.shape, form)[0], weight)
