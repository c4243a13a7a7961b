"""One drawn bench: how its optics depart from the twin's, and the noise of each exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from joulescape.numerics import _systems
from joulescape.numerics.shg.optics import recorded

OPENING_FLOOR = 1e-6
"""Keeps the gradient of m^gamma finite at m = 0."""


@dataclass(frozen=True)
class Departures(_systems.Departures):
    """Statistics of the difference between benches and their twin; all zero: they are the same.

    `amplitude_fraction`: relative sd of each bin's field. `phase_rad`: sd of each bin's phase. `phase_walk_rad`: sd,
    at the last bin, of a random walk of the phase over the band (a wrong dispersion). `gamma_error`: the modulator
    opens by m^(1 + gamma_error). `crosstalk_bins`: sd of a Gaussian blur of the modulator. `read_noise_fraction`: sd
    of an exposure relative to its signal. `floor_noise_fraction`: its sd relative to the mean spectrum of a
    half-open modulator. `modulator_bits` is another name of `control_bits`.
    """

    amplitude_fraction: float = 0.0
    phase_rad: float = 0.0
    phase_walk_rad: float = 0.0
    gamma_error: float = 0.0
    crosstalk_bins: float = 0.0
    floor_noise_fraction: float = 0.0
    modulator_bits: float = 0.0

    @property
    def levels_bits(self) -> float:
        """Levels of the modulator."""
        return self.modulator_bits or self.control_bits


@dataclass(frozen=True)
class Optics:
    """The field of each bin (n,) complex, how far the modulator's law is off, and the width of its blur."""

    field: Tensor
    gamma_error: float
    crosstalk_bins: float

    @classmethod
    def draw(cls, field: Tensor, departures: Departures, generator: torch.Generator) -> Optics:
        """Draw the fixed imperfections of one bench around the nominal `field`."""
        bins = field.shape[0]
        gain = 1 + departures.amplitude_fraction * torch.randn(bins, generator=generator)
        phase = departures.phase_rad * torch.randn(bins, generator=generator)
        walk = torch.cumsum(torch.randn(bins, generator=generator), 0) / math.sqrt(bins)
        turned = torch.polar(torch.ones(bins), phase + departures.phase_walk_rad * walk)
        return cls(field * turned * gain, departures.gamma_error, departures.crosstalk_bins)

    def spectrum(self, modulation: Tensor, out_bins: int) -> Tensor:
        """One recorded spectrum without noise, (B, n) -> (B, D); differentiable in the modulation."""
        opening = modulation
        if self.gamma_error != 0:
            opening = opening.clamp(min=OPENING_FLOOR) ** (1 + self.gamma_error)
        if self.crosstalk_bins != 0:
            opening = opening @ crosstalk(opening.shape[1], abs(self.crosstalk_bins))
        return recorded(opening, self.field, out_bins)


def exposure(clean: Tensor, departures: Departures, half_open: Tensor, generator: torch.Generator) -> Tensor:
    """A spectrum with the noise of one exposure; `half_open` is that of a half-open modulator without departures."""
    spread, floor = departures.read_noise_fraction, departures.floor_noise_fraction
    if spread == 0 and floor == 0:
        return clean
    dark = floor * float(half_open.mean())
    sd = ((spread * clean.detach()).square() + dark**2).sqrt()
    return clean + sd * torch.randn(clean.shape, generator=generator)


@lru_cache(maxsize=32)
def crosstalk(bins: int, width_bins: float) -> Tensor:
    """Gaussian blur of the modulator, applied as modulation @ matrix; (n, n), every column sums to 1."""
    index = torch.arange(bins)
    blur = torch.exp(-0.5 * ((index[:, None] - index[None, :]) / width_bins) ** 2)
    return blur / blur.sum(0, keepdim=True)
