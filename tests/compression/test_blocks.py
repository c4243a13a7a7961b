"""Block-circulant arrays against their definition, entry by entry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression._blocks import defining, defining_shape, expanded, projected, stored_elements

SHAPES = st.tuples(st.integers(1, 13), st.integers(1, 13)) | st.tuples(
    st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)
)


@settings(max_examples=80, deadline=None)
@given(SHAPES, st.integers(1, 6), st.integers(0, 99))
def test_entries_are_those_of_the_stored_row(shape: tuple[int, ...], block: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal(defining_shape(shape, block)).astype(np.float32)
    whole = expanded(rows, shape, block)
    assert whole.shape == shape
    for out in range(shape[0]):
        for into in range(shape[1]):
            entry = rows[out // block, into // block, ..., (into % block - out % block) % block]
            assert np.array_equal(whole[out, into], entry)


@settings(max_examples=80, deadline=None)
@given(SHAPES, st.integers(1, 6), st.integers(0, 99))
def test_the_projection_is_the_nearest_and_needs_one_row_of_each_block(
    shape: tuple[int, ...], block: int, seed: int
) -> None:
    weight = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    near = projected(weight, block)
    np.testing.assert_allclose(projected(near, block), near, rtol=1e-5, atol=1e-6)
    stored = defining(near, block)
    assert stored is not None and stored.size == stored_elements(shape, block)
    np.testing.assert_allclose(expanded(stored, shape, block), near, rtol=1e-6)
    # What is taken off is at right angles to every block-circulant array: nothing of that kind is nearer.
    other = expanded(np.random.default_rng(seed + 1).standard_normal(stored.shape), shape, block)
    assert float(((weight - near) * other).sum()) == pytest.approx(0.0, abs=1e-3)


def test_arrays_that_are_not_circulant_are_said_to_be_none() -> None:
    assert defining(np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32), 4) is None


def test_torch_and_numpy_agree() -> None:
    weight = np.random.default_rng(1).standard_normal((10, 6, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(
        projected(torch.from_numpy(weight), 4).numpy(), projected(weight, 4), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("shape", [(8, 16), (120, 400), (10, 84), (16, 6, 5, 5)])
@pytest.mark.parametrize("block", [2, 4, 8])
def test_stored_numbers(shape: tuple[int, ...], block: int) -> None:
    rows, columns, taps = math.ceil(shape[0] / block), math.ceil(shape[1] / block), math.prod(shape[2:])
    assert stored_elements(shape, block) == rows * columns * block * taps


def test_a_product_is_a_circular_correlation() -> None:
    """What makes Fourier transforms possible: y = W x is the circular correlation of the stored row with x."""
    rng = np.random.default_rng(3)
    row, x = rng.standard_normal(8), rng.standard_normal(8)
    whole = expanded(row[None, None, :], (8, 8), 8)
    by_fourier = np.fft.ifft(np.conj(np.fft.fft(row)) * np.fft.fft(x)).real
    np.testing.assert_allclose(whole @ x, by_fourier, atol=1e-12)
