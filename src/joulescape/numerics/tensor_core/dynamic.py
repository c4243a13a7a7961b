"""Products of two activations on tensor cores: both operands are modulated at every clock, so neither is ever written.

Each operand has one range a group (head), its largest value on training data; so has the converter of the outputs. The
gains of the wavelengths meet every row and column alike, as they do with weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics._receivers import Noise
from joulescape.numerics._tiles import Quantiser
from joulescape.numerics.base import Detail

_MATRICES = (0, 2, 3)
"""Dimensions of (samples, groups, rows, columns) that share one range."""


@dataclass(frozen=True)
class Dynamic:
    """Two operands on their converters, read out slice by slice of the reduction."""

    left: Quantiser
    right: Quantiser
    gains: Tensor
    """Of each product of one readout: (terms * integration cycles,)."""
    noise: Noise
    adc: Quantiser
    """Of one readout, in full scales of one channel: ranges (groups, 1, 1)."""
    deviation: Tensor | None = None
    """Merged: noise and rounding of all readouts of one output together, (groups, 1, 1); None: each on its own."""

    def sums(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Readouts (slices, samples, groups, M, N) in full scales of one channel, and their light (..., M, 1)."""
        sent, met = (_full_scales(q, x) for q, x in ((self.left, left), (self.right, right)))
        columns = len(self.gains)
        slices = math.ceil(left.shape[-1] / columns)
        missing = slices * columns - left.shape[-1]
        rows = torch.stack(nnf.pad(sent, (0, missing)).chunk(slices, -1))
        held = torch.stack(nnf.pad(met, (0, 0, 0, missing)).chunk(slices, -2))
        return rows @ (held * self.gains[:, None]), rows.abs().sum(-1, keepdim=True)

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, groups, M, K) times (samples, groups, K, N) -> (samples, groups, M, N)."""
        sums, light = self.sums(left, right)
        if self.deviation is not None:
            total = sums.sum(0)
            total = total + self.deviation * torch.randn(total.shape, generator=generator)
        elif self.noise.is_silent:
            total = self.adc(sums).sum(0)
        else:
            noise = self.noise.deviation(sums, light) * torch.randn(sums.shape, generator=generator)
            total = self.adc(sums + noise).sum(0)
        return total * self.left.top * self.right.top


def dynamic_product(
    left: Tensor, right: Tensor, numbers: Mapping[str, float], generator: torch.Generator, detail: Detail
) -> Dynamic:
    """A device's product, its ranges from operands (samples, groups, M, K) and (samples, groups, K, N)."""
    terms, cycles = int(numbers["terms_per_sample"]), int(numbers["integration_cycles"])
    gains = torch.ones(terms)
    if numbers["gain_sigma_fraction"] > 0:
        gains = gains + numbers["gain_sigma_fraction"] * torch.randn(terms, generator=generator)
    blank = Quantiser(torch.ones(()), None, is_signed=True)
    found = Dynamic(
        _range(left, numbers.get("input_bits")),
        _range(right, numbers.get("weight_bits")),
        gains.repeat(cycles),
        Noise.of(numbers),
        blank,
    )
    sums, light = found.sums(left, right)
    tops = _largest(sums.amax(0), sums.amin(0))
    found = replace(found, adc=Quantiser(tops, numbers.get("output_bits"), is_signed=True))
    if detail == "full":
        return found
    read = found.noise.deviation(sums, light).square().mean((1, 3, 4), keepdim=True)[:, 0]
    return replace(found, deviation=(read + found.adc.step**2 / 12.0).sum(0).sqrt())


def _range(values: Tensor, bits: float | None) -> Quantiser:
    return Quantiser(_largest(values, values), bits, is_signed=bool((values < 0).any()))


def _largest(high: Tensor, low: Tensor) -> Tensor:
    """Largest magnitude of each group: (samples, groups, rows, columns) -> (groups, 1, 1)."""
    top = torch.maximum(high.amax(_MATRICES), -low.amin(_MATRICES))
    return top.clamp(min=torch.finfo(torch.float32).tiny)[:, None, None]


def _full_scales(converter: Quantiser, values: Tensor) -> Tensor:
    """Converted values in units of the range; a modulator lets no more through than all."""
    return (converter(values) / converter.top).clamp(-1.0, 1.0)
