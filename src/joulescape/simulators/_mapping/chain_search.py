"""The best chain of nested tiles for additive costs: dynamic programming over a lattice, exact.

H[S](t) is the least cost of placing the boundaries of S on tiles inside t. Placing one more boundary on t adds its own
cost at t; going from tiles t to tiles inside t is a running minimum along the lattice's axes. Loop orders inside a
segment do not matter to costs that depend on tiles only, so none is ever enumerated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.lattice import Floats, Lattice
from joulescape.simulators._mapping.layer import Operand
from joulescape.simulators._mapping.plan import Placement, Plan


@dataclass(frozen=True)
class Chain:
    """Boundaries from the inside out, each with the index of its tile; `register` is the tile that the units keep."""

    placed: tuple[tuple[Placement, int], ...]
    register: int
    keeps: Operand
    """The input that the units keep through the register tile; the other one is fetched every cycle."""
    cost: float

    @property
    def registers(self) -> tuple[int, int]:
        """Register tiles of W and I."""
        return (self.register, 0) if self.keeps == "W" else (0, self.register)


@dataclass(frozen=True)
class Tables:
    """Least costs of every state (rows of each rank) on every tile.

    `placed` has the state's last boundary on the tile itself, `settled` on any tile within it.
    """

    plan: Plan
    placed: tuple[Floats, ...]
    settled: tuple[Floats, ...]


def tables(tiles: Lattice, plan: Plan, start: Floats, costs: Floats) -> Tables:
    """Least costs of all states.

    `start` (tiles,) costs what the units keep in their registers; `costs` (placements, tiles) each boundary on each
    tile, infinite where it does not fit.
    """
    placed, settled = [start[None, :]], [_settled(tiles, start[None, :])]
    for rank, steps in enumerate(plan.steps):
        reached = np.empty((plan.ranks[rank + 1], tiles.count))
        fresh = [True] * plan.ranks[rank + 1]
        for step in steps:
            if fresh[step.target]:
                np.add(settled[rank][step.source], costs[step.placement], out=reached[step.target])
                fresh[step.target] = False
            else:
                other = settled[rank][step.source] + costs[step.placement]
                np.minimum(reached[step.target], other, out=reached[step.target])
        placed.append(reached)
        settled.append(_settled(tiles, reached))
    return Tables(plan, tuple(placed), tuple(settled))


def best_chain(tiles: Lattice, found: Tables, costs: Floats) -> Chain:
    """The cheapest chain; ties go to the largest tile, then to the plan's first step. Infeasible when there is none."""
    if not np.isfinite(found.settled[-1][0, -1]):
        raise Infeasible("no tile fits the memories", 1.0)
    return _trace(tiles, found.plan, costs, found.placed, found.settled)


def _settled(tiles: Lattice, values: Floats) -> Floats:
    settled = values.copy()
    tiles.settle(settled)
    return settled


def _trace(
    tiles: Lattice, plan: Plan, costs: Floats, placed: Sequence[Floats], settled: Sequence[Floats]
) -> Chain:
    """Walk back from the whole layer through the tiles that make up the least cost."""
    state, outer = 0, tiles.count - 1
    chain: list[tuple[Placement, int]] = []
    for rank in range(len(plan.steps), 0, -1):
        inner = _attained(tiles, placed[rank][state], settled[rank][state, outer], outer)
        value = placed[rank][state, inner]
        step = next(
            s
            for s in plan.steps[rank - 1]
            if s.target == state and settled[rank - 1][s.source, inner] + costs[s.placement, inner] == value
        )
        chain.append((plan.placements[step.placement], inner))
        state, outer = step.source, inner
    register = _attained(tiles, placed[0][0], settled[0][0, outer], outer)
    keeps: Operand = "W" if register in tiles.only("W") else "I"
    return Chain(tuple(reversed(chain)), register, keeps, float(settled[-1][0, -1]))


def _attained(tiles: Lattice, values: Floats, least: Any, outer: int) -> int:
    """The largest tile inside `outer` that attains a value."""
    found = np.flatnonzero(values == least)
    inside = found[(tiles.tiles[:, outer, None] % tiles.tiles[:, found] == 0).all(axis=0)]
    return int(inside[np.argmax(tiles.cycles[inside])])
