"""Products on ring banks: weights as detunings, intensities in, balanced receivers, partial sums added digitally."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed
from joulescape.numerics.ring_bank.spectrum import alone, calibrated, reach, weights_of


@dataclass(frozen=True)
class Noise:
    """Receiver noise in units of one channel's full scale: in the dark, for each lit channel, for the net output."""

    dark: float
    shot: float
    intensity: float

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Noise:
        """From the numbers of an ErrorSpec."""
        return cls(*(numbers[f"{name}_fraction"] for name in ("dark", "shot", "intensity")))

    def deviation(self, sums: Tensor, light: Tensor) -> Tensor:
        """Standard deviation of partial sums (across, samples, outputs) under `light` (across, samples, 1)."""
        return torch.sqrt(self.dark**2 + self.shot**2 * light + self.intensity**2 * sums**2)

    @property
    def is_silent(self) -> bool:
        """Whether there is none."""
        return self.dark == self.shot == self.intensity == 0


@dataclass(frozen=True)
class Bank:
    """A layer on its banks; light carries |x|, so signed inputs go through in two halves."""

    grid: Grid
    stacked: Tensor
    """Weights that the rings make (across, outputs, columns), in [-1, 1]."""
    scales: Tensor
    """Digital gain of each tile's outputs (across, 1, outputs)."""
    dac: Quantiser
    adc: Quantiser
    noise: Noise

    def sums(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Partial sums in full scales of one channel, and the light of each sample (across, samples, 1).

        A modulator lets no more through than all: inputs beyond what was calibrated saturate.
        """
        sent = self.grid.sliced((self.dac(x) / self.dac.top).clamp(-1.0, 1.0))
        return torch.bmm(sent, self.stacked.transpose(1, 2)), sent.abs().sum(2, keepdim=True)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, K) -> (samples, N)."""
        sums, light = self.sums(x)
        if not self.noise.is_silent:
            deviation = self.noise.deviation(sums, light) * (math.sqrt(2.0) if self.dac.is_signed else 1.0)
            sums = sums + deviation * torch.randn(sums.shape, generator=generator)
        return (self.adc(sums) * self.scales).sum(0) * self.dac.top


@dataclass(frozen=True)
class Merged:
    """One matrix; noise of receivers and of rounding at the mean light, summed over tiles, is added to its output."""

    matrix: Tensor
    dac: Quantiser
    deviation: Tensor

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, K) -> (samples, N)."""
        product = self.dac(x) @ self.matrix.T
        return product + self.deviation * torch.randn(product.shape, generator=generator)


class RingBank(MatrixNumerics):
    """Matrix products as wavelengths through banks of rings.

    Static for a device: weights rounded, cells misprogrammed, rings off their resonance, each bank drifted, neighbours'
    tails. Drawn at each call: dark, shot and intensity noise. Without `weight_bits`, `input_bits` or `output_bits` that
    step is exact.
    """

    kind: ClassVar[str] = "ring_bank"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Write `weight` (N, K) tile by tile; ranges of both converters come from `calibration`."""
        numbers = errors.numbers
        grid = Grid(weight.shape[0], weight.shape[1], int(numbers["rows"]), int(numbers["channels"]))
        tiles = grid.tiles(weight.detach().to(torch.float32))
        scales = tiles.abs().amax((1, 2)).clamp(min=torch.finfo(torch.float32).tiny)
        scales = scales / (reach(numbers["spacing_fwhm"]) if numbers["is_calibrated"] else 1.0)
        made = _made(tiles / scales[:, None, None], numbers, generator)
        bank = _bank(grid, made, scales, numbers, calibration)
        return bank if detail == "full" else _merged(bank, calibration)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """A gradient as the receivers read it: their noise with one channel lit, then their converter.

        Full scale is the largest element, because the matrix that sent it is not known here.
        """
        noise = Noise.of(errors.numbers)
        top = gradient.abs().max().clamp(min=torch.finfo(gradient.dtype).tiny)
        deviation = noise.deviation(gradient / top, torch.ones_like(gradient)) * top
        received = gradient + deviation * torch.randn(gradient.shape, generator=generator)
        return Quantiser(top, errors.numbers.get("output_bits"), is_signed=True)(received)

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Cells that hold weights miss the wanted step by a share of it as large as their programming error.

        Weights in SRAM move exactly; both are rounded when the rings are set.
        """
        sigma = errors.numbers["store_sigma_fraction"]
        return weight + step * (1.0 + sigma * torch.randn(step.shape, generator=generator)) if sigma else weight + step


def _made(weights: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """Weights in [-1, 1] (tiles, rows, channels) as a drawn device makes them."""
    spacing, bits = numbers["spacing_fwhm"], numbers.get("weight_bits")
    wanted = Quantiser(weights.abs().max().clamp(min=torch.finfo(torch.float32).tiny), bits, is_signed=True)(
        weights
    ).reshape(-1, weights.shape[2])
    if numbers["store_sigma_fraction"] > 0:
        # Full range is from -1 to 1, and a cell's error is a share of its own range: with slices the top one decides.
        missed = 2.0 * numbers["store_sigma_fraction"] * torch.randn(wanted.shape, generator=generator)
        wanted = (wanted + missed).clamp(-1.0, 1.0)
    detunings = calibrated(wanted, spacing) if numbers["is_calibrated"] else alone(wanted, spacing)
    if numbers["sigma_fwhm"] > 0:
        detunings = detunings + numbers["sigma_fwhm"] * torch.randn(detunings.shape, generator=generator)
    if numbers["drift_fwhm"] > 0:
        banks = torch.randn((len(weights), 1, 1), generator=generator).expand(-1, weights.shape[1], 1)
        detunings = detunings + numbers["drift_fwhm"] * banks.reshape(-1, 1)
    return weights_of(detunings, spacing).reshape(weights.shape)


def _bank(grid: Grid, made: Tensor, scales: Tensor, numbers: Mapping[str, float], calibration: Tensor) -> Bank:
    """Find both converters' ranges from inputs of training data: the largest input, and each tile's largest output."""
    top = calibration.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    dac = Quantiser(top, numbers.get("input_bits"), is_signed=bool((calibration < 0).any()))
    blank = Quantiser(torch.ones(()), None, is_signed=True)
    bank = Bank(grid, grid.stacked(made), grid.per_output(scales), dac, blank, Noise.of(numbers))
    sums, _ = bank.sums(calibration)
    tops = grid.per_output(grid.largest(sums).clamp(min=torch.finfo(torch.float32).tiny))
    adc = Quantiser(tops, numbers.get("output_bits"), is_signed=True)
    return Bank(grid, bank.stacked, bank.scales, dac, adc, bank.noise)


def _merged(bank: Bank, calibration: Tensor) -> Merged:
    matrix = (bank.stacked * bank.scales.transpose(1, 2)).transpose(0, 1)
    flat = matrix.reshape(bank.grid.outputs, -1)[:, : bank.grid.inputs].contiguous()
    sums, light = bank.sums(calibration)
    read = bank.noise.deviation(sums, light).square().mean(1, keepdim=True) * (2.0 if bank.dac.is_signed else 1.0)
    variance = ((read + bank.adc.step**2 / 12.0) * bank.scales**2).sum((0, 1))
    return Merged(flat, bank.dac, variance.sqrt() * bank.dac.top)
