"""Cycles and traffic of one product on the array, by tile: closed forms of the loop nest below.

    for each group, for each pass
      for each tile of (outputs, reduction, positions)      # off-chip level; the order keeps one operand in place
        for each array tile                                 # weight-stationary: reduction rows x output columns
          load what is stationary, stream the rest          # output-stationary: position rows x output columns

An array tile streams its vectors while the next one's stationary operand shifts in (or the last one's results shift
out), so it takes max(streamed, rows) cycles; the whole adds one load and one skew of rows + columns - 2. Without double
buffering it shifts first and streams then: streamed + rows cycles.

Arrays have shape (variants, output splits, reduction splits), or one axis more in front for the operand kept in place:
weights, inputs, outputs. Of the six orders of three tile loops no other has less traffic than the best of these three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.simulators.base import FloatArray, ceil_div
from joulescape.simulators.systolic.product import Product


@dataclass(frozen=True)
class Room:
    """Array and buffer space of every variant, arrays of shape (variants, 1, 1).

    `weights_resident`: the weights live in their buffer and need no tile of it. `input_on_chip`: the whole input is in
    the activation buffer already.
    """

    rows: FloatArray
    columns: FloatArray
    is_output_stationary: Any
    weight_bytes: FloatArray
    input_bytes: FloatArray
    accumulator_bytes: FloatArray
    weights_resident: Any
    input_on_chip: Any
    is_double_buffered: Any = True


@dataclass(frozen=True)
class Tiles:
    """Candidate tiles: sizes along outputs, reduction and positions, and whether they fit the buffers."""

    outputs: FloatArray
    reduction: FloatArray
    positions: FloatArray
    fits: Any


@dataclass(frozen=True)
class Counts:
    """What one product costs in cycles and bytes; fields broadcast to (3, variants, splits, splits)."""

    cycles: FloatArray
    weight_fetch_bytes: FloatArray
    input_fetch_bytes: FloatArray
    spill_bytes: FloatArray
    """Partial sums written to, and as many read back from, off-chip memory."""
    weight_read_bytes: FloatArray
    input_read_bytes: FloatArray
    sum_bytes: FloatArray
    """Partial sums written to, and as many read from, the accumulators by the array."""
    shifted_bits: FloatArray
    """Bits that move through registers to load weights (weight-stationary) or to drain sums (output-stationary)."""


def candidate_tiles(product: Product, room: Room) -> Tiles:
    """Tiles whose outputs and reduction are whole array tiles halved 0, 1, 2 ... times; positions as many as fit."""
    outputs = _halved(product.outputs, room.columns)[:, :, None]
    reduction = _halved(product.reduction, room.rows)[:, None, :]
    cell_bytes = product.input_bytes / (product.positions * product.reduction)
    by_sums = room.accumulator_bytes / (outputs * product.sum_bytes)
    by_inputs = np.where(room.input_on_chip, product.positions, room.input_bytes / (reduction * cell_bytes))
    most = np.minimum(by_sums, by_inputs)
    step = np.where(room.is_output_stationary, room.rows, 1.0)
    whole = np.floor(most / step) * step
    positions = np.where(most >= product.positions, product.positions, np.minimum(whole, product.positions))
    weight_tile = outputs * reduction * product.weight_bytes / (product.outputs * product.reduction)
    fits = (positions >= 1) & (room.weights_resident | (weight_tile <= room.weight_bytes))
    return Tiles(outputs, reduction, np.maximum(positions, 1.0), fits)


def counts(product: Product, room: Room, tiles: Tiles) -> Counts:
    """Closed forms of the loop nest, for every candidate tile and each operand that may be kept in place."""
    n_outputs = ceil_div(product.outputs, tiles.outputs)
    n_reduction = ceil_div(product.reduction, tiles.reduction)
    n_positions = ceil_div(product.positions, tiles.positions)
    kept = np.array([[True, False, False], [False, True, False], [False, False, True]])[:, :, None, None, None]
    weight_visits = np.where(kept[0], 1.0, n_positions)
    input_visits = np.where(kept[1], 1.0, n_outputs)
    sum_visits = np.where(kept[2], 1.0, n_reduction)
    sums = product.positions * product.outputs * product.sum_bytes * product.groups
    stationary = room.is_output_stationary
    column_tiles = ceil_div(product.outputs, room.columns)
    reloads = np.where(stationary, ceil_div(product.positions, room.rows), n_positions)
    accumulations = np.where(stationary, n_reduction, ceil_div(product.reduction, room.rows))
    per_pass = product.groups * product.passes
    weights = product.outputs * product.reduction * product.weight_slice_bytes
    inputs = product.positions * product.reduction * product.input_slice_bytes
    return Counts(
        cycles=_cycles(product, room, tiles),
        weight_fetch_bytes=product.groups * product.weight_bytes * weight_visits,
        input_fetch_bytes=product.groups * product.input_bytes * input_visits,
        spill_bytes=sums * (sum_visits - 1),
        weight_read_bytes=per_pass * weights * reloads,
        input_read_bytes=per_pass * inputs * column_tiles,
        sum_bytes=product.passes * sums * accumulations,
        shifted_bits=_shifted_bits(product, room, n_positions, n_reduction),
    )


def _cycles(product: Product, room: Room, tiles: Tiles) -> FloatArray:
    """Every array tile takes max(streamed, rows), or their sum; then one load, the last stream's length, the skew."""
    stationary = room.is_output_stationary
    held = np.where(stationary, product.positions, product.reduction)
    streamed = np.where(stationary, product.reduction, product.positions)
    chunk = np.where(stationary, tiles.reduction, tiles.positions)
    array_tiles = product.groups * product.passes * ceil_div(held, room.rows) * ceil_div(product.outputs, room.columns)
    whole = streamed // chunk
    rest = streamed - whole * chunk
    last = np.where(rest > 0, rest, chunk)
    hidden = whole * np.maximum(chunk, room.rows) + (rest > 0) * np.maximum(rest, room.rows)
    overlapped = array_tiles * hidden + last - np.maximum(last, room.rows) + room.rows
    waiting = array_tiles * (streamed + (whole + (rest > 0)) * room.rows)
    return np.asarray(np.where(room.is_double_buffered, overlapped, waiting) + room.rows + room.columns - 2)


def _shifted_bits(product: Product, room: Room, n_positions: FloatArray, n_reduction: FloatArray) -> FloatArray:
    """A weight of row r passes r + 1 registers on its way in; a sum of row r as many on its way out."""
    stationary = room.is_output_stationary
    held = np.where(stationary, product.positions, product.reduction)
    whole = held // room.rows
    rest = held - whole * room.rows
    steps = whole * room.rows * (room.rows + 1) / 2 + rest * (rest + 1) / 2
    width = np.where(stationary, product.sum_bytes, product.weight_slice_bytes) * 8
    times = np.where(stationary, n_reduction, n_positions)
    return np.asarray(product.groups * product.passes * product.outputs * steps * width * times)


def _halved(size: int, unit: FloatArray) -> FloatArray:
    """Tile sizes along one dimension, (variants, splits): all array tiles together, then ever half of them."""
    tiles = ceil_div(size, unit[:, :, 0])
    splits = np.arange(int(np.ceil(np.log2(np.max(tiles)))) + 1)
    return np.asarray(np.minimum(size, ceil_div(tiles, 2.0**splits) * unit[:, :, 0]))
