"""Layers that hand their sums on as voltages: no converter between them, so that what one adds the next multiplies.

Inputs drive the rows as they come, clipped to the range met in calibration; sums saturate at theirs and pick up noise
of the circuits that pass them on. All slices of a weight are added as currents.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics.base import Window
from joulescape.numerics.crossbar.programmed import Cells


class AnalogCrossbar:
    """y = clip(x W_held + N(0, read^2 sum x^2 + (activation_sigma * top)^2), -top, top), without bias.

    `top` is the largest sum of the ideal matrix in calibration. Both details are this one product.
    """

    def __init__(self, cells: Cells, calibration: Tensor) -> None:
        numbers = cells.numbers
        self._matrix = cells.matrix.T.contiguous()
        self._low, self._high = float(calibration.min()), float(calibration.max())
        ideal = calibration @ (cells.integers * cells.scale[:, None]).T
        self._top = float(ideal.abs().max())
        cell = numbers.read_sigma_levels * float(numbers.slice_weights.norm())
        self._read_variance = (cell * cells.scale).square()
        self._added_variance = (numbers.activation_sigma_fraction * self._top) ** 2
        self._is_noisy = bool(self._read_variance.any()) or self._added_variance > 0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        driven = x.clamp(self._low, self._high)
        power = driven.square().sum(dim=1, keepdim=True)
        return self._passed_on(driven @ self._matrix, power, self._read_variance, generator)

    @property
    def weight(self) -> Tensor:
        """What the cells hold as weights (N, K)."""
        return self._matrix.T

    def on_windows(self, x: Tensor, window: Window, generator: torch.Generator) -> Tensor:
        """(batch, C, H, W) -> (batch, N, H', W'): the same product at every position of a convolution."""
        driven = x.clamp(self._low, self._high)
        kernels = self._matrix.T.reshape(-1, x.shape[1], *window.kernel)
        sums = nnf.conv2d(driven, kernels, None, window.stride, window.padding)
        ones = torch.ones(1, 1, *window.kernel)
        power = nnf.conv2d(driven.square().sum(dim=1, keepdim=True), ones, None, window.stride, window.padding)
        return self._passed_on(sums, power, self._read_variance[:, None, None], generator)

    def _passed_on(self, sums: Tensor, power: Tensor, variance: Tensor, generator: torch.Generator) -> Tensor:
        if self._is_noisy:
            noise = torch.randn(sums.shape, generator=generator)
            sums.addcmul_(noise, (power * variance).add_(self._added_variance).sqrt_())
        return sums.clamp_(-self._top, self._top)
