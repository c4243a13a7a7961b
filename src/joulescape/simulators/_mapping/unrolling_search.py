"""Which loops run side by side: dataflows that fix it, or all unrollings that keep most units busy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import DIMS, INPUTS, Layer, Operand
from joulescape.simulators._mapping.mapper import PLENTY, Effort, Mapped, map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import TOLERANCE, Objective
from joulescape.simulators._mapping.room import sharings
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

Dataflow = Literal[
    "weight_stationary", "output_stationary", "input_stationary", "row_stationary", "output_map", "adder_tree", "free"
]

ALLOWED: Mapping[Dataflow, tuple[tuple[str, ...], ...]] = {
    "weight_stationary": (("K",), ("C", "FY", "FX")),
    "output_stationary": (("K", "OX"), ("OY", "OX", "B")),
    "input_stationary": (("C", "OX"), ("K",)),
    "row_stationary": (("FY", "C", "K"), ("OY", "K")),
    "output_map": (("OX", "K"), ("OY", "K")),
    "adder_tree": (("K",), ("C",)),
    "free": (DIMS,),
}
"""Loops that a dataflow lets run along each array dimension (the last entry holds for all further ones).

output_map: neighbouring neurons of one map side by side (ShiDianNao); adder_tree: outputs against the inputs that one
tree adds (DianNao)."""

NEEDED: Mapping[Dataflow, tuple[str, ...]] = {"row_stationary": ("FY", "OY"), "output_map": ("OX", "OY")}
"""Loop that each array dimension must run, where the layer has it: rows of a filter against rows of the output, or both
axes of a map."""

KEEPS: Mapping[Dataflow, tuple[Operand, ...]] = {
    "weight_stationary": ("W",),
    "output_stationary": (),
    "input_stationary": ("I",),
    "row_stationary": INPUTS,
    "output_map": (),
    "adder_tree": (),
    "free": INPUTS,
}
"""Inputs that units may keep through a run of loops."""


@dataclass(frozen=True)
class Unrolled:
    """The best unrolling of those tried, and how many there were; `gap_fraction` is what the objective could still
    lose over all unrollings, at most: 1 where some were not tried.
    """

    mapped: Mapped
    unrollings_count: int
    is_truncated: bool
    gap_fraction: float


def unrollings(layer: Layer, hierarchy: Hierarchy, dataflow: Dataflow = "free") -> tuple[Unrolling, ...]:
    """Unrollings of one loop, or two, along each array dimension, fewest steps first.

    Where two dimensions want the only loop that there is, one of them stays idle.
    """
    return _unrollings(layer, hierarchy, dataflow, ()) or _unrollings(layer, hierarchy, dataflow, ((),))


def _unrollings(
    layer: Layer, hierarchy: Hierarchy, dataflow: Dataflow, idle: tuple[tuple[()], ...]
) -> tuple[Unrolling, ...]:
    allowed = ALLOWED[dataflow]
    choices = [
        [*_along(layer, size, allowed[min(place, len(allowed) - 1)]), *idle]
        for place, (_, size) in enumerate(hierarchy.array.sizes)
    ]
    names = [name for name, _ in hierarchy.array.sizes]
    found: dict[Unrolling, int] = {}
    for chosen in itertools.product(*choices):
        unrolling = tuple(zip(names, chosen, strict=True))
        if _is_within(layer, unrolling) and _has(layer, chosen, NEEDED.get(dataflow, ())):
            found[unrolling] = Spatial.of(layer, hierarchy, unrolling).cycles
    return tuple(sorted(found, key=lambda unrolling: (found[unrolling], unrolling)))


def map_freely(
    layer: Layer,
    hierarchy: Hierarchy,
    objective: Objective = "energy",
    dataflow: Dataflow = "free",
    most_unrollings: int = 24,
    effort: Effort = PLENTY,
) -> Unrolled:
    """The best mapping over unrollings, those that need fewest steps first; where none fits, over narrower ones.

    Beyond `most_unrollings` of a width none is tried, and the answer is marked truncated. Infeasible where none fits.
    """
    known = unrollings(layer, hierarchy, dataflow)
    rounds = itertools.chain([known], _narrower(layer, hierarchy, dataflow))
    reason, violation = f"the array cannot run {dataflow} on this layer", 1.0
    for place, candidates in enumerate(rounds):
        tried, found = candidates[:most_unrollings], list[Mapped]()
        for unrolling in tried:
            try:
                found.append(map_layer(layer, hierarchy, unrolling, objective, effort, KEEPS[dataflow]))
            except Infeasible as error:
                if place == 0:
                    reason, violation = error.reason, error.violation
        if found:
            best = min(found, key=lambda mapped: value_of(mapped, objective))
            is_truncated = place > 0 or len(candidates) > most_unrollings
            return Unrolled(best, len(tried), is_truncated, 1.0 if is_truncated else _gap(found, best, objective))
    raise Infeasible(reason, violation)


def is_held(layer: Layer, hierarchy: Hierarchy, dataflow: Dataflow, most_unrollings: int) -> bool:
    """Whether one of the first unrollings can be mapped, told without a search.

    It can where every memory has room for the least tile of all that shares it: with the loops of a sum innermost and
    all others outermost each boundary takes its least at once. False says only that none of these can.
    """
    return any(_has_room(layer, hierarchy, one) for one in unrollings(layer, hierarchy, dataflow)[:most_unrollings])


def _has_room(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling) -> bool:
    try:
        sharings(Tiles(Spatial.of(layer, hierarchy, unrolling), "own"))
    except Infeasible:
        return False
    return True


def _narrower(layer: Layer, hierarchy: Hierarchy, dataflow: Dataflow) -> Iterator[tuple[Unrolling, ...]]:
    """Unrollings on less and less of the array, its dimensions halved, by number of units left.

    Raises Infeasible, with the least room that would do, where not even one unit can be fed.
    """
    alone = tuple((name, ()) for name, _ in hierarchy.array.sizes)
    sharings(Tiles(Spatial.of(layer, hierarchy, alone), "own"))
    halves = [[size >> step for step in range(size.bit_length())] for _, size in hierarchy.array.sizes]
    shapes = sorted(itertools.product(*halves), key=lambda shape: -math.prod(shape))[1:]
    names = [name for name, _ in hierarchy.array.sizes]
    for _, alike in itertools.groupby(shapes, key=math.prod):
        found: dict[Unrolling, int] = {}
        for shape in alike:
            array = replace(hierarchy.array, sizes=tuple(zip(names, shape, strict=True)))
            for unrolling in unrollings(layer, replace(hierarchy, array=array), dataflow):
                found[unrolling] = Spatial.of(layer, hierarchy, unrolling).cycles
        yield tuple(sorted(found, key=lambda unrolling: (found[unrolling], unrolling)))


def _gap(found: Sequence[Mapped], best: Mapped, objective: Objective) -> float:
    """Gap of the best over the least bound of all; 0 where it is proven."""
    bounds = [value_of(one, objective)[0] * (1.0 - one.gap_fraction) for one in found]
    gap = 1.0 - min(bounds) / value_of(best, objective)[0]
    return gap if gap > TOLERANCE else 0.0


def value_of(mapped: Mapped, objective: Objective) -> tuple[float, float]:
    """What an objective compares, and what breaks its ties."""
    if objective == "energy":
        return (mapped.energy_pj, mapped.cycles)
    if objective == "latency":
        return (mapped.cycles, mapped.energy_pj)
    return (mapped.energy_pj * mapped.cycles, mapped.energy_pj)


def _along(layer: Layer, size: int, dims: Sequence[str]) -> Iterator[tuple[tuple[str, int], ...]]:
    """One loop along a dimension, or a whole short one beside another; none where the layer has none of them."""
    present = [dim for dim in dims if layer.size(dim) > 1]
    if not present:
        yield ()
    for dim in present:
        yield ((dim, min(size, layer.size(dim))),)
    for first, second in itertools.permutations(present, 2):
        rest = size // layer.size(first)
        if rest >= 2:
            yield ((first, layer.size(first)), (second, min(rest, layer.size(second))))


def _has(layer: Layer, chosen: Sequence[tuple[tuple[str, int], ...]], needed: Sequence[str]) -> bool:
    """Whether each array dimension runs the loop that it must."""
    pairs = zip(chosen, needed, strict=False)
    return all(layer.size(dim) == 1 or any(dim == loop for loop, _ in loops) for loops, dim in pairs)


def _is_within(layer: Layer, unrolling: Unrolling) -> bool:
    """Whether no loop runs on more units than it has steps."""
    units: dict[str, int] = {}
    for _, loops in unrolling:
        for dim, factor in loops:
            units[dim] = units.get(dim, 1) * factor
    return all(factor < 2 * layer.size(dim) for dim, factor in units.items()) and math.prod(units.values()) > 0
