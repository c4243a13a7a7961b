"""Grids in ONNX: weights as integers with a scale, inputs through QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.compression._values import Coded, from_levels, to_levels
from joulescape.interchange.onnx_file import Array
from joulescape.interchange.onnx_sheet import Sheet
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BITS

WIDTHS = (4, 8, 16)
"""Bits of ONNX's integers that both operators take."""


@dataclass(frozen=True)
class ActivationGrid:
    """The grid of one layer's input: whole multiples of `scale`, -top .. top or 0 .. top; or -scale and scale."""

    scale: float
    bits: int
    is_signed: bool
    is_sign: bool = False

    @property
    def top(self) -> int:
        """The largest level."""
        return (1 << (self.bits - 1)) - 1 if self.is_signed else (1 << self.bits) - 1


def quantised_weight(sheet: Sheet, name: str, weight: Array, form: OperandFormat) -> str:
    """The weight as a constant: integers and a DequantizeLinear where its code is uniform, else float32 values."""
    levels = _levels(weight, form)
    if levels is None:
        return sheet.constant(name, weight.astype(np.float32))
    whole, scales = levels
    width = next(width for width in WIDTHS if np.abs(whole).max() < 1 << (width - 1))
    stored = sheet.constant(f"{name}.levels", whole.astype(_whole(width, is_signed=True)))
    if len(scales) == 1:
        scale = sheet.constant(f"{name}.scale", scales[0])
        return sheet.node("DequantizeLinear", [stored, scale], name)
    return sheet.node("DequantizeLinear", [stored, sheet.constant(f"{name}.scale", scales)], name, axis=0)


def weight_note(name: str, weight: Array, form: OperandFormat) -> Iterator[str]:
    """What of the layer's format ONNX does not hold."""
    if form.values != "real" and _levels(weight, form) is None:
        kind = {"power_of_two": "powers of two", "codebook": "shared values"}.get(form.values, "a code of their own")
        yield f"{name}: its weights are {kind}; written as the float32 values that they stand for"
    if form.weight_structure != "dense":
        yield f"{name}: pruned weights are written as zeros, without an index"
    if form.block > 1:
        yield f"{name}: circulant blocks are written out in full"
    if form.is_entropy_coded:
        yield f"{name}: written without its Huffman code"


def quantised_input(sheet: Sheet, name: str, source: str, grid: ActivationGrid) -> str:
    """The tensor moved to the grid: limited to its range, rounded half to even."""
    if grid.is_sign:
        return _sign(sheet, name, source, grid.scale)
    if grid.bits > WIDTHS[-1]:
        if grid.bits < FLOAT_BITS:
            sheet.notes.append(f"{name}: {grid.bits} bits are wider than ONNX quantises; left in float32")
        return source
    width, top = next(width for width in WIDTHS if width >= grid.bits), np.float32(grid.top) * np.float32(grid.scale)
    low = sheet.constant(f"{name}.low", np.float32(-top if grid.is_signed else 0.0))
    inside = sheet.node("Clip", [source, low, sheet.constant(f"{name}.high", top)], f"{name}.inside")
    scale = sheet.constant(f"{name}.scale", np.float32(grid.scale))
    zero = sheet.constant(f"{name}.zero", np.zeros((), _whole(width, grid.is_signed)))
    levels = sheet.node("QuantizeLinear", [inside, scale, zero], f"{name}.levels")
    return sheet.node("DequantizeLinear", [levels, scale, zero], name)


def _sign(sheet: Sheet, name: str, source: str, scale: float) -> str:
    zero = sheet.constant(f"{name}.zero", np.float32(0))
    high, low = (sheet.constant(f"{name}.{end}", np.float32(v)) for end, v in (("high", scale), ("low", -scale)))
    positive = sheet.node("GreaterOrEqual", [source, zero], f"{name}.positive")
    return sheet.node("Where", [positive, high, low], name)


def _levels(weight: Array, form: OperandFormat) -> tuple[Array, Array] | None:
    """Whole numbers of the weight's shape and their scales (one, or one an output channel) that give it exactly."""
    if form.values != "uniform" or form.stored_bits > WIDTHS[-1]:
        return None
    coded = to_levels(np.asarray(weight, np.float32), form)
    if coded.values != "uniform":
        return None
    rows = 1 if form.scale_per == "layer" else len(weight)
    ones = Coded("uniform", coded.codes, coded.bits, np.ones(rows, np.float32))
    whole = from_levels(ones, rows, False).reshape(weight.shape)
    return whole.astype(np.int64), np.asarray(coded.table, np.float32)


def _whole(width: int, is_signed: bool) -> Any:
    import ml_dtypes

    kinds = {4: (ml_dtypes.int4, ml_dtypes.uint4), 8: (np.int8, np.uint8), 16: (np.int16, np.uint16)}
    return kinds[width][0 if is_signed else 1]
