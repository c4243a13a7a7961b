"""One drawn bench: how its optics depart from the twin's, and the noise of each exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from joulescape.numerics.shg.optics import recorded

OPENING_FLOOR = 1e-6
"""Keeps the gradient of m^gamma finite at m = 0."""


@dataclass(frozen=True)
class Departures:
    """Statistics of the difference between benches and their twin; all zero: they are the same.

    `amplitude_fraction`: relative sd of each bin's field. `phase_rad`: sd of each bin's phase. `phase_walk_rad`: sd,
    at the last bin, of a random walk of the phase over the band (a wrong dispersion). `gamma_error`: the modulator
    opens by m^(1 + gamma_error). `crosstalk_bins`: sd of a Gaussian blur of the modulator. `read_noise_fraction`: sd
    of an exposure relative to its signal. `floor_noise_fraction`: its sd relative to the mean spectrum of a
    half-open modulator. `modulator_bits`: levels of the modulator, 0 for a continuous one; the twin knows them.
    """

    amplitude_fraction: float = 0.0
    phase_rad: float = 0.0
    phase_walk_rad: float = 0.0
    gamma_error: float = 0.0
    crosstalk_bins: float = 0.0
    read_noise_fraction: float = 0.0
    floor_noise_fraction: float = 0.0
    modulator_bits: float = 0.0

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Departures:
        """From an ErrorSpec's numbers; raises ValueError on a name that is not a departure."""
        unknown = set(numbers) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"shg knows no departure named {', '.join(sorted(unknown))}")
        return cls(**numbers)


@dataclass(frozen=True)
class Bench:
    """One drawn bench: field (n,) complex, cross-talk (n, n), both fixed; noise is drawn at each exposure."""

    field: Tensor
    crosstalk: Tensor | None
    departures: Departures
    noise_floor: float
    out_bins: int

    @classmethod
    def draw(cls, field: Tensor, out_bins: int, departures: Departures, generator: torch.Generator) -> Bench:
        """Draw the fixed imperfections of one bench around the nominal `field`."""
        bins = field.shape[0]
        gain = 1 + departures.amplitude_fraction * torch.randn(bins, generator=generator)
        phase = departures.phase_rad * torch.randn(bins, generator=generator)
        walk = torch.cumsum(torch.randn(bins, generator=generator), 0) / math.sqrt(bins)
        turned = torch.polar(torch.ones(bins), phase + departures.phase_walk_rad * walk)
        half_open = recorded(torch.full((1, bins), 0.5), field, out_bins)
        floor = departures.floor_noise_fraction * float(half_open.mean())
        blur = crosstalk(bins, departures.crosstalk_bins) if departures.crosstalk_bins > 0 else None
        return cls(field * turned * gain, blur, departures, floor, out_bins)

    def exposure(self, modulation: Tensor, generator: torch.Generator) -> Tensor:
        """One recorded spectrum, (B, n) -> (B, D); differentiable but for the noise."""
        opening = modulation
        if self.departures.gamma_error != 0:
            opening = opening.clamp(min=OPENING_FLOOR) ** (1 + self.departures.gamma_error)
        if self.crosstalk is not None:
            opening = opening @ self.crosstalk
        signal = recorded(opening, self.field, self.out_bins)
        spread = self.departures.read_noise_fraction
        if spread == 0 and self.noise_floor == 0:
            return signal
        sd = ((spread * signal.detach()).square() + self.noise_floor**2).sqrt()
        return signal + sd * torch.randn(signal.shape, generator=generator)


def crosstalk(bins: int, width_bins: float) -> Tensor:
    """Gaussian blur of the modulator, applied as modulation @ matrix; (n, n), every column sums to 1."""
    index = torch.arange(bins)
    blur = torch.exp(-0.5 * ((index[:, None] - index[None, :]) / width_bins) ** 2)
    return blur / blur.sum(0, keepdim=True)
