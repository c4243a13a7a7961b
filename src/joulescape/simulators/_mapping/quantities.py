"""Energy and time of every boundary on every tile, as rows that add up along a chain.

Row 0 is energy. The others are lanes: cycles that some port is busy, and the critical path of either input. A layer
takes as long as its longest lane, so that latency is never below the ideal cycles nor below what any port must carry.
The path of an input is the ideal cycles, the first fill of its memories, the last write-out, and every transfer into a
tile whose memory keeps no room for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.boundary import Boundary, Paths
from joulescape.simulators._mapping.hierarchy import Buffering, Hierarchy
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import INPUTS, OPERANDS, Operand
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.plan import Buffers, Indices, Plan, Slot, plan
from joulescape.simulators._mapping.rows import Row

Lane = tuple[int, int] | Operand
"""A port (memory, port), or the path of an input."""


@dataclass(frozen=True)
class Quantities:
    """Additive rows for one hardware point; without `timed` there is energy only."""

    tiles: Tiles
    hierarchy: Hierarchy
    timed: bool

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """What each row after the first stands for."""
        if not self.timed:
            return ()
        ports = {(row.memory, self._port(row)): None for row in self.tiles.rows}
        return (*ports, *INPUTS)

    def _port(self, row: Row) -> int:
        return self.hierarchy.memories[row.memory].port_index(row.operand, row.direction)

    @cached_property
    def plan(self) -> Plan:
        """Orders of boundaries and their bufferings."""
        buffers = (self._buffers("O"), self._buffers("W"), self._buffers("I"))
        return plan(buffers, self.tiles.lattice.accumulates)

    @cached_property
    def orders(self) -> Plan:
        """The same states and orders without a choice of buffering: where it is free, room for one tile is asked."""
        if not self.timed:
            return self.plan
        buffers = (self._buffers("O", False), self._buffers("W", False), self._buffers("I", False))
        return plan(buffers, self.tiles.lattice.accumulates)

    @cached_property
    def free(self) -> frozenset[Slot]:
        """Boundaries whose buffering is open."""
        return frozenset(slot for slot in self.tiles.held if self.timed and self._buffering(slot) == "free")

    def is_doubled(self, slot: Slot) -> bool:
        """Whether room for the next tile is always kept."""
        return self._buffering(slot) == "always"

    def _buffering(self, slot: Slot) -> Buffering:
        return self.hierarchy.memory(*slot).buffering

    def _buffers(self, operand: Operand, chooses: bool = True) -> Buffers:
        free = (False, True) if self.timed and chooses else (False,)
        choices = {"always": (True,), "never": (False,), "free": free}
        memories = [self.hierarchy.memories[index] for index in self.hierarchy.levels[operand][:-1]]
        return tuple(choices[memory.buffering] for memory in memories)

    @cached_property
    def fixed(self) -> Floats:
        """What every mapping pays: multiplies, sums between the units and the innermost memory, ideal cycles."""
        total = np.zeros(1 + len(self.lanes))
        total[0] = self.hierarchy.array.unit_pj * self.tiles.spatial.layer.macs
        for operand in INPUTS if self.timed else ():
            total[1 + self.lanes.index(operand)] = self.tiles.spatial.cycles + self.tiles.spatial.drain_cycles
        return total + self.at_units["O"]

    def kept(self, operand: Operand, tiles: Indices | int) -> Floats:
        """Reading an input every time the unit's register changes, by register tile, (rows, tiles) or (rows,)."""
        return np.multiply.outer(self.at_units[operand], self.tiles.repeats[tiles])

    @cached_property
    def at_units(self) -> Mapping[Operand, Floats]:
        """Moving an operand between the units and the innermost memory: an input once, sums through the whole layer."""
        return {operand: self._at_units(operand) for operand in OPERANDS}

    def _at_units(self, operand: Operand) -> Floats:
        total = np.zeros(1 + len(self.lanes))
        wire = self.hierarchy.memory(operand, 0).wire_pj_per_bit
        for index in self.tiles.by_slot[operand, -1]:
            row = self.tiles.rows[index]
            words, cycles, bits = self.tiles.unit_moves(row)
            total[0] += self.hierarchy.memories[row.memory].access_pj(row.direction) * words + wire * bits
            if self.timed:
                total[self._lane(row)] += cycles
        return total

    def _lane(self, row: Row) -> int:
        """The row of quantities that counts the cycles of a movement's port."""
        return 1 + self.lanes.index((row.memory, self._port(row)))

    @cached_property
    def boundaries(self) -> Mapping[Slot, Boundary]:
        """Every boundary on every tile."""
        return {slot: self._boundary(slot) for slot in self.tiles.held}

    def _boundary(self, slot: Slot) -> Boundary:
        """Energy of all words over a boundary, cycles that they keep each port busy, and what they cost the paths."""
        is_own = self.tiles.accounting == "own"
        price = self.tiles.price_pj(slot, self.hierarchy) if is_own else self._accesses_pj(slot)
        busy: dict[int, Floats] = {}
        for index in self.tiles.by_slot[slot] if self.timed else ():
            row = self.tiles.rows[index]
            cycles, lane = self.tiles.single[index] * self.tiles.counts(row), self._lane(row)
            busy[lane] = busy[lane] + cycles if lane in busy else cycles
        moved = np.stack([np.broadcast_to(price, (self.tiles.lattice.count,)), *busy.values()])
        return Boundary(1 + len(self.lanes), (0, *busy), moved, self._paths(slot) if self.timed else None)

    def _accesses_pj(self, slot: Slot) -> Floats | float:
        """Energy over a boundary, word by word; ZigZag knows no wires."""
        total: Floats | float = 0.0
        for index in self.tiles.by_slot[slot]:
            row = self.tiles.rows[index]
            total = total + self.hierarchy.memories[row.memory].access_pj(row.direction) * self.tiles.words(index)
        return total

    def _paths(self, slot: Slot) -> Paths:
        """What a boundary costs the paths: an input fills its own, outputs drain both, stalls delay both."""
        out, back = self.tiles.passing(slot)
        stalls = out * (self.tiles.repeats - 1)
        if slot[0] == "O":
            stalls += back * self.tiles.back_repeats
        rows = tuple(1 + self.lanes.index(operand) for operand in INPUTS)
        return Paths((rows[0], rows[1]), (slot[0] != "I", slot[0] != "W"), out, stalls)
