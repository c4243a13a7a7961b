"""Scales lose least: no clip point that was tried does better, a grid is its own best grid, zeros are harmless."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.quantize.grids import (
    RATIOS,
    SCALE_SAMPLES,
    channel_scales,
    largest_level,
    levels,
    quantised,
    tensor_scale,
)


def weights(seed: int, rows: int = 4, columns: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def test_largest_levels() -> None:
    assert [largest_level(b) for b in (2, 4, 8)] == [1, 7, 127]
    assert [largest_level(b, is_signed=False) for b in (1, 4, 8)] == [1, 15, 255]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), bits=st.integers(2, 10))
def test_no_clip_point_that_was_tried_does_better(seed: int, bits: int) -> None:
    weight = weights(seed)
    best = ((quantised(weight, bits) - weight) ** 2).sum(1)
    for ratio in RATIOS:
        scale = np.abs(weight).max(1, keepdims=True) / largest_level(bits) * ratio
        error = ((levels(weight, scale, bits) * scale - weight) ** 2).sum(1)
        assert np.all(best <= error * (1 + 1e-4) + 1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), bits=st.integers(1, 12))
def test_a_grid_is_its_own_best_grid(seed: int, bits: int) -> None:
    once = quantised(weights(seed), bits)
    assert np.allclose(quantised(once, bits), once, rtol=1e-6, atol=1e-7)


def test_low_widths_clip_and_high_widths_do_not() -> None:
    weight = weights(0, 64, 500)
    peak = np.abs(weight).max(1, keepdims=True)
    assert np.median(channel_scales(weight, 2) / peak) < 0.6
    assert np.median(channel_scales(weight, 10) * largest_level(10) / peak) == pytest.approx(1.0)


def test_one_bit_is_a_sign_and_the_mean_of_what_is_left() -> None:
    weight = np.array([[1.0, -3.0, 0.0, 2.0]], dtype=np.float32)
    assert quantised(weight, 1).tolist() == [[2.0, -2.0, 0.0, 2.0]]


def test_a_channel_of_zeros_has_a_scale_of_one() -> None:
    for bits in (1, 2, 8):
        assert channel_scales(np.zeros((2, 5), dtype=np.float32), bits).ravel().tolist()[0] > 0
        assert not quantised(np.zeros((2, 5), dtype=np.float32), bits).any()


def test_convolution_weights_keep_their_shape_and_type() -> None:
    weight = torch.randn(6, 3, 3, 3)
    found = quantised(weight, 4)
    assert found.shape == weight.shape and found.dtype == torch.float32
    assert channel_scales(weight, 4).shape == (6, 1)


def test_a_tensors_range_is_seen_even_between_the_samples() -> None:
    sample = np.full(3 * SCALE_SAMPLES, 0.5, dtype=np.float32)
    sample[1] = 1.0
    assert tensor_scale(sample, 12, is_signed=False) * largest_level(12, False) > 0.5
    uniform = np.linspace(0, 1, 1000, dtype=np.float32)
    assert tensor_scale(uniform, 8, is_signed=False) == pytest.approx(1 / 255, rel=1e-5)
