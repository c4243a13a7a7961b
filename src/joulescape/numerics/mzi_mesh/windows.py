"""A mesh regrouped, so that light passes many interferometers in one small matrix product.

Light is followed through windows of `WIDTH` neighbouring modes, whose borders move by half of a window from step to
step. Inside a window stand as many interferometers as light meets before it needs a mode of another window; all windows
of all steps are multiplied out together, level by level, then each step is one batch of small matrix products. So a
mesh of 64 modes takes 17 products in a row instead of 64 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Index = NDArray[np.intp]

WIDTH = 8
"""Modes of a window: wider ones need fewer steps but more levels."""

HALF = WIDTH // 2

LEVELS = WIDTH
"""Levels of a window; the first and the last windows of a mesh could hold more, for all others it would be waste."""


@dataclass(frozen=True)
class Windows:
    """Where each interferometer of a mesh stands: step, window, level. Windows of odd steps begin half a window on."""

    size: int
    count: int
    """Windows of one step; the last one of an odd step reaches beyond the mesh and is empty."""
    pairs: tuple[int, ...]
    """Pairs of modes of each level; those of odd levels begin at the second mode."""
    numbers: Tensor
    """The interferometer at each (level and pair, step and window), flat; one past the last where none stands."""

    def through(self, elements: Tensor) -> Tensor:
        """Light of every input through meshes of interferometers.

        `elements` (4, batch, mzis + 1) are upper left, upper right, lower left and lower right of each 2x2 matrix, the
        last one the identity; returns (batch, size, size), complex.
        """
        blocks = self._blocks(elements)
        batch, modes = elements.shape[1], self.count * WIDTH
        state = torch.zeros(batch, modes, self.size, dtype=elements.dtype)
        state[:, range(self.size), range(self.size)] = 1.0
        # All meshes stand below each other: the empty window between two of them leaves their modes alone.
        state = state.view(-1, WIDTH, self.size)
        for step, block in enumerate(blocks):
            if step % 2 == 0:
                state = torch.bmm(block, state)
            else:
                shifted = state.view(-1, self.size)[HALF:-HALF].view(-1, WIDTH, self.size)
                shifted.copy_(torch.bmm(block[:-1], shifted))
        return state.view(batch, modes, self.size)[:, : self.size]

    def _blocks(self, elements: Tensor) -> Tensor:
        """What every window does: (steps, batch * count, WIDTH, WIDTH)."""
        batch = elements.shape[1]
        flat = elements.view(4 * batch, -1)
        found = flat.gather(1, self.numbers.expand(4 * batch, -1)).view(4, batch, sum(self.pairs), -1)
        # Windows stand last, so that one level of all of them is a few operations on long runs of memory.
        state = torch.zeros(WIDTH, WIDTH, batch, found.shape[3], dtype=elements.dtype)
        state[range(WIDTH), range(WIDTH)] = 1.0
        sides = ((state[0::2], state[1::2]), (state[1:-1:2], state[2:-1:2]))
        for level, part in enumerate(torch.split(found, list(self.pairs), dim=2)):
            upper, lower = sides[level % 2]
            a, b, c, d = part.transpose(1, 2)[:, :, None]
            above = (a * upper).addcmul_(b, lower)
            lower.mul_(d).addcmul_(c, upper)
            upper.copy_(above)
        ordered = state.view(WIDTH, WIDTH, batch, -1, self.count).permute(3, 2, 4, 0, 1)
        return ordered.reshape(-1, batch * self.count, WIDTH, WIDTH)


def windows(size: int, columns: Sequence[tuple[Index, Index]]) -> Windows:
    """Regroup the interferometers of a mesh's (modes, numbers) columns: each as early as light allows."""
    mzis = sum(len(modes) for modes, _ in columns)
    count = -(-size // WIDTH)
    placed = [place for step in _steps(columns, count) for place in step]
    steps, levels = (1 + max(place[which] for place in placed) for which in (0, 2))
    pairs = tuple(HALF - level % 2 for level in range(levels))
    table = np.full((sum(pairs), steps * count), mzis, dtype=np.int64)
    for step, mode, level, number in placed:
        window, local = divmod(mode - step % 2 * HALF, WIDTH)
        table[sum(pairs[:level]) + local // 2, step * count + window] = number
    return Windows(size, count, pairs, torch.as_tensor(table.ravel()))


Place = tuple[int, int, int, int]
"""Step, upper mode, level, number."""


def _steps(columns: Sequence[tuple[Index, Index]], count: int) -> Iterator[list[Place]]:
    """Of each step the interferometers that it takes; what needs a mode of another window waits, and all behind it."""
    waiting = [(int(m), int(n)) for modes, numbers in columns for m, n in zip(modes, numbers, strict=True)]
    step = 0
    while waiting:
        taken, waiting = _taken(waiting, step, count - step % 2)
        yield taken
        step += 1


def _taken(waiting: Sequence[tuple[int, int]], step: int, count: int) -> tuple[list[Place], list[tuple[int, int]]]:
    offset = step % 2 * HALF
    taken: list[Place] = []
    left: list[tuple[int, int]] = []
    free: dict[int, int] = {}
    stopped: set[int] = set()
    for mode, number in waiting:
        window, local = divmod(mode - offset, WIDTH)
        level = max(free.get(mode, 0), free.get(mode + 1, 0))
        level += (level - local) % 2
        is_inside = 0 <= window < count and local < WIDTH - 1 and level < LEVELS
        if is_inside and stopped.isdisjoint((mode, mode + 1)):
            free[mode] = free[mode + 1] = level + 1
            taken.append((step, mode, level, number))
        else:
            stopped.update((mode, mode + 1))
            left.append((mode, number))
    return taken, left
