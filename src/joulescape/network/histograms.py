"""Histograms of measured values: what bit-serial drives and multi-level cells of real operands are, digit by digit.

A histogram is the share of values at each of BINS equal steps of |value| / largest |value|, nearest step: the codes
that a grid of eight bits gives them. Of wider grids the digits below its eighth bit are taken to be spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Histogram = tuple[float, ...]
"""BINS shares that add up to one; empty where nothing was measured."""

BINS = 256
CODE_BITS = 8


def mean_digit_square(histogram: Histogram, bits: int, digit_bits: int) -> float:
    """Mean over the digits of a `bits`-bit magnitude of (digit / largest digit)^2, digits of `digit_bits` each.

    What a row's V^2 is in one read, on average over reads. For digits of one bit it is the share of ones.
    """
    return _digit_moment(histogram, bits, digit_bits, 2)


def mean_digit(histogram: Histogram, bits: int, digit_bits: int) -> float:
    """Mean over the digits of digit / largest digit: the mean level of cells that hold such magnitudes in slices."""
    return _digit_moment(histogram, bits, digit_bits, 1)


@lru_cache(maxsize=512)
def _digit_moment(histogram: Histogram, bits: int, digit_bits: int, power: int) -> float:
    shares = np.asarray(histogram)
    counts = [min(digit_bits, bits - low) for low in range(0, bits, digit_bits)]
    found, low = [], 0
    for width in counts:
        found.append(float(shares @ _digits(bits, low, width, power)) / (2**digit_bits - 1) ** power)
        low += width
    return float(np.mean(found))


def _digits(bits: int, low: int, width: int, power: int) -> NDArray[np.float64]:
    """Mean of digit^power at every step: bits `low` to `low + width` of the step's code on a grid of `bits`."""
    steps = np.arange(BINS)
    if bits <= CODE_BITS:
        codes = np.rint(steps * ((2**bits - 1) / (BINS - 1))).astype(np.int64)
        return np.asarray(((codes >> low) & (2**width - 1)).astype(np.float64) ** power)
    finer = bits - CODE_BITS
    # Zero is zero in every digit; any other step stands for 2^finer codes around it.
    spread = np.arange(2**finer) - 2 ** (finer - 1) + 1 if low < finer else np.zeros(1, dtype=np.int64)
    codes = np.clip(np.rint(steps * ((2**bits - 1) / (BINS - 1))).astype(np.int64)[:, None] + spread, 0, 2**bits - 1)
    codes[0] = 0
    return np.asarray((((codes >> low) & (2**width - 1)).astype(np.float64) ** power).mean(axis=1))


def shares_of(counts: Sequence[int]) -> Histogram:
    """Counts of every step as shares; nothing where none was counted."""
    total = sum(counts)
    return tuple(count / total for count in counts) if total else ()
