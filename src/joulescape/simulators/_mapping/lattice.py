"""Every tile that a layer's loops allow: the grid of divisors of all temporal loop bounds.

A tile says how many iterations of each loop lie inside a boundary. Tiles of nested boundaries divide each other, so
the grid, one axis a prime factor, is a lattice, and the best tile inside another one is a running minimum along axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from joulescape.simulators._mapping.layer import AXIS, DIMS, INPUTS, IRRELEVANT, Operand
from joulescape.simulators._mapping.nest import Tile

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Lattice:
    """All tiles of loop bounds `sizes` (one for each of DIMS), in a fixed order; the last one is the whole layer."""

    sizes: tuple[int, ...]
    primes: tuple[tuple[int, int, int], ...]
    """(dimension, prime, exponent), outermost axis first."""

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(exponent + 1 for _, _, exponent in self.primes)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """One axis a dimension that has any factor, dimensions in the order of DIMS."""
        counts: dict[int, int] = {}
        for dim, _, exponent in self.primes:
            counts[dim] = counts.get(dim, 1) * (exponent + 1)
        return tuple(counts[dim] for dim in sorted(counts))

    @cached_property
    def divisors(self) -> Mapping[str, Floats]:
        """Iterations of each dimension, shaped to broadcast over `shape`."""
        present = sorted({dim for dim, _, _ in self.primes})
        found: dict[str, Floats] = {dim: np.ones((1,) * len(present)) for dim in DIMS}
        for place, dim in enumerate(present):
            values = np.ones(1)
            for _, prime, exponent in (axis for axis in self.primes if axis[0] == dim):
                values = np.multiply.outer(values, float(prime) ** np.arange(exponent + 1)).ravel()
            found[DIMS[dim]] = values.reshape([-1 if i == place else 1 for i in range(len(present))])
        return found

    def product(self, dims: tuple[str, ...]) -> Floats:
        """Product of some dimensions' iterations, of a shape that broadcasts over `shape`."""
        total: Floats = np.ones((1,) * len(self.shape))
        for dim in dims:
            if self.sizes[AXIS[dim]] > 1:
                total = total * self.divisors[dim]
        return total

    def flat(self, values: Floats) -> Floats:
        """Values that broadcast over `shape`, as (tiles,)."""
        if values.shape != self.shape:
            values = values + np.zeros(self.shape)
        return values.reshape(-1)

    @cached_property
    def cycles(self) -> Floats:
        """Iterations inside each tile, (tiles,)."""
        return self.flat(self.product(DIMS))

    def only(self, operand: Operand) -> NDArray[np.intp]:
        """Indices of tiles with no loop but those that reuse an input: what a unit can keep one element through."""
        return self._only[operand]

    @cached_property
    def _only(self) -> Mapping[Operand, NDArray[np.intp]]:
        found: dict[Operand, NDArray[np.intp]] = {}
        for operand in INPUTS:
            indices = np.zeros(1, dtype=np.intp)
            for (dim, _, _), (length, inner) in zip(self.primes, self._walks, strict=True):
                if DIMS[dim] in IRRELEVANT[operand]:
                    indices = (indices[:, None] + np.arange(length) * inner).reshape(-1)
            found[operand] = indices
        return found

    def part(self, operand: Operand) -> Lattice:
        """The lattice of the tiles `only(operand)`, in the same order."""
        kept = (size if DIMS[dim] in IRRELEVANT[operand] else 1 for dim, size in enumerate(self.sizes))
        return lattice(tuple(kept))

    @cached_property
    def unfinished(self) -> Flags:
        """Tiles that hold only a part of the reduction, so that partial sums leave them, (tiles,)."""
        whole = math.prod(self.sizes[AXIS[dim]] for dim in IRRELEVANT["O"])
        parts = self.product(IRRELEVANT["O"]) < whole
        return np.broadcast_to(parts, self.shape).reshape(-1)

    @cached_property
    def finished(self) -> Flags:
        """Tiles that hold the whole reduction, so that only final outputs leave them, (tiles,)."""
        return np.asarray(~self.unfinished)

    def tile(self, index: int) -> Tile:
        """The tile at an index, one number for each of DIMS."""
        sizes = [1] * len(DIMS)
        rest = index
        for dim, prime, exponent in reversed(self.primes):
            rest, power = divmod(rest, exponent + 1)
            sizes[dim] *= prime**power
        return tuple(sizes)

    @cached_property
    def tiles(self) -> NDArray[np.int64]:
        """All tiles, (dims, tiles)."""
        whole = [np.broadcast_to(self.divisors[dim], self.shape).reshape(-1) for dim in DIMS]
        return np.asarray(whole, dtype=np.int64)

    @cached_property
    def _walks(self) -> tuple[tuple[int, int], ...]:
        """(length of an axis, elements within one step of it) of every prime axis."""
        inner = self.count
        found = []
        for _, _, exponent in self.primes:
            inner //= exponent + 1
            found.append((exponent + 1, inner))
        return tuple(found)

    def settle(self, values: Any) -> None:
        """Replace every value by the least among all tiles within its own, in place; (states, tiles) contiguous."""
        for length, inner in self._walks:
            view = values.reshape(-1, length, inner)
            for step in range(1, length):
                np.minimum(view[:, step], view[:, step - 1], out=view[:, step])


@lru_cache(maxsize=4096)
def lattice(sizes: tuple[int, ...]) -> Lattice:
    """The lattice of some temporal loop bounds."""
    axes = [(dim, prime, power) for dim, size in enumerate(sizes) for prime, power in factors(size)]
    return Lattice(sizes, tuple(axes))


@lru_cache(maxsize=4096)
def factors(number: int) -> tuple[tuple[int, int], ...]:
    """Prime factors with their powers, largest prime first."""
    found: dict[int, int] = {}
    divisor = 2
    while number > 1:
        while number % divisor == 0:
            found[divisor] = found.get(divisor, 0) + 1
            number //= divisor
        divisor += 1 if divisor * divisor <= number else max(1, number - divisor)
    return tuple(sorted(found.items(), reverse=True))
