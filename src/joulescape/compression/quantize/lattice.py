"""The scale of weights that already stand on a whole-number grid, found from the weights alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEARCHED_LEVELS = 127
"""A row's largest weight is tried at so many levels of its grid, besides the top one and powers of two."""

_TOLERANCE = 4e-7
"""Relative: a level times a scale is rounded once to single precision, the scale itself once."""

_LOOKED_AT = 6
"""Largest weights of a row on which a scale is tried before the whole row is."""

Rows = NDArray[np.float32]


def lattice_scales(rows: Rows, top: int) -> tuple[Rows, NDArray[np.bool_]]:
    """Scale s of each row whose values are whole multiples of s up to +-top; the mask says where there is one.

    Tried in this order: the largest weight at the top level, the largest power of two that divides the row, the largest
    weight at every lower level from 1. A row of zeros has scale 1.
    """
    peaks = np.abs(rows).max(axis=1, initial=0.0).astype(np.float32)
    scales = np.where(peaks > 0, peaks / np.float32(top), np.float32(1)).astype(np.float32)
    found = _fits(rows, scales, top)
    if not found.all():
        _search(rows, peaks, top, scales, found)
    return _exact(rows, scales), found


def _search(rows: Rows, peaks: Rows, top: int, scales: Rows, found: NDArray[np.bool_]) -> None:
    """Fill in `scales` and `found` of rows whose largest weight is not at the top level."""
    left = np.flatnonzero(~found)
    divisors = 1 / np.arange(1, min(top, SEARCHED_LEVELS) + 1, dtype=np.float32)
    tried = np.concatenate([_binary_steps(rows[left])[:, None], peaks[left, None] * divisors], axis=1)
    largest = np.sort(np.abs(rows[left]), axis=1)[:, -_LOOKED_AT:]
    levels = np.round(largest[:, None, :] / tried[:, :, None])
    error = np.abs(levels * tried[:, :, None] - largest[:, None, :])
    hopeful = (error <= 4 * _TOLERANCE * largest[:, None, :]).all(axis=2)
    for index, place in zip(*np.nonzero(hopeful), strict=True):
        row, scale = left[index], _rounded(peaks[left[index]], place, tried[index, place])
        if not found[row] and _fits(rows[row : row + 1], np.array([scale], dtype=np.float32), top)[0]:
            scales[row], found[row] = scale, True


def _rounded(peak: np.float32, place: int, tried: np.float32) -> np.float32:
    """Peak / level in one rounding (a reciprocal has two); the first place is the power of two."""
    return tried if place == 0 else np.float32(peak / np.float32(place))


def _binary_steps(rows: Rows) -> Rows:
    """The largest power of two that divides every value of a row, exactly; 1 for a row of zeros."""
    mantissas, exponents = np.frexp(rows.astype(np.float64))
    whole = np.abs(mantissas * (1 << 24)).astype(np.int64)
    trailing = np.log2(np.where(whole > 0, whole & -whole, 1)).astype(np.int64)
    lowest = np.where(whole > 0, exponents - 24 + trailing, np.iinfo(np.int32).max).min(axis=1)
    return np.ldexp(1.0, np.where(lowest > 1023, 0, lowest)).astype(np.float32)


def _fits(rows: Rows, scales: Rows, top: int) -> NDArray[np.bool_]:
    levels = np.round(rows / scales[:, None])
    close = np.abs(levels.astype(np.float32) * scales[:, None] - rows) <= _TOLERANCE * np.abs(rows)
    return np.asarray((close & (np.abs(levels) <= top)).all(axis=1))


def _exact(rows: Rows, scales: Rows) -> Rows:
    """The scale itself or its neighbour, whichever gives back the row to the last bit where one does."""
    levels = np.round(rows / scales[:, None]).astype(np.float32)
    for direction in (np.inf, -np.inf):
        near = np.nextafter(scales, np.float32(direction))
        is_better = (levels * near[:, None] == rows).all(axis=1) & ~(levels * scales[:, None] == rows).all(axis=1)
        scales = np.where(is_better, near, scales)
    return scales
