"""The best candidates told so far: by rank, then crowding, then violation (Deb 2002)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulescape.front import FloatArray, crowding, ranks
from joulescape.search.sampler import Told

SPARE = 4
"""So many times more are kept than are asked for, so that truncation by crowding hardly ever loses a good one."""


class Elite:
    """Keeps `SPARE` times the best `size` of all told: what is left joins each batch, as NSGA-II's survival has it.

    So its cost does not grow with the length of the search.
    """

    def __init__(self, size: int) -> None:
        self._size = size * SPARE
        self._kept: list[Told] = []
        self.told = 0

    def tell(self, told: Sequence[Told]) -> None:
        """Hear of judged candidates."""
        self.told += len(told)
        self._kept = best([*self._kept, *told], self._size)

    def best(self, size: int) -> list[Told]:
        """The best `size` that were kept."""
        return self._kept[:size]


def best(told: Sequence[Told], size: int) -> list[Told]:
    """The best `size`: feasible ones by rank, then crowding (larger first), then infeasible ones by violation."""
    feasible = [item for item in told if item.point is not None]
    infeasible = sorted((item for item in told if item.point is None), key=lambda item: item.violation)
    return [*_best_first(feasible), *infeasible][:size]


def _best_first(feasible: Sequence[Told]) -> list[Told]:
    if not feasible:
        return []
    points = np.array([item.point for item in feasible], dtype=float)
    return [feasible[index] for index in np.lexsort((-_crowding_by_rank(points), ranks(points)))]


def _crowding_by_rank(points: FloatArray) -> FloatArray:
    rank = ranks(points)
    found = np.zeros(len(points))
    for level in np.unique(rank):
        found[rank == level] = crowding(points[rank == level])
    return found
