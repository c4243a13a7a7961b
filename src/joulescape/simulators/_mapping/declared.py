"""The memory hierarchy as a back end's YAML declares it, and the Hierarchy that the mapper works on.

```yaml
array: {dimensions: {rows: 12, columns: 14}, mac_pj: {...}, systolic: []}
memories:                       # from the units outwards; off-chip memory is added above the last one
  filter_spad: {bytes: 448, holds: [weight], word_bits: 16, ports: read_write, read_pj: {...}, write_pj: {...}, ...}
  buffer: {bytes: 102400, holds: [input, output], serves: [rows, columns], word_bits: 64, least_bits: 16, ...}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.hierarchy import (
    READS,
    Array,
    Buffering,
    Direction,
    Hierarchy,
    Memory,
    Port,
    movements,
)
from joulescape.simulators._mapping.layer import Operand
from joulescape.simulators.base import OffChip
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter
from joulescape.units import BITS_PER_BYTE

OperandName = Literal["weight", "input", "output"]
OPERAND: Mapping[OperandName, Operand] = {"weight": "W", "input": "I", "output": "O"}

Ports = Literal["one", "read_write", "each"]
"""One port for everything, one for reads and one for writes, or one for every movement."""

BEYOND: frozenset[OperandName] = frozenset(OPERAND)

OFF_CHIP = "off_chip_memory"

OFF_CHIP_BITS = 1 << 50
"""Room of an off-chip memory: more than any network, so that capacity never decides there."""

Positive = Annotated[int, Field(ge=1)]


class MemoryDeclaration(Shape):
    """One memory: its room, who lies in it, how wide an access is, and what one costs."""

    bytes: Positive
    holds: Annotated[tuple[OperandName, ...], Field(min_length=1)]
    serves: tuple[str, ...] = ()
    """Array dimensions below one instance; none for a register file of every unit."""
    word_bits: Positive
    """Bits of one access, and of one port in one cycle."""
    least_bits: Positive | None = None
    """Least bits that an access can be bought in; absent: whole words only."""
    ports: Ports = "read_write"
    read_pj: LowerIsBetter
    """One read of `word_bits`."""
    write_pj: LowerIsBetter
    wire_pj_per_bit: LowerIsBetter | None = None
    """The way to and from one instance below, for every copy."""
    buffering: Buffering = "free"
    area_mm2: LowerIsBetter
    """Of one instance."""
    leakage_mw: LowerIsBetter
    """Of one instance, used or not."""

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.word_bits % (self.least_bits or self.word_bits):
            raise ValueError("least_bits must divide word_bits")
        return self


class ArrayDeclaration(Shape):
    """Multipliers along named dimensions."""

    dimensions: Annotated[dict[str, Positive], Field(min_length=1)]
    mac_pj: LowerIsBetter
    systolic: tuple[str, ...] = ()


class HierarchyDeclaration(Shape):
    """An array and its memories, from the units outwards."""

    array: ArrayDeclaration
    memories: dict[str, MemoryDeclaration]

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        if OFF_CHIP in self.memories:
            raise ValueError(f"'{OFF_CHIP}' is the memory above those of the chip")
        known = set(self.array.dimensions)
        wanted = {dim for memory in self.memories.values() for dim in memory.serves} | set(self.array.systolic)
        if not wanted <= known:
            raise ValueError(f"array dimensions {sorted(wanted - known)} are not among {sorted(known)}")
        return self

    def hierarchy(
        self, name: str, off_chip: OffChip, clock_ghz: float, beyond: frozenset[OperandName] = BEYOND
    ) -> Hierarchy:
        """What the mapper works on; off-chip bits a cycle follow from its bandwidth and the clock.

        `beyond` names the operands that come from off-chip memory; the others lie in the chip's outermost memory that
        holds them. Raises Infeasible where the off-chip memory is slower than a bit a cycle, with the clock that it
        could serve.
        """
        array = Array(tuple(self.array.dimensions.items()), self.array.mac_pj.value, self.array.systolic)
        outermost = _off_chip(off_chip, clock_ghz, tuple(self.array.dimensions), beyond)
        return Hierarchy(name, array, (*(_memory(*named) for named in self.memories.items()), outermost))


def _memory(name: str, declared: MemoryDeclaration) -> Memory:
    wire = declared.wire_pj_per_bit
    least = declared.least_bits or declared.word_bits
    ports, bindings = _ports(declared.ports, [OPERAND[name] for name in declared.holds], declared.word_bits, least)
    return Memory(
        name=name,
        size_bits=declared.bytes * BITS_PER_BYTE,
        read_pj=declared.read_pj.value,
        write_pj=declared.write_pj.value,
        ports=ports,
        bindings=bindings,
        serves=declared.serves,
        buffering=declared.buffering,
        wire_pj_per_bit=wire.value if wire else 0.0,
    )


def _ports(
    kind: Ports, operands: list[Operand], bits: int, least: int
) -> tuple[tuple[Port, ...], tuple[tuple[Operand, Direction, int], ...]]:
    """Ports and who moves through which."""
    moves = [(operand, direction) for operand in operands for direction in movements(operand)]
    if kind == "one":
        return (Port("rw", bits, least),), tuple((op, direction, 0) for op, direction in moves)
    if kind == "read_write":
        bindings = tuple((op, direction, 0 if direction in READS else 1) for op, direction in moves)
        return (Port("r", bits, least), Port("w", bits, least)), bindings
    ports = tuple(Port(f"{op}_{direction}", bits, least) for op, direction in moves)
    return ports, tuple((op, direction, index) for index, (op, direction) in enumerate(moves))


def _off_chip(
    off_chip: OffChip, clock_ghz: float, dimensions: tuple[str, ...], beyond: frozenset[OperandName]
) -> Memory:
    bits = int(off_chip.bandwidth_gbps.value / clock_ghz)
    if bits < 1:
        most = off_chip.bandwidth_gbps.value
        raise Infeasible(
            f"{off_chip.name} gives less than a bit a cycle at {clock_ghz:g} GHz; it could serve {most:g} GHz",
            clock_ghz / most - 1 if most else 1.0,
        )
    ports, bindings = _ports(
        "one", [OPERAND[name] for name in ("output", "weight", "input") if name in beyond], bits, 1
    )
    return Memory(
        OFF_CHIP,
        OFF_CHIP_BITS,
        off_chip.read_pj_per_bit.value * bits,
        off_chip.write_pj_per_bit.value * bits,
        ports,
        bindings,
        dimensions,
    )
