"""Columns of SRAM cells read at once: what they hold, what bit lines make of it, and what a converter says.

    s[t, n] = sum over rows r of tile t of  d[r] w[r, n] (1 + mismatch[r, n])
    v = s (1 - bend min(|s| / S, 1)) + read noise,   code = clip(round(v / step)),   step = max(1, S / top)

d are the digits that one read drives, w the levels of one column of cells: bits of a weight in two's complement (one
column a bit, each read and converted by itself), the whole signed weight where columns of one weight are joined before
the converter, +-1 for one-bit weights. S is full scale: the sum of as many rows as the converter's range spans, or the
largest sum seen in calibration. A converter with enough codes counts every unit, and the product is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.crossbar.coding import InputCode, into_tiles, quantise_weights, tile_inputs

BLOCK_ELEMENTS = 1 << 17
"""Column sums computed at once: 512 KiB of float32 stay in the cache."""

EXACT_FLOAT32 = 1 << 24
"""Whole numbers below are exact in float32."""

CALIBRATION_ROWS = 256
"""Inputs from which full scale is taken."""


@dataclass(frozen=True)
class ColumnNumbers:
    """The numbers of an ErrorSpec of kind `sram_in_memory`; fractions are of a cell's share and of full scale."""

    rows: int
    weight_bits: int
    input_bits: int
    dac_bits: int
    is_joined: bool
    adc_bits: int
    range_rows: int
    """Full scale spans whole multiples of so many rows; 0: it is set by calibration."""
    clip_fraction: float
    mismatch_sigma_fraction: float
    bend_fraction: float
    read_sigma_fraction: float

    @classmethod
    def of(cls, errors: ErrorSpec) -> Self:
        """From a spec; KeyError names a number that it lacks."""
        casts = {"int": int, "bool": bool, "float": float}
        return cls(**{field.name: casts[str(field.type)](errors.numbers[field.name]) for field in fields(cls)})

    @property
    def is_signed(self) -> bool:
        """Whether a column's sum can be negative by its own cells."""
        return self.is_joined or self.weight_bits == 1

    @property
    def columns(self) -> int:
        """Converted columns of one weight."""
        return 1 if self.is_signed else self.weight_bits

    @property
    def significance(self) -> Tensor:
        """What one unit of each column counts, (columns,): the top bit of two's complement is negative."""
        weights = 2.0 ** torch.arange(self.columns, dtype=torch.float64)
        if not self.is_signed:
            weights[-1] = -weights[-1]
        return weights

    @property
    def largest_sum(self) -> int:
        """Most that one row adds to a column."""
        level = max(1, 2 ** (self.weight_bits - 1) - 1) if self.is_joined else 1
        return int(level * (2 ** min(self.dac_bits, self.input_bits) - 1))


@dataclass(frozen=True)
class Cells:
    """One matrix as the columns hold it: levels with mismatch (tiles, rows, N * columns), and weights' scales (N,)."""

    held: Tensor
    scale: Tensor
    numbers: ColumnNumbers


def write(weight: Tensor, numbers: ColumnNumbers, generator: torch.Generator) -> Cells:
    """`weight` (N, K) in the cells of a device drawn from `generator`."""
    integers, scale = _coded(weight, numbers.weight_bits)
    tiles = into_tiles(_levels(integers, numbers), numbers)
    if numbers.mismatch_sigma_fraction:
        tiles = tiles * (1 + numbers.mismatch_sigma_fraction * torch.randn(tiles.shape, generator=generator))
    return Cells(tiles, scale, numbers)


@dataclass(frozen=True)
class Columns:
    """Cells behind their drivers and converters."""

    cells: Cells
    inputs: InputCode
    full_scale: Tensor
    """(1, 1, N * columns), in units of one cell at one unit of drive."""
    step: Tensor

    @classmethod
    def calibrated(cls, cells: Cells, calibration: Tensor) -> Self:
        """Ranges for inputs like those of `calibration` (rows, K)."""
        numbers = cells.numbers
        inputs = InputCode.calibrated(calibration, numbers)
        full_scale = _full_scale(cells, inputs, calibration)
        codes = 2**numbers.adc_bits - 1 if not numbers.is_signed else max(1, 2 ** (numbers.adc_bits - 1) - 1)
        step = (full_scale / codes).clamp(min=1.0)
        return cls(cells, inputs, full_scale, step)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        product = self.integers(self.inputs.integers(x), generator)
        return (product * (self.cells.scale.double() * self.inputs.scale)).float()

    def integers(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64: exact integers when nothing errs."""
        tiles, _, width = self.cells.held.shape
        block = max(1, BLOCK_ELEMENTS // (tiles * width))
        return torch.cat([self._block(part, generator) for part in torch.split(x, block)])

    def _block(self, x: Tensor, generator: torch.Generator) -> Tensor:
        held, numbers = self.cells.held, self.cells.numbers
        tiled = tile_inputs(x, *held.shape[:2])
        total = torch.zeros(len(x), held.shape[2], dtype=torch.float64)
        for weight, digit in zip(self.inputs.cycle_weights(), self.inputs.digits(tiled), strict=True):
            total.add_(self._read(digit, generator).sum(dim=0), alpha=weight)
        return total.reshape(len(x), -1, numbers.columns) @ numbers.significance

    def _read(self, digit: Tensor, generator: torch.Generator) -> Tensor:
        """One read: (tiles, batch, rows) drives -> (tiles, batch, columns), in units of the sum."""
        numbers = self.cells.numbers
        dtype = torch.float32 if numbers.largest_sum * digit.shape[2] < EXACT_FLOAT32 else torch.float64
        sums = torch.bmm(digit.to(dtype), self.cells.held.to(dtype))
        if numbers.bend_fraction:
            sums = sums * (1 - numbers.bend_fraction * (sums.abs() / self.full_scale).clamp_(max=1.0))
        if numbers.read_sigma_fraction:
            noise = torch.randn(sums.shape, generator=generator, dtype=dtype)
            sums = sums + numbers.read_sigma_fraction * self.full_scale * noise
        return self._converted(sums)

    def _converted(self, sums: Tensor) -> Tensor:
        numbers = self.cells.numbers
        if numbers.adc_bits == 1 and numbers.is_signed:  # a comparator says which bit line fell further
            return torch.where(sums >= 0, 0.5, -0.5) * self.full_scale
        top = 2 ** (numbers.adc_bits - 1) - 1 if numbers.is_signed else 2**numbers.adc_bits - 1
        return (sums / self.step).round_().clamp_(-top if numbers.is_signed else 0, top) * self.step


def _coded(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Whole numbers (N, K) and scales (N,); one bit is a sign, of the mean magnitude where it is not zero."""
    if bits > 1:
        return quantise_weights(weight, bits)
    size = weight.abs()
    count = (size > 0).sum(dim=1)
    scale = torch.where(count > 0, size.sum(dim=1) / count.clamp(min=1), torch.ones(()))
    return torch.sign(weight), scale


def _levels(integers: Tensor, numbers: ColumnNumbers) -> Tensor:
    """(N, K) -> (K, N * columns): bits of two's complement side by side, or the numbers themselves."""
    if numbers.is_signed:
        return integers.T.float()
    codes = integers.T.to(torch.int64)[..., None] >> torch.arange(numbers.columns)
    return (codes & 1).flatten(1).float()


def _full_scale(cells: Cells, inputs: InputCode, calibration: Tensor) -> Tensor:
    numbers, (tiles, rows, width) = cells.numbers, cells.held.shape
    if numbers.range_rows:
        spanned = -(-rows // numbers.range_rows) * numbers.range_rows
        return torch.full((1, 1, width), float(numbers.clip_fraction * spanned * numbers.largest_sum))
    tiled = tile_inputs(inputs.integers(calibration[:CALIBRATION_ROWS]), tiles, rows)
    largest = torch.stack([torch.bmm(digit, cells.held).abs().amax() for digit in inputs.digits(tiled)]).amax()
    return (numbers.clip_fraction * largest).clamp(min=1.0).expand(1, 1, width)
