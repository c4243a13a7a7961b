"""`scale_offset` operators around physical systems follow a calibration.

The mean and spread of each recorded value over training data are tracked while the network trains and folded into scale
and offset once it is trained:

    y' = centre + swing ((y - mean) / spread * scale + offset).

Where a physical operator follows, centre is the middle of what drives it and swing a quarter of its range; else centre
is 0 and swing 0.5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from joulescape.network.operators import Operator

MOMENTUM = 0.05
"""Share of a mini-batch in the running calibration."""

SWING = 0.25
"""One standard deviation of a recorded value moves the drive of the next system by a quarter of its range."""

TEMPERATURE = 0.5
"""Gain of the last calibrated values before training."""

SPREAD_FLOOR = 0.1
"""Added to every spread, relative to the mean spread: nearly dark bins at the band's edge are not amplified at will."""


class Calibrated:
    """One `scale_offset` operator with its calibration; `scale` and `offset` are trained, per value or one for all.

    `drive`: lowest and highest value that the system behind it can be driven with; None where none follows.
    """

    def __init__(self, operator: Operator, drive: tuple[float, float] | None) -> None:
        width = int(operator.attributes.get("out_features", 1))
        self._is_per_value = width > 1
        self._centre, self._gain = (0.0, TEMPERATURE) if drive is None else _middle(*drive)
        self.scale = torch.ones(width).requires_grad_()
        self.offset = torch.zeros(width).requires_grad_()
        self._mean: Tensor | None = None
        self._spread = torch.ones(width)

    def __call__(self, recorded: Tensor, is_training: bool) -> Tensor:
        """(B, values) -> (B, values); training takes the batch's own calibration, with gradient, and tracks it."""
        if is_training or self._mean is None:
            mean, spread = self._measured(recorded)
            self._track(mean.detach(), spread.detach())
        else:
            mean, spread = self._mean, self._spread
        return self._centre + self._gain * ((recorded - mean) / spread * self.scale + self.offset)

    def forget(self) -> None:
        """The next batch is calibrated on anew."""
        self._mean = None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Scale and offset that act on recorded values directly, calibration included."""
        mean = torch.zeros(()) if self._mean is None else self._mean
        scale = self._gain * self.scale.detach() / self._spread
        return scale, self._centre + self._gain * self.offset.detach() - scale * mean

    def _measured(self, recorded: Tensor) -> tuple[Tensor, Tensor]:
        spread, mean = torch.std_mean(recorded, 0)
        if not self._is_per_value:
            spread, mean = spread.mean(0, keepdim=True), mean.mean(0, keepdim=True)
        return mean, spread + SPREAD_FLOOR * spread.detach().mean()

    def _track(self, mean: Tensor, spread: Tensor) -> None:
        known = self._mean
        self._mean = mean if known is None else torch.lerp(known, mean, MOMENTUM)
        self._spread = spread if known is None else torch.lerp(self._spread, spread, MOMENTUM)


def _middle(lowest: float, highest: float) -> tuple[float, float]:
    return (lowest + highest) / 2, SWING * (highest - lowest)
