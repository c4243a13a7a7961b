"""Fast algorithms: they compute the layer, and need exactly the operations that are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network import transforms
from joulescape.network.operators import Loops
from joulescape.network.transforms import fourier, input_steps, output_steps, strassen, weight_matrix, winograd

FEW = settings(max_examples=20, deadline=None)


@dataclass
class Tally:
    """What numbers of this class were asked to do."""

    additions: int = 0
    shifts: int = 0


@dataclass
class Counted:
    """A number that counts: sums, and products by powers of two."""

    value: float
    tally: Tally

    def _sum(self, value: float) -> Counted:
        self.tally.additions += 1
        return Counted(value, self.tally)

    def __add__(self, other: Counted) -> Counted:
        return self._sum(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return self._sum(self.value - other.value)

    def __mul__(self, factor: int) -> Counted:
        assert factor & (factor - 1) == 0, "constants are powers of two"
        self.tally.shifts += 1
        return Counted(self.value * factor, self.tally)


@pytest.mark.parametrize("tile", [2, 4])
def test_steps_of_winograd_are_counted(tile: int) -> None:
    for steps, wanted in ((input_steps, transforms.INPUT_STEPS), (output_steps, transforms.OUTPUT_STEPS)):
        tally = Tally()
        steps(tile, [Counted(float(i), tally) for i in range(tile + 2)])
        assert (tally.additions, tally.shifts) == wanted[tile]


def _square(steps: Any, tile: int, values: np.ndarray) -> np.ndarray:
    """The one-dimensional steps down, then across."""
    down = np.stack(steps(tile, list(values)))
    return np.stack(steps(tile, list(down.T))).T


@FEW
@given(tile=st.sampled_from([2, 4]), seed=st.integers(0, 999))
def test_a_winograd_tile_is_the_convolution(tile: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, taps = rng.standard_normal((tile + 2, tile + 2)), rng.standard_normal((3, 3))
    kernel = np.array(weight_matrix(tile))
    found = _square(output_steps, tile, _square(input_steps, tile, image) * (kernel @ taps @ kernel.T))
    wanted = [[(image[y : y + 3, x : x + 3] * taps).sum() for x in range(tile)] for y in range(tile)]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@FEW
@given(loops=st.builds(Loops, B=st.integers(1, 2), G=st.integers(1, 2), K=st.integers(1, 5), C=st.integers(1, 5),
                       OY=st.integers(1, 9), OX=st.integers(1, 9), FY=st.just(3), FX=st.just(3)))  # fmt: skip
def test_winograd_counts_tiles_channels_and_products(loops: Loops) -> None:
    for tile in (2, 4):
        found, points = winograd(loops, tile), tile + 2
        tiles = loops.B * math.ceil(loops.OY / tile) * math.ceil(loops.OX / tile)
        tally = Tally()
        for _ in range(loops.G * loops.C * 2 * points * tiles):
            input_steps(tile, [Counted(0.0, tally)] * points)
        for _ in range(loops.G * loops.K * (points + tile) * tiles):
            output_steps(tile, [Counted(0.0, tally)] * points)
        products = loops.G * loops.K * loops.C * tiles * points**2
        assert (found.multiplications, found.additions) == (products, products + tally.additions)
        assert found.shifts == tally.shifts
        assert found.weights == loops.G * loops.K * loops.C * points**2


def test_whole_tiles_of_winograd_multiply_nine_quarters_and_four_times_less() -> None:
    loops = Loops(K=64, C=64, OY=56, OX=56, FY=3, FX=3)
    assert loops.macs / winograd(loops, 2).multiplications == 2.25
    assert loops.macs / winograd(loops, 4).multiplications == 4.0


def test_overlap_and_save_is_the_convolution_with_as_many_products_as_counted() -> None:
    rng, points, taps = np.random.default_rng(0), 8, 3
    image, weight = rng.standard_normal((4, 14, 14)), rng.standard_normal((5, 4, taps, taps))
    valid, products = points - taps + 1, 0
    found = np.zeros((5, 12, 12))
    filters = np.fft.rfft2(weight[:, :, ::-1, ::-1], (points, points))
    for top in range(0, 12, valid):
        for left in range(0, 12, valid):
            spectra = np.fft.rfft2(image[:, top : top + points, left : left + points])
            products += filters.size
            tile = np.fft.irfft2((filters * spectra).sum(1), (points, points))
            found[:, top : top + valid, left : left + valid] = tile[:, taps - 1 :, taps - 1 :]
    wanted = np.einsum("kcij,cyxij->kyx", weight, np.lib.stride_tricks.sliding_window_view(image, (3, 3), (1, 2)))
    np.testing.assert_allclose(found, wanted, atol=1e-10)
    counted = fourier(Loops(K=5, C=4, OY=12, OX=12, FY=3, FX=3), points)
    rotations = (4 + 5) * 4 * points**2 / 2 * math.log2(points)
    assert counted.multiplications == 4 * (products + rotations)
    assert counted.weights == 2 * filters.size


def _product(a: np.ndarray, b: np.ndarray, levels: int, tally: Tally) -> np.ndarray:
    """Strassen's product in Winograd's form; sums of `a` (the weights) are made before and are not counted."""
    if levels == 0:
        tally.shifts += a.shape[0] * a.shape[1] * b.shape[1]  # products of single numbers, each with an addition
        return a @ b
    (a11, a12), (a21, a22) = (np.split(half, 2, 1) for half in np.split(a, 2))
    (b11, b12), (b21, b22) = (np.split(half, 2, 1) for half in np.split(b, 2))
    s1 = a21 + a22
    s2, s3 = s1 - a11, a11 - a21
    s4, t1 = a12 - s2, b12 - b11
    t2, t3 = b22 - t1, b22 - b12
    t4 = t2 - b21
    pairs = [(a11, b11), (a12, b21), (s4, b22), (a22, t4), (s1, t1), (s2, t2), (s3, t3)]
    p1, p2, p3, p4, p5, p6, p7 = (_product(x, y, levels - 1, tally) for x, y in pairs)
    tally.additions += 4 * b11.size + 7 * p1.size
    u2 = p1 + p6
    u3, u4 = u2 + p7, u2 + p5
    return np.block([[p1 + p2, u4 + p3], [u3 - p4, u3 + p5]])


@FEW
@given(
    parts=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), levels=st.integers(0, 3)
)  # fmt: skip
def test_strassens_product_needs_what_is_counted(parts: tuple[int, int, int], levels: int) -> None:
    rows, inner, columns = (size << levels for size in parts)
    rng, tally = np.random.default_rng(1), Tally()
    a, b = rng.integers(-8, 8, (rows, inner)), rng.integers(-8, 8, (inner, columns))
    assert np.array_equal(_product(a, b, levels, tally), a @ b), "exact in whole numbers"
    counted = transforms._strassen(Loops(K=rows, C=inner, OX=columns), levels)
    assert (counted.multiplications, counted.additions) == (tally.shifts, tally.shifts + tally.additions)
    assert counted.weights == rows * inner * 7**levels / 4**levels


def test_strassen_leaves_out_levels_that_do_not_pay() -> None:
    vector = Loops(K=64, C=64)
    assert strassen(vector, 4).multiplications == vector.macs and strassen(vector, 4).weights == 64 * 64
    large = Loops(K=512, C=512, OX=512)
    assert strassen(large, 2).multiplications == large.macs * 49 / 64
    assert strassen(large, 2) == transforms._strassen(large, 2)


def test_a_tile_without_room_for_the_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="8 x 8 points have no room for 11 x 11 taps"):
        fourier(Loops(K=1, C=1, OY=8, OX=8, FY=11, FX=11), 8)
