"""A complete temporal mapping: one sequence of loops, and for every operand where each memory's share of it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulescape.simulators._mapping.layer import AXIS, DIMS, INPUTS, IRRELEVANT, RELEVANT, Operand

Loop = tuple[str, int]
Tile = tuple[int, ...]
"""Iterations of each of DIMS inside a boundary."""


@dataclass(frozen=True)
class Nest:
    """Loops innermost first; `cuts[operand][level]` is how many of them lie within the operand's level or below.

    The top level holds all of them and has no cut.
    """

    loops: tuple[Loop, ...]
    cuts: Mapping[Operand, tuple[int, ...]]

    @property
    def cycles(self) -> int:
        """Iterations of all loops."""
        return math.prod(size for _, size in self.loops)

    def merged(self, operand: Operand) -> tuple[int, ...]:
        """Cuts of an operand, the top included, moved up over loops that reuse what already lies below them."""
        reused = IRRELEVANT[operand]
        moved = []
        for cut in self.cuts[operand]:
            end = cut
            while end < len(self.loops) and self.loops[end][0] in reused:
                end += 1
            moved.append(end)
        return (*moved, len(self.loops))

    def stationary(self, operand: Operand) -> int:
        """Cycles for which the unit itself keeps one element of an input: the run of reusing loops at the bottom."""
        if operand not in INPUTS:
            return 1
        return math.prod(size for _, size in self.loops[: self._bottom(operand)])

    def _bottom(self, operand: Operand) -> int:
        run = 0
        while run < len(self.loops) and self.loops[run][0] in IRRELEVANT[operand]:
            run += 1
        return run

    def within(self, operand: Operand, level: int) -> tuple[Loop, ...]:
        """Loops between the boundary of the level below and that of this one, innermost first."""
        ends = self.merged(operand)
        return self.loops[(0 if level == 0 else ends[level - 1]) : ends[level]]

    def top_run(self, operand: Operand, level: int, wanted: Sequence[str]) -> int:
        """Product of the run of `wanted` loops at the outer end of a level."""
        product = 1
        for dim, size in reversed(self.within(operand, level)):
            if dim not in wanted:
                break
            product *= size
        return product

    def relevant_run(self, operand: Operand, level: int) -> int:
        """Product of the run of relevant loops on top of a level."""
        return self.top_run(operand, level, RELEVANT[operand])

    def reusing_run(self, operand: Operand, level: int) -> int:
        """Product of the run of irrelevant loops on top of a level."""
        return self.top_run(operand, level, IRRELEVANT[operand])


def tile_of(loops: Sequence[Loop]) -> Tile:
    """Iterations of every dimension in some loops."""
    sizes = [1] * len(DIMS)
    for dim, size in loops:
        sizes[AXIS[dim]] *= size
    return tuple(sizes)
