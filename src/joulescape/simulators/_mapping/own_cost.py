"""Cost of one complete mapping in our own accounting, read off its loops: the reference that searches are held to.

Energy: every word once per transfer, partial sums read back only if something was written before. Latency: the longest
of the ideal path with fills, write-outs and uncovered transfers, and of what every port has to carry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from joulescape.simulators._mapping.hierarchy import DIRECTIONS, READS, Direction
from joulescape.simulators._mapping.layer import AXIS, INPUTS, OPERANDS, RELEVANT, Operand
from joulescape.simulators._mapping.nest import tile_of
from joulescape.simulators._mapping.plan import Slot
from joulescape.simulators._mapping.quantities import Lane
from joulescape.simulators._mapping.zigzag_energy import Moves


@dataclass(frozen=True)
class Movement:
    """One movement at one memory over the whole layer."""

    operand: Operand
    link: int
    """The boundary it crosses: 0 between the units and the innermost memory, and so on up."""
    memory: int
    direction: Direction
    words: float
    cycles: int
    """Of one transfer, at its port."""
    count: int


@dataclass(frozen=True)
class OwnCost:
    """A nest with the boundaries whose memory keeps room for the next tile."""

    moves: Moves
    doubled: frozenset[Slot] = frozenset()

    @cached_property
    def movements(self) -> tuple[Movement, ...]:
        """Everything that moves, level by level."""
        return tuple(
            self._movement(operand, level, direction)
            for operand in OPERANDS
            for level in range(self.moves.frame.levels(operand))
            for direction in DIRECTIONS
            if self.moves.is_active(operand, level, direction)
        )

    def _movement(self, operand: Operand, level: int, direction: Direction) -> Movement:
        frame = self.moves.frame
        index = frame.spatial.hierarchy.levels[operand][level]
        port = frame.spatial.hierarchy.memories[index].port(operand, direction)
        bits = self.moves.amount(operand, level, direction) * self.moves.bits(operand, level, direction)
        count = self._count(operand, level, direction)
        share = port.least_bits / port.bits
        words = math.ceil(bits / port.least_bits) * share * count * frame.instances[operand][level]
        link = self.moves.link(level, direction)
        return Movement(operand, link, index, direction, words, math.ceil(bits / port.bits), count)

    def _count(self, operand: Operand, level: int, direction: Direction) -> int:
        count = self.moves.count(operand, level, direction)
        if operand == "O" and direction in ("to_low", "from_high"):
            return count - self._different(self.moves.link(level, direction))
        return count

    def _different(self, link: int) -> int:
        """Different output tiles that cross a boundary: the first time each has nothing to bring back."""
        nest = self.moves.nest
        inside = tile_of(nest.loops[: nest.merged("O")[link - 1]]) if link else (1,) * 8
        whole = self.moves.frame.spatial.temporal
        return math.prod(whole[AXIS[dim]] // inside[AXIS[dim]] for dim in RELEVANT["O"])

    @cached_property
    def energy_pj(self) -> float:
        """Accesses, wires and multiplies."""
        hierarchy, layer = self.moves.frame.spatial.hierarchy, self.moves.frame.spatial.layer
        accesses = sum(m.words * hierarchy.memories[m.memory].access_pj(m.direction) for m in self.movements)
        return accesses + self.wire_pj + hierarchy.array.unit_pj * layer.macs

    @cached_property
    def wire_pj(self) -> float:
        """Every bit that a lower instance receives or sends, on the way from or to the memory above it."""
        frame = self.moves.frame
        total = 0.0
        for operand in OPERANDS:
            for link in range(frame.levels(operand)):
                wire = frame.memory(operand, link).wire_pj_per_bit
                copies = (frame.units, *frame.instances[operand])[link]
                counts = [
                    self._count(operand, link, d) for d in ("to_low", "from_low") if self._passes(operand, link, d)
                ]
                bits = self.moves.amounts[operand][link] * self.moves.bits(operand, link, "to_low")
                total += wire * copies * bits * sum(counts)
        return total

    def _passes(self, operand: Operand, level: int, direction: str) -> bool:
        return self.moves.is_active(operand, level, direction)  # type: ignore[arg-type]

    @cached_property
    def lanes(self) -> Mapping[Lane, float]:
        """Cycles of every port and of both inputs' paths."""
        found: dict[Lane, float] = {}
        hierarchy = self.moves.frame.spatial.hierarchy
        for move in self.movements:
            key = (move.memory, hierarchy.memories[move.memory].port_index(move.operand, move.direction))
            found[key] = found.get(key, 0.0) + move.cycles * move.count
        for operand in INPUTS:
            found[operand] = self._path(operand)
        return found

    def _path(self, filled: Operand) -> float:
        """Ideal cycles, the array's drain, and every wait on the way of an input."""
        waits = sum(self._wait(operand, link, operand in ("O", filled)) for operand, link in self._links())
        return float(self.moves.cycles + self.moves.frame.spatial.drain_cycles + waits)

    def _links(self) -> list[tuple[Operand, int]]:
        return [(operand, link) for operand in OPERANDS for link in range(1, self.moves.frame.levels(operand))]

    def _wait(self, operand: Operand, link: int, starts: bool) -> int:
        """Cycles that computing waits for one boundary: its first fill (or last write-out), and what is not covered."""
        out, back, count, returns = self._passing(operand, link)
        covered = (operand, link - 1) in self.doubled
        return (out if starts else 0) + (0 if covered else out * (count - 1) + back * returns)

    def waits(self, filled: Operand) -> Mapping[tuple[int, Operand], int]:
        """Waits on the path of an input, by the memory whose port is slower and the operand it moves."""
        found: dict[tuple[int, Operand], int] = {}
        for operand, link in self._links():
            crossing = [move for move in self.movements if move.operand == operand and move.link == link]
            slowest = max(crossing, key=lambda move: move.cycles).memory
            wait = self._wait(operand, link, operand in ("O", filled))
            found[slowest, operand] = found.get((slowest, operand), 0) + wait
        return found

    def _passing(self, operand: Operand, link: int) -> tuple[int, int, int, int]:
        """Cycles of one tile up (inputs: down), of one tile of sums back down, and how often each happens."""
        crossing = [move for move in self.movements if move.operand == operand and move.link == link]
        down = [move for move in crossing if move.direction in ("to_low", "from_high")]
        if operand != "O":
            return max(m.cycles for m in down), 0, down[0].count, 0
        up = [move for move in crossing if move not in down]
        back = (max(m.cycles for m in down), down[0].count) if down else (0, 0)
        return max(m.cycles for m in up), back[0], up[0].count, back[1]

    @property
    def cycles(self) -> float:
        """Latency: the longest lane."""
        return max(self.lanes.values())

    def words_by_memory(self) -> dict[tuple[int, Operand], tuple[float, float]]:
        """Words read and written, by memory and operand."""
        found: dict[tuple[int, Operand], tuple[float, float]] = {}
        for move in self.movements:
            read, written = found.get((move.memory, move.operand), (0.0, 0.0))
            is_read = move.direction in READS
            found[move.memory, move.operand] = (read + move.words * is_read, written + move.words * (not is_read))
        return found
