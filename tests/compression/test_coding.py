"""The encoder gives back what it was given, and its bytes are those that formats announce."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression._coding import (
    INDEX_BITS,
    decode_dense,
    decode_sparse,
    encode_dense,
    encode_sparse,
    stored,
)


def sparse_levels(seed: int, elements: int, density: float, bits: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top = 2 ** (bits - 1) - 1
    values = rng.integers(1, top + 1, elements) * rng.choice([-1, 1], elements)
    kept = np.zeros(elements, dtype=bool)
    kept[rng.choice(elements, max(1, round(density * elements)), replace=False)] = True
    return np.where(kept, values, 0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99), elements=st.integers(1, 400), density=st.floats(0.005, 1.0), bits=st.integers(2, 16)
)  # fmt: skip
def test_both_codes_give_back_the_weights(seed: int, elements: int, density: float, bits: int) -> None:
    levels = sparse_levels(seed, elements, density, bits)
    assert np.array_equal(decode_sparse(encode_sparse(levels, bits), bits, elements), levels)
    assert np.array_equal(decode_dense(encode_dense(levels, bits), bits, elements), levels)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("density", [0.02, 0.05, 0.1, 0.2, 0.3])
def test_announced_bytes_are_the_encoders(bits: int, density: float) -> None:
    elements = 40_000
    levels = sparse_levels(1, elements, density, bits)
    sparse, dense = len(encode_sparse(levels, bits)), len(encode_dense(levels, bits))
    held = stored(elements, bits, density, is_sparse=True)
    assert held.weight_bytes == pytest.approx(min(sparse, dense), rel=0.02)
    assert dense == stored(elements, bits, 1.0, is_sparse=False).weight_bytes
    if sparse < dense:
        entries = len(encode_sparse(levels, bits)) * 8 / (bits + INDEX_BITS)
        assert held.index_bytes == pytest.approx(entries * INDEX_BITS / 8, rel=0.02)
    else:
        assert held.index_bytes == 0.0


def test_a_long_run_of_zeros_needs_padding_entries() -> None:
    levels = np.zeros(100, dtype=np.int64)
    levels[50] = 3
    # 50 zeros: three padding entries (places 15, 31, 47), then the value; four words of 4 + 4 bits.
    assert len(encode_sparse(levels, 4)) == 4


def test_zeros_alone_take_no_bytes() -> None:
    assert encode_sparse(np.zeros(9, dtype=np.int64), 4) == b""
    assert np.array_equal(decode_sparse(b"", 4, 9), np.zeros(9))


@given(st.integers(1, 5000), st.integers(1, 16), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_more_non_zeros_never_take_fewer_bytes(elements: int, bits: int, one: float, other: float) -> None:
    low, high = (stored(elements, bits, d, True).weight_bytes for d in sorted((one, other)))
    assert low <= high <= np.ceil(elements * bits / 8)
