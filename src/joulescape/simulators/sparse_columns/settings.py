"""What the `parameters` of an engine of compressed columns say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.simulators._sram import SramTable
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Positive = Annotated[int, Field(ge=1)]


class CodeSettings(Shape):
    """One entry of a column: an index into the layer's values, and the zeros before it."""

    value_bits: Annotated[int, Field(ge=1, le=16)]
    index_bits: Annotated[int, Field(ge=1, le=16)]
    """A run of 2^index_bits zeros or more takes filling entries, which are multiplied like any other."""
    has_filling: bool = True
    """False: runs of any length at no cost; to see what filling entries cost."""


class ElementSettings(Shape):
    """One processing element: every `elements`-th row of all columns lies in it."""

    queue: Positive
    """Non-zero inputs that wait at an element; the slowest one holds the others up only when its queue is full."""
    skips_zero_inputs: bool
    matrix_bytes: Positive
    pointer_bytes: Positive
    """Two banks; the start and end of a column are read for every non-zero input."""
    activation_bytes: Positive
    word_bits: Positive
    """Of the matrix memory."""
    activation_bits: Positive
    multiply_pj: LowerIsBetter
    add_pj: LowerIsBetter
    register_pj_per_bit: LowerIsBetter
    registers_bits: Positive
    """Pipeline and destination registers written for an entry."""
    clock_mw: LowerIsBetter
    """Clock network at the entry's clock."""
    logic_mm2: LowerIsBetter
    leakage_mw_per_mm2: LowerIsBetter


class SparseColumnsSettings(Shape):
    """Elements that walk the columns of a compressed matrix, one for each non-zero input, broadcast to all."""

    elements: Positive
    clock_ghz: Annotated[float, Field(gt=0)]
    max_clock_ghz: HigherIsBetter
    """A faster one is infeasible: nothing here says what it would take."""
    code: CodeSettings
    element: ElementSettings
    broadcast_pj_per_bit: LowerIsBetter
    """From the node that finds non-zero inputs to one element."""
    sram: SramTable
