"""Column sums by integrate-and-fire circuits: one count a column and spike train, no converter in each bit cycle.

Weighted spikes let a column charge its capacitor with the whole product of an input vector; each time the charge of one
count is reached the circuit fires, and a counter counts until it is full (PipeLayer, song2017). The capacitor starts
half charged, so that counts round to the nearest. Both arrays of a differential pair count apart and are subtracted as
numbers. With enough bits one count is one integer unit, and the product is exact.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from joulescape.numerics.crossbar.coding import InputCode, tile_inputs
from joulescape.numerics.crossbar.programmed import Cells
from joulescape.numerics.crossbar.reading import BLOCK_ELEMENTS, EXACT_FLOAT32

HALF_SIGNS = (1.0, -1.0)
"""Sign of the arrays that hold positive and negative weights."""


def trains(x: Tensor, inputs: InputCode) -> list[tuple[float, Tensor]]:
    """(sign, charge) of the spike trains of integers `x`: the magnitude bits, then the sign bit of a signed input."""
    if not inputs.is_signed:
        return [(1.0, x)]
    top = float(2 ** (inputs.bits - 1))
    is_negative = (x < 0).to(x)
    return [(1.0, x + top * is_negative), (-1.0, top * is_negative)]


def count_charge(cells: Cells, inputs: InputCode, x: Tensor) -> Tensor:
    """Charge of one count, a column (N * slices,): the largest sum of each slice among the integers `x`, times the clip
    fraction, fills the counter; at least one integer unit."""
    numbers = cells.numbers
    tiled = tile_inputs(x, *cells.held.shape[:2])
    largest = torch.stack([
        torch.bmm(charge, half).abs_().flatten(0, 1).amax(dim=0)
        for _, charge in trains(tiled, inputs) for half in cells.halves
    ]).amax(dim=0)  # fmt: skip
    slices = numbers.slice_count
    by_slice = largest.reshape(-1, slices).amax(dim=0)
    step: Tensor = (numbers.adc_clip_fraction * by_slice / (2**numbers.adc_bits - 1)).clamp_(min=1.0)
    return step.repeat(cells.held.shape[2] // slices)


class CountedCrossbar:
    """Every tile, slice and array of a pair, counted once a spike train with read noise, then added and subtracted."""

    def __init__(self, cells: Cells, inputs: InputCode, charge: Tensor) -> None:
        self._cells, self._inputs, self._charge = cells, inputs, charge
        numbers, slices = cells.numbers, cells.numbers.slice_count
        self._top = float(2**numbers.adc_bits - 1)
        reach = 2**inputs.bits * numbers.top_level * cells.held.shape[1]
        self._type = torch.float32 if reach < EXACT_FLOAT32 else torch.float64
        self._halves = [(half / charge).to(self._type) for half in cells.halves]
        self._significance = charge[:slices].double() * numbers.slice_weights.double()
        levels = cells.constant.reshape(len(cells.constant), -1, slices)
        self._constant = (levels * numbers.slice_weights).sum(dim=2).double()
        pairs = math.sqrt(len(cells.halves))
        self._read_sigma = (numbers.read_sigma_levels / pairs / charge).to(self._type)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        product = self.integers(self._inputs.integers(x), generator)
        return (product * (self._cells.scale.double() * self._inputs.scale)).float()

    def integers(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64: exact integers when nothing errs.

        Without a generator nothing is drawn: the read is free of noise.
        """
        tiles, _, width = self._cells.held.shape
        block = max(1, BLOCK_ELEMENTS // (tiles * width))
        return torch.cat([self._block(part, generator) for part in torch.split(x, block)])

    def _block(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        tiled = tile_inputs(x, *self._cells.held.shape[:2]).to(self._type)
        total = torch.zeros(len(x), self._cells.held.shape[2], dtype=torch.float64)
        for sign, charge in trains(tiled, self._inputs):
            sigma = None if generator is None else self._noise(charge)
            for half_sign, half in zip(HALF_SIGNS, self._halves, strict=False):
                total.add_(self._count(charge, half, sigma, generator).sum(dim=0), alpha=sign * half_sign)
        folded = total.reshape(len(x), -1, len(self._significance)) @ self._significance
        tile_sums = tiled.sum(dim=2).T.double()
        return folded + tile_sums @ self._constant - self._cells.offset * tile_sums.sum(dim=1, keepdim=True)

    def _noise(self, charge: Tensor) -> Tensor | None:
        """Root of sum 4^t d^2 over spikes and rows, (tiles, batch, 1): each spike is read with noise of its own."""
        if not self._cells.numbers.read_sigma_fraction:
            return None
        spikes = [weight * digit for weight, digit in zip(*self._spikes(charge), strict=True)]
        return torch.stack([(spike * spike).sum(dim=2, keepdim=True) for spike in spikes]).sum(dim=0).sqrt_()

    def _spikes(self, charge: Tensor) -> tuple[list[float], list[Tensor]]:
        width, codes = self._inputs.dac_bits, charge.to(torch.int64)
        lows = range(0, self._inputs.bits, width)
        return [float(2**low) for low in lows], [((codes >> low) & (2**width - 1)).to(self._type) for low in lows]

    def _count(self, charge: Tensor, half: Tensor, sigma: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """(tiles, batch, rows) charges -> (tiles, batch, columns) counts; columns stored inverted count negative."""
        sums = torch.bmm(charge, half)
        if sigma is not None:
            sums.addcmul_(sigma, torch.randn(sums.shape, generator=generator, dtype=sums.dtype) * self._read_sigma)
        return sums.round_().clamp_(-self._top, self._top)
