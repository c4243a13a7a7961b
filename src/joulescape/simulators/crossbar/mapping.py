"""How one matrix product lies on crossbars and how often they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Quantity, ceil_div
from joulescape.simulators.crossbar.rules import (
    columns_per_weight,
    copies_of,
    input_width,
    operand_width,
    slices,
    step_ns,
)
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.speculation import reads_of_input


@dataclass(frozen=True)
class Mapping:
    """One layer on its arrays. `reads` are input vectors times bit cycles; counts are for the whole batch.

    A transposed read (input gradient) drives the columns of the arrays that the forward pass wrote and reads their
    rows: one error vector an output position gives a whole patch of input errors, and overlapping patches are added
    digitally. The slices of a weight need different factors, so each slice is driven alone, in a turn of its own.
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
    turns: Quantity
    """Turns in which one input vector is driven: 1, or the slices of a weight in a transposed read."""
    trains: int
    """Spike trains of one input vector that are counted apart: 1, or 2 where the sign bit has one of its own."""

    @property
    def arrays(self) -> Quantity:
        """Crossbars of one copy of the layer."""
        return self.loops.G * self.row_tiles * self.column_tiles

    @property
    def reads(self) -> Quantity:
        """Analog reads of each array for the whole batch, over all copies."""
        return self.loops.positions * self.cycles

    @property
    def array_reads(self) -> Quantity:
        """The same, counted for each array of a copy."""
        return self.reads * self.arrays

    @property
    def conversions(self) -> Quantity:
        """Column conversions: every used column of every read, and one unit column an array for the offset."""
        columns = self.loops.K * self.converters_per_weight + self.column_tiles * self.unit_columns
        return self.reads * self.loops.G * self.row_tiles * columns

    @property
    def counts(self) -> Quantity:
        """Counts of integrate-and-fire circuits: every used column once a spike train; a pair's halves each."""
        columns = self.loops.K * self.slices + self.column_tiles * self.unit_columns
        return self.loops.positions * self.turns * self.trains * self.loops.G * self.row_tiles * columns

    @property
    def drives(self) -> Quantity:
        """Line drives: every used row of every read; of a transposed read every used column, in its slice's turn."""
        return self.reads * self.turns * self.loops.G * self.column_tiles * self.loops.reduction

    @property
    def cell_reads(self) -> Quantity:
        """Cells read: every used cell of every read."""
        return self.reads * self.loops.G * self.loops.reduction * self.loops.K * self.cells_per_weight


def map_product(work: MatrixWork, settings: CrossbarSettings, forward: MatrixWork | None = None) -> Mapping:
    """Crossbars = groups * ceil(K / rows) * ceil(N * cells / columns); cycles = ceil(input bits / DAC bits).

    An input gradient is read from the arrays of `forward`; without that work at hand its own loop bounds are taken to
    be those of the arrays' transpose. Where updates are averaged over a batch, transposed weights have own arrays.
    """
    is_transposed = work.role == "input_gradient" and settings.training.update_scheme != "batch_average"
    loops = _transposed(forward.loops) if is_transposed and forward is not None else work.loops
    width = operand_width(work.weight.bits, settings)
    slice_count, cells_per_weight = slices(width, settings), columns_per_weight(width, settings)
    is_offset = settings.array.encoding == "offset"
    outputs, reduction = (loops.reduction, loops.K) if is_transposed else (loops.K, loops.reduction)
    along_rows = ceil_div(reduction, settings.array.rows)
    along_columns = ceil_div(outputs * cells_per_weight, settings.array.columns)
    cycles = reads_of_input(input_width(work.input.bits, settings), work.input.is_signed, settings)
    return Mapping(
        loops=loops,
        slices=slice_count,
        cells_per_weight=cells_per_weight,
        row_tiles=along_columns if is_transposed else along_rows,
        column_tiles=along_rows if is_transposed else along_columns,
        turns=slice_count if is_transposed else 1,
        trains=2 if work.input.is_signed else 1,
        copies=copies_of(loops.OY * loops.OX, settings, cycles),
        cycles=cycles,
        converters_per_weight=slice_count if is_offset else slice_count / 2,
        unit_columns=1 if is_offset else 0,
    )


def _transposed(loops: Loops) -> Loops:
    """One error vector of K values an output position; its product is a patch of C FY FX input errors."""
    return Loops(B=loops.B, G=loops.G, K=loops.reduction, C=loops.K, OY=loops.OY, OX=loops.OX)


def analog_ns(mapping: Mapping, settings: CrossbarSettings) -> Quantity:
    """Time for which the layer's arrays are read: the input vectors are shared among the copies."""
    vectors = ceil_div(mapping.loops.positions, mapping.copies)
    return np.asarray(vectors * mapping.cycles * mapping.turns * step_ns(settings))


def fill_ns(settings: CrossbarSettings) -> Quantity:
    """Time before the first and after the last analog read of a layer; results are written into memory subarrays."""
    write = settings.cell.writing.write_ns if settings.buffer == "subarrays" else 0.0
    return np.asarray(settings.array.fill_cycles * step_ns(settings) + write)


def utilisation(mapping: Mapping, settings: CrossbarSettings) -> Quantity:
    """MACs over those that the layer's arrays could do in the same reads."""
    weights = settings.array.rows * settings.array.columns / mapping.cells_per_weight
    vectors = ceil_div(mapping.loops.positions, mapping.copies) * mapping.turns
    return np.asarray(mapping.loops.macs / (mapping.arrays * mapping.copies * vectors * weights))
