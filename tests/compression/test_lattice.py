"""The scale of a grid is found from the weights alone, whatever level the largest one stands on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.quantize.grids import largest_level
from joulescape.compression.quantize.lattice import lattice_scales
from joulescape.numerics.fixed_point import stored_scales

SOME = settings(max_examples=80, deadline=None)


@SOME
@given(st.integers(2, 8), st.floats(1e-4, 1e3), st.integers(1, 60), st.integers(0, 999))
def test_rows_on_a_grid_are_given_back(bits: int, scale: float, count: int, seed: int) -> None:
    top = largest_level(bits)
    rng = np.random.default_rng(seed)
    levels = rng.integers(-rng.integers(1, top + 1), top + 1, (4, count))
    rows = levels.astype(np.float32) * np.float32(scale)
    scales, found = lattice_scales(rows, top)
    assert found.all()
    again = np.round(rows / scales[:, None]) * scales[:, None]
    np.testing.assert_allclose(again, rows, rtol=5e-7)
    assert np.abs(np.round(rows / scales[:, None])).max() <= top


@SOME
@given(st.integers(9, 16), st.integers(-12, 6), st.integers(1, 60), st.integers(0, 999))
def test_powers_of_two_are_found_on_wide_grids(bits: int, exponent: int, count: int, seed: int) -> None:
    top = largest_level(bits)
    rows = np.random.default_rng(seed).integers(-top, top + 1, (3, count)).astype(np.float32) * np.float32(
        2.0**exponent
    )
    scales, found = lattice_scales(rows, top)
    assert found.all()
    assert np.array_equal((np.round(rows / scales[:, None]) * scales[:, None]).astype(np.float32), rows)


def test_random_weights_stand_on_no_grid() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 30)).astype(np.float32)
    assert not lattice_scales(rows, 127)[1].any()


def test_zeros_have_scale_one() -> None:
    scales, found = lattice_scales(np.zeros((2, 5), dtype=np.float32), 7)
    assert found.all() and np.array_equal(scales, np.ones(2))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_machine_keeps_a_grid_of_one_scale_a_layer(bits: int) -> None:
    """Channels whose largest weight is at a low level would lose levels if they were fitted anew."""
    stream = torch.Generator().manual_seed(bits)
    spread = torch.tensor([[1.0], [0.5], [0.25]])
    levels = torch.round((torch.rand(3, 40, generator=stream) * 2 - 1) * largest_level(bits) * spread)
    weight = levels * 0.013
    scales = stored_scales(weight, bits)
    assert torch.allclose(torch.round(weight / scales) * scales, weight, rtol=1e-6)
    noisy = torch.randn(3, 40, generator=stream)
    assert stored_scales(noisy, bits).shape == (3, 1) and bool((stored_scales(noisy, bits) > 0).all())
