"""The spatial half of a mapping: which loops run side by side on the array, and what that makes of each memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import AXIS, DIMS, RELEVANT, SLIDING, Layer, Operand

Unrolling = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
"""((array dimension, ((loop, units), ...)), ...)."""

Rounding = Literal["average", "down", "up"]
"""How many units a loop that does not divide evenly is said to use: the mean over all steps, or a whole number."""

Factors = tuple[float, ...]
"""One factor for each of DIMS."""

ONES: Factors = (1.0,) * len(DIMS)


@dataclass(frozen=True)
class Spatial:
    """A layer unrolled on an array.

    `granted` is the unrolling cut to the array and the layer, `average` the mean units at work on each array dimension,
    `temporal` what is left of each loop in time.
    """

    layer: Layer
    hierarchy: Hierarchy
    granted: Unrolling
    temporal: tuple[int, ...]
    average: Mapping[str, Factors]

    @classmethod
    def of(cls, layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling) -> Spatial:
        """Limit every unrolling to the array and the layer; a loop that does not divide runs ceil(size / units) steps.

        Where a loop lies along several array dimensions, the first of the longest takes the remainder.
        """
        limited = _limited(layer, hierarchy, unrolling)
        average: dict[str, list[float]] = {array: [1.0] * len(DIMS) for array, _ in limited}
        for array, loops in limited:
            for dim, units in loops.items():
                factor = _mean_units(layer, limited, average, array, dim) if _is_first(limited, array, dim) else units
                average[array][AXIS[dim]] = float(factor)
        return cls(
            layer,
            hierarchy,
            tuple((array, tuple(loops.items())) for array, loops in limited),
            _temporal(layer, average),
            {array: tuple(factors) for array, factors in average.items()},
        )

    @property
    def cycles(self) -> int:
        """Steps of the whole layer when nothing stalls."""
        return math.prod(self.temporal)

    def used(self, rounding: Rounding) -> Mapping[str, Factors]:
        """Units of each array dimension by loop."""
        if rounding == "average":
            return self.average
        return self._whole["down" if rounding == "down" else "up"]

    @cached_property
    def _whole(self) -> Mapping[Rounding, Mapping[str, Factors]]:
        ways: tuple[tuple[Rounding, Callable[[float], int]], ...] = (("down", int), ("up", _up))
        return {
            rounding: {array: tuple(map(float, map(way, factors))) for array, factors in self.average.items()}
            for rounding, way in ways
        }

    def steps(self, operand: Operand, rounding: Rounding) -> tuple[Factors, ...]:
        """Unrolling between each level of an operand and the one below (entry 0: below the innermost memory).

        The last entry is what lies above the outermost level: dimensions that no memory serves.
        """
        memories = self.hierarchy.memories
        serves = tuple(memories[index].serves for index in self.hierarchy.levels[operand])
        return steps_of(serves, tuple(self.used(rounding).items()))

    @cached_property
    def drain_cycles(self) -> int:
        """Steps that the last results need to leave the array: one less than the units granted, per dimension."""
        counts = (math.prod(units for _, units in loops) for array, loops in self.granted if self._drains(array))
        return sum(count - 1 for count in counts)

    def _drains(self, array: str) -> bool:
        return array in self.hierarchy.array.systolic

    @property
    def used_units(self) -> float:
        """Multipliers at work, on average."""
        return math.prod(math.prod(factors) for factors in self.average.values())


@lru_cache(maxsize=4096)
def instances(steps: tuple[Factors, ...]) -> tuple[int, ...]:
    """Copies of every level, the units first: products of all unrolling above, rounded once."""
    each = [math.prod(factors) for factors in steps]
    return tuple(round(round(math.prod(each[level:]), 3)) for level in range(len(each)))


def boosts(layer: Layer, operand: Operand, steps: tuple[Factors, ...]) -> tuple[int, ...]:
    """Distinct elements that one instance of a level feeds side by side for each one held below."""
    if operand != "I":
        return _plain_boosts(operand, steps)
    below = [distinct(layer, operand, steps[:level]) for level in range(len(steps) + 1)]
    return tuple(round(after / before) for before, after in itertools.pairwise(below))


@lru_cache(maxsize=4096)
def _plain_boosts(operand: Operand, steps: tuple[Factors, ...]) -> tuple[int, ...]:
    unique = (math.prod(factors[AXIS[dim]] for dim in RELEVANT[operand]) for factors in steps)
    return tuple(round(each) for each in unique)


def distinct(layer: Layer, operand: Operand, steps: tuple[Factors, ...]) -> float:
    """Distinct elements of an operand under so much unrolling, level by level (pairs are cut to whole positions)."""
    unique = 1.0
    positions = {dim: 1.0 for pair in SLIDING for dim in pair}
    seen = dict.fromkeys(SLIDING, 1)
    for factors in steps:
        if factors is ONES:
            continue
        for dim in RELEVANT[operand]:
            unique *= factors[AXIS[dim]]
        for pair in SLIDING if operand == "I" else ():
            if factors[AXIS[pair[0]]] == factors[AXIS[pair[1]]] == 1:
                continue
            for dim in pair:
                positions[dim] *= factors[AXIS[dim]]
            seen[pair] = span(layer, pair, int(positions[pair[0]]), int(positions[pair[1]]))
    return unique * math.prod(seen.values())


def span(layer: Layer, pair: tuple[str, str], positions: int, taps: int) -> int:
    """Distinct input rows or columns below so many positions and taps."""
    stride = layer.stride(pair)
    return min(layer.extent(pair), positions * taps - max(0, taps - stride) * (positions - 1))


def _limited(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling) -> list[tuple[str, dict[str, int]]]:
    sizes = hierarchy.array.size
    return [
        (array, {dim: min(units, sizes[array], layer.size(dim)) for dim, units in loops if layer.size(dim) > 1})
        for array, loops in unrolling
    ]


def _is_first(limited: list[tuple[str, dict[str, int]]], array: str, dim: str) -> bool:
    longest = max(loops.get(dim, 0) for _, loops in limited)
    return array == next(name for name, loops in limited if loops.get(dim) == longest)


def _mean_units(
    layer: Layer, limited: list[tuple[str, dict[str, int]]], average: dict[str, list[float]], array: str, dim: str
) -> float:
    """Mean units of one loop along one array dimension: size / steps / units of the dimensions before."""
    before = 1.0
    for name, _ in limited:
        if name == array:
            break
        before *= average[name][AXIS[dim]]
    units = dict(limited)[array][dim]
    steps = math.ceil(layer.size(dim) / (units * before))
    return layer.size(dim) / steps / before


def _temporal(layer: Layer, average: Mapping[str, list[float]]) -> tuple[int, ...]:
    left = {dim: layer.size(dim) for dim in DIMS}
    for factors in average.values():
        for dim, factor in zip(DIMS, factors, strict=True):
            left[dim] = _up(left[dim] / factor)
    return tuple(left[dim] for dim in DIMS)


@lru_cache(maxsize=4096)
def steps_of(serves: tuple[tuple[str, ...], ...], used: tuple[tuple[str, Factors], ...]) -> tuple[Factors, ...]:
    """Unrolling between each level and the one below, for levels that serve these array dimensions."""
    left = dict(used)
    found = [_product([left.pop(array) for array in served if array in left]) for served in serves]
    return (*found, _product(list(left.values())))


def _product(factors: list[Factors]) -> Factors:
    if len(factors) < 2:
        return factors[0] if factors else ONES
    return tuple(math.prod(column) for column in zip(*factors, strict=True))


def _up(value: float) -> int:
    return math.ceil(value - 1e-9)
