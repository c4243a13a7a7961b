"""What every tile of a lattice holds and moves: words by memory and direction, bits held, cycles at every port.

Nothing here depends on energies or sizes of memories, so that the tables outlive a hardware point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Direction, Hierarchy
from joulescape.simulators._mapping.lattice import Flags, Floats, Lattice, lattice
from joulescape.simulators._mapping.layer import (
    AXIS,
    DIMS,
    IRRELEVANT,
    OPERANDS,
    RELEVANT,
    SLIDING,
    Layer,
    Operand,
)
from joulescape.simulators._mapping.plan import Reuse, Slot
from joulescape.simulators._mapping.rows import Row, rows_of, slots_of
from joulescape.simulators._mapping.unrolling import Factors, Spatial

Accounting = Literal["own", "zigzag"]
"""`own` does not charge the first, empty read of a partial sum and rounds nothing down; `zigzag` is the tool's."""


@dataclass(frozen=True)
class Tiles:
    """Tiles of one Spatial under one accounting; arrays run over the tiles of `lattice` in its order."""

    spatial: Spatial
    accounting: Accounting

    @cached_property
    def lattice(self) -> Lattice:
        """The tiles."""
        return lattice(self.spatial.temporal)

    def on(self, hierarchy: Hierarchy) -> Tiles:
        """The same tiles on a machine that differs in energies and sizes only: all tables are shared."""
        other = Tiles(replace(self.spatial, hierarchy=hierarchy), self.accounting)
        other.__dict__.update(
            {name: table for name, table in self.__dict__.items() if name not in ("spatial", "frame")}
        )
        return other

    @cached_property
    def frame(self) -> Frame:
        """Unrolling as this accounting pays for it: the mean, or whole units."""
        return Frame(self.spatial, "average" if self.accounting == "zigzag" else "up")

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every movement that can happen, boundary by boundary."""
        return rows_of(tuple(self.spatial.hierarchy.levels.items()))

    @cached_property
    def repeats(self) -> Floats:
        """How often each tile is run in the whole layer."""
        return self.spatial.cycles / self.lattice.cycles

    @cached_property
    def back_repeats(self) -> Floats:
        """How often a tile of sums comes back: every time but the first that its outputs are worked on."""
        different = math.prod(self.spatial.temporal[AXIS[dim]] for dim in RELEVANT["O"])
        return self.repeats - self.lattice.whole(different / self.lattice.relevant["O"])

    def is_partial(self, level: int) -> Flags:
        """Whether sums leave a tile of output level `level` unfinished."""
        if self.frame.reduces_above[level + 1]:
            return np.ones(self.lattice.count, dtype=bool)
        return self.lattice.unfinished

    @cached_property
    def held(self) -> dict[Slot, Floats]:
        """Elements that one instance of each level below the top holds, (tiles,)."""
        found: dict[Slot, Floats] = {}
        for operand in OPERANDS:
            known: dict[Factors, Floats] = {}
            for level, factors in enumerate(self.frame.inside[operand][: self.frame.levels(operand) - 1]):
                if factors not in known:
                    known[factors] = held(self.spatial.layer, self.lattice, operand, factors)
                found[operand, level] = known[factors]
        return found

    @cached_property
    def crossing_bits(self) -> dict[Slot, Floats]:
        """Bits of one instance's tile on its way over each boundary, (tiles,)."""
        return {slot: held * self.width(*slot) for slot, held in self.held.items()}

    def words(self, index: int) -> Floats:
        """Accesses of a full port width by all instances of a memory for one row, (tiles,)."""
        if index not in self._words:
            row = self.rows[index]
            port = self.spatial.hierarchy.memories[row.memory].port(row.operand, row.direction)
            bought = np.divide(self.moved_bits(row), port.least_bits)
            found = np.asarray(np.ceil(bought) * self.counts(row))
            found *= port.least_bits / port.bits * self.frame.instances[row.operand][row.at]
            self._words[index] = np.floor(found) if self.accounting == "zigzag" else found
        return self._words[index]

    @cached_property
    def _words(self) -> dict[int, Floats]:
        return {}

    def unit_moves(self, row: Row) -> tuple[float, float, float]:
        """Words, port cycles and bits on wires between the units and the innermost memory.

        Of an input: each time that its register changes; of sums: in the whole layer.
        """
        port = self.spatial.hierarchy.memories[row.memory].port(row.operand, row.direction)
        bits = self.boost(row) * self.unit_width(row.operand)
        count = self._unit_counts(row.direction) if row.operand == "O" else 1.0
        words = math.ceil(bits / port.least_bits) * count * port.least_bits / port.bits
        wires = self.frame.units * self.unit_width(row.operand) * count
        return words * self.frame.instances[row.operand][0], math.ceil(bits / port.bits) * count, wires

    def unit_width(self, operand: Operand) -> int:
        """Bits of an element between a unit and the innermost memory."""
        return self.spatial.layer.widths.of(operand, self.lattice.accumulates or self.frame.reduces_above[0])

    @cached_property
    def rounds(self) -> frozenset[int]:
        """Movements over boundaries that some tile may be bought in more units for than its bits fill."""
        return frozenset(
            index for slot in self.held for index in self.by_slot[slot] if self._grain(slot) * self._share(index) % 1
        )

    def _share(self, index: int) -> float:
        row = self.rows[index]
        return self.boost(row) / self.spatial.hierarchy.memories[row.memory].port(row.operand, row.direction).least_bits

    def _grain(self, slot: Slot) -> float:
        """Bits that every tile of a boundary is a whole multiple of."""
        operand, level = slot
        widths, factors = self.spatial.layer.widths, self.frame.inside[operand][level]
        width = math.gcd(widths.sum, widths.output) if operand == "O" else widths.of(operand)
        return width * math.prod([factors[AXIS[dim]] for dim in RELEVANT[operand]])

    def boost(self, row: Row) -> int:
        """Tiles below that one transfer feeds side by side."""
        return self.frame.boosts[row.operand][row.at] if row.at == row.level + 1 else 1

    def price_pj(self, slot: Slot, hierarchy: Hierarchy) -> Floats:
        """Energy of all words and wires over a boundary, (tiles,): words that fill their units add up to one factor."""
        plain: dict[bool, float] = {}
        total: Floats | float = 0.0
        for index in self.by_slot[slot]:
            row = self.rows[index]
            memory, returns = hierarchy.memories[row.memory], self._returns(row)
            each = memory.access_pj(row.direction) * self.frame.instances[row.operand][row.at]
            port = memory.port(row.operand, row.direction)
            if index in self.rounds:
                bought = np.ceil(self.moved_bits(row) / port.least_bits)
                total = total + bought * self._times(returns) * (each * port.least_bits / port.bits)
            else:
                plain[returns] = plain.get(returns, 0.0) + each * self.boost(row) / port.bits
            wire = hierarchy.memories[hierarchy.levels[row.operand][row.level + 1]].wire_pj_per_bit
            if wire and row.at == row.level:
                copies = self.frame.instances[row.operand][row.level]
                plain[returns] = plain.get(returns, 0.0) + wire * copies
        for returns, factor in plain.items():
            total = total + self._crossings[slot, returns] * factor
        return np.asarray(total)

    def _returns(self, row: Row) -> bool:
        """Whether a movement brings partial sums back down."""
        return row.operand == "O" and row.direction in ("to_low", "from_high")

    def _times(self, returns: bool) -> Floats:
        return self.back_repeats if returns else self.repeats

    @cached_property
    def _crossings(self) -> Mapping[tuple[Slot, bool], Floats]:
        """Bits that one instance moves over each boundary in the whole layer, out and back, (tiles,)."""
        found = {(slot, False): bits * self.repeats for slot, bits in self.crossing_bits.items()}
        return found | {
            (slot, True): bits * self.back_repeats for slot, bits in self.crossing_bits.items() if slot[0] == "O"
        }

    @cached_property
    def reuse(self) -> Reuse:
        """For each boundary the loops directly inside which can save energy: they reuse its operand or share rows.

        A loop that selects elements of the operand moves as many bits outside the boundary as inside, unless less than
        a unit would then be fetched.
        """
        return tuple((slot, self._gains(slot)) for slot in self.held)

    def _gains(self, slot: Slot) -> tuple[str, ...]:
        if not self.rounds.isdisjoint(self.by_slot[slot]):
            return DIMS
        shared = (dim for pair in SLIDING for dim in pair if slot[0] == "I" and self._shares(pair))
        return (*IRRELEVANT[slot[0]], *shared)

    def _shares(self, pair: tuple[str, str]) -> bool:
        """Whether neighbouring positions may share input rows or columns, at the edge too."""
        layer, steps = self.spatial.layer, self.frame.steps["I"]
        reached = self.spatial.temporal[AXIS[pair[0]]] * math.prod(factors[AXIS[pair[0]]] for factors in steps)
        return layer.size(pair[1]) > 1 or reached > layer.extent(pair)

    @cached_property
    def by_slot(self) -> Mapping[Slot, tuple[int, ...]]:
        """Indices of the movements over each boundary."""
        return slots_of(self.rows)

    @cached_property
    def single(self) -> Floats:
        """Cycles of one transfer at the port that makes it, (rows, tiles)."""
        found = np.empty((len(self.rows), self.lattice.count))
        for index, row in enumerate(self.rows):
            port = self.spatial.hierarchy.memories[row.memory].port(row.operand, row.direction)
            found[index] = np.ceil(self.moved_bits(row) / port.bits)
        return found

    def passing(self, slot: Slot) -> tuple[Floats, Floats | float]:
        """Cycles for one tile to cross a boundary at its slower side: inputs down or sums up, and sums back down."""
        up = [index for index in self.by_slot[slot] if self.rows[index].direction in ("to_high", "from_low")]
        down = [index for index in self.by_slot[slot] if index not in up]
        back = np.max(self.single[down], axis=0)
        return (np.max(self.single[up], axis=0), back) if up else (back, 0.0)

    def returns(self, slot: Slot) -> Floats | float:
        """How often a tile of partial sums comes back down over a boundary."""
        return self.back_repeats if slot[0] == "O" else 0.0

    def moved_bits(self, row: Row) -> Floats | float:
        """Bits of one transfer as one instance sees it."""
        boost = self.boost(row)
        if row.level < 0:
            return float(boost * self.width(row.operand, row.level))
        crossing = self.crossing_bits[row.operand, row.level]
        return crossing if boost == 1 else crossing * boost

    def width(self, operand: Operand, level: int) -> Floats | int:
        """Bits of an element on the way over a boundary."""
        widths = self.spatial.layer.widths
        if operand != "O":
            return widths.of(operand)
        if level < 0:
            return self.unit_width(operand)
        if widths.sum == widths.output or self.frame.reduces_above[level + 1]:
            return widths.sum
        return widths.output + (widths.sum - widths.output) * self.lattice.unfinished.astype(float)

    def counts(self, row: Row) -> Floats | float:
        """Transfers in the whole layer."""
        if row.operand == "O" and row.level < 0:
            return self._unit_counts(row.direction)
        if row.direction not in ("to_low", "from_high") or row.operand != "O":
            return self.repeats
        if self.accounting == "zigzag":
            return np.where(self.is_partial(row.level), self.repeats, 0.0)
        return self.back_repeats

    def _unit_counts(self, direction: Direction) -> float:
        """Sums between the units and the innermost memory move every cycle."""
        cycles = float(self.spatial.cycles)
        if direction == "from_low":
            return cycles
        if self.accounting == "own":
            return float(self.back_repeats[0])
        return cycles if self.lattice.accumulates or self.frame.reduces_above[0] else 0.0


def held(layer: Layer, tiles: Lattice, operand: Operand, factors: Factors) -> Floats:
    """Elements of an operand in each tile with so much unrolling below, (tiles,)."""
    total = tiles.relevant[operand] * math.prod([factors[AXIS[dim]] for dim in RELEVANT[operand]])
    if operand != "I":
        return tiles.whole(np.rint(total))
    rows, columns = (_spans(layer, tiles, pair, factors) for pair in SLIDING)
    return np.rint(tiles.whole(total * rows * columns))


def _spans(layer: Layer, tiles: Lattice, pair: tuple[str, str], factors: Factors) -> Floats:
    """Distinct input rows or columns of each tile, on the grid."""
    positions, taps = (np.floor(tiles.iterations.get(dim, 1.0) * factors[AXIS[dim]]) for dim in pair)
    if layer.size(pair[1]) > 1:
        positions = positions * taps - np.maximum(0.0, taps - layer.stride(pair)) * (positions - 1)
    return np.asarray(np.minimum(positions, layer.extent(pair)))
