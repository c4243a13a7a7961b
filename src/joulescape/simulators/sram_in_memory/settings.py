"""What the `parameters` of SRAM arrays that compute say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._photonics import Buffer
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Count = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=16)]

Activity = Literal["constant", "non_zero", "value"]
"""What the energy of a read follows: nothing; the share of inputs that are not zero (a controller masks the others);
the mean input (pulses are counted, currents flow as long as the input says)."""

Converter = Literal["sar", "flash", "comparator"]
"""Energy and area with the bits: in proportion (one comparison a bit); with 2^bits - 1 comparators; one comparison."""


class ArrayShape(Shape):
    """One macro: cells of one bit in rows (inputs) and columns (outputs)."""

    rows: Annotated[int, Field(ge=8, le=8192)]
    columns: Annotated[int, Field(ge=8, le=8192)]
    weight_sets: Count = 1
    """Weights that each computing cell can choose from: so many times the macro's size stay on the chip."""


class Widths(Shape):
    """Widest operands; wider ones are rounded."""

    weight: Bits
    input: Bits


class Adc(Shape):
    """What reads one column, or one group of joined columns."""

    kind: Converter
    bits: Bits
    table_bits: Bits
    energy_pj: LowerIsBetter
    """One conversion at `table_bits`."""
    area_mm2: LowerIsBetter
    """One converter at `table_bits`."""
    shared_by: Count = 1
    """Columns (or groups) that one converter reads, one after the other."""


class Analog(Shape):
    """Columns that add in the analog domain."""

    dac_bits: Bits
    """Bits of an input that one read drives: 1 is bit-serial and needs no converter at the rows."""
    is_joined: bool
    """Columns of one weight are weighted and joined before the converter: one conversion a weight, not one a bit."""
    cycle_ns: LowerIsBetter
    """One read of all columns, conversions included, at the printed sharing of converters."""
    supply_v: Annotated[float, Field(gt=0.3, le=1.5)]
    table_v: Annotated[float, Field(gt=0.3, le=1.5)]
    """Supply at which the energies hold: they follow its square (rule `cv2`); time does not follow."""
    drive_pj: LowerIsBetter
    """One row driven once, its converter (if any) included."""
    column_pj: LowerIsBetter
    """One column of cells, all rows, read once."""
    near_pj: LowerIsBetter
    """Digital work behind one conversion: shift, scale, add."""
    activity: Activity
    adc: Adc
    range_rows: Annotated[int, Field(ge=0)]
    """The converter's full scale spans whole multiples of so many rows; 0: it is set by calibration."""
    clip_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    mismatch_sigma_fraction: LowerIsBetter
    """Standard deviation of one cell's share of a sum."""
    bend_fraction: LowerIsBetter
    """What a bit line lacks at full scale: v = s (1 - bend |s| / S)."""
    read_sigma_fraction: LowerIsBetter
    """Noise of one read, of full scale."""


class Serial(Shape):
    """Logic below every column: operands lie along the column, one bit of a sum a cycle (eckert2018).

    Product of a and b bits: a b + 2.5 (a + b) - 2 cycles (n^2 + 5 n - 2 for equal widths); sum of s bits: s + 1.
    """

    cycle_ns: LowerIsBetter
    cycle_pj: LowerIsBetter
    """One array, all columns, one cycle: two rows sensed, one written."""
    access_pj: LowerIsBetter
    """One row of one array read or written as a memory."""
    sum_bits: Annotated[int, Field(ge=8, le=48)]
    fill_gbps: HigherIsBetter
    """Rate at which inputs reach the arrays, each once however many arrays take it."""


class Writing(Shape):
    """How weights get into the cells."""

    pj_per_bit: LowerIsBetter
    row_ns: LowerIsBetter
    """One row of one macro; rows are written one after the other, macros as the off-chip memory feeds them."""


class SramInMemorySettings(Shape):
    """Macros beside a buffer; either `analog` or `serial` says how columns compute."""

    macros: Count
    array: ArrayShape
    widths: Widths
    analog: Analog | None = None
    serial: Serial | None = None
    writing: Writing
    buffer: Buffer
    macro_mm2: LowerIsBetter
    """Cells, drivers and control of one macro; converters come on top."""
    near_mm2: LowerIsBetter
    """Digital logic beside one macro."""
    leakage_mw: LowerIsBetter
    """Of one macro."""

    @model_validator(mode="after")
    def _computes_in_one_way(self) -> Self:
        if (self.analog is None) == (self.serial is None):
            raise ValueError("exactly one of `analog` and `serial` says how columns compute")
        return self

    @model_validator(mode="after")
    def _fits_a_weight(self) -> Self:
        if self.analog is not None and self.widths.weight > self.array.columns:
            raise ValueError(f"a weight of {self.widths.weight} columns in an array of {self.array.columns}")
        if self.analog is not None and self.analog.adc.kind == "comparator" and self.analog.adc.bits != 1:
            raise ValueError("a comparator reads one bit: adc.bits must be 1")
        return self
