"""The best mapping in ZigZag's accounting: exact for energy; for its latency and product a descent over loop orders.

ZigZag's stalls depend on the order of loops inside a segment and on the order in which operands claim room, so its
latency does not add up along a chain. The descent starts from chains that are best for energy, with all of every memory
and with half of it, and from our own best for time; it tries every cut one loop up or down and every swap of two loops.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.chain_nest import nest_of
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.lattice import factors
from joulescape.simulators._mapping.layer import OPERANDS, Layer, Operand
from joulescape.simulators._mapping.mapper import Effort, map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.objectives import best_for
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves, energy_pj
from joulescape.simulators._mapping.zigzag_latency import cycles

Goal = Literal["energy", "edp"]


@dataclass(frozen=True)
class ZigzagCost:
    """A nest as ZigZag would cost it."""

    nest: Nest
    energy_pj: float
    cycles: float

    @property
    def edp(self) -> float:
        """Energy times cycles."""
        return self.energy_pj * self.cycles


def zigzag_cost(spatial: Spatial, nest: Nest) -> ZigzagCost:
    """Energy with averaged unrolling, cycles with whole units."""
    average = Moves.of(Frame(spatial, "average"), nest)
    return ZigzagCost(nest, energy_pj(average), cycles(average, Moves.of(Frame(spatial, "down"), nest)).total)


def zigzag_best(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, goal: Goal = "energy") -> ZigzagCost:
    """The best mapping found in ZigZag's accounting; proven for energy."""
    spatial = Spatial.of(layer, hierarchy, unrolling)
    least = zigzag_cost(spatial, _least_energy(layer, hierarchy, unrolling))
    if goal == "energy":
        return least
    starts = [least, *(zigzag_cost(spatial, nest) for nest in _starts(layer, hierarchy, unrolling))]
    ends = [_descended(spatial, start) for start in sorted(starts, key=lambda cost: cost.edp)[:2]]
    return min(ends, key=lambda cost: (cost.edp, cost.energy_pj))


def _least_energy(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling) -> Nest:
    tiles = Tiles(Spatial.of(layer, hierarchy, unrolling), "zigzag")
    return nest_of(tiles.lattice, best_for(Search(Quantities(tiles, hierarchy, False), 400), "energy").chain)


def _starts(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling) -> Iterator[Nest]:
    """Nests that leave room for the next tile, and our own best for time."""
    halved = tuple(replace(memory, size_bits=memory.size_bits // 2) for memory in hierarchy.memories[:-1])
    # A memory of a single element cannot be halved; the other start remains.
    with contextlib.suppress(Infeasible):
        yield _least_energy(layer, replace(hierarchy, memories=(*halved, hierarchy.memories[-1])), unrolling)
    yield map_layer(layer, hierarchy, unrolling, "edp", Effort(most_mappings=0)).nest


def _descended(spatial: Spatial, start: ZigzagCost) -> ZigzagCost:
    """Take the best neighbour until none is better."""
    best = replace(start, nest=_in_primes(start.nest))
    while True:
        around = (zigzag_cost(spatial, nest) for nest in _neighbours(best.nest) if _fits(spatial, nest))
        nearest = min(around, key=lambda cost: cost.edp, default=best)
        if nearest.edp >= best.edp * (1 - 1e-12):
            return best
        best = nearest


def _in_primes(nest: Nest) -> Nest:
    """The same nest with every loop split into its prime factors."""
    split = [[(dim, prime) for prime, power in factors(size) for _ in range(power)] for dim, size in nest.loops]
    ends = [sum(len(loops) for loops in split[:cut]) for cut in range(len(split) + 1)]
    cuts = {operand: tuple(ends[cut] for cut in nest.cuts[operand]) for operand in OPERANDS}
    return Nest(tuple(loop for loops in split for loop in loops), cuts)


def _neighbours(nest: Nest) -> Iterator[Nest]:
    """Every cut elsewhere between its neighbours, and every swap of two different loops."""
    for operand in OPERANDS:
        for level, cut in enumerate(nest.cuts[operand]):
            low = nest.cuts[operand][level - 1] if level else 0
            above = nest.cuts[operand][level + 1] if level + 1 < len(nest.cuts[operand]) else len(nest.loops)
            for place in range(low, above + 1):
                if place != cut:
                    yield Nest(nest.loops, {**nest.cuts, operand: _with(nest.cuts[operand], level, place)})
    for first in range(len(nest.loops)):
        for second in range(first + 1, len(nest.loops)):
            if nest.loops[first] != nest.loops[second]:
                loops = list(nest.loops)
                loops[first], loops[second] = loops[second], loops[first]
                yield Nest(tuple(loops), nest.cuts)


def _with(cuts: tuple[int, ...], level: int, place: int) -> tuple[int, ...]:
    return (*cuts[:level], place, *cuts[level + 1 :])


def _fits(spatial: Spatial, nest: Nest) -> bool:
    """Whether every memory holds its tiles; outputs at partial width while sums come in unfinished."""
    moves = Moves.of(Frame(spatial, "average"), nest)
    used = [0.0] * len(spatial.hierarchy.memories)
    for operand in OPERANDS:
        for level, index in enumerate(spatial.hierarchy.levels[operand]):
            used[index] += _bits(moves, operand, level)
    return all(bits <= memory.size_bits for bits, memory in zip(used, spatial.hierarchy.memories, strict=True))


def _bits(moves: Moves, operand: Operand, level: int) -> int:
    is_partial = operand == "O" and moves.is_partial[level] and level < moves.frame.levels("O") - 1
    return math.ceil(moves.amounts[operand][level + 1] * moves.frame.spatial.layer.widths.of(operand, is_partial))
