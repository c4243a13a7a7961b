"""Cells that pulses move: every one with a step, an asymmetry and ends of its own, and a memory of what it was given.

One pulse of size d (d+ upwards, d- downwards, each cell its own) moves a cell by
    up:    d+ (1 - a+ w / high) (1 + c N(0, 1)),      down:    -d- (1 + a- w / low) (1 + c N(0, 1)),
between -low and high: soft bounds at a = 1, equal steps at a = 0 (gokmen2016, aihwkit2021). What is read differs from
what pulses add up to by write noise, drawn anew whenever a cell is moved.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec

LEAST_SHARE = 0.05
"""Steps and ends of a cell keep at least this share of their mean: a spread has tails that no device has."""


@dataclass(frozen=True)
class PulseNumbers:
    """Numbers of role `update`: fractions of the weight's bound, spreads relative to the mean."""

    states: float
    asymmetry: float
    cycle_noise: float
    weight_bound: float
    asymmetry_down: float
    high: float = 1.0
    low: float = 1.0
    imbalance: float = 0.0
    imbalance_spread: float = 0.0
    step_spread: float = 0.0
    bound_spread: float = 0.0
    write_noise_fraction: float = 0.0
    corrupt_fraction: float = 0.0

    @classmethod
    def of(cls, errors: ErrorSpec) -> Self:
        """From a spec; what it does not state does not err, and downwards asymmetry is then that upwards."""
        known = {field.name: errors.numbers[field.name] for field in fields(cls) if field.name in errors.numbers}
        return cls(**{"asymmetry_down": errors.numbers["asymmetry"], **known})

    @property
    def pulse(self) -> float:
        """Mean step in the middle of the range: the range over the number of states."""
        return 2 * self.weight_bound / self.states


class PulsedCells:
    """The cells of one matrix, flattened, drawn from `device`. `seen` is what they are read as."""

    def __init__(self, weight: Tensor, numbers: PulseNumbers, device: torch.Generator) -> None:
        self.pulse, self._noise = numbers.pulse, numbers.cycle_noise
        self._write_noise = numbers.write_noise_fraction * numbers.weight_bound
        shape, bound = (weight.numel(),), numbers.weight_bound
        step = _spread(shape, numbers.step_spread, device) * self.pulse
        tilt = numbers.imbalance + numbers.imbalance_spread * _normal(shape, numbers.imbalance_spread, device)
        works = 1.0 - _chosen(shape, numbers.corrupt_fraction, device)
        # The stronger direction keeps the step, the weaker one lacks the imbalance (as in aihwkit2021).
        up = step * (1 + tilt.clamp(max=0)).clamp(min=0) * works
        down = step * (1 - tilt.clamp(min=0)).clamp(min=0) * works
        high = numbers.high * bound * _spread(shape, numbers.bound_spread, device)
        low = -numbers.low * bound * _spread(shape, numbers.bound_spread, device)
        slopes = up * numbers.asymmetry / high, -down * numbers.asymmetry_down / low
        self._laws = torch.stack([up, slopes[0], down, slopes[1], low, high])
        self._held = torch.clamp(weight.flatten(), low, high)
        if numbers.corrupt_fraction:
            anywhere = low + (high - low) * torch.rand(shape, generator=device)
            self._held = torch.where(works > 0, self._held, anywhere)
        self.seen = self._held.clone() if self._write_noise else self._held

    @property
    def symmetry_point(self) -> Tensor:
        """Where a pulse moves as far upwards as downwards: where a cell ends that is pulsed to and fro."""
        up, up_slope, down, down_slope, low, high = self._laws
        slopes = up_slope + down_slope
        point = torch.where(slopes > 0, (up - down) / slopes.clamp(min=1e-12), torch.zeros(()))
        return torch.clamp(point, low, high)

    def settle(self, device: torch.Generator) -> Tensor:
        """Where cells stand after many pulses to and fro, which is how symmetry points are found: around those by what
        the noise of single pulses leaves, noise^2 (up^2 + down^2) / (2 (slope of both)) of variance.

        A cell that has no such point stays where it is.
        """
        up, up_slope, down, down_slope, low, high = self._laws
        slopes, point = up_slope + down_slope, self.symmetry_point
        raised, lowered = up - up_slope * point, down + down_slope * point
        power = (raised.square() + lowered.square()) / (2 * slopes).clamp(min=1e-12)
        spread = self._noise * power.sqrt() * _normal(tuple(point.shape), self._noise, device)
        settled = torch.minimum(torch.maximum(point + spread, low), high)
        self._held = torch.where(slopes > 0, settled, self._held)
        self.seen = self._held.clone() if self._write_noise else self._held
        return self._held.clone()

    def ask(self, step: Tensor, total: Tensor | None, generator: torch.Generator) -> None:
        """Pulses for a `step`: counts rounded stochastically. `total` adds magnitudes of all that the step sums up.

        Where vectors pulse one after the other, (total + step) / 2 goes upwards and (total - step) / 2 downwards: what
        cancels in the step still moves cells to their symmetry points.
        """
        wanted = step.flatten() / (2 * self.pulse)
        half = _at_least(wanted, None if total is None else total.flatten() / (2 * self.pulse))
        # One draw decides about both directions: a cell is seldom asked for either.
        chance = torch.rand(wanted.shape, generator=generator)
        up = torch.add(half, wanted).add_(chance).floor_()
        down = half.sub_(wanted).sub_(chance).ceil_()
        moved = self._moved(self._held, self._laws, up, down, generator)
        self._held = moved
        if not self._write_noise:
            self.seen = moved
            return
        noisy = torch.add(moved, torch.randn(moved.shape, generator=generator), alpha=self._write_noise)
        self.seen = torch.where(up + down > 0, noisy, self.seen)

    def pulse_at(self, at: Tensor, up: Tensor, down: Tensor, generator: torch.Generator) -> None:
        """So many pulses upwards and downwards into the cells `at` (flat indices)."""
        is_pulsed = (up + down).nonzero().squeeze(1)
        at, up, down = at[is_pulsed], up[is_pulsed], down[is_pulsed]
        moved = self._moved(self._held[at], self._laws[:, at], up, down, generator)
        self._held[at] = moved
        if self._write_noise:
            self.seen[at] = moved.add_(torch.randn(at.shape, generator=generator), alpha=self._write_noise)

    def _moved(self, held: Tensor, laws: Tensor, up: Tensor, down: Tensor, generator: torch.Generator) -> Tensor:
        step_up, up_slope, step_down, down_slope, low, high = laws
        raised = torch.addcmul(step_up, up_slope, held, value=-1)
        lowered = torch.addcmul(step_down, down_slope, held)
        moved = torch.addcmul(held, up, raised).addcmul_(down, lowered, value=-1)
        if self._noise:
            power = raised.square_().mul_(up).addcmul_(lowered.square_(), down)
            moved.addcmul_(power.sqrt_(), torch.randn(held.shape, generator=generator), value=self._noise)
        return torch.minimum(torch.maximum(moved, low), high)


class OneSidedPairs:
    """Pairs of cells that pulses only raise: w = bound (G+ - G-), G in [0, 1]; a raise is one in G+, a fall one in G-.

    Phase-change cells crystallise step by step and are melted at once (burr2015). Every `refresh_every` steps pairs
    with a cell above `FULL` are reset and their difference is written anew, with the error of such a write.
    """

    FULL = 0.75

    def __init__(self, weight: Tensor, numbers: PulseNumbers, device: torch.Generator, refresh_every: int) -> None:
        # Both cells span the bound alone, so that a cell has half of the pair's states.
        self._bound, self._every, self._steps = numbers.weight_bound, refresh_every, 0
        self.pulse = numbers.pulse
        self._error = numbers.write_noise_fraction
        shape = (2, weight.numel())
        self._step = _spread(shape, numbers.step_spread, device) * numbers.pulse / numbers.weight_bound
        self._top = _spread(shape, numbers.bound_spread, device)
        self._slope = self._step * numbers.asymmetry / self._top
        self._noise = numbers.cycle_noise
        self._step *= 1.0 - _chosen(shape, numbers.corrupt_fraction, device)
        self._held = torch.zeros(shape)
        self._write(torch.arange(weight.numel()), weight.flatten() / self._bound, None)
        self.refreshed = 0

    @property
    def seen(self) -> Tensor:
        """Weights as they are read, flat."""
        return (self._held[0] - self._held[1]) * self._bound

    def ask(self, step: Tensor, total: Tensor | None, generator: torch.Generator) -> None:
        """Pulses for a step, rounded stochastically; then, from time to time, a refresh."""
        wanted = step.flatten() / self.pulse
        whole = _at_least(wanted, None if total is None else total.flatten() / self.pulse)
        asked = torch.stack([(whole + wanted) / 2, (whole - wanted) / 2])
        count = (asked + torch.rand(asked.shape, generator=generator)).floor_()
        raised = (self._step - self._slope * self._held).clamp_(min=0)
        noise = self._noise * count.sqrt() * torch.randn(count.shape, generator=generator)
        self._held = torch.minimum((self._held + raised * (count + noise)).clamp_(min=0), self._top)
        self._steps += 1
        if self._steps % self._every == 0:
            self._refresh(generator)

    def _refresh(self, generator: torch.Generator) -> None:
        at = (self._held.amax(dim=0) > self.FULL).nonzero().squeeze(1)
        self.refreshed += len(at)
        self._write(at, self._held[0, at] - self._held[1, at], generator)

    def _write(self, at: Tensor, wanted: Tensor, generator: torch.Generator | None) -> None:
        if generator is not None and self._error:
            wanted = wanted + self._error * torch.randn(wanted.shape, generator=generator)
        pair = torch.stack([wanted.clamp(min=0), (-wanted).clamp(min=0)])
        self._held[:, at] = torch.minimum(pair, self._top[:, at])


def _at_least(step: Tensor, total: Tensor | None) -> Tensor:
    """Sums of magnitudes of what adds up to `step`: no less than its own, which rounding could make them; of fewer
    pulses than none the noise would be no number."""
    return step.abs() if total is None else torch.maximum(total, step.abs())


def _normal(shape: tuple[int, ...], spread: float, device: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=device) if spread else torch.zeros(shape)


def _spread(shape: tuple[int, ...], spread: float, device: torch.Generator) -> Tensor:
    """1 + spread N(0, 1), at least a share."""
    return (1 + spread * _normal(shape, spread, device)).clamp_(min=LEAST_SHARE)


def _chosen(shape: tuple[int, ...], fraction: float, device: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=device) < fraction).float() if fraction else torch.zeros(shape)
