"""Movements over the boundaries of a hierarchy: which memory reads or writes for which operand, in which direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from joulescape.simulators._mapping.frame import ABOVE, BELOW
from joulescape.simulators._mapping.hierarchy import READS, Direction
from joulescape.simulators._mapping.layer import INPUTS, OPERANDS, Operand
from joulescape.simulators._mapping.plan import Slot


@dataclass(frozen=True)
class Row:
    """One movement over one boundary: level `level` is the inner side of the boundary (-1: the unit itself)."""

    operand: Operand
    level: int
    memory: int
    at: int
    """The operand's level whose memory moves the words: `level` or `level + 1`."""
    direction: Direction

    @property
    def is_read(self) -> bool:
        """Whether the memory is read."""
        return self.direction in READS


@lru_cache(maxsize=256)
def rows_of(levels: tuple[tuple[Operand, tuple[int, ...]], ...]) -> tuple[Row, ...]:
    """Every movement between the memories that hold each operand, innermost first."""
    return tuple(_rows(dict(levels)))


@lru_cache(maxsize=256)
def slots_of(rows: tuple[Row, ...]) -> Mapping[Slot, tuple[int, ...]]:
    """Indices of the movements over each boundary."""
    found: dict[Slot, tuple[int, ...]] = {}
    for index, row in enumerate(rows):
        found[row.operand, row.level] = (*found.get((row.operand, row.level), ()), index)
    return found


def _rows(levels: Mapping[Operand, tuple[int, ...]]) -> Iterator[Row]:
    for operand in INPUTS:
        yield Row(operand, -1, levels[operand][0], 0, "to_low")
    for direction in BELOW["O"]:
        yield Row("O", -1, levels["O"][0], 0, direction)
    for operand in OPERANDS:
        for level in range(len(levels[operand]) - 1):
            for direction in ABOVE[operand]:
                yield Row(operand, level, levels[operand][level], level, direction)
            for direction in BELOW[operand]:
                yield Row(operand, level, levels[operand][level + 1], level + 1, direction)
