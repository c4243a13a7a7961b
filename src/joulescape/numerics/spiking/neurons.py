"""Integrate-and-fire neurons with soft reset: what is above the threshold when a neuron fires stays in it.

    V <- V + I_t;  s_t = [V >= theta];  V <- V - theta s_t

A spike of a layer stands for the value theta (the layer's threshold) during one step, so a constant current of a in
[0, theta], begun at half a threshold, makes floor(T a / theta + 1/2) spikes in T steps (physics: rate code). Signed
neurons are a pair: one fires at theta, the other at -theta and is counted negative.

Surrogate gradient for training through time: a spike's derivative by v = V / theta is the triangle max(0, 1 - |v - 1|)
(Bellec et al. 2018; Neftci et al. 2019); none flows through the reset.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

HALF = 0.5
"""Of a threshold: what a neuron holds at the start, so that counts round to the nearest."""


class Fires(torch.autograd.Function):
    """1 where a relative potential (of the threshold) is at least 1; its gradient is the triangle around 1."""

    @staticmethod
    def forward(ctx: Any, relative: Tensor) -> Tensor:
        """Spikes, 0 or 1."""
        ctx.save_for_backward(relative)
        return (relative >= 1).to(relative.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        """The triangle in place of a Dirac pulse."""
        (relative,) = ctx.saved_tensors
        found: Tensor = gradients[0] * (1 - (relative - 1).abs()).clamp(min=0)
        return found


def integrate(
    currents: Tensor, steps: int, potential: Tensor, threshold: float | Tensor, is_signed: bool = False
) -> Tensor:
    """Spikes of `steps` steps, (steps, batch, ...); moves `potential` (batch, ...) in place. Not differentiable.

    `currents` are (steps, batch, ...), or (1, batch, ...) where they are the same at every step. A threshold a neuron
    is a tensor that broadcasts to the potential.
    """
    spikes = currents.new_empty((steps, *potential.shape))
    for step in range(steps):
        potential += currents[step if len(currents) > 1 else 0]
        fired = torch.ge(potential, threshold, out=spikes[step])
        if is_signed:
            fired -= (potential <= -threshold).to(fired.dtype)
        if isinstance(threshold, Tensor):
            potential.addcmul_(fired, threshold, value=-1)
        else:
            potential.sub_(fired, alpha=threshold)
    return spikes


def integrate_smooth(
    currents: Tensor, steps: int, potential: Tensor, threshold: float | Tensor, is_signed: bool = False
) -> Tensor:
    """The same spikes with surrogate gradients; leaves `potential` as it is."""
    spikes = []
    for step in range(steps):
        potential = potential + currents[step if len(currents) > 1 else 0]
        fired: Tensor = Fires.apply(potential / threshold)  # type: ignore[no-untyped-call]
        if is_signed:
            fired = fired - Fires.apply(-potential / threshold)  # type: ignore[no-untyped-call]
        potential = potential - fired.detach() * threshold
        spikes.append(fired)
    return torch.stack(spikes)


def start(shape: tuple[int, ...], threshold: float | Tensor, is_signed: bool) -> Tensor:
    """Potentials before the first step: half a threshold; a pair begins in the middle."""
    if is_signed:
        return torch.zeros(shape)
    return torch.zeros(shape) + HALF * threshold
