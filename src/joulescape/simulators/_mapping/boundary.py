"""What one boundary costs on every tile: energy, cycles of the ports that carry it, and cycles on both inputs' paths.

Rows that are zero on every tile are not stored: a boundary touches the ports of two memories, and both paths in the
same way but for the first fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.plan import Indices


@dataclass(frozen=True)
class Paths:
    """Cycles that a boundary adds to the paths of W and I: `first` where marked, `stalls` without room for the next."""

    rows: tuple[int, int]
    fills: tuple[bool, bool]
    """Whether the first transfer (of outputs the last) lies on the path of W, of I."""
    first: Floats
    stalls: Floats

    def weighted(self, weights: Floats, is_doubled: bool) -> Floats:
        """Weighted cycles, (tiles,)."""
        shares = weights[list(self.rows)]
        total = float(shares[np.array(self.fills)].sum()) * self.first
        return np.asarray(total if is_doubled else total + float(shares.sum()) * self.stalls)

    def at(self, tiles: Indices | int | slice, is_doubled: bool) -> list[Floats]:
        """Cycles on the path of W and of I on some tiles."""
        first = self.first[tiles]
        stalls = 0.0 * first if is_doubled else self.stalls[tiles]
        return [first + stalls if filled else stalls for filled in self.fills]


@dataclass(frozen=True)
class Boundary:
    """Quantities of one boundary on every tile; `moved` holds the rows `rows` of all `count`: energy and ports."""

    count: int
    rows: tuple[int, ...]
    moved: Floats
    paths: Paths | None

    def weighted(self, weights: Floats, is_doubled: bool) -> Floats:
        """One weighted sum of all quantities, (tiles,)."""
        if not weights[1:].any():
            return np.asarray(weights[0] * self.moved[0])
        found = np.asarray(weights[list(self.rows)] @ self.moved)
        return found if self.paths is None else found + self.paths.weighted(weights, is_doubled)

    def at(self, tiles: Indices | int, is_doubled: bool) -> Floats:
        """All quantities on some tiles, (rows, tiles), or (rows,) of a single tile."""
        moved = self.moved[:, tiles]
        found = np.zeros((self.count, *moved.shape[1:]))
        found[list(self.rows)] = moved
        if self.paths is not None:
            found[list(self.paths.rows)] += self.paths.at(tiles, is_doubled)
        return found

    def least(self, fitting: Indices, single: Indices, double: Indices) -> Floats:
        """Least of every quantity over tiles that fit, alone or with room for the next, (rows,)."""
        found = np.zeros(self.count)
        found[list(self.rows)] = self.moved[:, fitting].min(axis=1, initial=np.inf)
        if self.paths is not None:
            ways = [
                [cycles.min(initial=np.inf) for cycles in self.paths.at(tiles, is_doubled)]
                for tiles, is_doubled in ((single, False), (double, True))
            ]
            found[list(self.paths.rows)] = np.min(ways, axis=0)
        return found
