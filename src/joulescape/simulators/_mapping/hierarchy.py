"""Declarative hardware of the mapper: an array of multipliers and the memories above it, inner to outer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from joulescape.simulators._mapping.layer import OPERANDS, Operand

Direction = Literal["to_low", "from_low", "to_high", "from_high"]
"""What a memory does with a word: read it for the level below, write it from below, read it for above, write it from
above."""

DIRECTIONS: tuple[Direction, ...] = ("to_low", "from_low", "to_high", "from_high")
READS = frozenset({"to_low", "to_high"})

Buffering = Literal["always", "never", "free"]
"""Whether room is kept for the tile to come, whose transfer then overlaps computing: for every operand, for none, or
for those where the search finds it worth the room."""


@dataclass(frozen=True)
class Port:
    """One physical port: bits a cycle (also the bits that one access costs energy for) and the least bits it fetches.

    A transfer is bought in units of `least_bits`; each costs `least_bits / bits` of one access.
    """

    name: str
    bits: int
    least_bits: int


@dataclass(frozen=True)
class Memory:
    """One memory of the hierarchy; `bindings` says which operand moves which way through which port (an index).

    `serves` names the array dimensions below one instance: a register file serves none (one per unit), a shared buffer
    all. `wire_pj_per_bit` is what the way down costs for every copy delivered (multicast counts each receiver).
    """

    name: str
    size_bits: int
    read_pj: float
    write_pj: float
    ports: tuple[Port, ...]
    bindings: tuple[tuple[Operand, Direction, int], ...]
    serves: tuple[str, ...] = ()
    buffering: Buffering = "free"
    wire_pj_per_bit: float = 0.0

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """Operands that this memory holds."""
        held = {operand for operand, _, _ in self.bindings}
        return tuple(operand for operand in OPERANDS if operand in held)

    @cached_property
    def _bound(self) -> Mapping[tuple[Operand, Direction], int]:
        return {(operand, direction): port for operand, direction, port in self.bindings}

    def port_index(self, operand: Operand, direction: Direction) -> int:
        """Which port carries this movement."""
        return self._bound[operand, direction]

    def port(self, operand: Operand, direction: Direction) -> Port:
        """The port that carries this movement."""
        return self.ports[self._bound[operand, direction]]

    def access_pj(self, direction: Direction) -> float:
        """Energy of one access of a port's full width."""
        return self.read_pj if direction in READS else self.write_pj


@dataclass(frozen=True)
class Array:
    """Multipliers along named dimensions; along a systolic one, results leave a cycle later for every unit."""

    sizes: tuple[tuple[str, int], ...]
    unit_pj: float
    systolic: tuple[str, ...] = ()

    @cached_property
    def size(self) -> Mapping[str, int]:
        """Units along each dimension."""
        return dict(self.sizes)

    @property
    def units(self) -> int:
        """All multipliers."""
        return math.prod(self.size.values())


@dataclass(frozen=True)
class Hierarchy:
    """An array and its memories, inner to outer; a layer starts and ends in the last level of every operand."""

    name: str
    array: Array
    memories: tuple[Memory, ...]
    levels: Mapping[Operand, tuple[int, ...]] = field(init=False, compare=False)
    """Indices into `memories`, innermost first."""

    def __post_init__(self) -> None:
        found = {
            operand: tuple(i for i, memory in enumerate(self.memories) if operand in memory.operands)
            for operand in OPERANDS
        }
        object.__setattr__(self, "levels", found)

    def memory(self, operand: Operand, level: int) -> Memory:
        """The memory at one level of an operand."""
        return self.memories[self.levels[operand][level]]

    @cached_property
    def topology(self) -> tuple[object, ...]:
        """All that decides which mappings there are and how many words they move: no energy, size or speed."""
        return tuple((memory.bindings, memory.serves, len(memory.ports)) for memory in self.memories)


def bind(reads: Sequence[Operand], port: int) -> tuple[tuple[Operand, Direction, int], ...]:
    """Bindings that send every movement of some operands through one port."""
    return tuple((operand, direction, port) for operand in reads for direction in movements(operand))


def movements(operand: Operand) -> tuple[Direction, ...]:
    """Movements that an operand can make: inputs only come down."""
    return DIRECTIONS if operand == "O" else ("to_low", "from_high")
