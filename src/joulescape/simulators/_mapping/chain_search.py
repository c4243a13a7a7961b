"""The best chain of nested tiles for additive costs: dynamic programming over a lattice, exact.

H[S](t) is the least cost of placing the boundaries of S on tiles inside t. Placing one more boundary on t adds its own
cost at t; going from tiles t to tiles inside t is a running minimum along the lattice's axes. Loop orders inside a
segment do not matter to costs that depend on tiles only, so none is ever enumerated.

Somewhere in the chain lies the run through which the units keep one element of one input: its tile holds loops that
reuse that input and no others, and so do the tiles below it. What lies below is therefore searched on the small lattice
of those loops, once for each input, and enters the large one where the run ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import mod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.lattice import Floats, Lattice, Singles
from joulescape.simulators._mapping.layer import AXIS, IRRELEVANT, Operand
from joulescape.simulators._mapping.plan import Placement, Plan, Reuse, settlings

SMALL = 64
"""Tiles below which one gathered operation a rank is quicker than one a step."""

FEW = 3
"""Ties up to which plain numbers are compared quicker than arrays."""

Real = TypeVar("Real", np.float32, np.float64)

Placed = tuple[tuple[Placement, int], ...]
"""Boundaries from the inside out, each with the index of its tile."""


@dataclass(frozen=True)
class Chain:
    """Boundaries below and above the run that the units keep one element of `keeps` through (`register`, its tile)."""

    below: Placed
    register: int
    keeps: Operand
    above: Placed
    cost: float

    @property
    def placed(self) -> Placed:
        """All boundaries, from the inside out."""
        return (*self.below, *self.above)

    @property
    def registers(self) -> tuple[int, int]:
        """Tiles through which the units keep an element of W and of I."""
        return (self.register, 0) if self.keeps == "W" else (0, self.register)


@dataclass(frozen=True)
class Tables:
    """Least costs of every state (rows of each rank) on every tile.

    `settled` has the state's last boundary (or the run's end) on any tile within the tile (of the last rank only the
    whole layer is asked for); `below` the same before the run ends, on the tiles of each input's small lattice, whose
    run costs `runs`.
    """

    plan: Plan
    costs: Floats
    settled: tuple[Floats, ...]
    runs: Mapping[Operand, Floats]
    below: Mapping[Operand, tuple[Floats, ...]]


def tables(
    tiles: Lattice, plan: Plan, runs: Mapping[Operand, Floats], costs: Floats, reuse: Reuse | None = None
) -> Tables:
    """Least costs of all states.

    `runs[x]` costs what the units keep of x, on the tiles `tiles.only(x)`; `costs` (placements, tiles) each boundary on
    each tile, infinite where it does not fit. With `reuse`, a state is settled only along loops that its next boundary
    may gain from: the least of a whole chain is the same, that of a state inside a given tile may be above the least.
    """
    along = settlings(plan, reuse) if reuse else (None,) * len(plan.steps)
    below = {side: _below(tiles, side, plan, costs, reuse) for side in runs}
    settled: list[Floats] = [_started(tiles, runs)]
    for rank in range(1, len(plan.ranks)):
        reached = _reached(plan, rank - 1, settled[-1], costs)
        for side, cost in runs.items():
            where = tiles.only(side)
            reached[:, where] = np.minimum(reached[:, where], below[side][rank] + cost)
        if rank < len(plan.steps):
            tiles.settle(reached, along=along[rank])
        else:
            reached[:, -1] = reached.min(axis=1)
        settled.append(reached)
    return Tables(plan, costs, tuple(settled), runs, below)


def _started(tiles: Lattice, runs: Mapping[Operand, Floats]) -> Floats:
    """Least cost of a run within each tile, before any boundary is placed above it, (1, tiles)."""
    found = np.full(tiles.shape, np.inf)
    for side, cost in runs.items():
        settled = cost[None].copy()
        tiles.part(side).settle(settled)
        np.minimum(found, settled.reshape(tiles.shape_of(side)), out=found)
    return found.reshape(1, -1)


def _below(tiles: Lattice, side: Operand, plan: Plan, costs: Floats, reuse: Reuse | None) -> tuple[Floats, ...]:
    """Least costs of boundaries below the end of an input's run, on its small lattice (or on its least tile alone)."""
    where = tiles.only(side)
    if reuse and _lies_at_bottom(tiles, side, plan, costs[:, where], reuse):
        where = where[:1]
    inside = costs[:, where]
    settled = [np.zeros((1, where.size))]
    for rank in range(len(plan.steps)):
        reached = _reached(plan, rank, settled[-1], inside)
        if where.size > 1:
            tiles.part(side).settle(reached)
        settled.append(reached)
    return tuple(settled)


def _lies_at_bottom(tiles: Lattice, side: Operand, plan: Plan, costs: Floats, reuse: Reuse) -> bool:
    """Whether no boundary below the end of a run needs any tile but the least.

    One that fits on the whole run may as well lie on its end; one that gains nothing from the run's loops, or fits on
    no other tile, on the least.
    """
    loops = {dim for dim in IRRELEVANT[side] if tiles.sizes[AXIS[dim]] > 1}
    gains = dict(reuse)
    fits = np.isfinite(costs)
    return all(
        fit[-1] or loops.isdisjoint(gains[placement.slot]) or not fit[1:].any()
        for placement, fit in zip(plan.placements, fits, strict=True)
    )


def _reached(plan: Plan, rank: int, settled: NDArray[Real], costs: NDArray[Real]) -> NDArray[Real]:
    """States of the next rank with their last boundary on each tile."""
    if settled.shape[1] < SMALL:
        sources, placements, starts = plan.gathers[rank]
        return np.asarray(np.minimum.reduceat(settled[sources] + costs[placements], starts, axis=0))
    found = np.empty((plan.ranks[rank + 1], settled.shape[1]), dtype=costs.dtype)
    other = np.empty(settled.shape[1], dtype=costs.dtype)
    previous = -1
    for step in plan.steps[rank]:
        if step.target != previous:
            np.add(settled[step.source], costs[step.placement], out=found[step.target])
            previous = step.target
        else:
            np.add(settled[step.source], costs[step.placement], out=other)
            np.minimum(found[step.target], other, out=found[step.target])
    return found


def reached_states(tiles: Lattice, plan: Plan, runs: Mapping[Operand, Singles], costs: Singles) -> Singles:
    """Least cost of a whole chain for each of several sets of costs, in one pass, (points,).

    As `tables`, with a last axis of points: `runs[x]` (tiles of x, points), `costs` (placements, tiles, points).
    """
    points = costs.shape[2]
    flat = costs.reshape(costs.shape[0], -1)
    below = {x: _reached_below(tiles, x, plan, costs) for x in runs}
    reached = np.full((1, tiles.count * points), np.inf, dtype=costs.dtype)
    for rank in range(len(plan.ranks)):
        if rank:
            reached = _reached(plan, rank - 1, reached, flat)
        grid = reached.reshape(-1, tiles.count, points)
        for side, cost in runs.items():
            where = tiles.only(side)
            grid[:, where] = np.minimum(grid[:, where], below[side][rank].reshape(-1, where.size, points) + cost)
        if rank < len(plan.steps):
            tiles.settle(reached, points)
    return np.asarray(reached.reshape(tiles.count, points).min(axis=0))


def _reached_below(tiles: Lattice, side: Operand, plan: Plan, costs: Singles) -> list[Singles]:
    where, points = tiles.only(side), costs.shape[2]
    flat = costs[:, where].reshape(costs.shape[0], -1)
    settled = [np.zeros((1, where.size * points), dtype=costs.dtype)]
    for rank in range(len(plan.steps)):
        settled.append(_reached(plan, rank, settled[-1], flat))
        tiles.part(side).settle(settled[-1], points)
    return settled


def best_chain(tiles: Lattice, found: Tables) -> Chain:
    """The cheapest chain; ties go to the largest tile, then to the plan's first step. Infeasible when there is none."""
    least = found.settled[-1][0, -1]
    if not np.isfinite(least):
        raise Infeasible("no tile fits the memories", 1.0)
    state, rank, outer = 0, len(found.plan.steps), tiles.count - 1
    above: list[tuple[Placement, int]] = []
    while True:
        least_here = found.settled[rank][state, outer]
        inner = outer if _here(found, rank, state, outer) == least_here else _within(tiles, found, rank, state, outer)
        ended = _ended(tiles, found, rank, state, inner, least_here)
        if ended is not None:
            below = _traced(tiles, found, ended[0], (rank, state, ended[1]))
            return Chain(below, inner, ended[0], tuple(reversed(above)), float(least))
        before = found.settled[rank - 1][:, inner]
        state, placement = _step(found.plan, rank, state, before, found.costs[:, inner], least_here)
        above.append((found.plan.placements[placement], inner))
        rank, outer = rank - 1, inner


def _here(found: Tables, rank: int, state: int, tile: int) -> Any:
    """Least cost of one state with a boundary placed on one tile; the end of a run is not looked for."""
    if rank == 0:
        return np.inf
    settled, costs = found.settled[rank - 1][:, tile], found.costs[:, tile]
    steps = found.plan.steps[rank - 1]
    return min(settled[step.source] + costs[step.placement] for step in steps if step.target == state)


def _within(tiles: Lattice, found: Tables, rank: int, state: int, outer: int) -> int:
    """The tile inside `outer` on which a state's least cost is attained."""
    placed = _placed(found.plan, rank, state, found.settled, found.costs)
    for side, cost in found.runs.items():
        where = tiles.only(side)
        placed[where] = np.minimum(placed[where], found.below[side][rank][state] + cost)
    return _attained(tiles, placed, found.settled[rank][state, outer], outer)


def _placed(plan: Plan, rank: int, state: int, settled: tuple[Floats, ...], costs: Floats) -> Floats:
    """Costs of one state with its last boundary on each tile, as `_reached` has them."""
    found = np.full(costs.shape[1], np.inf)
    for step in plan.steps[rank - 1] if rank else ():
        if step.target == state:
            np.minimum(found, settled[rank - 1][step.source] + costs[step.placement], out=found)
    return found


def _ended(tiles: Lattice, found: Tables, rank: int, state: int, inner: int, value: Any) -> tuple[Operand, int] | None:
    """The input whose run ends on a tile at this value, and the tile's place in its small lattice."""
    for side, cost in found.runs.items():
        at = int(np.searchsorted(tiles.only(side), inner))
        below = found.below[side][rank][state]
        inside = min(at, below.size - 1)
        if at < cost.size and tiles.only(side)[at] == inner and below[inside] + cost[at] == value:
            return side, inside
    return None


def _traced(tiles: Lattice, found: Tables, side: Operand, start: tuple[int, int, int]) -> Placed:
    """Boundaries below the end of a run, from the inside out."""
    rank, state, outer = start
    small, settled = tiles.part(side), found.below[side]
    where = tiles.only(side)[: settled[0].shape[1]]
    chain: list[tuple[Placement, int]] = []
    costs = found.costs[:, where]
    while rank > 0:
        placed = _placed(found.plan, rank, state, settled, costs)
        inner = _attained(small, placed, settled[rank][state, outer], outer)
        state, placement = _step(found.plan, rank, state, settled[rank - 1][:, inner], costs[:, inner], placed[inner])
        chain.append((found.plan.placements[placement], int(where[inner])))
        rank, outer = rank - 1, inner
    return tuple(reversed(chain))


def _step(plan: Plan, rank: int, state: int, settled: Floats, costs: Floats, value: Any) -> tuple[int, int]:
    """The first step into a state that accounts for its value: where it came from and what it placed."""
    return next(
        (step.source, step.placement)
        for step in plan.steps[rank - 1]
        if step.target == state and settled[step.source] + costs[step.placement] == value
    )


def _attained(tiles: Lattice, values: Floats, least: Any, outer: int) -> int:
    """The largest tile inside `outer` that attains a value; of equally large ones the first."""
    if values[outer] == least:
        return outer
    found = np.flatnonzero(values == least)
    if found.size > FEW:
        inside = found[(tiles.tiles[:, outer, None] % tiles.tiles[:, found] == 0).all(axis=0)]
        return int(inside[np.argmax(tiles.cycles[inside])])
    whole = tiles.tile(outer)
    nested = [
        (math.prod(tile), -index) for index in found.tolist() if not any(map(mod, whole, tile := tiles.tile(index)))
    ]
    return -max(nested)[1]
