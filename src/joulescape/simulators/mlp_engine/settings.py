"""What the `parameters` of an engine for dense layers say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Count = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=2, le=32)]
Volts = Annotated[float, Field(gt=0.3, le=1.5)]

Skipping = Literal["off", "predicated", "elided"]
"""What a zero (or small) input spares: nothing; its weights' reads and its products, while its cycle passes
(reagen2016); the cycle as well, because only the others stand in the list that is worked off (whatmough2018)."""

Masking = Literal["none", "word", "bit"]
"""What is done about a failed bit that Razor notices: `numerics._memory_faults`."""


class Widths(Shape):
    """Bits of the three signals of a dense layer; wider operands are rounded, products lose their lowest bits."""

    weight: Bits
    activity: Bits
    product: Bits
    sum: Bits


class Memory(Shape):
    """SRAM at its nominal supply: what a bit costs, stored or moved."""

    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    leakage_mw_per_kib: LowerIsBetter
    area_mm2_per_kib: LowerIsBetter


class Faults(Shape):
    """Share of bit cells that fail at a supply: 10^(log10(fraction) + decades_per_v (reference_v - v)), at most 1/2."""

    reference_v: Volts
    fraction: LowerIsBetter
    """At `reference_v`."""
    decades_per_v: LowerIsBetter


class Supply(Shape):
    """Supply of the weight memory alone: reads follow its square, leakage v 10^(k v), bit cells fail."""

    nominal_v: Volts
    v: Volts
    leakage_decades_per_v: LowerIsBetter
    faults: Faults
    masking: Masking
    razor_fraction: LowerIsBetter
    """Energy that detection and masking add to reads; they are there only where something is masked."""


class Lane(Shape):
    """One multiply-accumulate a cycle; energies and areas at `table_bits`, products in proportion to both widths."""

    table_bits: Bits
    multiply_pj: LowerIsBetter
    add_pj_per_bit: LowerIsBetter
    register_pj_per_bit: LowerIsBetter
    """Pipeline registers and clock of one bit that passes."""
    multiplier_mm2: LowerIsBetter
    leakage_mw_per_mm2: LowerIsBetter


class MlpEngineSettings(Shape):
    """SIMD lanes that share one input at a time, each on an output of its own."""

    lanes: Count
    clock_ghz: Annotated[float, Field(gt=0)]
    max_clock_ghz: HigherIsBetter
    """A faster one is infeasible: nothing here says what it would take."""
    fill_cycles: Annotated[int, Field(ge=0)]
    """Pipeline cycles of every round of outputs."""
    widths: Widths
    skipping: Skipping
    threshold_fraction: Annotated[float, Field(ge=0, lt=1)]
    """Inputs below that share of the layer's largest count as zero."""
    stored_weights: Count
    """Weights that the memory holds, at `widths.weight` bits each."""
    stored_activities: Count
    weights: Memory
    activities: Memory
    supply: Supply
    lane: Lane
    control_mw: LowerIsBetter
    """Sequencer and clock tree, whether or not a product is left out."""
    control_mm2: LowerIsBetter
