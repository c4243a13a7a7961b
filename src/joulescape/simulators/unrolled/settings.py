"""What the `parameters` of an unrolled array say: which loops are wired, what feeds them, what the board draws.

```yaml
array: {rows: 64, lanes: 7}        # multipliers side by side ...
loops: {rows: [K], lanes: [C]}     # ... along one of these loops each; several: the best for the layers
```
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

LoopName = Literal["B", "K", "C", "OY", "OX", "FY", "FX"]
Positive = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=32)]


Side = Literal["rows", "columns", "lanes", "window_rows", "window_columns"]


class ArraySettings(Shape):
    """Units along each side of the array; a side of one unit is none."""

    rows: Positive = 1
    columns: Positive = 1
    lanes: Positive = 1
    window_rows: Positive = 1
    window_columns: Positive = 1


class WidthSettings(Shape):
    """Bits of the operands on the chip; `is_float`: 32-bit floating point, in which networks are trained."""

    weight: Bits
    input: Bits
    sum: Annotated[int, Field(ge=8, le=48)]
    output: Bits
    is_float: bool = False


class FillSettings(Shape):
    """Cycles that the array's pipeline loses at a tile whose sums are only a part of the layer's."""

    cycles: Annotated[int, Field(ge=0)]


class BufferSettings(Shape):
    """Block memory for the tiles of all operands."""

    bytes: Positive
    is_double: bool
    """Whether tiles are there twice, so that the next one's transfer hides behind this one's computing."""
    read_pj_per_byte: LowerIsBetter
    write_pj_per_byte: LowerIsBetter


class BroadcastSettings(Shape):
    """Wires that reach every unit in one cycle, in place of units that hand operands on to their neighbours."""

    is_on: bool
    ns_per_root_unit: LowerIsBetter
    """Longer cycle: times the square root of the number of units, as the array's side grows."""


class ResourceSettings(Shape):
    """Blocks of the device: multipliers, of which one unit takes some (half a block where it multiplies twice), and
    memories, of which the buffer takes as many as hold it."""

    blocks: Positive
    blocks_per_unit: Annotated[float, Field(gt=0)]
    memory_blocks: Positive
    memory_block_bytes: Positive


class BoardSettings(Shape):
    """What stands whether or not anything is computed."""

    idle_mw: LowerIsBetter
    """The whole board: device, regulators, memory, clocks; drawn for the whole time."""
    device_fraction: LowerIsBetter
    """Share of it that the device draws: leakage, clocks and routing, inside its chip; the rest is the system's."""
    device_mm2: LowerIsBetter
    """The device's die, all of it, however much of it the design uses."""


class LaneSettings(Shape):
    """Lanes that take results as they leave the array."""

    lanes: Positive
    op_pj: LowerIsBetter


class UnrolledSettings(Shape):
    """One design on one board."""

    clock_ghz: Annotated[float, Field(gt=0)]
    max_clock_ghz: HigherIsBetter
    """A faster one is infeasible: nothing here says what it would take."""
    array: ArraySettings
    loops: dict[Side, Annotated[tuple[LoopName, ...], Field(min_length=1)]]
    """Loops of which one is unrolled along a side."""
    mapping: Literal["unified", "per_layer"] = "unified"
    """Whether one choice of loops is built for all layers, or each layer has its own."""
    hands_on: bool = False
    """A systolic array: each side must reuse another operand, sums stay in their units, operands skew in."""
    streams_inputs: bool = False
    """A cycle for every input position, whether or not an output begins there (a picture runs through the convolver);
    else a cycle for every output position."""
    whole: dict[Literal["OY", "OX"], Positive] = Field(default_factory=dict)
    """Positions of a tile of fixed size: maps are filled up to whole tiles."""
    fill: FillSettings = FillSettings(cycles=0)
    broadcast: BroadcastSettings | None = None
    widths: WidthSettings
    packs_weights: bool = False
    """Whether weights lie in off-chip memory at their own width where that is narrower than the array's."""
    mac_pj: LowerIsBetter
    buffer: BufferSettings
    port_bits: Positive | None = None
    """Bits a cycle between chip and off-chip memory; absent: as many as that memory gives."""
    vector: LaneSettings | None = None
    """Absent: the host does what is no matrix product."""
    resources: ResourceSettings
    board: BoardSettings

    @model_validator(mode="after")
    def _every_side_has_loops(self) -> Self:
        bare = [side for side, size in self.array.model_dump().items() if size > 1 and side not in self.loops]
        if bare:
            raise ValueError(f"array has several units along {bare}, for which loops names none")
        return self

    @property
    def sides(self) -> Mapping[Side, int]:
        """Units along every side that has loops."""
        return {side: getattr(self.array, side) for side in self.loops}

    @property
    def units(self) -> int:
        """Multiply-accumulate units."""
        return math.prod(self.sides.values())

    @property
    def cycle_ns(self) -> float:
        """Time of a cycle; longer where every operand must reach all units in one."""
        wires = self.broadcast
        longer = wires.ns_per_root_unit.value * math.sqrt(self.units) if wires is not None and wires.is_on else 0.0
        return 1.0 / self.clock_ghz + longer

    @property
    def blocks(self) -> int:
        """Multiplier blocks that the units take."""
        return math.ceil(self.units * self.resources.blocks_per_unit)

    @property
    def memory_blocks(self) -> int:
        """Memory blocks that the buffer takes."""
        return math.ceil(self.buffer.bytes / self.resources.memory_block_bytes)
