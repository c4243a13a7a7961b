"""How one matrix product lies on crossbars and how often they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Quantity, ceil_div
from joulescape.simulators.crossbar.rules import columns_per_weight, input_cycles, operand_width, slices, step_ns
from joulescape.simulators.crossbar.settings import CrossbarSettings


@dataclass(frozen=True)
class Mapping:
    """One layer on its arrays. `reads` are input vectors times bit cycles; counts are for the whole batch.

    A transposed read (input gradient) drives the columns: the slices of a weight need different factors, so each slice
    is driven alone and an input vector takes `slices` times as many reads.
    """

    loops: Loops
    slices: Quantity
    cells_per_weight: Quantity
    row_tiles: Quantity
    column_tiles: Quantity
    copies: Quantity
    cycles: Quantity
    converters_per_weight: Quantity
    unit_columns: Quantity

    @property
    def arrays(self) -> Quantity:
        """Crossbars of one copy of the layer."""
        return self.loops.G * self.row_tiles * self.column_tiles

    @property
    def reads(self) -> Quantity:
        """Analog reads of each array for the whole batch, over all copies."""
        return self.loops.positions * self.cycles

    @property
    def conversions(self) -> Quantity:
        """Column conversions: every used column of every read, and one unit column an array for the offset."""
        columns = self.loops.K * self.converters_per_weight + self.column_tiles * self.unit_columns
        return self.reads * self.loops.G * self.row_tiles * columns

    @property
    def drives(self) -> Quantity:
        """Row drives: every used row of every read."""
        return self.reads * self.loops.G * self.column_tiles * self.loops.reduction

    @property
    def cell_reads(self) -> Quantity:
        """Cells read: every used cell of every read."""
        return self.reads * self.loops.G * self.loops.reduction * self.loops.K * self.cells_per_weight


def map_product(work: MatrixWork, settings: CrossbarSettings) -> Mapping:
    """Crossbars = groups * ceil(K / rows) * ceil(N * cells / columns); cycles = ceil(input bits / DAC bits)."""
    loops, width = work.loops, operand_width(work.weight.bits, settings)
    slice_count, cells_per_weight = slices(width, settings), columns_per_weight(width, settings)
    is_offset = settings.array.encoding == "offset"
    return Mapping(
        loops=loops,
        slices=slice_count,
        cells_per_weight=cells_per_weight,
        row_tiles=ceil_div(loops.reduction, settings.array.rows),
        column_tiles=ceil_div(loops.K * cells_per_weight, settings.array.columns),
        copies=np.minimum(settings.replication, loops.OY * loops.OX),
        cycles=input_cycles(operand_width(work.input.bits, settings), work.input.is_signed, settings.dac.bits),
        converters_per_weight=slice_count if is_offset else slice_count / 2,
        unit_columns=1 if is_offset else 0,
    )


def analog_ns(work: MatrixWork, mapping: Mapping, settings: CrossbarSettings) -> Quantity:
    """Time for which the layer's arrays are read: the input vectors are shared among the copies."""
    turns = ceil_div(mapping.loops.positions, mapping.copies) * mapping.cycles
    drives = mapping.slices if work.role == "input_gradient" else 1
    return np.asarray(turns * drives * step_ns(settings))


def utilisation(work: MatrixWork, mapping: Mapping, settings: CrossbarSettings) -> Quantity:
    """MACs over those that the layer's arrays could do in the same reads."""
    weights = settings.array.rows * settings.array.columns / mapping.cells_per_weight
    turns = ceil_div(mapping.loops.positions, mapping.copies)
    drives = mapping.slices if work.role == "input_gradient" else 1
    return np.asarray(work.macs / (mapping.arrays * mapping.copies * turns * drives * weights))
