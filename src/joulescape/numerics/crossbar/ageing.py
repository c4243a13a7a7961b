"""What a device's own laws make of its cells: programming error over the target, drift, 1/f noise, compensation.

Conductances are shares of the largest one. The laws and their sources are parts of `hwlib/components/memristive`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

SMALLEST = 1e-6
"""Share of the largest conductance below which laws in log(g) are taken at this one."""


@dataclass(frozen=True)
class ClippedLog:
    """clip(slope ln(g) + offset, floor, ceiling)."""

    slope: float
    offset: float
    floor: float
    ceiling: float

    def __call__(self, g: Tensor) -> Tensor:
        """The law at conductances `g`."""
        found: Tensor = (self.slope * g.clamp(min=SMALLEST).log() + self.offset).clamp_(self.floor, self.ceiling)
        return found


@dataclass(frozen=True)
class Drift:
    """G(t) = G (t / start)^-nu, t = age + start, nu = |N(mean(g), spread(g))|."""

    start_s: float
    mean: ClippedLog
    spread: ClippedLog

    def factor(self, g: Tensor, age_s: float, generator: torch.Generator) -> Tensor:
        """What is left of programmed conductances `g`; one exponent a cell."""
        nu = torch.randn(g.shape, generator=generator).mul_(self.spread(g)).add_(self.mean(g)).abs_()
        return torch.exp(nu * -math.log((age_s + self.start_s) / self.start_s))


@dataclass(frozen=True)
class Flicker:
    """sigma / G = Q(g) sqrt(ln((t + read) / (2 read))), Q = min(scale / max(g^power, floor), ceiling)."""

    scale: float
    power: float
    floor: float
    ceiling: float
    read_s: float
    strength: float

    def relative_sigma(self, g: Tensor, time_s: float) -> Tensor:
        """Deviation of a read at `time_s` after programming, relative to the conductance read."""
        decades = math.log(max(1.0, (time_s + self.read_s) / (2 * self.read_s)))
        quality = (self.scale / g.clamp(min=0).pow(self.power).clamp_(min=self.floor)).clamp_(max=self.ceiling)
        return quality * (self.strength * math.sqrt(decades))


@dataclass(frozen=True)
class CellLaws:
    """The laws of one device; a device without any holds what `CrossbarNumbers` says of it for good."""

    coefficients: tuple[float, ...] = ()
    height: float | None = None
    reach: float = 1.0
    drift: Drift | None = None
    flicker: Flicker | None = None
    age_s: float = 0.0
    is_compensated: bool = False

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Self:
        """From the numbers of an error spec; absent laws have no numbers."""
        names = sorted(name for name in numbers if name.startswith("programming_c"))
        return cls(
            tuple(numbers[name] for name in names),
            numbers.get("programming_height"),
            numbers.get("programming_reach", 1.0),
            _drift(numbers) if "drift_start_s" in numbers else None,
            _flicker(numbers) if "flicker_scale" in numbers else None,
            numbers.get("age_s", 0.0),
            bool(numbers.get("is_compensated", 0.0)),
        )

    @property
    def has_programming(self) -> bool:
        """Whether the error of a write depends on its target."""
        return bool(self.coefficients) or self.height is not None

    @property
    def has_age(self) -> bool:
        """Whether cells change after they were written."""
        return self.drift is not None or self.flicker is not None

    def programming_sigma(self, g: Tensor) -> Tensor:
        """Deviation of a write to targets `g`."""
        if self.height is not None:
            return self.height * (1 - torch.exp(-g / self.reach))
        total = torch.zeros_like(g)
        for coefficient in reversed(self.coefficients):
            total.mul_(g).add_(coefficient)
        return total.clamp_(min=0)

    def aged(self, g: Tensor, generator: torch.Generator) -> Tensor:
        """Programmed conductances `g` at `age_s`, with the 1/f noise that one inference meets."""
        now = g if self.drift is None else g * self.drift.factor(g, self.age_s, generator)
        if self.flicker is None:
            return now
        start = 0.0 if self.drift is None else self.drift.start_s
        sigma = now * self.flicker.relative_sigma(g, self.age_s + start)
        return torch.randn(g.shape, generator=generator).mul_(sigma).add_(now).clamp_(min=0)


def compensation(before: Sequence[Tensor], now: Sequence[Tensor]) -> Tensor:
    """Factor a tile (tiles, 1, 1): summed conductance after programming over that of today, both arrays of a pair."""
    then, left = (torch.stack([g.sum(dim=(1, 2)) for g in arrays]).sum(dim=0) for arrays in (before, now))
    return torch.where(left > 0, then / left, torch.ones(()))[:, None, None]


def _drift(numbers: Mapping[str, float]) -> Drift:
    mean, spread = (
        ClippedLog(*(numbers[f"drift_{name}_{short}"] for short in ("slope", "offset", "floor", "ceiling")))
        for name in ("mean", "spread")
    )
    return Drift(numbers["drift_start_s"], mean, spread)


def _flicker(numbers: Mapping[str, float]) -> Flicker:
    names = ("scale", "power", "floor", "ceiling", "read_s", "strength")
    return Flicker(*(numbers[f"flicker_{name}"] for name in names))
