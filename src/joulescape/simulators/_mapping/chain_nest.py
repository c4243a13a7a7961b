"""From a chain of tiles to loops: one order that realises it."""

from __future__ import annotations

from joulescape.simulators._mapping.chain_search import Chain
from joulescape.simulators._mapping.lattice import Lattice
from joulescape.simulators._mapping.layer import AXIS, DIMS, IRRELEVANT, OPERANDS, Operand
from joulescape.simulators._mapping.nest import Loop, Nest, Tile
from joulescape.simulators._mapping.plan import Placement


def nest_of(tiles: Lattice, chain: Chain) -> Nest:
    """The loops between a chain's tiles, innermost first, with every operand's cuts."""
    loops: list[Loop] = []
    inner: Tile = (1,) * len(DIMS)
    cuts: dict[Operand, list[int]] = {operand: [] for operand in OPERANDS}
    ends: list[tuple[Placement | None, int]] = [*chain.below, (None, chain.register), *chain.above]
    for placement, index in ends:
        operand = chain.keeps if placement is None else placement.operand
        loops += segment(inner, tiles.tile(index), operand)
        inner = tiles.tile(index)
        if placement is not None:
            cuts[operand].append(len(loops))
    loops += segment(inner, tiles.sizes, "O")
    return Nest(tuple(loops), {operand: tuple(found) for operand, found in cuts.items()})


def segment(inner: Tile, outer: Tile, operand: Operand) -> list[Loop]:
    """Loops from one tile to the next; those that reuse the operand whose tile it fills stand outermost."""
    order = sorted(DIMS, key=lambda dim: (dim in IRRELEVANT[operand], -AXIS[dim]))
    ratios = ((dim, outer[AXIS[dim]] // inner[AXIS[dim]]) for dim in order)
    return [(dim, ratio) for dim, ratio in ratios if ratio > 1]
