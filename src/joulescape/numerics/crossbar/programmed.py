"""A matrix in cells, and its two ways to be read: every slice and bit (full), or one noisy matrix (merged)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from joulescape.numerics.crossbar.coding import (
    InputCode,
    into_slices,
    into_tiles,
    quantise_weights,
    tile_inputs,
)
from joulescape.numerics.crossbar.device import CrossbarNumbers, program_cells

CALIBRATION_ROWS = 256
"""Calibration inputs from which ranges are taken: more rows move the maximum little and cost time."""

EXACT_FLOAT32 = 2**24
"""Integers below are exact in float32."""

BLOCK_ELEMENTS = 2**17
"""Column sums computed at once: 512 KiB of float32 stay in the cache."""


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


def some_rows(calibration: Tensor) -> Tensor:
    """At most CALIBRATION_ROWS of them, shuffled: a stride would meet one position of a convolution alone."""
    order = torch.randperm(len(calibration), generator=torch.Generator().manual_seed(0))
    return calibration[order[:CALIBRATION_ROWS]]


def write(
    weight: Tensor, numbers: CrossbarNumbers, generator: torch.Generator, writing: torch.Generator | None = None
) -> Cells:
    """Quantise, slice, invert full columns, program; what the write misses comes from `writing`, if that is given."""
    integers, scale = quantise_weights(weight.detach().float(), numbers.weight_bits)
    if numbers.is_differential:
        pair = [into_tiles(into_slices(half.clamp(min=0), numbers), numbers) for half in (integers, -integers)]
        positive, negative = (program_cells(half, numbers, generator, writing) for half in pair)
        held, halves = positive - negative, (positive, negative)
        return Cells(held, halves, torch.zeros(held.shape[0], held.shape[2]), 0.0, integers, scale, numbers)
    offset = float(2 ** (max(2, numbers.weight_bits) - 1))
    levels = into_tiles(into_slices(integers + offset, numbers), numbers)
    top = float(numbers.top_level)
    is_inverted = (levels.sum(dim=1) > top * levels.shape[1] / 2).float()
    stored = levels + is_inverted[:, None] * (top - 2 * levels)
    held = program_cells(stored, numbers, generator, writing) * (1 - 2 * is_inverted)[:, None]
    return Cells(held, (held,), top * is_inverted, offset, integers, scale, numbers)


@dataclass(frozen=True)
class Converter:
    """Column converters: one step a column (N * slices,), codes from -top to top. A step is at least one level.

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
        step = (numbers.adc_clip_fraction * largest / top).clamp_(min=1.0)
        return cls(step.repeat(cells.held.shape[2] // slices), top)


class Reads(Protocol):
    """A machine's own way to read its arrays."""

    def integers(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64."""


class FullCrossbar:
    """Every tile, slice and input digit: column sums with read noise through the converter, then shift and add."""

    def __init__(self, cells: Cells, inputs: InputCode, converter: Converter) -> None:
        self._cells, self._inputs, self._top = cells, inputs, converter.top
        self._matrix = cells.held / converter.step
        numbers, slices = cells.numbers, cells.numbers.slice_count
        levels = cells.constant.reshape(len(cells.constant), -1, slices)
        self._constant = (levels * numbers.slice_weights).sum(dim=2).double()
        self._significance = converter.step[:slices].double() * numbers.slice_weights.double()
        self._read_sigma = numbers.read_sigma_levels / converter.step
        drive = 2**numbers.dac_bits - 1
        reach = drive * float(self._matrix.abs().sum(dim=1).max())
        self._can_clip = reach > self._top or numbers.read_sigma_fraction > 0
        exact = max(abs(weight) for weight in inputs.cycle_weights()) * 2 * min(reach, self._top) * len(self._matrix)
        self._sum_type = torch.float32 if exact < EXACT_FLOAT32 else torch.float64

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        product = self.integers(self._inputs.integers(x), generator)
        return (product * (self._cells.scale.double() * self._inputs.scale)).float()

    def integers(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64: exact integers when nothing errs."""
        tiles, _, width = self._matrix.shape
        block = max(1, BLOCK_ELEMENTS // (tiles * width))
        return torch.cat([self._block(part, generator) for part in torch.split(x, block)])

    def _block(self, x: Tensor, generator: torch.Generator) -> Tensor:
        tiled = tile_inputs(x, *self._matrix.shape[:2])
        weights, digits = self._inputs.cycle_weights(), self._inputs.digits(tiled)
        noise = self._noise(len(x), len(weights), generator)
        total = torch.zeros(len(x), self._matrix.shape[2], dtype=self._sum_type)
        for cycle, (weight, digit) in enumerate(zip(weights, digits, strict=True)):
            codes = self._read(digit, None if noise is None else noise[:, cycle : cycle + len(x)])
            total.add_(codes[0] if len(codes) == 1 else codes.sum(dim=0), alpha=weight)
        folded = total.double().reshape(len(x), -1, len(self._significance)) @ self._significance
        tile_sums = tiled.sum(dim=2).T.double()
        return folded + tile_sums @ self._constant - self._cells.offset * tile_sums.sum(dim=1, keepdim=True)

    def _noise(self, count: int, cycles: int, generator: torch.Generator) -> Tensor | None:
        """Read noise of one cell in every column. Cycle i of sample b takes row b + i: the cycles of one sample are
        independent, which is what its sum sees; drawing each anew would cost more than all products."""
        if not self._cells.numbers.read_sigma_fraction:
            return None
        tiles, _, width = self._matrix.shape
        return torch.randn((tiles, count + cycles, width), generator=generator) * self._read_sigma

    def _read(self, digit: Tensor, noise: Tensor | None) -> Tensor:
        """One analog read: (tiles, batch, rows) drives -> (tiles, batch, columns) codes."""
        sums = torch.bmm(digit, self._matrix)
        if noise is not None:
            sums.addcmul_((digit * digit).sum(dim=2, keepdim=True).sqrt_(), noise)
        codes = sums.round_()
        return codes.clamp_(-self._top, self._top) if self._can_clip else codes


class MergedCrossbar:
    """One matrix, a bias and Gaussian noise at the output, fitted to a full read of calibration inputs.

    y = x (W + share (W_held - W)) + bias + sigma N(0, 1): converters round part of the cells' error away, `share` is
    what survives (least squares); bias and sigma, per output, are the mean and the deviation of what is left, about
    step^2 / 12 a conversion and the cells' read noise.
    """

    def __init__(self, full: Reads, cells: Cells, inputs: InputCode, x: Tensor) -> None:
        self._inputs, self._scale = inputs, cells.scale * inputs.scale
        ideal, wanted = cells.integers.T.double(), x.double()
        error = cells.effective.double() - ideal
        own_noise = torch.Generator().manual_seed(0)  # so that both details meet the same devices in later layers
        seen, moved = full.integers(x, own_noise) - wanted @ ideal, wanted @ error
        power = float((moved * moved).sum())
        share = float((seen * moved).sum()) / power if power > 0 else 0.0
        rest = seen - share * moved
        self._matrix = ((ideal + share * error) * self._scale).float()
        self._bias = (rest.mean(dim=0) * self._scale).float()
        self._sigma = (rest.std(dim=0, correction=0) * self._scale).float()
        self._is_exact = not bool(rest.any())

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        codes = self._inputs.integers(x)
        if self._is_exact:
            return codes @ self._matrix
        product = torch.addmm(self._bias, codes, self._matrix)
        return product.addcmul_(self._sigma, torch.randn(product.shape, generator=generator))
