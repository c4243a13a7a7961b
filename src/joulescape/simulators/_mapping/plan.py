"""In which orders the boundaries of all operands may be nested, as steps between sets of boundaries already placed.

A boundary is where one memory's share of an operand's loops ends. Boundaries are placed from the inside out; each
operand's own ones in the order of its levels, those of different operands in any order. A set of placed boundaries is
one state; outputs also remember whether their sums were finished inside the last one (then they need less room).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from joulescape.simulators._mapping.layer import Operand

Sums = Literal["partial", "final", "any"]

Indices = NDArray[np.intp]

Slot = tuple[Operand, int]
"""One level of one operand: the boundary on top of it."""

Buffers = tuple[tuple[bool, ...], ...]
"""For each level below the top of O, W and I: which buffering is open to it, (False,), (True,) or both."""


@dataclass(frozen=True)
class Placement:
    """Placing one boundary: which one, at which width its outputs lie there, and what must be true of its tile."""

    operand: Operand
    level: int
    width: Sums = "any"
    leaves: Sums = "any"
    """`partial`: the tile does not hold the whole reduction; `final`: it does; `any`: nobody above asks."""
    is_doubled: bool = False
    """Whether room is kept for the next tile too."""

    @property
    def slot(self) -> Slot:
        """The boundary."""
        return (self.operand, self.level)


@dataclass(frozen=True)
class Step:
    """One way from a state of the rank below (`source`) to a state of this rank (`target`) by a placement."""

    source: int
    target: int
    placement: int


@dataclass(frozen=True, eq=False)
class Plan:
    """All states by rank (how many boundaries are placed) and the steps into each rank; rank 0 holds nothing."""

    placements: tuple[Placement, ...]
    ranks: tuple[int, ...]
    """Number of states of every rank."""
    steps: tuple[tuple[Step, ...], ...]
    """Steps into ranks 1, 2, ...; those into one target stand together."""

    @cached_property
    def gathers(self) -> tuple[tuple[Indices, Indices, Indices], ...]:
        """The same as arrays: source and placement of every step, and where each target's steps start."""
        return tuple(
            (
                np.array([step.source for step in steps]),
                np.array([step.placement for step in steps]),
                np.flatnonzero(np.diff([step.target for step in steps], prepend=-1)),
            )
            for steps in self.steps
        )


Reuse = tuple[tuple[Slot, tuple[str, ...]], ...]
"""For each boundary the loops directly inside it that can save something; all others may as well stand further out."""

Settling = Mapping[str, tuple[slice, ...]]
"""For each loop stretches that hold all states whose next boundary may gain from it directly inside."""


@lru_cache(maxsize=256)
def settlings(order: Plan, reuse: Reuse) -> tuple[Settling, ...]:
    """Which states of each rank must be settled along which loops before the next boundary is placed."""
    gains = dict(reuse)
    found = []
    for steps in order.steps:
        rows: dict[str, set[int]] = {}
        for step in steps:
            for dim in gains[order.placements[step.placement].slot]:
                rows.setdefault(dim, set()).add(step.source)
        found.append({dim: _stretches(sorted(states)) for dim, states in rows.items()})
    return tuple(found)


def _stretches(numbers: list[int]) -> tuple[slice, ...]:
    """One stretch that holds some numbers, or two where that leaves out at least two others."""
    gaps = [(after - before, before, after) for before, after in itertools.pairwise(numbers)]
    width, before, after = max(gaps, default=(0, 0, 0))
    first, last = numbers[0], numbers[-1] + 1
    return (slice(first, before + 1), slice(after, last)) if width > 2 else (slice(first, last),)


@dataclass(frozen=True)
class Order:
    """Where each operand stands in a state: boundaries of O, W and I placed, and what is known of the sums."""

    outputs: int
    weights: int
    inputs: int
    sums: Sums


@lru_cache(maxsize=256)
def plan(buffers: tuple[Buffers, Buffers, Buffers], accumulates: bool) -> Plan:
    """The plan for the boundaries of O, W and I; `accumulates` is whether any reduction runs in time."""
    placements: dict[Placement, int] = {}
    started: Sums = "partial" if accumulates else "final"
    states: list[dict[Order, int]] = [{Order(0, 0, 0, started if buffers[0] else "any"): 0}]
    steps: list[tuple[Step, ...]] = []
    while True:
        targets: dict[Order, list[tuple[int, int]]] = {}
        for state, source in states[-1].items():
            for placement, target in _ways(state, buffers):
                index = placements.setdefault(placement, len(placements))
                targets.setdefault(target, []).append((source, index))
        if not targets:
            return Plan(tuple(placements), tuple(len(rank) for rank in states), tuple(steps))
        states.append({target: index for index, target in enumerate(targets)})
        ways = ((source, target, index) for target, found in targets.items() for source, index in found)
        steps.append(tuple(Step(source, states[-1][target], index) for source, target, index in ways))


def _ways(state: Order, buffers: tuple[Buffers, Buffers, Buffers]) -> Iterator[tuple[Placement, Order]]:
    """Every boundary that may come next, and the state after it."""
    outputs, weights, inputs = buffers
    if state.outputs < len(outputs):
        for leaves in _leaves(state.outputs + 1, len(outputs), state.sums):
            for doubled in outputs[state.outputs]:
                placement = Placement("O", state.outputs, state.sums, leaves, doubled)
                yield placement, replace(state, outputs=state.outputs + 1, sums=leaves)
    if state.weights < len(weights):
        for doubled in weights[state.weights]:
            yield Placement("W", state.weights, is_doubled=doubled), replace(state, weights=state.weights + 1)
    if state.inputs < len(inputs):
        for doubled in inputs[state.inputs]:
            yield Placement("I", state.inputs, is_doubled=doubled), replace(state, inputs=state.inputs + 1)


def _leaves(placed: int, boundaries: int, sums: Sums) -> tuple[Sums, ...]:
    """What may be known of the sums above the boundary just placed: nobody asks above the last one."""
    if placed == boundaries:
        return ("any",)
    return ("final",) if sums == "final" else ("partial", "final")
