"""What the `parameters` of tiles with neural functional units say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Positive = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=32)]

RETENTION_NS = 40_000.0
"""How long a cell of embedded DRAM keeps its charge, at which powers of refresh are stated (chen2014)."""

Inputs = Literal["parallel", "serial", "non_zero"]
"""How a lane takes its inputs: one a cycle; one bit a cycle, in several windows at once (Stripes); those that are not
zero alone, every lane from a part of the window of its own (Cnvlutin)."""


class UnitSettings(Shape):
    """One tile's functional unit: `filters` outputs at once, `lanes` inputs to each."""

    filters: Positive
    lanes: Positive
    multipliers: Positive
    """Of a tile: those of the lanes, and others that only peak rates count (interpolation, say)."""
    width: Bits
    """Bits of every stored weight and input."""
    sum_bits: Annotated[int, Field(ge=8, le=48)]
    windows: Positive
    """serial: windows side by side, which make up for `width` cycles an input."""
    multiply_pj: LowerIsBetter
    """At full width; a serial unit spends it over `width` cycles."""
    serial_overhead: LowerIsBetter
    """Energy of serial arithmetic at full width over that of a multiplier."""
    add_pj: LowerIsBetter
    register_pj: LowerIsBetter
    """Pipeline registers, a product."""
    area_mm2: LowerIsBetter
    """One tile's unit."""
    serial_area_factor: LowerIsBetter
    skipping_area_factor: LowerIsBetter
    leakage_mw_per_mm2: LowerIsBetter


class EmbeddedDram(Shape):
    """Banks of embedded DRAM: they must be refreshed whether used or not."""

    bytes: Positive
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    refresh_mw_per_mib: LowerIsBetter
    """At `RETENTION_NS`; cells that keep their charge longer are refreshed as much less often."""
    retention_ns: Annotated[float, Field(gt=0)] = RETENTION_NS
    area_mm2_per_mib: LowerIsBetter
    is_refreshed: bool = True
    """False: SRAM cells in its place would need none; to see what refresh costs."""


class LinkSettings(Shape):
    """Links of one chip to its neighbours, powered whether used or not."""

    power_mw: LowerIsBetter
    area_mm2: LowerIsBetter
    bandwidth_gbps: HigherIsBetter | None = None
    """Into one chip, all links together, gigabit per second."""
    hop_ns: LowerIsBetter | None = None


class OffsetSettings(Shape):
    """Non-zero values are stored with their place in a brick."""

    bits: Bits


class NfuSettings(Shape):
    """Tiles around a central memory of inputs and outputs; weights stay in the tiles."""

    chips: Positive = 1
    """Of one machine: they share a layer's outputs, then its positions, and send each other what all need."""
    tiles: Positive
    """Of one chip."""
    clock_ghz: Annotated[float, Field(gt=0)]
    max_clock_ghz: HigherIsBetter
    """A faster one is infeasible: nothing here says what it would take."""
    inputs: Inputs
    unit: UnitSettings
    synapses: EmbeddedDram
    """Of one tile."""
    neurons: EmbeddedDram
    """The central memory: half for inputs, half for outputs."""
    bus_pj_per_bit: LowerIsBetter
    """From the central memory to one tile, and back."""
    buffer_pj_per_bit: LowerIsBetter
    """The unit's own buffers of inputs and partial sums."""
    offset: OffsetSettings | None = None
    links: LinkSettings | None = None
    wiring_area_fraction: LowerIsBetter

    @model_validator(mode="after")
    def _offsets_for_skipping(self) -> Self:
        if self.inputs == "non_zero" and self.offset is None:
            raise ValueError("inputs: 'non_zero' needs the width of an `offset`")
        return self

    @model_validator(mode="after")
    def _chips_are_linked(self) -> Self:
        if self.chips > 1 and (self.links is None or self.links.bandwidth_gbps is None or self.links.hop_ns is None):
            raise ValueError("chips: more than one needs `links` with `bandwidth_gbps` and `hop_ns`")
        return self
