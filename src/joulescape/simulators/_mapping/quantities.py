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

from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import INPUTS, Operand
from joulescape.simulators._mapping.moved_words import Row, Tiles
from joulescape.simulators._mapping.plan import Buffers, Placement, Plan, Slot, plan

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
        return plan(buffers, not bool(self.tiles.lattice.finished[0]))

    def _buffers(self, operand: Operand) -> Buffers:
        free = (False, True) if self.timed else (False,)
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
        return total + self._moved(("O", -1))[:, 0]

    def kept(self, operand: Operand) -> Floats:
        """Reading an input every time the unit's register changes, by register tile, (rows, tiles)."""
        return self._kept[operand]

    @cached_property
    def _kept(self) -> Mapping[Operand, Floats]:
        return {operand: self._moved((operand, -1)) for operand in INPUTS}

    def boundary(self, placement: Placement) -> Floats:
        """Rows of a boundary on every tile, (rows, tiles)."""
        return self._boundaries[placement.slot, placement.is_doubled]

    @cached_property
    def _boundaries(self) -> Mapping[tuple[Slot, bool], Floats]:
        found = {}
        for slot in self.tiles.held:
            moved = self._moved(slot)
            found[slot, False] = self._with_path(slot, moved, False) if self.timed else moved
            found[slot, True] = self._with_path(slot, moved, True) if self.timed else moved
        return found

    def _moved(self, slot: Slot) -> Floats:
        """Energy of all words over a boundary, and cycles that they keep each port busy."""
        total = np.zeros((1 + len(self.lanes), self.tiles.lattice.count))
        for index in self.tiles.by_slot[slot]:
            row = self.tiles.rows[index]
            memory = self.hierarchy.memories[row.memory]
            total[0] += memory.access_pj(row.direction) * self.tiles.words(index)
            wire = self.hierarchy.memories[self.hierarchy.levels[row.operand][row.level + 1]].wire_pj_per_bit
            if wire and (row.at == row.level or row.level < 0):
                total[0] += wire * self._wire_bits(row)
            if self.timed:
                total[1 + self.lanes.index((row.memory, self._port(row)))] += self.tiles.busy[index]
        return total

    def _wire_bits(self, row: Row) -> Floats | float:
        """Bits between the memory above a boundary and all instances below it: each copy of a multicast counts."""
        if row.level < 0:
            return self.tiles.frame.units * self.tiles.width(row.operand, -1) * self.tiles.counts(row)
        crossing = self.tiles.crossing_bits[row.operand, row.level]
        return crossing * self.tiles.counts(row) * self.tiles.frame.instances[row.operand][row.level]

    def _with_path(self, slot: Slot, moved: Floats, is_doubled: bool) -> Floats:
        """Add what a boundary costs the paths: an input fills its own, outputs drain both, stalls delay both."""
        rows = moved.copy()
        out, back = self.tiles.passing(slot)
        fills, again = self.tiles.repeats - 1, self.tiles.returns(slot)
        stalls = 0.0 if is_doubled else out * fills + back * again
        for operand in INPUTS:
            first = out if slot[0] in ("O", operand) else 0.0
            rows[1 + self.lanes.index(operand)] += first + stalls
        return rows
