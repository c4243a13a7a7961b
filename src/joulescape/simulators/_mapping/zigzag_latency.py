"""Latency in ZigZag's accounting (zigzag-dse 3.9.1): ideal cycles, stalls, on- and off-loading, array drain.

It can fall below what a shared port needs for the layer's own bytes; `latency` holds the accounting that cannot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulescape.simulators._mapping.hierarchy import Direction, Memory
from joulescape.simulators._mapping.layer import INPUTS, OPERANDS, Operand
from joulescape.simulators._mapping.zigzag_energy import Moves

Slot = tuple[Operand, int]
"""One level of one operand."""


@dataclass(frozen=True)
class Cycles:
    """Where a layer's cycles go."""

    ideal: int
    stall: float
    onload: float
    offload: float
    drain: int

    @property
    def total(self) -> float:
        """Cycles from the first word fetched to the last one written."""
        return self.ideal + self.stall + self.onload + self.offload + self.drain


@dataclass(frozen=True)
class Transfer:
    """One movement at one level: cycles that it takes, cycles that it may take, and how often it comes."""

    slot: Slot
    direction: Direction
    port: tuple[int, int]
    real: int
    allowed: int
    period: int
    count: int

    @property
    def stall(self) -> int:
        """Cycles lost (or, negative, to spare) in the whole layer, the first time not counted."""
        return (self.real - self.allowed) * (self.count - 1)


def cycles(average: Moves, whole: Moves) -> Cycles:
    """Latency of a nest: `average` frames how full memories are, `whole` (unrolling cut down) every transfer."""
    transfers = list(_transfers(whole, _double_buffered(average)))
    ports: dict[tuple[int, int], list[Transfer]] = {}
    for transfer in transfers:
        ports.setdefault(transfer.port, []).append(transfer)
    stall = max([0, *(port_stall(served) for served in ports.values())])
    loads = {key: load for port, served in ports.items() for key, load in _loads(whole, port, served, stall).items()}
    spatial = whole.frame.spatial
    return Cycles(whole.cycles, stall, _onload(whole, loads), _offload(whole, loads), spatial.drain_cycles)


def _double_buffered(moves: Moves) -> dict[Slot, bool]:
    """Whether a tile and its successor fit together; outputs choose first, then weights, then inputs."""
    hierarchy, layer = moves.frame.spatial.hierarchy, moves.frame.spatial.layer
    share: dict[Slot, float] = {}
    total = [0.0] * len(hierarchy.memories)
    for operand in OPERANDS:
        for level, index in enumerate(hierarchy.levels[operand]):
            is_partial = operand == "O" and moves.is_partial[level + 1]
            bits = moves.amounts[operand][level + 1] * layer.widths.of(operand, is_partial)
            share[operand, level] = (
                bits // moves.nest.relevant_run(operand, level) / hierarchy.memories[index].size_bits
            )
    for (operand, level), part in share.items():
        total[hierarchy.levels[operand][level]] += part
    doubled: dict[Slot, bool] = {(operand, -1): False for operand in OPERANDS}
    for (operand, level), part in share.items():
        index = hierarchy.levels[operand][level]
        doubled[operand, level] = total[index] <= 0.5 or part <= 1 - total[index]
        if total[index] > 0.5 and doubled[operand, level]:
            total[index] += part
    return doubled


def _transfers(moves: Moves, doubled: Mapping[Slot, bool]) -> Iterator[Transfer]:
    """Every active movement, memory by memory in the order of its bindings."""
    hierarchy = moves.frame.spatial.hierarchy
    for index, memory in enumerate(hierarchy.memories):
        for operand, direction, port in memory.bindings:
            level = hierarchy.levels[operand].index(index)
            if moves.is_active(operand, level, direction):
                yield _transfer(moves, doubled, memory, (operand, level), direction, (index, port))


def _transfer(
    moves: Moves, doubled: Mapping[Slot, bool], memory: Memory, slot: Slot, direction: Direction, port: tuple[int, int]
) -> Transfer:
    operand, level = slot
    link = moves.link(level, direction)
    period = moves.periods[operand][link]
    run = moves.nest.reusing_run(operand, link - 1) if link else 1
    bits = moves.amount(operand, level, direction) * moves.bits(operand, level, direction)
    return Transfer(
        slot=slot,
        direction=direction,
        port=port,
        real=math.ceil(bits / memory.ports[port[1]].bits),
        allowed=period if doubled[operand, link - 1] else int(period / run),
        period=period,
        count=moves.count(operand, level, direction),
    )


def port_stall(served: Sequence[Transfer]) -> float:
    """Cycles lost at one port; several transfers share the cycles in which any of them may move."""
    if len(served) == 1:
        return served[0].stall
    lost = sum(transfer.stall for transfer in served if transfer.stall > 0)
    spare = sum(transfer.stall for transfer in served if transfer.stall <= 0)
    windows = sum(transfer.allowed * (transfer.count - 1) for transfer in served)
    return lost + max(0, spare + windows - union(served))


def union(served: Sequence[Transfer]) -> int:
    """Cycles in which at least one of several transfers may move: the first `allowed` of each of its periods."""
    for transfer in served:
        if transfer.allowed == transfer.period:
            return transfer.period * transfer.count
    nested = sorted({(t.period, t.allowed) for t in served}, key=lambda pair: (pair[0], -pair[1]))
    longest = nested[-1][0]
    count = next(t.count for t in served if t.period == longest)
    return (longest - _uncovered(nested, len(nested), longest)) * count


def _uncovered(nested: Sequence[tuple[int, int]], known: int, upto: int) -> int:
    """Cycles before `upto` that none of the first `known` (period, allowed) pairs covers; periods divide each other."""
    if known == 0:
        return upto
    period, allowed = nested[known - 1]
    whole, rest = divmod(upto, period)
    free = _uncovered(nested, known - 1, upto)
    return free - whole * _uncovered(nested, known - 1, allowed) - _uncovered(nested, known - 1, min(allowed, rest))


def _loads(
    moves: Moves, port: tuple[int, int], served: Sequence[Transfer], stall: float
) -> dict[tuple[Slot, Direction], tuple[float, bool]]:
    """Cycles that each transfer adds before or after computing, and whether both inputs share its port."""
    memory = moves.frame.spatial.hierarchy.memories[port[0]]
    bandwidth = memory.ports[port[1]].bits
    shared = {op for op, _, index in memory.bindings if index == port[1] and op in INPUTS} == set(INPUTS)
    counted = [t for t in served if not (t.slot[0] == "O" and t.direction in ("to_low", "from_high"))]
    once = [t for t in counted if t.count == 1]
    busy = sum(_average_bits(moves, transfer) for transfer in counted if transfer.count > 1)
    surplus = max(0.0, (bandwidth - busy) / bandwidth * (moves.cycles + stall))
    floors = [math.ceil(_innermost_bits(moves, transfer.slot[0]) / bandwidth) for transfer in once]
    left = _hidden([float(transfer.real) for transfer in once], floors, surplus)
    found = {(t.slot, t.direction): (float(t.real), shared) for t in counted if t.count > 1}
    return found | {(t.slot, t.direction): (value, shared) for t, value in zip(once, left, strict=True)}


def _average_bits(moves: Moves, transfer: Transfer) -> int:
    operand, level = transfer.slot
    bits = moves.amount(operand, level, transfer.direction) * moves.bits(operand, level, transfer.direction)
    return int(bits / transfer.period)


def _innermost_bits(moves: Moves, operand: Operand) -> int:
    is_partial = operand == "O" and moves.is_partial[1]
    return moves.amounts[operand][1] * moves.frame.spatial.layer.widths.of(operand, is_partial)


def _hidden(spent: list[float], floors: list[int], surplus: float) -> list[float]:
    """Take what fits under computing off the longest transfers first, never below their floors."""
    left = list(spent)
    for index in sorted(range(len(spent)), key=lambda i: spent[i], reverse=True):
        taken = min(max(0.0, left[index] - floors[index]), surplus)
        if surplus > 0:
            left[index] -= taken
            surplus -= taken
    return left


def _onload(moves: Moves, loads: Mapping[tuple[Slot, Direction], tuple[float, bool]]) -> float:
    """Cycles to fill both inputs' memories: links with shared ports one after the other, the rest side by side."""
    parts = {operand: _input_parts(moves, loads, operand) for operand in INPUTS}
    (s1, h1, i1), (s2, h2, i2) = parts["W"], parts["I"]
    return min(s1 + max(s2 + h2 + i2, h1 + i1), s2 + max(s1 + h1 + i1, h2 + i2))


def _input_parts(
    moves: Moves, loads: Mapping[tuple[Slot, Direction], tuple[float, bool]], operand: Operand
) -> tuple[float, float, float]:
    """Cycles over links whose ports are both shared, one shared (the last such link counts), none shared."""
    shared = half = individual = 0.0
    for level in range(moves.frame.levels(operand) - 1):
        below, above = loads[(operand, level), "from_high"], loads[(operand, level + 1), "to_low"]
        longest = max(below[0], above[0])
        if below[1] and above[1]:
            shared += longest
        elif below[1] or above[1]:
            half = longest
        else:
            individual += longest
    return shared, half, individual


def _offload(moves: Moves, loads: Mapping[tuple[Slot, Direction], tuple[float, bool]]) -> float:
    """Cycles to write the last outputs up, link by link."""
    return sum(
        max(loads[("O", level), "to_high"][0], loads[("O", level + 1), "from_low"][0])
        for level in range(moves.frame.levels("O") - 1)
    )
