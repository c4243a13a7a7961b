"""Every tile that a layer's loops allow: the grid of divisors of all temporal loop bounds.

A tile says how many iterations of each loop lie inside a boundary. Tiles of nested boundaries divide each other, so
the grid, one axis a prime factor, is a lattice, and the best tile inside another one is a running minimum along axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from joulescape.simulators._mapping.layer import AXIS, DIMS, INPUTS, IRRELEVANT, OPERANDS, RELEVANT, Operand
from joulescape.simulators._mapping.nest import Tile

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]


LAYOUT = ("FX", "FY", "G", "B", "C", "K", "OX", "OY")
"""Dimensions from the outermost axis to the innermost: long axes innermost make long contiguous runs."""


SHORT_RUN = 4

LARGEST_FREED = 1 << 24
# The C library gives freed memory back to the system as long as it has seen no larger block freed than this search's
# tables, and every search then pays for fresh pages: one untouched block ends that.
np.empty(LARGEST_FREED, dtype=np.uint8)


@dataclass(frozen=True)
class Lattice:
    """All tiles of loop bounds `sizes` (one for each of DIMS), in a fixed order; the last one is the whole layer."""

    sizes: tuple[int, ...]
    primes: tuple[tuple[int, int, int], ...]
    """(dimension, prime, exponent), outermost axis first."""

    @cached_property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(exponent + 1 for _, _, exponent in self.primes)

    @cached_property
    def iterations(self) -> Mapping[str, Floats]:
        """Iterations of each dimension that has any, along its own axis of a grid of all of them."""
        lengths = [(name, divisors(self.sizes[AXIS[name]])) for name in LAYOUT if self.sizes[AXIS[name]] > 1]
        shape = [1] * len(lengths)
        found: dict[str, Floats] = {}
        for axis, (name, values) in enumerate(lengths):
            shape[axis] = values.size
            found[name] = values.reshape(shape)
            shape[axis] = 1
        return found

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """Tiles along every dimension that has any, outermost axis first."""
        return tuple(values.size for values in self.iterations.values())

    def product(self, dims: tuple[str, ...]) -> Floats | float:
        """Product of some dimensions' iterations, on the grid, or 1 where none of them has any."""
        total: Floats | float = 1.0
        for dim in dims:
            if dim in self.iterations:
                total = total * self.iterations[dim]
        return total

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis, so that values can be laid out as a grid."""
        return tuple(exponent + 1 for _, _, exponent in self.primes)

    def shape_of(self, operand: Operand) -> tuple[int, ...]:
        """The same for the tiles `only(operand)`: all other axes have length one."""
        kept = IRRELEVANT[operand]
        return tuple(exponent + 1 if DIMS[dim] in kept else 1 for dim, _, exponent in self.primes)

    def whole(self, values: Floats | float) -> Floats:
        """Values on the grid, repeated along the axes that they do not depend on, (tiles,)."""
        found = np.empty(self.grid)
        found[...] = values
        return found.reshape(-1)

    @cached_property
    def relevant(self) -> Mapping[Operand, Floats | float]:
        """Product of each operand's plainly relevant dimensions, on the grid."""
        return {operand: self.product(RELEVANT[operand]) for operand in OPERANDS}

    @cached_property
    def reduction(self) -> Floats | float:
        """Product of the dimensions along which sums accumulate, on the grid."""
        return self.product(IRRELEVANT["O"])

    @cached_property
    def cycles(self) -> Floats:
        """Iterations inside each tile, (tiles,)."""
        return self.whole(self.relevant["O"] * self.reduction)

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
        return self._parts[operand]

    @cached_property
    def _parts(self) -> Mapping[Operand, Lattice]:
        return {
            operand: lattice(tuple(size if dim in IRRELEVANT[operand] else 1 for dim, size in self._bounds))
            for operand in INPUTS
        }

    @property
    def _bounds(self) -> tuple[tuple[str, int], ...]:
        return tuple(zip(DIMS, self.sizes, strict=True))

    @cached_property
    def accumulates(self) -> bool:
        """Whether any of the reduction runs in time."""
        return any(self.sizes[AXIS[dim]] > 1 for dim in IRRELEVANT["O"])

    @cached_property
    def unfinished(self) -> Flags:
        """Tiles that hold only a part of the reduction, so that partial sums leave them, (tiles,)."""
        whole = math.prod(self.sizes[AXIS[dim]] for dim in IRRELEVANT["O"])
        found = np.empty(self.grid, dtype=bool)
        found[...] = self.reduction < whole
        return found.reshape(-1)

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
        return np.array([self.whole(self.iterations.get(dim, 1.0)) for dim in DIMS], dtype=np.int64)

    @cached_property
    def _walks(self) -> tuple[tuple[int, int], ...]:
        """(length of an axis, elements within one step of it) of every prime axis."""
        inner = self.count
        found = []
        for _, _, exponent in self.primes:
            inner //= exponent + 1
            found.append((exponent + 1, inner))
        return tuple(found)

    def settle(
        self, values: Floats | Singles, points: int = 1, along: Mapping[str, Sequence[slice]] | None = None
    ) -> None:
        """Replace every value by the least among all tiles within its own, in place, (states, tiles * points).

        `along` names the states to settle along each dimension (all along all where it is left out).
        """
        for (dim, _, _), (length, apart) in zip(self.primes, self._walks, strict=True):
            for states in (slice(None),) if along is None else along.get(DIMS[dim], ()):
                _settle_axis(values[states], length, apart * points)


def _settle_axis(values: Floats | Singles, length: int, inner: int) -> None:
    view = values.reshape(values.shape[0], -1, length, inner)
    # A few long strided passes are quicker than many runs of two to four elements.
    for run in range(inner) if 1 < inner <= SHORT_RUN else (slice(None),):
        before = view[:, :, 0, run]
        for step in range(1, length):
            after = view[:, :, step, run]
            np.minimum(after, before, out=after)
            before = after


@lru_cache(maxsize=128)
def lattice(sizes: tuple[int, ...]) -> Lattice:
    """The lattice of some temporal loop bounds."""
    axes = [(AXIS[name], prime, power) for name in LAYOUT for prime, power in factors(sizes[AXIS[name]])]
    return Lattice(sizes, tuple(axes))


@lru_cache(maxsize=4096)
def divisors(number: int) -> Floats:
    """All divisors, in the order of the exponents of `factors`."""
    values = np.ones(1)
    for prime, power in factors(number):
        values = np.multiply.outer(values, float(prime) ** np.arange(power + 1)).reshape(-1)
    return values


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
