"""Values as spikes: how many there are in T steps, or when the only one comes.

- rate: floor(T a + 1/2) spikes in T steps; over uniform a the root mean square error is 1 / (T sqrt(12)).
- first_spike: each neuron fires once at most. A layer listens for a window of T steps; a spike at step t of the window
  gives its weight at each of the T - t steps that are left of it, so it stands for (T - t) / T of the threshold. In the
  next window the threshold falls from theta to nothing in a line, so larger potentials meet it sooner (a linear ramp,
  as in conversions to time-to-first-spike: Rueckauer and Liu 2018). A layer listens when the one before it fires.
"""

from __future__ import annotations

import torch
from torch import Tensor


def counts(relative: Tensor, timesteps: int) -> Tensor:
    """Spikes in T steps of a neuron that is given a constant share (of its threshold) at every step."""
    return (relative * timesteps + 0.5).floor().clamp(0, timesteps)


def rate_code(relative: Tensor, timesteps: int) -> Tensor:
    """What the counts stand for, in [0, 1]."""
    return counts(relative, timesteps) / timesteps


def signed_rate_code(relative: Tensor, timesteps: int) -> Tensor:
    """The same of a pair of neurons, one for each sign."""
    return relative.sign() * rate_code(relative.abs(), timesteps)


def first_spike_steps(relative: Tensor, timesteps: int) -> Tensor:
    """The step of the window, 0 to T - 1, at which each neuron fires; T where it stays silent."""
    return timesteps - counts(relative, timesteps)


def poisson_spikes(relative: Tensor, steps: int, generator: torch.Generator) -> Tensor:
    """(steps, ...) spikes, each with the probability of the relative value, its sign where it has one."""
    chance = torch.rand((steps, *relative.shape), generator=generator)
    return (chance < relative.abs()).to(relative.dtype) * relative.sign()
