"""Reads of an array that is being trained by pulses: one pair of cells a weight, read as it is, from either side.

A vector is scaled by its largest value and rounded to the drivers' bits; each sum of `rows` cells picks up read noise
with the exact variance sigma^2 sum x^2 and the rounding of a converter whose range follows the vector's largest sum
(noise and bound management of aihwkit2021): what one vector reads does not depend on others. What wires lose is not
modelled here: it is static, and learnt around.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from joulescape.numerics.crossbar.device import CrossbarNumbers


def read_sigma(numbers: CrossbarNumbers, bound: float) -> float:
    """Deviation of one weight in one read: both cells of the pair, copies averaged."""
    return numbers.read_sigma_fraction / numbers.level_span * bound * math.sqrt(2 / numbers.cell_copies)


class TrainedArray:
    """Reads of weights (N, K) that stand between -bound and bound."""

    def __init__(self, weight: Tensor, numbers: CrossbarNumbers, bound: float) -> None:
        self._weight, self._numbers = weight, numbers
        self._sigma = read_sigma(numbers, bound)

    @property
    def weight(self) -> Tensor:
        """What the pairs hold (N, K)."""
        return self._weight

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        driven = self._driven(x)
        return self._read(driven @ self._weight.T, driven, self._numbers.rows, generator)

    def transposed(self, errors: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, N) -> (rows, K): columns are driven and rows are read."""
        driven = self._driven(errors)
        return self._read(driven @ self._weight, driven, self._numbers.columns // 2, generator)

    def _driven(self, x: Tensor) -> Tensor:
        """Every vector rounded to its own largest value over 2^bits - 1 steps (2^(bits - 1) - 1 with a sign)."""
        is_signed = bool((x < 0).any())
        top = 2.0 ** (self._numbers.input_bits - is_signed) - 1
        step = x.abs().amax(dim=1, keepdim=True).clamp_(min=1e-30) / top
        return (x / step).round_().mul_(step)

    def _read(self, sums: Tensor, driven: Tensor, reach: int, generator: torch.Generator) -> Tensor:
        tiles = math.ceil(driven.shape[1] / reach)
        top = 2.0 ** (self._numbers.adc_bits - 1) - 1
        step = sums.abs().amax(dim=1, keepdim=True) * (self._numbers.adc_clip_fraction / top)
        variance = driven.square().sum(dim=1, keepdim=True).mul_(self._sigma**2).add_(tiles * step * step / 12)
        noisy = sums.addcmul_(torch.randn(sums.shape, generator=generator), variance.sqrt_())
        if self._numbers.adc_clip_fraction == 1:
            return noisy
        return torch.minimum(torch.maximum(noisy, -step * top), step * top)
