"""Where the interferometers of a mesh stand, and in which order a unitary is taken apart into them.

Both depend on the size and the scheme alone, so they are found once. A step clears one element of a unitary: a `right`
step mixes two columns, a `left` step two rows (clements2016); reck1994 uses right steps only. Steps that do not touch
what the other reads or writes run together: 2 N - 3 waves for reck1994. The steps of clements2016 form one chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from joulescape.numerics.mzi_mesh.windows import Windows, windows

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Step:
    """Clear element (row, column) by the interferometer `number` on modes (mode, mode + 1)."""

    is_right: bool
    row: int
    column: int

    @property
    def mode(self) -> int:
        """Upper of its two modes: a right step pairs its column with the next, a left one its row with the last."""
        return self.column if self.is_right else self.row - 1


@dataclass(frozen=True)
class Wave:
    """Steps that run together; `numbers` are places in light order."""

    rows: Index
    columns: Index
    modes: Index
    numbers: Index


@dataclass(frozen=True)
class Layout:
    """A mesh of `size` modes: waves of its decomposition, and its columns in the order light meets them."""

    size: int
    mzis: int
    waves: tuple[tuple[Wave, Wave], ...]
    """Right and left steps of each wave, in order."""
    columns: tuple[tuple[Index, Index], ...]
    """(modes, numbers) of each column, modes rising."""

    @cached_property
    def coupling(self) -> NDArray[np.float64]:
        """Heat that each interferometer gets of each other, relative to nearest neighbours: exp(1 - d), d in pitches.

        Neighbours in a column are two modes apart; columns are one pitch apart. None heats itself.
        """
        columns, modes = np.zeros(self.mzis), np.zeros(self.mzis)
        for column, (upper, numbers) in enumerate(self.columns):
            columns[numbers], modes[numbers] = column, upper
        away = np.hypot(columns[:, None] - columns, (modes[:, None] - modes) / 2)
        return np.where(away > 0, np.exp(1.0 - away), 0.0)

    @cached_property
    def windows(self) -> Windows:
        """The same interferometers regrouped for the simulation."""
        return windows(self.size, self.columns)

    @property
    def depth(self) -> int:
        """Interferometers on the longest path."""
        return len(self.columns)


@lru_cache(maxsize=32)
def layout(size: int, is_reck: bool) -> Layout:
    """The mesh of `size` modes in one of the two schemes."""
    steps = _reck(size) if is_reck else _clements(size)
    right = [index for index, step in enumerate(steps) if step.is_right]
    left = [index for index, step in enumerate(steps) if not step.is_right]
    numbers = {index: place for place, index in enumerate([*right, *reversed(left)])}
    levels = _levels(steps)
    waves = tuple(
        (_wave(steps, [i for i in level if steps[i].is_right], numbers),
         _wave(steps, [i for i in level if not steps[i].is_right], numbers))
        for level in levels
    )  # fmt: skip
    modes = [steps[index].mode for index in sorted(numbers, key=lambda index: numbers[index])]
    return Layout(size, len(steps), waves, _columns(size, modes))


def _clements(size: int) -> list[Step]:
    """Anti-diagonals from the lower left corner, by columns and by rows in turn."""
    steps = []
    for diagonal in range(size - 1):
        for place in range(diagonal + 1):
            if diagonal % 2 == 0:
                steps.append(Step(True, size - 1 - place, diagonal - place))
            else:
                steps.append(Step(False, size - 1 + place - diagonal, place))
    return steps


def _reck(size: int) -> list[Step]:
    """Rows from the last one up, each from the left."""
    return [Step(True, row, column) for row in range(size - 1, 0, -1) for column in range(row)]


def _levels(steps: Sequence[Step]) -> list[list[int]]:
    """Earliest level of each step: after every earlier step that writes what it reads, or reads what it writes."""
    count = 2 + max(step.row for step in steps)
    wrote_column, read_column, wrote_row, read_row = (np.zeros(count, dtype=int) for _ in range(4))
    levels: dict[int, list[int]] = {}
    for index, step in enumerate(steps):
        pair = slice(step.mode, step.mode + 2)
        if step.is_right:
            level = 1 + max(wrote_column[pair].max(), read_column[pair].max(), wrote_row[step.row])
            wrote_column[pair] = level
            read_row[step.row] = max(read_row[step.row], level)
        else:
            level = 1 + max(wrote_row[pair].max(), read_row[pair].max(), wrote_column[step.column])
            wrote_row[pair] = level
            read_column[step.column] = max(read_column[step.column], level)
        levels.setdefault(int(level), []).append(index)
    return [levels[level] for level in sorted(levels)]


def _wave(steps: Sequence[Step], chosen: Sequence[int], numbers: dict[int, int]) -> Wave:
    def column(values: list[int]) -> Index:
        return np.asarray(values, dtype=np.intp)

    return Wave(
        rows=column([steps[i].row for i in chosen]),
        columns=column([steps[i].column for i in chosen]),
        modes=column([steps[i].mode for i in chosen]),
        numbers=column([numbers[i] for i in chosen]),
    )


def _columns(size: int, modes: Sequence[int]) -> tuple[tuple[Index, Index], ...]:
    """Every interferometer as early as its two modes allow."""
    free = np.zeros(size, dtype=int)
    columns: list[tuple[list[int], list[int]]] = []
    for number, mode in enumerate(modes):
        place = int(max(free[mode], free[mode + 1]))
        free[mode : mode + 2] = place + 1
        if place == len(columns):
            columns.append(([], []))
        columns[place][0].append(mode)
        columns[place][1].append(number)
    return tuple(_rising(np.asarray(modes, dtype=np.intp), np.asarray(n, dtype=np.intp)) for modes, n in columns)


def _rising(modes: Index, numbers: Index) -> tuple[Index, Index]:
    order = np.argsort(modes)
    return modes[order], numbers[order]
