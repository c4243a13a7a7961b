"""Which tile of a layer lies in block memory, and how often operands are fetched from off-chip memory for it.

    for each tile of rows (r rows of outputs, batch included)      # order "rows": inputs may be held for all K
      for each tile of K                                           # order "outputs": these two change places, and
        for each slice of C: load inputs and weights, accumulate   # weights may be held for all rows
      write outputs

The tile with the least traffic that fits is taken, of equal ones the largest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.unrolled.settings import UnrolledSettings
from joulescape.simulators.unrolled.unrolling import Unrolling, input_rows
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Tile:
    """One way to cut a layer: bytes fetched and written by operand, and what must lie in block memory at once."""

    weight_bytes: float
    input_bytes: float
    output_bytes: float
    held_bytes: float
    first_bytes: float
    """What must have come before the first cycle, and what is left to write after the last."""
    count: int
    """Tiles of positions."""

    @property
    def moved_bytes(self) -> float:
        """To and from off-chip memory."""
        return self.weight_bytes + self.input_bytes + self.output_bytes


def choose(work: MatrixWork, unrolled: Unrolling, settings: UnrolledSettings) -> Tile:
    """The best tile that fits; where none does (`limits` forbids that machine) the smallest one stands in."""
    tiles = list(candidates(work, unrolled, settings))
    fitting = [tile for tile in tiles if tile.held_bytes <= settings.buffer.bytes]
    if not fitting:
        return min(tiles, key=lambda tile: tile.held_bytes)
    return min(fitting, key=lambda tile: (tile.moved_bytes, tile.count))


def candidates(work: MatrixWork, unrolled: Unrolling, settings: UnrolledSettings) -> Iterator[Tile]:
    """Rows and output channels halved 0, 1, 2 ... times, both orders, what is held whole and what by slices."""
    loops = work.loops
    rows = _halved(loops.B * loops.OY, unrolled.get("OY", 1))
    channels = _halved(loops.K, unrolled.get("K", 1))
    for sizes in product(rows, channels, ("rows", "outputs"), (False, True)):
        yield _tile(work, unrolled, settings, *sizes)


def weight_bits(work: MatrixWork, settings: UnrolledSettings) -> float:
    """Width of a weight in off-chip memory."""
    return min(work.weight.bits, settings.widths.weight) if settings.packs_weights else settings.widths.weight


def _tile(
    work: MatrixWork, unrolled: Unrolling, settings: UnrolledSettings, rows: int, channels: int, order: str, whole: bool
) -> Tile:
    loops, widths = work.loops, settings.widths
    slice_ = min(unrolled.get("C", 1), loops.C)
    n_rows, n_channels = math.ceil(loops.B * loops.OY / rows), math.ceil(loops.K / channels)
    held = loops.C if whole else slice_
    taps = channels * loops.FY * loops.FX
    # Where inputs are held whole, weights come by slices, and the other way round.
    one_input = _input_words(loops, rows) * (held if order == "rows" else slice_) * widths.input / BITS_PER_BYTE
    one_weight = taps * (held if order == "outputs" else slice_) * widths.weight / BITS_PER_BYTE
    one_output = rows * loops.OX * channels * max(widths.sum, widths.output) / BITS_PER_BYTE
    words = loops.G * n_rows * _input_words(loops, rows) * loops.C
    inputs = words * _real_fraction(work) * widths.input / BITS_PER_BYTE
    weights = work.weight.elements * weight_bits(work, settings) / BITS_PER_BYTE
    stays = whole or slice_ == loops.C
    return Tile(
        weight_bytes=weights * (1 if order == "outputs" and stays else n_rows),
        input_bytes=inputs * (1 if order == "rows" and stays else n_channels),
        output_bytes=work.output.elements * widths.output / BITS_PER_BYTE,
        held_bytes=(one_input + one_weight + one_output) * (2 if settings.buffer.is_double else 1),
        first_bytes=one_input + one_weight + one_output * widths.output / max(widths.sum, widths.output),
        count=n_rows,
    )


def _input_words(loops: Loops, rows: int) -> int:
    """Inputs of one channel below a tile of rows, which may be those of several images."""
    images, rest = divmod(rows, loops.OY)
    columns = (loops.OX - 1) * loops.stride_x + loops.FX
    return (images * input_rows(loops, loops.OY) + (input_rows(loops, rest) if rest else 0)) * columns


def _real_fraction(work: MatrixWork) -> float:
    """Inputs that are there, over those that windows cover: zeros around the map are not fetched."""
    loops = work.loops
    return min(work.input.elements / (loops.G * loops.C * _input_words(loops, loops.B * loops.OY)), 1.0)


def _halved(size: int, least: int) -> list[int]:
    """A size, its half, ... down to what the array takes at once."""
    found = [size]
    while found[-1] > min(least, size):
        found.append(max(math.ceil(found[-1] / 2), min(least, size)))
    return found
