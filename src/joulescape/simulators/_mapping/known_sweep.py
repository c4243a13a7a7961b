"""A known shape on many machines: energy and latency of the chains already known, costed exactly on all of them.

Bits, counts and rooms of a chain depend on the shape and the topology only; energies, sizes and bandwidths are columns.
A machine on which no known chain fits is searched on its own, and so are the machines that one learns from. What the
winner could still lose is bounded by floors: each boundary's least traffic within its room, added up. That bound is
loose where boundaries compete; the winner is the best of the known chains, not proven the best of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.lattice import Flags, Floats
from joulescape.simulators._mapping.layer import INPUTS
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import TOLERANCE, Objective, best_for
from joulescape.simulators._mapping.plan import Indices, Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import sharings
from joulescape.simulators._mapping.rows import Row
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial

BLOCK = 64
"""Machines that are worked on together."""

UP = frozenset({"to_high", "from_low"})
"""Directions in which sums leave."""


@dataclass(frozen=True)
class KnownWinner:
    """The best known chain on one machine: its cost, and by how much its objective could still fall, at most."""

    chain: Chain
    energy_pj: float
    cycles: float
    gap_fraction: float

    @property
    def is_truncated(self) -> bool:
        """Whether the chain is not proven the best."""
        return self.gap_fraction > TOLERANCE


@dataclass(frozen=True)
class Columns:
    """Machines of one topology as arrays, the last axis running over machines."""

    machines: tuple[Hierarchy, ...]
    port_bits: Floats
    least_bits: Floats
    access_pj: Floats
    """Of the port that each movement takes, (rows, machines)."""
    wire_pj: Floats
    """A bit, by the boundary's upper memory, (rows, machines); only rows below a boundary carry wires."""
    unit_pj: Floats
    rooms: Floats
    """Bits that tiles may take, (memories, machines)."""

    @classmethod
    def of(cls, tiles: Tiles, machines: Sequence[Hierarchy]) -> Columns:
        """Energies, ports and sizes of machines."""
        shared = sharings(tiles.on(machines[0]))
        sizes = np.array([[memory.size_bits for memory in machine.memories] for machine in machines], dtype=float).T
        taken = np.array([[m.size_bits - s.room_bits] for m, s in zip(machines[0].memories, shared, strict=True)])
        ports = [[machine.memories[r.memory].port(r.operand, r.direction) for machine in machines] for r in tiles.rows]
        prices = [[machine.memories[r.memory].access_pj(r.direction) for machine in machines] for r in tiles.rows]
        wires = [[_wire(machine, row) for machine in machines] for row in tiles.rows]
        return cls(
            tuple(machines),
            np.array([[port.bits for port in row] for row in ports], dtype=float),
            np.array([[port.least_bits for port in row] for row in ports], dtype=float),
            np.array(prices),
            np.array(wires),
            np.array([machine.array.unit_pj for machine in machines]),
            sizes - taken,
        )


def _wire(machine: Hierarchy, row: Row) -> float:
    """A bit's way over a boundary, charged once to the movement at its lower side."""
    is_lower = row.at == row.level or row.level < 0
    return machine.memory(row.operand, row.level + 1).wire_pj_per_bit if is_lower else 0.0


@dataclass
class KnownSweep:
    """A shape with an unrolling on machines of one topology; remembers chains that won somewhere."""

    tiles: Tiles
    objective: Objective = "edp"
    most_mappings: int = 200_000
    """Mappings walked to prove a chain that is learnt."""
    searches_count: int = 0
    """Machines that were searched on their own."""
    _chains: list[Chain] = field(default_factory=list)
    _facts: list[tuple[Floats, ...]] = field(default_factory=list)
    _stacked: tuple[Floats, ...] | None = None

    def learn(self, machines: Sequence[Hierarchy]) -> None:
        """Search each machine on its own and keep its chain; Infeasible where one can hold none."""
        for machine in machines:
            self._searched(machine)

    def best(self, machines: Sequence[Hierarchy]) -> list[KnownWinner]:
        """The known chain that is best on each machine; Infeasible where one can hold none."""
        found: list[KnownWinner] = []
        for first in range(0, len(machines), BLOCK):
            found += self._block(Columns.of(self.tiles, machines[first : first + BLOCK]))
        return found

    def _block(self, columns: Columns) -> list[KnownWinner]:
        fits = self._fits(columns)
        for index in np.flatnonzero(~fits.any(axis=0)).tolist():
            self._searched(columns.machines[index])
        if not fits.any(axis=0).all():
            fits = self._fits(columns)
        energy, cycles = self.costs(columns)
        place = np.where(fits, self._value(energy, cycles), np.inf).argmin(axis=0)
        each = np.arange(place.size)
        energy, cycles = energy[place, each], cycles[place, each]
        gaps = np.maximum(0.0, 1 - self._value(*self.floors(columns)) / self._value(energy, cycles))
        rows = zip(place.tolist(), energy.tolist(), cycles.tolist(), gaps.tolist(), strict=True)
        return [KnownWinner(self._chains[chain], *numbers) for chain, *numbers in rows]

    def _value(self, energy: Floats, cycles: Floats) -> Floats:
        if self.objective == "edp":
            return energy * cycles
        return energy if self.objective == "energy" else cycles

    def _fits(self, columns: Columns) -> Flags:
        """Which known chains fit which machines, (chains, machines)."""
        if not self._chains:
            return np.zeros((0, len(columns.machines)), dtype=bool)
        return np.asarray((self._known[-1][:, :, None] <= columns.rooms).all(axis=1))

    def costs(self, columns: Columns) -> tuple[Floats, Floats]:
        """Energy and cycles of every known chain on every machine, (chains, machines)."""
        bits, counts, fills, again, wires, _ = (part[..., None] for part in self._known)
        single = np.ceil(bits / columns.port_bits)
        words = np.ceil(bits / columns.least_bits) * (counts * self._instances[:, None])
        words *= columns.least_bits / columns.port_bits
        macs = self.tiles.spatial.layer.macs
        energy = (words * columns.access_pj + wires * columns.wire_pj).sum(axis=1) + macs * columns.unit_pj
        busy = np.add.reduceat((single * counts)[:, self._by_port[0]], self._by_port[1], axis=1).max(axis=1)
        return energy, np.maximum(busy, self._paths(single, fills, again))

    def _paths(self, single: Floats, fills: Floats, again: Floats) -> Floats:
        """The longer of both inputs' paths, (chains, machines)."""
        spatial = self.tiles.spatial
        total = np.full((len(INPUTS), *single.shape[::2]), float(spatial.cycles + spatial.drain_cycles))
        for index, slot in enumerate(self.tiles.held):
            up, down = self._sides[slot]
            out = single[:, up or down].max(axis=1)
            waits = out * fills[:, index]
            if up:
                waits += single[:, down].max(axis=1) * again[:, index]
            for side, operand in enumerate(INPUTS):
                total[side] += waits + out if slot[0] in ("O", operand) else waits
        return np.asarray(total.max(axis=0))

    def floors(self, columns: Columns) -> tuple[Floats, Floats]:
        """Energy and cycles that no mapping goes below on each machine: each boundary alone within its room."""
        bits, energy = np.empty_like(columns.port_bits), self.tiles.spatial.layer.macs * columns.unit_pj
        limits = self._limits(columns)
        for slot, (held, moved) in self._within.items():
            rows = list(self.tiles.by_slot[slot])
            bits[rows] = moved if held is None else moved[:, np.searchsorted(held, limits[slot], "right") - 1]
        energy = energy + (bits * self._instances[:, None] * columns.access_pj / columns.port_bits).sum(axis=0)
        busy = np.add.reduceat((bits / columns.port_bits)[self._by_port[0]], self._by_port[1], axis=0).max(axis=0)
        spatial = self.tiles.spatial
        return energy, np.maximum(busy, spatial.cycles + spatial.drain_cycles)

    def _limits(self, columns: Columns) -> dict[Slot, Floats]:
        shared = sharings(self.tiles.on(columns.machines[0]))
        return {
            slot: columns.rooms[index] - (sum(memory.least_bits.values()) - memory.least_bits[slot])
            for index, memory in enumerate(shared)
            for slot in memory.slots
        }

    @cached_property
    def _within(self) -> dict[Slot, tuple[Floats | None, Floats]]:
        """Least bits that each movement carries in the whole layer, by room: (bits held, rising; rows x tiles)."""
        found: dict[Slot, tuple[Floats | None, Floats]] = {}
        widths = self.tiles.spatial.layer.widths
        for slot, rows in self.tiles.by_slot.items():
            totals = [np.multiply(self.tiles.moved_bits(row), self.tiles.counts(row)) for row in self._rows(rows)]
            if slot[1] < 0:
                found[slot] = (None, np.array([[np.min(total)] for total in totals]))
                continue
            held = self.tiles.held[slot] * min(widths.of(slot[0]), widths.of(slot[0], True))
            order = np.argsort(held, kind="stable")
            moved = np.minimum.accumulate(np.stack([total[order] for total in totals]), axis=1)
            found[slot] = (held[order], moved)
        return found

    def _rows(self, indices: Sequence[int]) -> list[Row]:
        return [self.tiles.rows[index] for index in indices]

    @property
    def _known(self) -> tuple[Floats, ...]:
        """Of every chain: bits and counts of its movements, fills and returns that wait, bits on wires, room taken."""
        if self._stacked is None:
            self._stacked = tuple(np.stack(part) for part in zip(*self._facts, strict=True))
        return self._stacked

    @cached_property
    def _instances(self) -> Floats:
        """Copies of the memory that makes each movement, (rows,)."""
        return np.array([float(self.tiles.frame.instances[r.operand][r.at]) for r in self.tiles.rows])

    @cached_property
    def _by_port(self) -> tuple[Indices, Indices]:
        """Movements in the order of their ports, and where each port starts."""
        memories = self.tiles.spatial.hierarchy.memories
        ports = [(r.memory, memories[r.memory].port_index(r.operand, r.direction)) for r in self.tiles.rows]
        order = sorted(range(len(ports)), key=lambda index: ports[index])
        starts = [n for n, index in enumerate(order) if n == 0 or ports[index] != ports[order[n - 1]]]
        return np.array(order), np.array(starts)

    @cached_property
    def _sides(self) -> dict[Slot, tuple[list[int], list[int]]]:
        """Movements over each boundary that go up, and those that go down."""
        found = {}
        for slot in self.tiles.held:
            up = [index for index in self.tiles.by_slot[slot] if self.tiles.rows[index].direction in UP]
            found[slot] = (up, [index for index in self.tiles.by_slot[slot] if index not in up])
        return found

    def _searched(self, machine: Hierarchy) -> None:
        """Search a machine on its own and keep its chain."""
        here = self.tiles.spatial
        spatial = Spatial(here.layer, machine, here.granted, here.temporal, here.average)
        search = Search(Quantities(Tiles(spatial, "own"), machine, self.objective != "energy"), 400)
        chain = best_for(search, self.objective, most_mappings=self.most_mappings).chain
        self.searches_count += 1
        if chain not in self._chains:
            self._chains.append(chain)
            self._facts.append(self._facts_of(chain, search))
            self._stacked = None

    def _facts_of(self, chain: Chain, search: Search) -> tuple[Floats, ...]:
        tiles = self.tiles
        where = {placement.slot: index for placement, index in chain.placed}
        where |= {(operand, -1): index for operand, index in zip(INPUTS, chain.registers, strict=True)}
        places = [where.get((row.operand, row.level), 0) for row in tiles.rows]
        bits, counts = (
            np.array([_at(part(row), place) for row, place in zip(tiles.rows, places, strict=True)])
            for part in (tiles.moved_bits, tiles.counts)
        )
        copies = np.array([float(self._copies(row)) for row in tiles.rows])
        width = np.array([_at(self._crossing(row), place) for row, place in zip(tiles.rows, places, strict=True)])
        waits = {placement.slot: 0.0 if placement.is_doubled else 1.0 for placement, _ in chain.placed}
        fills = np.array([waits[slot] * (tiles.repeats[where[slot]] - 1) for slot in tiles.held])
        again = np.array([waits[slot] * tiles.back_repeats[where[slot]] for slot in tiles.held])
        held = search.held_bits(chain)
        room = np.array([sum(held[slot] for slot in memory.slots) for memory in search.shared])
        return bits, counts, fills, again, width * counts * copies, room

    def _copies(self, row: Row) -> int:
        """Receivers of one transfer over a boundary."""
        return self.tiles.frame.units if row.level < 0 else self.tiles.frame.instances[row.operand][row.level]

    def _crossing(self, row: Row) -> Floats | float:
        """Bits that each receiver sees of one transfer."""
        if row.level < 0:
            return float(self.tiles.unit_width(row.operand))
        return self.tiles.crossing_bits[row.operand, row.level]


def _at(values: Floats | float, tile: int) -> float:
    return float(values[tile]) if isinstance(values, np.ndarray) and values.ndim else float(values)
