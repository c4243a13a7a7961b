"""Words and energy in ZigZag's accounting (zigzag-dse 3.9.1), for one complete mapping.

A tile moves whole every time it is replaced; partial sums pay for their first, empty read too; accesses are bought in
units of a port's least bits and rounded down in total. Written from the published rules, checked against the tool.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import DIRECTIONS, Direction
from joulescape.simulators._mapping.layer import AXIS, IRRELEVANT, OPERANDS, Operand
from joulescape.simulators._mapping.nest import Nest, tile_of


@dataclass(frozen=True)
class Moves:
    """How a nest moves data in one frame: per operand, from the units up.

    `amounts[l]` and `periods[l]` describe what passes between level l - 1 (the units for l = 0) and level l: elements
    of one lower instance, and cycles between two transfers. `is_partial[l]` is whether that traffic is partial sums.
    """

    frame: Frame
    nest: Nest
    amounts: Mapping[Operand, tuple[int, ...]]
    periods: Mapping[Operand, tuple[int, ...]]
    is_partial: tuple[bool, ...]

    @classmethod
    def of(cls, frame: Frame, nest: Nest) -> Moves:
        """Read a nest."""
        amounts: dict[Operand, tuple[int, ...]] = {}
        periods: dict[Operand, tuple[int, ...]] = {}
        for operand in OPERANDS:
            tiles = [tile_of(nest.loops[:cut]) for cut in nest.merged(operand)]
            held = [frame.elements(operand, level, tile) for level, tile in enumerate(tiles)]
            amounts[operand] = (1, *held)
            periods[operand] = (nest.stationary(operand), *(math.prod(tile) for tile in tiles))
        return cls(frame, nest, amounts, periods, _partial(frame, nest))

    @cached_property
    def cycles(self) -> int:
        """Iterations of the whole nest."""
        return self.nest.cycles

    def is_active(self, operand: Operand, level: int, direction: Direction) -> bool:
        """Whether this movement happens at all."""
        if direction in ("to_high", "from_high") and level == self.frame.levels(operand) - 1:
            return False
        if operand != "O":
            return direction in ("to_low", "from_high")
        link = level if direction in ("to_low", "from_low") else level + 1
        return direction in ("from_low", "to_high") or self.is_partial[link]

    def link(self, level: int, direction: Direction) -> int:
        """Index into amounts and periods."""
        return level if direction in ("to_low", "from_low") else level + 1

    def amount(self, operand: Operand, level: int, direction: Direction) -> int:
        """Elements of one transfer, as one instance of this level sees it."""
        link = self.link(level, direction)
        boost = self.frame.boosts[operand][level] if link == level else 1
        return self.amounts[operand][link] * boost

    def count(self, operand: Operand, level: int, direction: Direction) -> int:
        """Transfers in the whole layer."""
        return self.cycles // self.periods[operand][self.link(level, direction)]

    def bits(self, operand: Operand, level: int, direction: Direction) -> int:
        """Width of one element on the way."""
        is_partial = operand == "O" and self.is_partial[self.link(level, direction)]
        return self.frame.spatial.layer.widths.of(operand, is_partial)

    def words(self, operand: Operand, level: int, direction: Direction) -> int:
        """Accesses of a full port width by all instances of a level, rounded down in total."""
        if not self.is_active(operand, level, direction):
            return 0
        port = self.frame.memory(operand, level).port(operand, direction)
        bought = math.ceil(
            self.amount(operand, level, direction) * self.bits(operand, level, direction) / port.least_bits
        )
        share = port.least_bits / port.bits
        return int(bought * share * self.count(operand, level, direction) * self.frame.instances[operand][level])


def words(moves: Moves) -> dict[Operand, list[tuple[int, int, int, int]]]:
    """Accesses of every level in the order of DIRECTIONS."""
    return {
        operand: [
            tuple(moves.words(operand, level, direction) for direction in DIRECTIONS)  # type: ignore[misc]
            for level in range(moves.frame.levels(operand))
        ]
        for operand in OPERANDS
    }


def energy_pj(moves: Moves) -> float:
    """Memory accesses and multiplies; nothing else is charged."""
    hierarchy = moves.frame.spatial.hierarchy
    total = 0.0
    for operand, levels in words(moves).items():
        for level, counts in enumerate(levels):
            memory = hierarchy.memory(operand, level)
            total += sum(
                count * memory.access_pj(direction) for direction, count in zip(DIRECTIONS, counts, strict=True)
            )
    return total + hierarchy.array.unit_pj * moves.frame.spatial.layer.macs


def _partial(frame: Frame, nest: Nest) -> tuple[bool, ...]:
    """Whether sums are unfinished between level l - 1 and l: reduction loops at l or above, in time or in space."""
    levels = frame.levels("O")
    in_time = [
        any(dim in IRRELEVANT["O"] and size > 1 for dim, size in nest.within("O", level)) for level in range(levels)
    ]
    return (*tuple(any(in_time[level:]) or frame.reduces_above[level] for level in range(levels)), False)


def reduction(tile: tuple[int, ...]) -> int:
    """Iterations of a tile along which sums accumulate."""
    return math.prod(tile[AXIS[dim]] for dim in IRRELEVANT["O"])
