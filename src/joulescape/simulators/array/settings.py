"""What the `parameters` of a memory array with its read-out say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators.crossbar.devices import AgedCell
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Count = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=16)]

Pairs = Literal["rows", "columns", "none"]
"""Where both cells of a signed weight stand: on two rows of one column, driven against each other; in two columns,
subtracted behind the array; none: one cell a weight, less what a reference column of middle cells gives."""

Steps = Literal["binary_search", "analog"]
"""What a column's read-out does: as many decisions as it has bits; none, the sum goes on as a voltage."""


class ArrayShape(Shape):
    """One array of cells."""

    rows: Annotated[int, Field(ge=2, le=8192)]
    columns: Annotated[int, Field(ge=1, le=8192)]
    pairs: Pairs
    summing: Literal["current", "resistance"] = "current"
    """current: cells of a column stand side by side and their currents add, V^2 G t a cell. resistance: they form a
    chain whose resistances add, so that one current, V / (N R), flows through all of them (jung2022)."""

    @model_validator(mode="after")
    def _has_pairs(self) -> Self:
        count = getattr(self, self.pairs) if self.pairs != "none" else 2
        if count % 2:
            raise ValueError(f"pairs on {self.pairs} need an even count, array.{self.pairs} is {count}")
        return self


class Cell(AgedCell):
    """One memory cell in use, and the wire to the next one."""

    wire_kohm: LowerIsBetter
    """Wire resistance of one cell pitch, along rows and along columns."""


class Widths(Shape):
    """Widest operands; wider ones are rounded. A pair of cells holds a sign and `weight - 1` bits, one cell all."""

    weight: Annotated[int, Field(ge=2, le=9)]
    input: Bits


class Drive(Shape):
    """How inputs reach the rows.

    pulses: bit by bit, least significant first; the read-out adds what the k-th bit gives 2^k times. Magnitudes of more
    than `split_above_bits` are cut into up to `phases` parts of equal width, each read out by itself, since the
    2^n - 1 additions of n bits outgrow a second read-out. amplitude: a voltage in proportion, all bits at once.
    """

    coding: Literal["pulses", "amplitude"]
    phases: Annotated[int, Field(ge=1, le=4)] = 1
    split_above_bits: Bits = 16
    row_pj: LowerIsBetter
    """One row driven once: its wire, its driver, its converter if it has one."""
    gate_pj: LowerIsBetter
    """One word line switched for one drive of the array, one a column."""
    gate_phase_pj: LowerIsBetter
    """What word lines take beside that, a column and phase."""

    @model_validator(mode="after")
    def _splits_pulses(self) -> Self:
        if self.coding == "amplitude" and self.phases > 1:
            raise ValueError("amplitude drives all bits at once: phases must be 1")
        return self


class Readout(Shape):
    """What reads a column (a pair of columns), or several in turns."""

    steps: Steps
    bits: Annotated[int, Field(ge=2, le=16)]
    shared_by: Count = 1
    """Columns (pairs) that one read-out serves, one after the other."""
    sample_pj: LowerIsBetter
    """Taking a column's signal once a drive."""
    integrate_pj: LowerIsBetter
    """One addition of a sample."""
    step_pj: LowerIsBetter
    """One decision, with the logic behind it."""
    integrate_ns: LowerIsBetter
    """One addition, with the drive that it follows."""
    step_ns: LowerIsBetter
    phase_ns: LowerIsBetter
    """Once a phase: settling, reset; of an analog read-out all of it."""
    clip_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Full scale as a share of the largest column sum seen in calibration."""
    sigma_fraction: LowerIsBetter
    """Noise of one analog hand-over, of full scale; of digital read-outs their steps alone count."""
    area_mm2: LowerIsBetter


class Words(Shape):
    """Cells read as a memory, a word at a time, and sums formed by logic (or a computer) beside it."""

    cells: Count
    """Of all arrays together."""
    access_ns: LowerIsBetter
    sense_pj: LowerIsBetter
    """Sensing one cell."""
    add_pj: LowerIsBetter
    """One multiply-accumulate beside the memory."""


class ArraySettings(Shape):
    """Arrays that hold a whole network, each layer in cells of its own."""

    arrays: Count
    copies: Count = 1
    """Copies of every layer, which share its input vectors: at most one an array."""
    reading: Literal["columns", "words"] = "columns"
    """columns: the array multiplies, all rows and columns at once; words: it is read and others multiply."""
    can_rewrite: bool = False
    """A network that does not fit is fetched and written anew, layer by layer, for every batch; without it that is
    infeasible."""
    served_batches: Count | None = None
    """Batches of a chip's life, whose writes are held against the endurance of its cells. None: not held."""
    cell_energy: Literal["values", "fixed"] = "values"
    """values: by what this network's operands are, as far as they were measured; fixed: the same for any data."""
    array: ArrayShape
    widths: Widths
    cell: Cell
    drive: Drive
    readout: Readout
    words: Words | None = None
    moving_pj_per_bit: LowerIsBetter
    """One bit of an input or an output between the arrays and the registers around them."""
    array_mm2: LowerIsBetter
    """Cells of one array."""
    driver_mm2: LowerIsBetter
    """Drivers of one array."""
    control_mm2: LowerIsBetter
    """Everything else of one array."""
    leakage_mw: LowerIsBetter
    """Of one array with its circuits."""

    @model_validator(mode="after")
    def _reads_words(self) -> Self:
        if self.reading == "words" and self.words is None:
            raise ValueError("reading: words needs words")
        if self.can_rewrite and self.cell.writing is None:
            raise ValueError("can_rewrite needs cell.writing")
        return self
