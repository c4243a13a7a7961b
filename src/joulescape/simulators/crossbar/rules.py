"""Closed forms of crossbar design: lossless converter bits, columns a converter takes, slices, IR drop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.simulators.base import Quantity, ceil_div
from joulescape.simulators.crossbar.converters import conversion_ns
from joulescape.simulators.crossbar.settings import CrossbarSettings, Spikes


def lossless_adc_bits(rows: int, dac_bits: int, cell_bits: int, is_flipped: bool = False) -> int:
    """Converter bits that lose nothing: log2(R) + v + w when v > 1 and w > 1, else log2(R) + v + w - 1.

    Storing the complement of columns that are more than half full (`is_flipped`) saves one bit (ISAAC, shafiee2016).
    """
    both_wide = dac_bits > 1 and cell_bits > 1
    bits = math.ceil(math.log2(rows)) + dac_bits + cell_bits - (0 if both_wide else 1)
    return bits - 1 if is_flipped else bits


def slices(weight_bits: Any, settings: CrossbarSettings) -> Any:
    """Slices of one weight: ceil(b / cell bits), or two times that of the magnitude for a differential pair."""
    if settings.array.encoding == "differential":
        return 2 * np.maximum(1, ceil_div(np.asarray(weight_bits) - 1, settings.cell.bits))
    return ceil_div(np.maximum(2, weight_bits), settings.cell.bits)


def columns_per_weight(weight_bits: Any, settings: CrossbarSettings) -> Any:
    """Columns of cells of one weight: slices times parallel copies."""
    return slices(weight_bits, settings) * settings.cell.copies


def input_cycles(input_bits: int, is_signed: bool, dac_bits: Any) -> Any:
    """Analog reads of one input vector: ceil(b / dac bits); a signed one drives its sign bit in a cycle of its own."""
    if is_signed:
        return 1 + ceil_div(input_bits - 1, dac_bits)
    return ceil_div(input_bits, dac_bits)


def operand_width(bits: float, settings: CrossbarSettings) -> int:
    """Whole bits at which the datapath computes an operand stored at `bits`, from 2 to `operand_bits`."""
    return int(min(max(2, math.ceil(bits)), settings.operand_bits))


def input_width(bits: float, settings: CrossbarSettings) -> int:
    """The same of an input, whose drivers may give less."""
    width = operand_width(bits, settings)
    return width if settings.input_bits is None else min(width, settings.input_bits)


def is_counted(settings: CrossbarSettings) -> bool:
    """Whether columns are read by integrate-and-fire circuits."""
    return settings.converter == "integrate_and_fire"


def spikes_of(settings: CrossbarSettings) -> Spikes:
    """The spiking interface; SimulatorError where the settings have none (they refuse choices that need it)."""
    if settings.spikes is None:
        raise SimulatorError("this crossbar has no spikes")
    return settings.spikes


def counter_ghz(settings: CrossbarSettings) -> float:
    """Rate at which a counter must count to fill up in one input vector: half of its counts fall into the last spike
    of the train, the heaviest."""
    return float(2 ** (spikes_of(settings).counter_bits - 1) / settings.array.step_ns.value)


def is_balanced(settings: CrossbarSettings) -> Any:
    """Whether copies are given out by pace."""
    return np.asarray(settings.layout.duplication) == "balanced"


def copies_of(vectors: Any, settings: CrossbarSettings, cycles: Any = 1) -> Any:
    """Copies of arrays that share `vectors` input vectors of a sample, of so many cycles each."""
    if settings.positions_per_copy is None:
        fixed = np.minimum(settings.replication, vectors)
    else:
        fixed = ceil_div(vectors, settings.positions_per_copy)
    reads = settings.layout.reads_per_copy
    return fixed if reads is None else np.where(is_balanced(settings), paced_copies(vectors, cycles, reads), fixed)


def paced_copies(vectors: Any, cycles: Any, reads: Any) -> Any:
    """Fewest copies that make at most so many reads each; one a vector where a single vector takes more."""
    return ceil_div(vectors, np.maximum(1, reads // np.asarray(cycles)))


def crossbars(settings: CrossbarSettings) -> Any:
    """Arrays of one chip."""
    return np.asarray(settings.tiles) * settings.imas_per_tile * settings.crossbars_per_ima


def all_crossbars(settings: CrossbarSettings) -> Any:
    """Arrays of all chips."""
    return crossbars(settings) * linked_chips(settings)


def linked_chips(settings: CrossbarSettings) -> Any:
    """Chips that pass activations to each other; without links there is one, however many are bought."""
    return np.where(np.asarray(settings.hypertransport.links) > 0, settings.layout.chips, 1)


def whole_pieces(arrays: Quantity, settings: CrossbarSettings) -> Any:
    """Arrays that a layer keeps from others: whole pieces of the chip."""
    ima = np.asarray(settings.crossbars_per_ima)
    piece = {"array": 1, "ima": ima, "tile": ima * settings.imas_per_tile}[settings.layout.placement]
    return ceil_div(arrays, piece) * piece


def columns_per_converter(settings: CrossbarSettings) -> Quantity:
    """Columns that one converter takes in turn, each in a slot of its own: both of a pair, which give one result."""
    return np.asarray(ceil_div(settings.array.columns, settings.adc.per_crossbar))


def step_ns(settings: CrossbarSettings) -> Quantity:
    """One analog read: the array's own time, or that of converting every column with the converters that share them."""
    if is_counted(settings):
        return settings.array.step_ns.value
    conversion = columns_per_converter(settings) * conversion_ns(settings.adc)
    return np.asarray(np.maximum(settings.array.step_ns.value, conversion))


def column_attenuation(wire_kohm: float, g_msiemens: float, rows: int) -> float:
    """Share of the ideal current of a column of `rows` driven, equal cells, grounded at one end: tanh(x) / x with
    x = rows * sqrt(wire * g)."""
    x = rows * math.sqrt(wire_kohm * g_msiemens)
    return math.tanh(x) / x if x > 0 else 1.0
