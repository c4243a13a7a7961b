"""From weights to the whole numbers that are stored and back: real, uniform, power-of-two and listed values.

Each way returns None where the weights are not of its kind: they are then stored as real numbers, never approximated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulescape.compression._coding import Integers, signed
from joulescape.compression.quantize.lattice import lattice_scales
from joulescape.network.work import OperandFormat, Values

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Coded:
    """Codes 0 .. 2^bits - 1 in the order of the weights, and the table they refer to.

    `table` holds scales (one a channel, or one) or listed values, as float32. Where a layer has zeros of its own
    (`weight_structure` other than dense) code 0 is the weight zero.
    """

    values: Values
    codes: Integers
    bits: int
    table: Floats


def to_levels(weight: Floats, form: OperandFormat) -> Coded:
    """The weights of one layer in its own code, (channels, ...); real numbers where that code does not hold them."""
    rows = weight.reshape(1 if form.scale_per == "layer" else weight.shape[0], -1)
    bits = int(form.stored_bits)
    coded = None
    if form.values == "uniform":
        coded = _uniform(rows, bits)
    elif form.values == "power_of_two":
        coded = _powers(rows, bits)
    elif form.values == "codebook":
        coded = _listed(rows, bits, has_zero_code=form.weight_structure != "dense")
    if coded is None:
        # Adding zero makes -0.0, whose sign bit would be stored as a value, the zero that it is.
        return Coded(
            "real", (rows.ravel() + np.float32(0)).view(np.uint32).astype(np.int64), 32, np.empty(0, dtype=np.float32)
        )
    return coded


def from_levels(coded: Coded, rows: int, has_zero_code: bool) -> Floats:
    """The weights as (rows, ...) with as many rows as there are scales, or one."""
    codes, table = coded.codes, coded.table
    if coded.values == "real":
        return codes.astype(np.uint32).view(np.float32)
    if coded.values == "codebook":
        listed = np.concatenate([np.zeros(1, dtype=np.float32), table]) if has_zero_code else table
        return listed[codes]
    levels = (1 - 2 * codes if coded.bits == 1 else signed(codes, coded.bits)).reshape(rows, -1)
    if coded.values == "uniform":
        return levels.astype(np.float32) * table[:, None]
    powers = np.ldexp(np.float32(1), 1 - np.abs(levels)).astype(np.float32)
    return np.where(levels == 0, np.float32(0), np.sign(levels).astype(np.float32) * table[:, None] * powers)


def _uniform(rows: Floats, bits: int) -> Coded | None:
    """Levels times a scale; of one bit the sign times the magnitude that all weights share."""
    if bits == 1:
        peaks = np.abs(rows).max(axis=1)
        signs = (rows < 0).astype(np.int64).ravel()
        return Coded("uniform", signs, 1, peaks) if np.array_equal(np.abs(rows), _like(rows, peaks)) else None
    scales, found = lattice_scales(rows, (1 << (bits - 1)) - 1)
    if not found.all():
        return None
    return Coded("uniform", _unsigned(np.round(rows / scales[:, None]).astype(np.int64), bits), bits, scales)


def _powers(rows: Floats, bits: int) -> Coded | None:
    """Sign times (1 + exponent below the row's largest weight); zero is zero."""
    peaks = np.abs(rows).max(axis=1)
    safe = np.where(peaks > 0, peaks, np.float32(1))
    ratio = np.where(rows == 0, np.float32(1), np.abs(rows) / safe[:, None])
    below = np.round(-np.log2(ratio)).astype(np.int64)
    levels = np.where(rows == 0, 0, np.sign(rows).astype(np.int64) * (below + 1))
    coded = Coded("power_of_two", _unsigned(levels, bits), bits, safe)
    fits = np.abs(levels).max(initial=0) <= (1 << (bits - 1)) - 1
    return coded if fits and np.array_equal(from_levels(coded, len(rows), True), rows) else None


def _listed(rows: Floats, bits: int, has_zero_code: bool) -> Coded | None:
    """Places in the ascending list of the layer's values; with a zero code, zero is not listed and has code 0."""
    values = np.unique(rows)
    listed = values[values != 0] if has_zero_code else values
    if len(listed) > (1 << bits) - has_zero_code:
        return None
    places = np.searchsorted(listed, rows) + has_zero_code
    codes = np.where(rows == 0, 0, places) if has_zero_code else places
    return Coded("codebook", codes.astype(np.int64).ravel(), bits, listed)


def _unsigned(levels: Integers, bits: int) -> Integers:
    return levels.ravel() & ((1 << bits) - 1)


def _like(rows: Floats, peaks: Floats) -> Floats:
    return np.broadcast_to(peaks[:, None], rows.shape)
