"""A known shape on many machines: the mapping of least energy for every one of them, from one pass over its tiles.

Words and bits depend on the shape and the topology only. Machines that differ in access energies and memory sizes are
columns of the same dynamic program, so what one costs falls to a few passes over memory. Winners repeat: each machine's
least cost is first sought among the chains already known (their words times its energies), and only a machine that none
of them explains is searched on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain, reached_states
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.lattice import Flags, Floats, Singles
from joulescape.simulators._mapping.layer import INPUTS
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import best_for
from joulescape.simulators._mapping.plan import Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import sharings
from joulescape.simulators._mapping.search import SIDES, Search

BLOCK = 1 << 17
"""Tiles times machines that are worked on together."""

PROVEN = 4e-6
"""Single precision: a known chain within this of the least cost is the winner, and this is the gap it states."""


@dataclass(frozen=True)
class Winner:
    """The best chain on one machine, and its energy."""

    chain: Chain
    energy_pj: float
    gap_fraction: float


@dataclass
class Sweep:
    """A shape with an unrolling on machines of one topology; remembers every winning chain."""

    tiles: Tiles
    most_divisions: int = 400
    searches_count: int = 0
    """Machines that had to be searched on their own."""
    _chains: list[Chain] = field(default_factory=list)
    _words: list[Floats] = field(default_factory=list)
    _held: list[dict[Slot, float]] = field(default_factory=list)
    _stacked: dict[Slot, Singles] = field(default_factory=dict)

    def best(self, machines: Sequence[Hierarchy]) -> list[Winner]:
        """The mapping of least energy on each machine; Infeasible where one can hold none."""
        size = max(1, BLOCK // self.tiles.lattice.count)
        found: list[Winner] = []
        for first in range(0, len(machines), size):
            points = Points.of(self.tiles, machines[first : first + size])
            found += self._explained(points, self._least(points))
        return found

    def _explained(self, points: Points, least: Singles) -> list[Winner]:
        """Winners of a block, given the least that any chain can cost on each machine."""
        found: list[Winner | None] = [None] * len(points.machines)
        if self._chains:
            energies = np.array(self._words) @ points.prices + points.fixed_pj
            usable = (energies <= least * (1 + PROVEN)) & points.fits(self._held)
            first = np.where(usable, energies, np.inf).argmin(axis=0)
            for index in np.flatnonzero(usable.any(axis=0)).tolist():
                found[index] = Winner(self._chains[first[index]], float(energies[first[index], index]), PROVEN)
        return [winner or self._searched(machine) for winner, machine in zip(found, points.machines, strict=True)]

    def _searched(self, machine: Hierarchy) -> Winner:
        """The winner of a machine searched on its own, which is remembered."""
        search = Search(Quantities(self.tiles.on(machine), machine, False), self.most_divisions)
        found = best_for(search, "energy")
        self.searches_count += 1
        if found.chain not in self._chains:
            self._chains.append(found.chain)
            self._words.append(self._words_of(found.chain))
            self._held.append(search.held_bits(found.chain))
        return Winner(found.chain, float(found.totals[0]), found.gap_fraction)

    def _words_of(self, chain: Chain) -> Floats:
        """Words of every movement of a chain, (rows,)."""
        where = {placement.slot: index for placement, index in chain.placed}
        where |= {(operand, -1): index for operand, index in zip(INPUTS, chain.registers, strict=True)}
        rows = enumerate(self.tiles.rows)
        return np.array([self._row(i)[where.get((row.operand, row.level), 0)] for i, row in rows])

    def _row(self, index: int) -> Floats:
        return np.broadcast_to(self.tiles.words(index), (self.tiles.lattice.count,))

    def _least(self, points: Points) -> Singles:
        """Least energy of any chain on each machine, shared memories lent to every tile in turn, (machines,)."""
        search, tiles = self._first, self.tiles.lattice
        moved = {slot: self._moved(slot, points.prices) for slot in self.tiles.held}
        count = len(search.quantities.plan.placements)
        costs = np.empty((count, tiles.count, len(points.machines)), dtype=np.float32)
        for index, placement in enumerate(search.quantities.plan.placements):
            never = search.bits[placement][:, None] > points.limits[placement.slot]
            if placement.leaves != "any":
                never |= (tiles.unfinished if placement.leaves == "final" else tiles.finished)[:, None]
            costs[index] = moved[placement.slot]
            np.copyto(costs[index], np.inf, where=never)
        fixed = points.fixed_pj.astype(np.float32) + self._moved(("O", -1), points.prices)[0]
        kept = {operand: self._moved((operand, -1), points.prices) for operand in INPUTS}
        runs = {x: kept[x][tiles.only(x)] + kept[y][0] + fixed for x, y in SIDES}
        return reached_states(tiles, search.quantities.plan, runs, costs)

    @cached_property
    def _first(self) -> Search:
        """Plan and bits, which all machines share."""
        return Search(Quantities(self.tiles, self.tiles.spatial.hierarchy, False), 1)

    def _moved(self, slot: Slot, prices: Floats) -> Singles:
        """Energy of a boundary on every tile and machine, (tiles, machines)."""
        if slot not in self._stacked:
            rows = [self._row(index) for index in self.tiles.by_slot[slot]]
            self._stacked[slot] = np.array(rows, dtype=np.float32).T.copy()
        return np.asarray(self._stacked[slot] @ prices[list(self.tiles.by_slot[slot])].astype(np.float32))


@dataclass(frozen=True)
class Points:
    """Machines of one topology as arrays; the last axis runs over machines."""

    machines: tuple[Hierarchy, ...]
    prices: Floats
    """Energy of one access, (rows, machines)."""
    fixed_pj: Floats
    rooms: Floats
    """Bits that tiles may take in each memory, (memories, machines)."""
    slots: tuple[tuple[Slot, ...], ...]
    """Boundaries in each memory."""
    limits: dict[Slot, Floats]
    """Most bits of each boundary, its neighbours being smallest, (machines,)."""

    @classmethod
    def of(cls, tiles: Tiles, machines: Sequence[Hierarchy]) -> Points:
        """Prices and rooms; what lies in a memory whatever the tiles is read off the first machine."""
        shared = sharings(tiles.on(machines[0]))
        sizes = np.array([[memory.size_bits for memory in machine.memories] for machine in machines], dtype=float).T
        taken = np.array([[m.size_bits - s.room_bits] for m, s in zip(machines[0].memories, shared, strict=True)])
        rooms = sizes - taken
        limits = {
            slot: rooms[index] - (sum(memory.least_bits.values()) - memory.least_bits[slot])
            for index, memory in enumerate(shared)
            for slot in memory.slots
        }
        reads, writes = (
            np.array([[getattr(memory, name) for memory in machine.memories] for machine in machines]).T
            for name in ("read_pj", "write_pj")
        )
        prices = np.array([(reads if row.is_read else writes)[row.memory] for row in tiles.rows])
        fixed = np.array([machine.array.unit_pj for machine in machines]) * tiles.spatial.layer.macs
        return cls(tuple(machines), prices, fixed, rooms, tuple(memory.slots for memory in shared), limits)

    def fits(self, held: Sequence[dict[Slot, float]]) -> Flags:
        """Which known chains fit which machines, (chains, machines)."""
        used = np.array([[sum(bits[slot] for slot in slots) for slots in self.slots] for bits in held])
        return np.asarray((used[:, :, None] <= self.rooms).all(axis=1))
