"""Rings on one bus: what weights their resonances make, and where resonances must stand for wanted weights.

Ring j stands at its channel j plus a detuning d_j (in linewidths) and drops the share L(x) = 1 / (1 + (2 x)^2) of what
is x away. Channel i passes all rings, so its weight is drop minus through, w_i = 1 - 2 prod_j (1 - L(i s - j s - d_j)),
for channels s linewidths apart. A bank whose rings are set one by one ignores the neighbours' tails.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

ITERATIONS = 20
"""Steps in which a control loop moves each ring by the error of its own channel."""

LEAST_DROP = 1e-4
"""Smallest share that a ring is asked to drop: beyond it a ring is parked."""

LEAST_REACH = 0.1
"""Range that is still asked of a bank whose channels overlap."""

CHUNK = 1 << 22
"""Elements of one block of (rings x channels) that are held at once."""


def reach(spacing: float) -> float:
    """Largest magnitude that every ring of a crowded bank can be set to, both signs: 1 - 4 / (1 + s^2).

    A ring parked midway still drops 1 / (1 + s^2) of its channel, and its neighbour there as much again.
    """
    return max(1.0 - 4.0 / (1.0 + spacing**2), LEAST_REACH)


def alone(weights: Tensor, spacing: float) -> Tensor:
    """Detunings of rings that would make `weights` in [-1, 1] if each were alone on the bus: L(d) = (w + 1) / 2.

    A ring is moved away by half of the spacing at most, lest it meet its neighbour's channel.
    """
    drop = ((weights + 1.0) / 2.0).clamp(LEAST_DROP, 1.0)
    return torch.sqrt(1.0 / drop - 1.0).div(2.0).clamp(max=spacing / 2.0)


def weights_of(detunings: Tensor, spacing: float) -> Tensor:
    """Weights (banks, channels) that rings at `detunings` (banks, channels) make together."""
    channels = detunings.shape[1]
    step = max(1, CHUNK // channels**2)
    return torch.cat([_weights_of(part, spacing) for part in torch.split(detunings, step)])


def calibrated(weights: Tensor, spacing: float) -> Tensor:
    """Detunings whose weights come closest to `weights`: fixed-point iteration from rings that are alone."""
    return _calibrated(weights.numpy().tobytes(), weights.shape[1], spacing)


@lru_cache(maxsize=64)
def _calibrated(content: bytes, channels: int, spacing: float) -> Tensor:
    """The same of float32 weights given by their bytes, so that equal weights are calibrated once a process."""
    weights = torch.frombuffer(bytearray(content), dtype=torch.float32).view(-1, channels)
    asked = weights
    for _ in range(ITERATIONS):
        made = weights_of(alone(asked, spacing), spacing)
        asked = (asked + weights - made).clamp(-1.0, 1.0)
    return alone(asked, spacing)


def _weights_of(detunings: Tensor, spacing: float) -> Tensor:
    away = _distances(detunings.shape[1], spacing) - detunings[:, None, :]
    through = 1.0 - 1.0 / (1.0 + (2.0 * away) ** 2)
    return 1.0 - 2.0 * through.prod(2)


@lru_cache(maxsize=32)
def _distances(channels: int, spacing: float) -> Tensor:
    places = torch.arange(channels, dtype=torch.float32) * spacing
    return places[:, None] - places[None, :]
