"""A matrix in cells, and the ranges of what reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.errors import SimulatorError
from joulescape.numerics.crossbar.centring import less_centres
from joulescape.numerics.crossbar.coding import (
    InputCode,
    into_slices,
    into_tiles,
    quantise_weights,
    tile_inputs,
)
from joulescape.numerics.crossbar.device import CrossbarNumbers, draw_faults, program_arrays
from joulescape.numerics.crossbar.placing import best_rows, better_negated, corrected_pair, moved_rows
from joulescape.numerics.crossbar.whole import on_whole, unit_of

CALIBRATION_ROWS = 256
"""Calibration inputs from which ranges are taken: more rows move the maximum little and cost time."""


@dataclass(frozen=True)
class Cells:
    """One matrix as the arrays hold it.

    `held` (tiles, rows, N * slices) are levels with their errors, negative where the column is stored inverted. A
    column counts as current + constant * (sum of its tile's inputs), less `offset` * (sum of all inputs) at the end.
    `halves` are the arrays of a differential pair, each for itself; of offset cells the one array.
    """

    held: Tensor
    halves: tuple[Tensor, ...]
    constant: Tensor
    offset: float
    integers: Tensor
    scale: Tensor
    numbers: CrossbarNumbers
    unit: Tensor | None = None
    """Levels of one whole number, a column, where `held` is kept on whole numbers."""

    @property
    def effective(self) -> Tensor:
        """The integer matrix (K, N) that an ideal converter would see, errors of the cells included."""
        levels = (self.held + self.constant[:, None]).flatten(0, 1)[: self.integers.shape[1]]
        weights = self.numbers.slice_weights
        return (levels.reshape(len(levels), -1, len(weights)) * weights).sum(dim=2) - self.offset

    @property
    def matrix(self) -> Tensor:
        """The weights (N, K) that these cells amount to."""
        return (self.effective * self.scale).T


def own_stream(purpose: str, sizes: Sequence[int]) -> torch.Generator:
    """What calibration draws from: one stream a purpose and shape, the same for every device, draw and detail, so that
    both details meet the same devices in later layers."""
    name = hashlib.sha256(f"{purpose}/{tuple(sizes)}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(name[:8], "little") >> 1)


def some_rows(calibration: Tensor) -> Tensor:
    """At most CALIBRATION_ROWS of them, shuffled: a stride would meet one position of a convolution alone."""
    order = torch.randperm(len(calibration), generator=own_stream("rows", calibration.shape))
    return calibration[order[:CALIBRATION_ROWS]]


def write(
    weight: Tensor, numbers: CrossbarNumbers, generator: torch.Generator, writing: torch.Generator | None = None
) -> Cells:
    """Quantise, slice, invert full columns, program; what the write misses comes from `writing`, if that is given."""
    integers, scale = quantise_weights(weight.detach().float(), numbers.weight_bits)
    if numbers.is_differential:
        rest, constant = less_centres(integers, numbers)
        pair = [into_tiles(into_slices(half.clamp(min=0), numbers), numbers) for half in (rest, -rest)]
        positive, negative = _placed(pair, integers.shape[1], numbers, generator, writing)
        held, unit = _kept(positive - negative, pair[0] - pair[1], numbers)
        return Cells(held, (positive, negative), constant, 0.0, integers, scale, numbers, unit)
    offset = float(2 ** (max(2, numbers.weight_bits) - 1))
    levels = into_tiles(into_slices(integers + offset, numbers), numbers)
    top = float(numbers.top_level)
    is_inverted = (levels.sum(dim=1) > top * levels.shape[1] / 2).float()
    stored = levels + is_inverted[:, None] * (top - 2 * levels)
    signs = (1 - 2 * is_inverted)[:, None]
    written = _placed([stored], integers.shape[1], numbers, generator, writing)[0] * signs
    held, unit = _kept(written, stored * signs, numbers)
    return Cells(held, (held,), top * is_inverted, offset, integers, scale, numbers, unit)


def _kept(held: Tensor, wanted: Tensor, numbers: CrossbarNumbers) -> tuple[Tensor, Tensor | None]:
    """Levels as the reads need them, and their unit: on whole numbers where converters read bit by bit."""
    if numbers.is_counted or numbers.is_analog or numbers.dac_bits > 1:
        return held, None
    unit = unit_of(held, wanted, numbers.slice_weights)
    return on_whole(held, unit), unit


def _placed(
    arrays: list[Tensor],
    inputs: int,
    numbers: CrossbarNumbers,
    generator: torch.Generator,
    writing: torch.Generator | None,
) -> list[Tensor]:
    """Arrays as programmed, around stuck cells where the machine maps around them; given back in their own order.
    `inputs` of their rows are driven."""
    if not (numbers.is_remapped_by_sign or numbers.is_remapped_by_rows or numbers.is_remapped_by_pairs):
        return program_arrays(arrays, numbers, generator, writing)
    stuck = [draw_faults(array, numbers, generator) for array in arrays]
    if numbers.is_remapped_by_rows:
        order = best_rows(arrays, stuck, numbers.slice_weights, inputs)
        held = program_arrays([moved_rows(one, order) for one in arrays], numbers, generator, writing, stuck)
        return [moved_rows(one, order.argsort(dim=1)) for one in held]
    if len(arrays) == 1:
        raise SimulatorError("remapping by sign or pairs needs differential cells: offset columns have no second array")
    if numbers.is_remapped_by_pairs:
        return program_arrays(corrected_pair(arrays, stuck, numbers.top_level), numbers, generator, writing, stuck)
    is_negated = better_negated(arrays, stuck, numbers.slice_weights)
    held = program_arrays(_exchanged(arrays, is_negated), numbers, generator, writing, stuck)
    return _exchanged(held, is_negated)


def _exchanged(pair: list[Tensor], is_exchanged: Tensor) -> list[Tensor]:
    return [torch.where(is_exchanged, pair[1], pair[0]), torch.where(is_exchanged, pair[0], pair[1])]


@dataclass(frozen=True)
class Converter:
    """Column converters: one step a column (N * slices,), codes from -top to top. A step is at least one level, unless
    the machine says otherwise.

    An inverted column's current counts negative, so one signed range serves both codings; a pair's is half as long.
    """

    step: Tensor
    top: int

    @classmethod
    def calibrated(cls, cells: Cells, inputs: InputCode, x: Tensor) -> Converter:
        """Full scale of each slice: its largest column sum among the integers `x`, times the clip fraction."""
        numbers = cells.numbers
        tiled, slices = tile_inputs(x, *cells.held.shape[:2]), numbers.slice_count
        sums = [torch.bmm(digit, cells.held).abs_().flatten(0, 1).amax(dim=0) for digit in inputs.digits(tiled)]
        largest = torch.stack(sums).amax(dim=0).reshape(-1, slices).amax(dim=0)
        top = 2 ** (numbers.adc_bits - 1) - 1 if numbers.is_differential else 2**numbers.adc_bits - 1
        step = (numbers.adc_clip_fraction * largest / top).clamp_(min=numbers.least_step_levels)
        step = torch.where(step > 0, step, torch.ones(()))
        return cls(step.repeat(cells.held.shape[2] // slices), top)
