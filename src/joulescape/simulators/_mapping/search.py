"""Chains under weighted quantities, with room in the memories: what every objective is searched by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain, Tables, best_chain, tables
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import INPUTS, Operand
from joulescape.simulators._mapping.plan import Indices, Placement, Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import Divided, Limits, Sharing, divide, first_limits, sharings

SIDES: tuple[tuple[Operand, Operand], ...] = (("W", "I"), ("I", "W"))
"""Which input the units keep, and which one they fetch every cycle."""


@dataclass(frozen=True)
class Search:
    """Searches over the chains of one layer, unrolling and hardware point."""

    quantities: Quantities
    most_runs: int
    keeps: tuple[Operand, ...] = INPUTS
    """Inputs that the units may keep through a run; without any, sums stay and both inputs are fetched every cycle."""
    """Most dynamic programs that dividing shared memories may take; beyond it the answer is marked truncated."""

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
        runs, rows = self._runs(weights), self._weighted(weights)
        tiles = self.quantities.tiles.lattice

        def run(limits: Limits) -> Chain:
            costs = np.where(self.fits(limits), rows, np.inf)
            return best_chain(tiles, tables(tiles, self.quantities.plan, runs, costs))

        return divide(self.shared, run, self.held_bits, self.most_runs)

    def least(self, weights: Floats) -> Tables:
        """Least weighted quantities of all states, every memory shared as if its other tiles were smallest."""
        costs = np.where(self.fits(first_limits(self.shared)), self._weighted(weights), np.inf)
        return tables(self.quantities.tiles.lattice, self.quantities.plan, self._runs(weights), costs)

    def _weighted(self, weights: Floats) -> Floats:
        found: dict[tuple[Slot, bool], Floats] = {}
        for placement in self.quantities.plan.placements:
            key = (placement.slot, placement.is_doubled)
            if key not in found:
                found[key] = weights @ self.quantities.boundary(placement)
        return np.array([found[p.slot, p.is_doubled] for p in self.quantities.plan.placements])

    def totals(self, chain: Chain) -> Floats:
        """Quantities of a chain: energy first, then every lane."""
        total = self.quantities.fixed.copy()
        for operand, index in zip(INPUTS, chain.registers, strict=True):
            total += self.quantities.kept(operand)[:, index]
        for placement, index in chain.placed:
            total += self.quantities.boundary(placement)[:, index]
        return total

    def held_bits(self, chain: Chain) -> dict[Slot, float]:
        """Bits that a chain takes at every boundary."""
        return {placement.slot: float(self.bits[placement][index]) for placement, index in chain.placed}

    def _runs(self, weights: Floats) -> dict[Operand, Floats]:
        """Weighted cost of keeping one input through a run, the other fetched every cycle, with all that is fixed."""
        tiles = self.quantities.tiles.lattice
        fixed = weights @ self.quantities.fixed
        rows = {operand: weights @ self.quantities.kept(operand) for operand in INPUTS}
        return {
            kept: self._where_allowed(kept, rows[kept][tiles.only(kept)] + rows[other][0] + fixed)
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
        found = {}
        for placement in self.quantities.plan.placements:
            is_partial = placement.width == "partial" or tiles.frame.reduces_above[placement.level]
            width = tiles.spatial.layer.widths.of(placement.operand, is_partial)
            found[placement] = tiles.held[placement.slot] * (width * (2 if placement.is_doubled else 1))
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
