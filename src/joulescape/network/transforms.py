"""What fast algorithms need for one layer: multiplications, additions, shifts, and weights held in transformed form.

Weights are transformed once, before any inference; inputs and outputs at every one. Tiles at the border are whole.

- winograd, F(m x m, 3 x 3) with m = 2 or 4 (Lavin and Gray 2016): per tile of m x m outputs (m + 2)^2 products for each
  pair of channels, B^T d B for each input channel, A^T s A for each output channel; constants are powers of two.
- fft, n x n points (Mathieu et al. 2014): tiles of (n - F + 1)^2 outputs by overlap and save; n (n / 2 + 1) complex
  products for each pair of channels; a real transform of n x n points is n^2 / 2 log2 n complex multiplications and
  n^2 log2 n complex additions. A complex product is four multiplications and two additions.
- strassen, up to L levels (Strassen 1969, in Winograd's form): each level has seven products of half the size in place
  of eight, four sums of input blocks and seven of output blocks (four of weight blocks are made before). Sizes are
  filled up to multiples of 2^L; levels that cost more than they save are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.network.operators import Loops, Operator

WINOGRAD_KERNEL = 3
"""Filter taps along each axis."""

INPUT_STEPS = {2: (4, 0), 4: (12, 5)}
"""Additions and shifts of `input_steps` for one vector, by outputs of a tile."""

OUTPUT_STEPS = {2: (4, 0), 4: (10, 3)}
"""The same of `output_steps`."""


@dataclass(frozen=True)
class Transformed:
    """Operations of one layer and the weights that it holds while it computes."""

    multiplications: float
    additions: float
    shifts: float
    weights: float


def is_winograd(operator: Operator) -> bool:
    """Whether F(m x m, 3 x 3) computes it: a convolution of 3 x 3 taps with stride 1."""
    return _is_sliding(operator) and (operator.loops.FY, operator.loops.FX) == (WINOGRAD_KERNEL, WINOGRAD_KERNEL)  # type: ignore[union-attr]


def is_fourier(operator: Operator) -> bool:
    """Whether transforms pay at all: a convolution with stride 1 and more than one tap."""
    return _is_sliding(operator) and operator.loops.FY * operator.loops.FX > 1  # type: ignore[union-attr]


def _is_sliding(operator: Operator) -> bool:
    return operator.kind == "conv" and operator.loops is not None and operator.window("stride") == (1, 1)


def input_steps(tile: int, d: Sequence[Any]) -> list[Any]:
    """B^T d of tile + 2 values; products by 2 and 4 are shifts."""
    if tile == 2:
        return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]
    far, near = d[4] - d[2] * 4, d[3] - d[1] * 4
    even, odd = d[4] - d[2], (d[3] - d[1]) * 2
    return [(d[0] - d[2]) * 4 + even, far + near, far - near, even + odd, even - odd, d[5] - d[3] - odd * 2]


def output_steps(tile: int, s: Sequence[Any]) -> list[Any]:
    """A^T s of tile + 2 values, `tile` of them left; products by 2, 4 and 8 are shifts."""
    if tile == 2:
        return [s[0] + s[1] + s[2], s[1] - s[2] - s[3]]
    inner, outer, low, high = s[1] + s[2], s[3] + s[4], s[1] - s[2], s[3] - s[4]
    return [s[0] + inner + outer, low + high * 2, inner + outer * 4, low + high * 8 + s[5]]


def weight_matrix(tile: int) -> list[list[float]]:
    """G of tile + 2 rows: weights are transformed by G g G^T, once."""
    if tile == 2:
        return [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]
    return [
        [1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
    ]  # fmt: skip


def winograd(loops: Loops, tile: int) -> Transformed:
    """F(tile x tile, 3 x 3)."""
    points = tile + WINOGRAD_KERNEL - 1
    tiles = loops.B * math.ceil(loops.OY / tile) * math.ceil(loops.OX / tile)
    products = loops.G * loops.K * loops.C * tiles * points**2
    into, out = loops.G * loops.C * tiles * 2 * points, loops.G * loops.K * tiles * (points + tile)
    additions, shifts = (into * INPUT_STEPS[tile][i] + out * OUTPUT_STEPS[tile][i] for i in (0, 1))
    return Transformed(products, products + additions, shifts, loops.G * loops.K * loops.C * points**2)


def fourier(loops: Loops, points: int) -> Transformed:
    """Overlap and save on tiles of `points` x `points`; ValueError where a tile has no room for the filter."""
    if points <= max(loops.FY, loops.FX):
        raise ValueError(f"transforms of {points} x {points} points have no room for {loops.FY} x {loops.FX} taps")
    tiles = loops.B * math.ceil(loops.OY / (points - loops.FY + 1)) * math.ceil(loops.OX / (points - loops.FX + 1))
    pairs, values = loops.G * loops.K * loops.C, points * (points // 2 + 1)
    rotations = loops.G * (loops.C + loops.K) * tiles * points**2 / 2 * math.log2(points)
    products = pairs * tiles * values
    return Transformed(
        multiplications=4 * (rotations + products),
        additions=2 * (rotations + products) + 2 * (2 * rotations + products),
        shifts=0.0,
        weights=2.0 * pairs * values,
    )


def strassen(loops: Loops, levels: int) -> Transformed:
    """The best of 0 to `levels` levels: fewest multiplications and additions together."""
    found = (_strassen(loops, level) for level in range(levels + 1))
    return min(found, key=lambda counted: counted.multiplications + counted.additions)


def _strassen(loops: Loops, levels: int) -> Transformed:
    parts = 1 << levels
    outputs, reduction, positions = (
        math.ceil(size / parts) * parts for size in (loops.K, loops.reduction, loops.positions)
    )
    products, sums, count = outputs * reduction * positions, 0.0, 1
    for level in range(levels):
        half = 2 ** (level + 1)
        sums += count * (4 * reduction + 7 * outputs) / half * positions / half
        count *= 7
    products = products * count // 8**levels
    weights = outputs * reduction * count // 4**levels
    return Transformed(loops.G * products, loops.G * (products + sums), 0.0, loops.G * weights)
