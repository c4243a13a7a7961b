"""Reads of which not every column is converted: parts below a result's last bit, columns that a trial has settled.

Both read tiles, slices and input digits as a full read does, and differ in what their converters say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise

import torch
from torch import Tensor

from joulescape.numerics.crossbar.coding import InputCode, tile_inputs
from joulescape.numerics.crossbar.programmed import Cells, Converter

BLOCK_ELEMENTS = 2**18
"""Column sums computed at once: 1 MiB of float32 stays in the cache."""


class PartialRead(ABC):
    """Sums of every tile and column, then what is added as numbers: centres, offsets, scales."""

    def __init__(self, cells: Cells, inputs: InputCode) -> None:
        self._cells, self._inputs, self._numbers = cells, inputs, cells.numbers
        slices = self._numbers.slice_count
        levels = cells.constant.reshape(len(cells.constant), -1, slices)
        self._constant = (levels * self._numbers.slice_weights).sum(dim=2).double()

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        product = self.integers(self._inputs.integers(x), generator)
        return (product * (self._cells.scale.double() * self._inputs.scale)).float()

    def integers(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64; free of read noise without a generator."""
        tiles, _, width = self._cells.held.shape
        block = max(1, BLOCK_ELEMENTS // (tiles * width))
        return torch.cat([self._block(part, generator) for part in torch.split(x, block)])

    @abstractmethod
    def _levels(self, digits: list[Tensor], generator: torch.Generator | None) -> Tensor:
        """Digits (tiles, batch, rows) -> levels (tiles, batch, columns), weighed by the inputs' significance."""

    def _block(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        tiled = tile_inputs(x, *self._cells.held.shape[:2])
        total = self._levels(self._inputs.digits(tiled), generator).sum(dim=0).double()
        significance = self._numbers.slice_weights.double()
        folded: Tensor = total.reshape(len(x), -1, len(significance)) @ significance
        sums = tiled.sum(dim=2).T.double()
        return folded + sums @ self._constant - self._cells.offset * sums.sum(dim=1, keepdim=True)

    def _sums(self, drive: Tensor, generator: torch.Generator | None) -> Tensor:
        """Column sums of one read, with noise of its own."""
        sums = torch.bmm(drive, self._cells.held)
        if generator is None or not self._numbers.read_sigma_fraction:
            return sums
        sigma = drive.square().sum(dim=2, keepdim=True).sqrt_() * self._numbers.read_sigma_levels
        return sums.addcmul_(sigma, torch.randn(sums.shape, generator=generator))


class LeadingRead(PartialRead):
    """Every part at the bits above the result's last one, cut off towards zero (PRIME, chi2016).

    `last` is what the last bit of a tile's result is worth in integer units: the largest product of a tile among the
    integers `x` fills the converter. A part that weighs 2^s times less than the leading one has s bits fewer.
    """

    def __init__(self, cells: Cells, inputs: InputCode, x: Tensor) -> None:
        super().__init__(cells, inputs)
        numbers, slices = cells.numbers, cells.numbers.slice_count
        levels = cells.held.reshape(*cells.held.shape[:2], -1, slices)
        whole = (levels * numbers.slice_weights).sum(dim=3)
        largest = float(torch.bmm(tile_inputs(x, *cells.held.shape[:2]), whole).abs().max())
        last = max(1.0, numbers.adc_clip_fraction * largest / (2 ** (numbers.adc_bits - 1) - 1))
        drives = torch.tensor(inputs.cycle_weights()).abs()
        weight = drives[:, None] * numbers.slice_weights
        below = torch.log2(weight.max() / weight).round()
        copies = cells.held.shape[2] // slices
        self._step = (last / weight).repeat(1, copies)
        self._top = (2.0 ** (numbers.adc_bits - 1 - below) - 1).clamp(min=0).repeat(1, copies)

    def _levels(self, digits: list[Tensor], generator: torch.Generator | None) -> Tensor:
        total = torch.zeros(())
        for weight, digit, step, top in zip(self._inputs.cycle_weights(), digits, self._step, self._top, strict=True):
            codes = (self._sums(digit, generator) / step).trunc_().clamp_(-top, top)
            total = total + weight * codes * step
        return total


class TriedRead(PartialRead):
    """Several input bits at once; columns whose converter is full are read again bit by bit (RAELLA)."""

    def __init__(self, cells: Cells, inputs: InputCode, converter: Converter) -> None:
        super().__init__(cells, inputs)
        self._step, self._top = converter.step, float(converter.top)
        magnitude = inputs.bits - inputs.is_signed
        first, rest = self._numbers.speculation_first_bits, self._numbers.speculation_next_bits
        self._cuts = [magnitude, *range(max(0, magnitude - first), 0, -rest), 0]
        self._failed = self._tried = 0

    @property
    def failed_fraction(self) -> float:
        """Share of columns that were read again, of all reads so far."""
        return self._failed / self._tried if self._tried else 0.0

    def _levels(self, digits: list[Tensor], generator: torch.Generator | None) -> Tensor:
        total = torch.zeros(())
        for high, low in pairwise(self._cuts):
            bits = digits[low:high]
            drive = torch.stack([2.0**k * bit for k, bit in enumerate(bits)]).sum(dim=0)
            sums = self._sums(drive, generator).div_(self._step).round_()
            has_failed = sums.abs() >= self._top
            self._failed, self._tried = self._failed + int(has_failed.sum()), self._tried + has_failed.numel()
            serial = torch.stack([2.0**k * self._code(bit, generator) for k, bit in enumerate(bits)]).sum(dim=0)
            total = total + 2.0**low * torch.where(has_failed, serial, sums)
        if self._inputs.is_signed:
            total = total + self._inputs.cycle_weights()[-1] * self._code(digits[-1], generator)
        return total * self._step

    def _code(self, digit: Tensor, generator: torch.Generator | None) -> Tensor:
        return self._sums(digit, generator).div_(self._step).round_().clamp_(-self._top, self._top)
