"""What a product fetches from off-chip memory, for units that keep their sums beside a memory of weights and of inputs.

The units take `outputs` outputs by `inputs` inputs at `positions` positions at once. A cut keeps a slice of the weights
(k outputs by c channels) or a band of r rows of inputs and lets the other operand pass:

    order "outputs": for each slice: all inputs pass      # weights once, inputs ceil(K / k) times,
                                                          # sums out and in ceil(C / c) - 1 times
    order "rows":    for each band: all weights pass      # inputs once, weights ceil(rows / r) times

Inputs that pass come once where a band of one row lies in their memory, for every window they stand in where one window
does, and for every round of outputs where not even that does; weights that pass come for every position where no slice
of one round lies in theirs. What passes lies there twice: one part is worked on while the next comes; what is held
whole lies there once. The cut with the least traffic is taken; a larger memory admits every cut of a smaller one, so
that it never fetches more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Limit

DOUBLE = 2
"""Parts of what passes that lie in a memory at once."""


@dataclass(frozen=True)
class Rooms:
    """What the units take at once, widths of words in bits, and the bits that each memory holds."""

    outputs: int
    inputs: int
    positions: int
    weight_bits: float
    input_bits: float
    sum_bits: float
    weights: float
    activities: float
    written: float
    """Of the latter, what outputs take on their way out."""

    def least_weights(self, work: MatrixWork) -> float:
        """Bits of the weights that the units take at once, and of the next, were they not all."""
        return min(DOUBLE * self.outputs * self.inputs, work.weight.elements) * self.weight_bits

    def least_activities(self, work: MatrixWork) -> float:
        """Bits of the inputs that the units take at once, and of the next, beside outputs on their way."""
        return min(DOUBLE * self.positions * self.inputs, work.input.elements) * self.input_bits + self.written

    @property
    def inputs_room(self) -> float:
        """Bits of inputs that lie beside outputs on their way."""
        return self.activities - self.written


@dataclass(frozen=True)
class Unit:
    """The setting that sizes a memory, and how many bits one more of it stands for (None: one word)."""

    path: str
    bits: float | None = None


@dataclass(frozen=True)
class Fetched:
    """Bits across the chip's edge for one product; `sums` leave and come back, so many bits each way."""

    weights: float
    inputs: float
    sums: float = 0.0

    @property
    def moved(self) -> float:
        """All of them, both ways."""
        return self.weights + self.inputs + 2 * self.sums


def fetched(work: MatrixWork, rooms: Rooms, are_weights_held: bool, input_sweeps: int | None) -> Fetched:
    """The least traffic; `input_sweeps`: how often inputs cross that lie on the chip whole, None where they do not."""
    return min(_cuts(work, rooms, are_weights_held, input_sweeps), key=lambda found: found.moved)


def least_limits(found: Sequence[tuple[MatrixWork, Rooms]], weights: Unit, activities: Unit) -> list[Limit]:
    """Memories too small for what the units take at once, each by the layer that lacks most, and what would do."""
    lacking = [
        _least_limit(weights, "weights", [(w, r.least_weights(w), r.weights, r.weight_bits) for w, r in found]),
        _least_limit(activities, "inputs", [(w, r.least_activities(w), r.activities, r.input_bits) for w, r in found]),
    ]
    return [limit for limit in lacking if limit is not None]


def _least_limit(unit: Unit, operand: str, sizes: Sequence[tuple[MatrixWork, float, float, float]]) -> Limit | None:
    """`sizes`: each layer, the bits that it needs, those that there are, those of a word."""
    short = [size for size in sizes if size[1] > size[2]]
    if not short:
        return None
    work, needed, have, word = max(short, key=lambda size: size[1] / size[2])
    bits = word if unit.bits is None else unit.bits
    said = f"{work.layer}: {unit.path} of {have / bits:.0f} is too small for the {operand} that its units take at once"
    return Limit(f"{said} and the next ones; {math.ceil(needed / bits)} would do", needed / have - 1)


def _cuts(work: MatrixWork, rooms: Rooms, are_held: bool, input_sweeps: int | None) -> Iterator[Fetched]:
    """What passes by single words, which every memory admits; then slices of weights; then bands of inputs."""
    loops, inputs = work.loops, work.input.elements * rooms.input_bits
    weights = 0.0 if are_held else work.weight.elements * rooms.weight_bits
    rounds = math.ceil(loops.K / rooms.outputs)
    blocks = math.ceil(loops.positions / rooms.positions)

    def passed(channels: int, turns: int) -> float:
        if input_sweeps is not None:
            return input_sweeps * inputs
        return _passed(loops, rooms, inputs, channels, turns, rounds)

    yield Fetched(weights * blocks, passed(loops.C, 1 if are_held else rounds))
    for outputs, channels in [] if are_held else _slices(loops, rooms):
        away = (math.ceil(loops.C / channels) - 1) * work.output.elements * rooms.sum_bits
        yield Fetched(weights, passed(channels, math.ceil(loops.K / outputs)), away)
    if input_sweeps is None:
        has_slice = _slice_bits(loops, rooms, rooms.outputs, loops.C) <= rooms.weights
        yield from (Fetched(weights * (bands if has_slice else blocks), inputs) for bands in _bands(loops, rooms))


def _bands(loops: Loops, rooms: Rooms) -> Iterator[int]:
    """Numbers of bands of inputs of which one lies in their memory."""
    for rows in _halved(loops.B * loops.OY, 1):
        count = math.ceil(loops.B * loops.OY / rows)
        copies = DOUBLE if count * loops.G > 1 else 1
        if copies * _band_bits(loops, rooms, rows, loops.C) <= rooms.inputs_room:
            yield count


def _slices(loops: Loops, rooms: Rooms) -> Iterator[tuple[int, int]]:
    """Outputs and channels halved 0, 1, 2 ... times, of those slices that fit twice."""
    for outputs in _halved(loops.K, rooms.outputs):
        for channels in _halved(loops.C, rooms.inputs):
            if _slice_bits(loops, rooms, outputs, channels) <= rooms.weights:
                yield outputs, channels


def _slice_bits(loops: Loops, rooms: Rooms, outputs: int, channels: int) -> float:
    is_whole = loops.G == 1 and outputs >= loops.K and channels == loops.C
    words = min(outputs, loops.K) * channels * loops.FY * loops.FX
    return words * rooms.weight_bits * (1 if is_whole else DOUBLE)


def _passed(loops: Loops, rooms: Rooms, inputs: float, channels: int, turns: int, rounds: int) -> float:
    """Bits of inputs that pass `turns` times, so many channels at a time, whatever lies in their memory of them."""
    spread = loops.G * loops.positions * loops.reduction * rooms.input_bits
    window = rooms.positions * channels * loops.FY * loops.FX * rooms.input_bits
    if DOUBLE * _band_bits(loops, rooms, 1, channels) <= rooms.inputs_room:
        return turns * inputs
    if DOUBLE * window <= rooms.inputs_room:
        return turns * max(spread, inputs)
    return rounds * max(spread, inputs)


def _band_bits(loops: Loops, rooms: Rooms, rows: int, channels: int) -> float:
    """Inputs below so many rows of outputs, which may be those of several images."""
    images, rest = divmod(rows, loops.OY)
    lines = images * _lines(loops, loops.OY) + (_lines(loops, rest) if rest else 0)
    return lines * ((loops.OX - 1) * loops.stride_x + loops.FX) * channels * rooms.input_bits


def _lines(loops: Loops, rows: int) -> int:
    return (rows - 1) * loops.stride_y + loops.FY


def _halved(size: int, least: int) -> list[int]:
    """A size, its half, ... down to what the units take at once."""
    found = [size]
    while found[-1] > min(least, size):
        found.append(max(math.ceil(found[-1] / 2), min(least, size)))
    return found
