"""The mapping of least energy: exact over all divisor tiles, all orders of boundaries and all divisions of memories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain, best_chain
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.lattice import Floats, Lattice
from joulescape.simulators._mapping.layer import AXIS, DIMS, INPUTS, IRRELEVANT, OPERANDS, Operand
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.nest import Loop, Nest, Tile
from joulescape.simulators._mapping.plan import Placement, Plan, plan
from joulescape.simulators._mapping.room import Divided, Limits, Slot, divide, sharings


@dataclass(frozen=True)
class Costed:
    """Tiles with an additive cost per movement (`prices`, one a row of `tiles.rows`)."""

    tiles: Tiles
    prices: Floats

    @cached_property
    def plan(self) -> Plan:
        """Orders of boundaries."""
        frame = self.tiles.frame
        levels = (frame.levels("O"), frame.levels("W"), frame.levels("I"))
        return plan(levels, not bool(self.tiles.lattice.finished[0]))

    @cached_property
    def by_boundary(self) -> Mapping[Slot, Floats]:
        """Cost of every boundary on every tile, (tiles,)."""
        found: dict[Slot, Floats] = {}
        for index, row in enumerate(self.tiles.rows):
            cost = self.prices[index] * self.tiles.words[index]
            slot = (row.operand, row.level)
            found[slot] = found[slot] + cost if slot in found else cost
        return found

    @cached_property
    def start(self) -> Floats:
        """Cost of what the units keep: runs that reuse one input, the other being fetched every cycle, (tiles,)."""
        values = np.full(self.tiles.lattice.count, np.inf)
        for kept, other in (("W", "I"), ("I", "W")):
            where = self.tiles.lattice.only(kept)
            cost = self.by_boundary[kept, -1][where] + self.by_boundary[other, -1][0]
            values[where] = np.minimum(values[where], cost)
        return values + self.by_boundary["O", -1][0]

    @cached_property
    def bits(self) -> Mapping[tuple[Slot, bool], Floats]:
        """Bits that one instance holds at a boundary, by whether outputs lie there as partial sums, (tiles,)."""
        widths = self.tiles.spatial.layer.widths
        return {
            (slot, is_partial): held * widths.of(slot[0], is_partial)
            for slot, held in self.tiles.held.items()
            for is_partial in ((True, False) if slot[0] == "O" else (False,))
        }

    def lies_partial(self, placement: Placement) -> bool:
        """Whether outputs lie at partial width in the memory of this placement."""
        if placement.operand != "O":
            return False
        return placement.width == "partial" or self.tiles.frame.reduces_above[placement.level]

    def held_bits(self, placement: Placement, tile: int) -> float:
        """Bits of one tile in one instance."""
        slot = (placement.operand, placement.level)
        return float(self.bits[slot, self.lies_partial(placement)][tile])

    def costs(self, limits: Limits) -> Floats:
        """Cost of every placement on every tile, infinite where it does not fit, (placements, tiles)."""
        found = np.empty((len(self.plan.placements), self.tiles.lattice.count))
        for index, placement in enumerate(self.plan.placements):
            slot = (placement.operand, placement.level)
            fits = self.bits[slot, self.lies_partial(placement)] <= limits[slot]
            if placement.leaves != "any":
                fits &= self.tiles.lattice.finished == (placement.leaves == "final")
            found[index] = np.where(fits, self.by_boundary[slot], np.inf)
        return found

    def best(self, most_runs: int) -> Divided:
        """The cheapest chain; Infeasible when nothing fits."""
        return divide(
            sharings(self.tiles.frame),
            lambda limits: best_chain(self.tiles.lattice, self.plan, self.start, self.costs(limits)),
            lambda chain: {(p.operand, p.level): self.held_bits(p, tile) for p, tile in chain.placed},
            most_runs,
        )


def access_prices(tiles: Tiles, hierarchy: Hierarchy) -> Floats:
    """Energy of one access of every movement, (rows,)."""
    return np.array([hierarchy.memories[row.memory].access_pj(row.direction) for row in tiles.rows])


def nest_of(tiles: Lattice, chain: Chain) -> Nest:
    """One loop order that realises a chain: the segments between its tiles, innermost first."""
    loops: list[Loop] = []
    inner: Tile = (1,) * len(DIMS)
    cuts: dict[Operand, list[int]] = {operand: [] for operand in OPERANDS}
    for placement, index in ((None, chain.register), *chain.placed, (None, tiles.count - 1)):
        tile = tiles.tile(index)
        operand = _kept(tile) if placement is None else placement.operand
        loops += segment(inner, tile, operand)
        inner = tile
        if placement is not None:
            cuts[placement.operand].append(len(loops))
    return Nest(tuple(loops), {operand: tuple(ends) for operand, ends in cuts.items()})


def segment(inner: Tile, outer: Tile, operand: Operand) -> Sequence[Loop]:
    """Loops from one tile to the next: those that reuse the operand held above come last, so they merge if they can."""
    order = sorted(DIMS, key=lambda dim: (dim in IRRELEVANT[operand], DIMS.index(dim)), reverse=True)
    ratios = {dim: outer[AXIS[dim]] // inner[AXIS[dim]] for dim in order}
    return [(dim, ratio) for dim, ratio in ratios.items() if ratio > 1]


def _kept(tile: Tile) -> Operand:
    """The input that the units keep through a register tile."""
    return next(op for op in INPUTS if math.prod(tile[AXIS[d]] for d in IRRELEVANT[op]) == math.prod(tile) or op == "I")
