"""What a layer, an array and its memories fix before any loop is ordered: instances, fan-out and the transfers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from joulescape.simulators._mapping.hierarchy import Direction, Memory
from joulescape.simulators._mapping.layer import AXIS, IRRELEVANT, OPERANDS, RELEVANT, SLIDING, Operand
from joulescape.simulators._mapping.nest import Tile
from joulescape.simulators._mapping.unrolling import ONES, Factors, Rounding, Spatial, boosts, instances, span

BELOW: Mapping[Operand, tuple[Direction, ...]] = {"O": ("to_low", "from_low"), "W": ("to_low",), "I": ("to_low",)}
ABOVE: Mapping[Operand, tuple[Direction, ...]] = {
    "O": ("to_high", "from_high"),
    "W": ("from_high",),
    "I": ("from_high",),
}


@dataclass(frozen=True)
class Frame:
    """A Spatial seen under one rounding of fractional unrolling."""

    spatial: Spatial
    rounding: Rounding

    @cached_property
    def steps(self) -> Mapping[Operand, tuple[Factors, ...]]:
        """Unrolling between each level of an operand and the one below; the last entry lies above the outermost."""
        return {operand: self.spatial.steps(operand, self.rounding) for operand in OPERANDS}

    @cached_property
    def inside(self) -> Mapping[Operand, tuple[Factors, ...]]:
        """Unrolling below each level of an operand, in all; entry 0 is the innermost level's own fan-out."""
        return {operand: _running(self.steps[operand]) for operand in OPERANDS}

    @cached_property
    def instances(self) -> Mapping[Operand, tuple[int, ...]]:
        """Copies of each level, innermost first (fractional unrolling rounded once, in all)."""
        return {operand: copies[1:] for operand, copies in self._copies.items()}

    @cached_property
    def _copies(self) -> Mapping[Operand, tuple[int, ...]]:
        return {operand: instances(self.steps[operand]) for operand in OPERANDS}

    @cached_property
    def units(self) -> int:
        """Multipliers at work."""
        return self._copies["O"][0]

    @cached_property
    def boosts(self) -> Mapping[Operand, tuple[int, ...]]:
        """Distinct elements fed below by one instance of each level for every one held below."""
        return {operand: boosts(self.spatial.layer, operand, self.steps[operand]) for operand in OPERANDS}

    @cached_property
    def reduces_above(self) -> tuple[bool, ...]:
        """Whether partial sums are still added up between instances above each output level."""
        steps = self.steps["O"]
        ir = [any(factors[AXIS[dim]] > 1 for dim in IRRELEVANT["O"]) for factors in steps]
        return tuple(any(ir[level + 1 :]) for level in range(len(steps)))

    def levels(self, operand: Operand) -> int:
        """Memories that hold an operand."""
        return len(self.spatial.hierarchy.levels[operand])

    def memory(self, operand: Operand, level: int) -> Memory:
        """The memory at a level of an operand."""
        return self.spatial.hierarchy.memory(operand, level)

    def elements(self, operand: Operand, level: int, tile: Tile) -> int:
        """Elements that one instance of a level holds: those of the tile and of all units below it."""
        factors = self.inside[operand][level]
        held = math.prod(tile[AXIS[dim]] * factors[AXIS[dim]] for dim in RELEVANT[operand])
        if operand == "I":
            held *= math.prod(self._span(pair, tile, factors) for pair in SLIDING)
        return round(held)

    def _span(self, pair: tuple[str, str], tile: Tile, factors: Factors) -> int:
        positions, taps = (int(tile[AXIS[dim]] * factors[AXIS[dim]]) for dim in pair)
        return span(self.spatial.layer, pair, positions, taps)


@lru_cache(maxsize=4096)
def _running(steps: tuple[Factors, ...]) -> tuple[Factors, ...]:
    """Products of all unrolling up to each level."""
    total = ONES
    found = []
    for factors in steps:
        total = total if factors is ONES else tuple(a * b for a, b in zip(total, factors, strict=True))
        found.append(total)
    return tuple(found)
