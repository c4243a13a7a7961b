"""In which orders the boundaries of all operands may be nested, as steps between sets of boundaries already placed.

A boundary is where one memory's share of an operand's loops ends. Boundaries are placed from the inside out; each
operand's own ones in the order of its levels, those of different operands in any order. A set of placed boundaries is
one state; outputs also remember whether their sums were finished inside the last one (then they need less room).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from joulescape.simulators._mapping.layer import Operand

Sums = Literal["partial", "final", "any"]


@dataclass(frozen=True)
class Placement:
    """Placing one boundary: which one, at which width its outputs lie there, and what must be true of its tile."""

    operand: Operand
    level: int
    width: Sums = "any"
    leaves: Sums = "any"
    """`partial`: the tile does not hold the whole reduction; `final`: it does; `any`: nobody above asks."""


@dataclass(frozen=True)
class Step:
    """One way from a state of the rank below (`source`) to a state of this rank (`target`) by a placement."""

    source: int
    target: int
    placement: int


@dataclass(frozen=True)
class Plan:
    """All states by rank (how many boundaries are placed) and the steps into each rank; rank 0 holds nothing."""

    placements: tuple[Placement, ...]
    ranks: tuple[int, ...]
    """Number of states of every rank."""
    steps: tuple[tuple[Step, ...], ...]
    """Steps into ranks 1, 2, ...; those into one target stand together."""


@lru_cache(maxsize=256)
def plan(levels: tuple[int, int, int], accumulates: bool) -> Plan:
    """The plan for so many levels of O, W and I; `accumulates` is whether any reduction runs in time."""
    placements: dict[Placement, int] = {}
    states: list[dict[tuple[object, int, int], int]] = [{(_start(levels[0], accumulates), 0, 0): 0}]
    steps: list[tuple[Step, ...]] = []
    while True:
        targets: dict[tuple[object, int, int], list[tuple[int, int]]] = {}
        for state, source in states[-1].items():
            for placement, target in _ways(state, levels):
                index = placements.setdefault(placement, len(placements))
                targets.setdefault(target, []).append((source, index))
        if not targets:
            break
        states.append({target: index for index, target in enumerate(targets)})
        steps.append(
            tuple(
                Step(source, states[-1][target], placement) for target, ways in targets.items() for source, placement in ways
            )
        )
    return Plan(tuple(placements), tuple(len(rank) for rank in states), tuple(steps))


def _start(levels: int, accumulates: bool) -> tuple[int, Sums]:
    return (0, _remembered(0, levels, "partial" if accumulates else "final"))


def _remembered(placed: int, levels: int, sums: Sums) -> Sums:
    """Nobody asks once the last boundary below the top is placed."""
    return sums if placed < levels - 1 else "any"


def _ways(
    state: tuple[object, int, int], levels: tuple[int, int, int]
) -> list[tuple[Placement, tuple[object, int, int]]]:
    """Every boundary that may come next, and the state after it."""
    outputs, weights, inputs = state
    found: list[tuple[Placement, tuple[object, int, int]]] = []
    assert isinstance(outputs, tuple)
    placed, sums = outputs
    if placed < levels[0] - 1:
        for leaves in _leaves(placed + 1, levels[0], sums):
            placement = Placement("O", placed, sums, leaves)
            found.append((placement, ((placed + 1, leaves), weights, inputs)))
    if weights < levels[1] - 1:
        found.append((Placement("W", weights), (outputs, weights + 1, inputs)))
    if inputs < levels[2] - 1:
        found.append((Placement("I", inputs), (outputs, weights, inputs + 1)))
    return found


def _leaves(placed: int, levels: int, sums: Sums) -> tuple[Sums, ...]:
    if placed == levels - 1:
        return ("any",)
    return ("final",) if sums == "final" else ("partial", "final")
