"""Chains under weighted quantities, with room in the memories: what every objective is searched by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain, Placed, Tables, best_chain, tables
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import INPUTS, IRRELEVANT, Operand
from joulescape.simulators._mapping.plan import Indices, Placement, Reuse, Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import Divided, Limits, Sharing, divide, first_limits, sharings

SIDES: tuple[tuple[Operand, Operand], ...] = (("W", "I"), ("I", "W"))
"""Which input the units keep, and which one they fetch every cycle."""


Weighed = dict[tuple[Slot, bool], Floats]
"""One weighted sum of quantities for every boundary and buffering, (tiles,)."""


@dataclass(frozen=True)
class Search:
    """Searches over the chains of one layer, unrolling and hardware point."""

    quantities: Quantities
    most_runs: int
    """Most dynamic programs that dividing shared memories may take; beyond it the answer is marked truncated."""
    keeps: tuple[Operand, ...] = INPUTS
    """Inputs that the units may keep through a run; without any, sums stay and both inputs are fetched every cycle."""

    @cached_property
    def shared(self) -> tuple[Sharing, ...]:
        """Memories and what they must hold."""
        return sharings(self.quantities.tiles)

    def places(self, side: Operand) -> Indices:
        """Tiles, as places among `only(side)`, through which the units may keep that input."""
        count = self.quantities.tiles.lattice.only(side).size
        return np.arange(count if side in self.keeps else 1)

    @property
    def mappings_per_run(self) -> int:
        """Boundaries on tiles that one dynamic program costs; the chains made of them are many more."""
        return self.quantities.tiles.lattice.count * len(self.quantities.plan.placements)

    def best(self, weights: Floats) -> Divided:
        """The chain of least weighted quantities; Infeasible when nothing fits."""
        tiles, orders = self.quantities.tiles.lattice, self.quantities.orders
        runs, rows, first = self._runs(weights), self._weighted(weights), first_limits(self.shared)
        times = bool(weights[1:].any())

        def run(limits: Limits) -> Chain:
            is_first = limits == first and self.quantities.timed
            made = (
                self.least(weights) if is_first else tables(tiles, orders, runs, self._costs(rows, limits), self._reuse)
            )
            found = best_chain(tiles, made)
            return self._buffered(found, limits) if times else found

        return divide(self.shared, run, self.held_bits, self.most_runs)

    @property
    def _reuse(self) -> Reuse | None:
        """Energy alone settles no more than it must; for other quantities, and ZigZag's rounding, every loop counts."""
        if self.quantities.timed or self.quantities.tiles.accounting != "own":
            return None
        limits, least = first_limits(self.shared), {slot: b for m in self.shared for slot, b in m.least_bits.items()}
        return tuple(
            (slot, gains if limits[slot] >= 2 * least[slot] else IRRELEVANT[slot[0]])
            for slot, gains in self.quantities.tiles.reuse
        )

    @cached_property
    def _asked(self) -> dict[bytes, Tables]:
        """Tables by weights, every memory shared as if its other tiles were smallest."""
        return {}

    def _costs(self, rows: Weighed, limits: Limits) -> Floats:
        """Weighted costs by placement and tile, infinite where a tile does not fit.

        Where buffering is free, room for the next tile is taken wherever it fits: it never costs time or energy.
        """
        tiles, placements = self.quantities.tiles.lattice, self.quantities.orders.placements
        found = np.empty((len(placements), tiles.count))
        for cost, placement in zip(found, placements, strict=True):
            held, most = self.quantities.tiles.held[placement.slot], limits[placement.slot] / self.width(placement)
            cost[:] = rows[placement.slot, placement.is_doubled]
            if (placement.slot, True) in rows and not placement.is_doubled:
                np.copyto(cost, rows[placement.slot, True], where=held <= most / 2)
            never = held > most
            if placement.leaves != "any":
                never |= tiles.unfinished if placement.leaves == "final" else tiles.finished
            cost[never] = np.inf
        return found

    def width(self, placement: Placement) -> int:
        """Bits of an element of a placement, room for the next tile included."""
        frame = self.quantities.tiles.frame
        is_partial = placement.width == "partial" or frame.reduces_above[placement.level]
        width = frame.spatial.layer.widths.of(placement.operand, is_partial)
        return width * (2 if placement.is_doubled else 1)

    def _buffered(self, chain: Chain, limits: Limits) -> Chain:
        """The chain with room for the next tile wherever buffering is free and its limit allows it."""
        return replace(chain, below=self._roomy(chain.below, limits), above=self._roomy(chain.above, limits))

    def _roomy(self, placed: Placed, limits: Limits) -> Placed:
        return tuple((self._doubled(placement, tile, limits), tile) for placement, tile in placed)

    def _doubled(self, placement: Placement, tile: int, limits: Limits) -> Placement:
        fits = self.quantities.tiles.held[placement.slot][tile] <= limits[placement.slot] / self.width(placement) / 2
        return replace(placement, is_doubled=True) if placement.slot in self.quantities.free and fits else placement

    def least(self, weights: Floats) -> Tables:
        """Least weighted quantities of all states, every memory shared as if its other tiles were smallest."""
        if weights.tobytes() not in self._asked:
            costs = self._costs(self._weighted(weights), first_limits(self.shared))
            lattice, orders = self.quantities.tiles.lattice, self.quantities.orders
            self._asked[weights.tobytes()] = tables(lattice, orders, self._runs(weights), costs)
        return self._asked[weights.tobytes()]

    @cached_property
    def floors(self) -> Floats:
        """No mapping has less of any quantity: the least that each boundary can take of it, added up."""
        return self.floor_of(self.least_of)

    def floor_of(self, slots: Iterable[Slot]) -> Floats:
        """Least of every quantity over some boundaries, the end of the run and what is fixed."""
        return np.asarray(self.quantities.fixed + self.least_kept + sum(self.least_of[slot] for slot in slots))

    @cached_property
    def least_kept(self) -> Floats:
        """Least of every quantity that fetching both inputs into the units can take."""
        whole = self.quantities.tiles.lattice.count - 1
        return np.asarray(sum(self.quantities.kept(operand, whole) for operand in INPUTS))

    @cached_property
    def least_of(self) -> dict[Slot, Floats]:
        """Least of every quantity that each boundary can take on a tile that fits."""
        limits, quantities = first_limits(self.shared), self.quantities
        bits: dict[Slot, Floats] = {}
        for placement in quantities.orders.placements:
            # Sums that come in finished take the least room.
            if placement.slot not in bits or placement.width == "final":
                bits[placement.slot] = self.bits[placement]
        found = {}
        for slot, held in bits.items():
            single = np.flatnonzero(held <= limits[slot])
            double = single[held[single] * 2 <= limits[slot]] if slot in quantities.free else single[:0]
            always = slot not in quantities.free and quantities.is_doubled(slot)
            ways = (single[:0], single) if always else (single, double)
            found[slot] = quantities.boundaries[slot].least(single, *ways)
        return found

    def _weighted(self, weights: Floats) -> Weighed:
        """Weighted quantities of every boundary, once for each buffering that is told apart."""
        plans = (self.quantities.plan if weights[1:].any() else self.quantities.orders).placements
        keys = dict.fromkeys((placement.slot, placement.is_doubled) for placement in plans)
        return {key: self.quantities.boundaries[key[0]].weighted(weights, key[1]) for key in keys}

    def totals(self, chain: Chain) -> Floats:
        """Quantities of a chain: energy first, then every lane."""
        total = self.quantities.fixed.copy()
        for operand, index in zip(INPUTS, chain.registers, strict=True):
            total += self.quantities.kept(operand, index)
        for placement, index in chain.placed:
            total += self.quantities.boundaries[placement.slot].at(index, placement.is_doubled)
        return total

    def held_bits(self, chain: Chain) -> dict[Slot, float]:
        """Bits that a chain takes at every boundary."""
        held = self.quantities.tiles.held
        return {p.slot: float(held[p.slot][index]) * self.width(p) for p, index in chain.placed}

    def _runs(self, weights: Floats) -> dict[Operand, Floats]:
        """Weighted cost of keeping one input through a run, the other fetched every cycle, with all that is fixed."""
        tiles = self.quantities.tiles.lattice
        fixed = weights @ self.quantities.fixed
        each = {operand: float(weights @ self.quantities.at_units[operand]) for operand in INPUTS}
        repeats = self.quantities.tiles.repeats
        return {
            kept: self._where_allowed(kept, each[kept] * repeats[tiles.only(kept)] + (each[other] * repeats[0] + fixed))
            for kept, other in SIDES
            if kept == "I" or tiles.only(kept).size > 1
        }

    def _where_allowed(self, side: Operand, costs: Floats) -> Floats:
        if side not in self.keeps:
            costs[1:] = np.inf
        return costs

    @cached_property
    def bits(self) -> dict[Placement, Floats]:
        """Bits held by each placement, room for the next tile included, (tiles,)."""
        tiles = self.quantities.tiles
        known: dict[tuple[Slot, int], Floats] = {}
        found = {}
        for placement in self.quantities.plan.placements:
            width = self.width(placement)
            if (placement.slot, width) not in known:
                known[placement.slot, width] = tiles.held[placement.slot] * width
            found[placement] = known[placement.slot, width]
        return found

    def fits(self, limits: Limits) -> Floats:
        """Which placements fit on which tiles, (placements, tiles)."""
        tiles = self.quantities.tiles.lattice
        found = np.empty((len(self.bits), tiles.count), dtype=bool)
        for index, (placement, bits) in enumerate(self.bits.items()):
            np.less_equal(bits, limits[placement.slot], out=found[index])
            if placement.leaves != "any":
                found[index] &= tiles.finished if placement.leaves == "final" else tiles.unfinished
        return found
