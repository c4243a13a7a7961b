"""Cycles of a layer on fixed unrollings, and which unrolling is best.

    cycles = G prod_loops ceil(bound / unrolled) + fill * passes,  passes = G ceil(K / K') ceil(C / C') * tiles

Loops that are not unrolled run one step a cycle. The fill is paid for each pass of the array over a tile where sums
take more than one pass (zhang2015). A systolic array adds the skew of its sides once a layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators.unrolled.settings import LoopName, UnrolledSettings

Unrolling = Mapping[LoopName, int]
"""Units along each unrolled loop."""

LOOPS: tuple[LoopName, ...] = ("B", "K", "C", "OY", "OX", "FY", "FX")

REUSES: Mapping[LoopName, str] = {
    "K": "input", "B": "weight", "OY": "weight", "OX": "weight", "C": "output", "FY": "output", "FX": "output",
}  # fmt: skip
"""The operand that all units along a loop share."""


def unrollings(settings: UnrolledSettings) -> Iterator[Unrolling]:
    """Every choice of one loop a side, no loop twice; Infeasible where a systolic array has none."""
    sides = settings.sides
    found = False
    for loops in product(*(settings.loops[side] for side in sides)):
        reused = [REUSES[loop] for loop in loops]
        if len(set(loops)) < len(loops) or (settings.hands_on and len(set(reused)) < len(reused)):
            continue
        found = True
        yield dict(zip(loops, sides.values(), strict=True))
    if not found:
        raise Infeasible("no choice of loops gives every side one of its own; name other loops under `loops`", 1.0)


def bounds(loops: Loops, settings: UnrolledSettings) -> Mapping[LoopName, int]:
    """Loop bounds as the array walks them: input positions where it streams, whole tiles where those are fixed."""
    found: dict[LoopName, int] = {name: int(getattr(loops, name)) for name in LOOPS}
    if settings.streams_inputs:
        found["OY"], found["OX"] = input_rows(loops, loops.OY), (loops.OX - 1) * loops.stride_x + loops.FX
    for name, size in settings.whole.items():
        if loops.OY * loops.OX > 1:
            found[name] = math.ceil(found[name] / size) * size
    return found


def input_rows(loops: Loops, rows: int) -> int:
    """Rows of the input that so many rows of the output need."""
    return (rows - 1) * loops.stride_y + loops.FY


def steps(loops: Loops, unrolled: Unrolling, settings: UnrolledSettings) -> int:
    """Cycles without fills."""
    walked = bounds(loops, settings)
    return loops.G * math.prod(math.ceil(walked[name] / unrolled.get(name, 1)) for name in LOOPS)


def passes(loops: Loops, unrolled: Unrolling, tiles: int) -> int:
    """Passes of the array that pay a fill: none where one pass holds the whole reduction."""
    reductions = math.ceil(loops.C / unrolled.get("C", 1))
    return loops.G * math.ceil(loops.K / unrolled.get("K", 1)) * reductions * tiles if reductions > 1 else 0


def cycles(loops: Loops, unrolled: Unrolling, tiles: int, settings: UnrolledSettings) -> int:
    """Cycles of a layer whose positions are cut into so many tiles."""
    skew = sum(size - 1 for size in settings.sides.values()) if settings.hands_on else 0
    return (
        steps(loops, unrolled, settings) + settings.fill.cycles * passes(loops, unrolled, tiles) + skew
    )  # fmt: skip


def best(layers: Sequence[Loops], settings: UnrolledSettings) -> list[Unrolling]:
    """The unrolling of each layer: the fastest for it, or the one that is fastest for all of them together."""
    known = list(unrollings(settings))
    if settings.mapping == "per_layer":
        return [min(known, key=lambda one: steps(loops, one, settings)) for loops in layers]
    chosen = min(known, key=lambda one: sum(steps(loops, one, settings) for loops in layers))
    return [chosen] * len(layers)
