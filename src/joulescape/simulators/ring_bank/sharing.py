"""Copies of a layer's tiles: teams of banks that would stand idle share the layer's positions.

The rule: as many copies as make one work's latency least, the fewest of those that do, and none whose stream would be
shorter than the loading of its rings. So where memory binds there are no copies, and a copied layer streams for at
least half of its time: beyond that copies save little time, and each has all its rings set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.simulators.base import Quantity, ceil_div

MOST_TRIED = 32
"""Copies that are tried one by one; beyond, as many as fit at once."""


@dataclass(frozen=True)
class Turns:
    """How the teams of banks take turns at one product."""

    copies: Quantity
    """Of every tile."""
    rounds: Quantity
    """Turns, each with other tiles or copies on the banks."""
    positions: Quantity
    """Vectors that one copy meets, at most."""

    @classmethod
    def of(cls, jobs: int, positions: int, teams: Quantity, copies: Quantity) -> Turns:
        """With at most so many copies: the fewest among which no copy's share is longer."""
        each = ceil_div(positions, copies)
        fewest = ceil_div(positions, each)
        return cls(fewest, ceil_div(jobs * fewest, teams), each)

    @classmethod
    def fastest(
        cls, jobs: int, positions: int, teams: Quantity, load_ns: Quantity, vector_ns: float, least_ns: Quantity = 0.0
    ) -> Turns:
        """The least of rounds * (loading + stream of one copy); `least_ns` passes in any case, for memory's sake."""
        count, load, least = np.broadcast_arrays(teams, load_ns, least_ns)
        tried = [np.full(count.shape, number) for number in range(1, MOST_TRIED + 1)]
        copies = np.stack([*tried, np.maximum(count // jobs, 1)])
        made = cls.of(jobs, positions, count, copies)
        stream = made.positions * vector_ns
        latency = np.maximum(made.rounds * (load + stream), least)
        allowed = np.where(np.logical_or(copies == 1, stream >= load), latency, np.inf)
        best = np.argmin(allowed, axis=0)[np.newaxis]
        return cls.of(jobs, positions, count, np.take_along_axis(copies, best, axis=0)[0])

    def latency_ns(self, load_ns: Quantity, vector_ns: float) -> Quantity:
        """Every round loads, then streams."""
        return self.rounds * (load_ns + self.positions * vector_ns)
