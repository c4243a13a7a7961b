"""One matrix as synapses hold it: few levels, and analog ones that miss them; neurons whose thresholds differ."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from joulescape.compression.quantize.grids import levels
from joulescape.numerics.fixed_point import stored_scales
from joulescape.units import FLOAT_BITS


def held_weight(weight: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """(N, K) on the synapses' grid, one scale a neuron, each times 1 + its own deviation."""
    held, bits = weight.detach(), numbers.get("weight_bits", FLOAT_BITS)
    if bits < FLOAT_BITS:
        scales = stored_scales(held, int(bits))
        held = levels(held, scales, int(bits)) * scales
    sigma = numbers.get("weight_sigma_fraction", 0.0)
    return held if sigma == 0 else held * (1 + sigma * torch.randn(held.shape, generator=generator))


def thresholds(nominal: float, shape: tuple[int, ...], sigma: float, generator: torch.Generator) -> float | Tensor:
    """The threshold of a layer, or of each of its neurons where they differ; a neuron keeps a tenth of it at least."""
    if sigma == 0:
        return nominal
    return nominal * (1 + sigma * torch.randn(shape, generator=generator)).clamp(min=0.1)
