"""What photocurrents become: partial sums with noise, conversions, digital sums. For machines of weighed light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Detail


@dataclass(frozen=True)
class Noise:
    """Receiver noise in units of one channel's full scale: in the dark, for each lit channel, for the net output."""

    dark: float
    shot: float
    intensity: float
    samples: float = 1.0
    """Clocks whose current is collected before one conversion: the dark noise of each adds."""

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Noise:
        """From the numbers of an ErrorSpec."""
        dark, shot, intensity = (numbers[f"{name}_fraction"] for name in ("dark", "shot", "intensity"))
        return cls(dark, shot, intensity, numbers.get("integration_cycles", 1.0))

    def deviation(self, sums: Tensor, light: Tensor) -> Tensor:
        """Standard deviation of partial sums (across, samples, outputs) under `light` (across, samples, 1)."""
        return torch.sqrt(self.samples * self.dark**2 + self.shot**2 * light + self.intensity**2 * sums**2)

    @property
    def is_silent(self) -> bool:
        """Whether there is none."""
        return self.dark == self.shot == self.intensity == 0


@dataclass(frozen=True)
class Received:
    """A layer tile by tile: partial sums received with noise, converted, and added digitally."""

    grid: Grid
    stacked: Tensor
    """Weights as the device makes them (across, outputs, columns), in [-1, 1]."""
    scales: Tensor
    """Digital gain of each row's outputs (across, 1, outputs)."""
    dac: Quantiser
    adc: Quantiser
    noise: Noise
    passes: float
    """Times that each sample is sent: twice where light carries |x| and inputs have signs."""
    added: int = 1
    """Tiles along the inputs whose amplified sums are added before one conversion."""

    def sums(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Partial sums in full scales of one channel, and the light of each sample (across, samples, 1).

        A modulator lets no more through than all: inputs beyond what was calibrated saturate.
        """
        sent = self.grid.sliced((self.dac(x) / self.dac.top).clamp_(-1.0, 1.0))
        return torch.bmm(sent, self.stacked.transpose(1, 2)), sent.abs().sum(2, keepdim=True)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, K) -> (samples, N)."""
        return torch.cat([self._received(part, generator) for part in torch.split(x, self.grid.block)])

    def _received(self, x: Tensor, generator: torch.Generator) -> Tensor:
        sums, light = self.sums(x)
        if not self.noise.is_silent:
            deviation = self.noise.deviation(sums, light) * math.sqrt(self.passes)
            sums = sums.addcmul_(deviation, torch.randn(sums.shape, generator=generator))
        converted = self.adc(self.collected(sums))
        return (converted * self.scales if self.added == 1 else converted).sum(0) * self.dac.top

    def collected(self, sums: Tensor) -> Tensor:
        """What converters see: each tile's sums, or those of `added` tiles together, the gain being an amplifier's."""
        if self.added == 1:
            return sums
        missing = -len(sums) % self.added
        filled = torch.nn.functional.pad(sums * self.scales, (0, 0, 0, 0, 0, missing))
        return filled.view(-1, self.added, *sums.shape[1:]).sum(1)


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


def received(
    grid: Grid,
    made: Tensor,
    scales: Tensor,
    noise: Noise,
    numbers: Mapping[str, float],
    calibration: Tensor,
    detail: Detail,
    is_unsigned: bool,
) -> Received | Merged:
    """`made` (tiles, rows, columns) in [-1, 1] behind receivers; both converters' ranges come from `calibration`.

    The input's is its largest value, each output's its largest partial sum: every row has a receiver, and a digital
    gain (`scales`, tiles x rows), of its own. `is_unsigned`: light carries |x|.
    """
    smallest = torch.finfo(torch.float32).tiny
    top = calibration.abs().max().clamp(min=smallest)
    dac = Quantiser(top, numbers.get("input_bits"), is_signed=bool((calibration < 0).any()))
    passes = 2.0 if is_unsigned and dac.is_signed else 1.0
    blank = Quantiser(torch.ones(()), None, is_signed=True)
    added = int(numbers.get("banks_added", 1.0))
    machine = Received(grid, grid.stacked(made), grid.per_row(scales), dac, blank, noise, passes, added)
    sums = machine.collected(machine.sums(calibration)[0])
    tops = sums.abs().amax(1, keepdim=True).clamp(min=smallest)
    machine = replace(machine, adc=Quantiser(tops, numbers.get("output_bits"), is_signed=True))
    return machine if detail == "full" else _merged(machine, calibration)


def realised(grid: Grid, made: Tensor, scales: Tensor) -> Tensor:
    """The matrix (outputs, inputs) that tiles `made` and their gains (tiles, rows) amount to."""
    return grid.matrix(grid.stacked(made) * grid.per_row(scales).transpose(1, 2))


def _merged(machine: Received, calibration: Tensor) -> Merged:
    matrix = machine.grid.matrix(machine.stacked * machine.scales.transpose(1, 2))
    sums, light = machine.sums(calibration)
    read = machine.noise.deviation(sums, light).square().mean(1, keepdim=True) * machine.passes
    rounded = machine.adc.step**2 / 12.0 * (machine.scales.square() if machine.added == 1 else 1.0)
    variance = (read * machine.scales.square()).sum((0, 1)) + rounded.sum((0, 1))
    return Merged(matrix, machine.dac, variance.sqrt() * machine.dac.top)


def read_gradient(gradient: Tensor, noise: Noise, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """A gradient as receivers read it: their noise with one channel lit, then their converter.

    Full scale is the largest element, because the matrix that sent it is not known here.
    """
    top = gradient.abs().max().clamp(min=torch.finfo(gradient.dtype).tiny)
    deviation = noise.deviation(gradient / top, torch.ones_like(gradient)) * top
    found = gradient + deviation * torch.randn(gradient.shape, generator=generator)
    return Quantiser(top, numbers.get("output_bits"), is_signed=True)(found)
