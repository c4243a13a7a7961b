"""The grid of a layer's input activations: uniform, of two values, or a half-wave Gaussian's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from joulescape.compression.quantize.grids import largest_level, power_of_two_scale, tensor_scale
from joulescape.network.work import OperandFormat

_SIGN_RANGE = 2.0
"""A binary input passes gradients up to so many times its scale (hard tanh, Courbariaux et al. 2016)."""


@dataclass(frozen=True)
class InputGrid:
    """The grid of one input of a layer; `is_sign` has the two values -scale and scale."""

    scale: float
    bits: int
    is_signed: bool
    is_sign: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Values on the grid; the gradient passes straight through inside the range and stops outside."""
        if self.is_sign:
            inside = x.clamp(-_SIGN_RANGE * self.scale, _SIGN_RANGE * self.scale)
            return inside + (torch.where(x >= 0, self.scale, -self.scale) - inside.detach())
        top = largest_level(self.bits, self.is_signed)
        inside = x.clamp(-top * self.scale if self.is_signed else 0.0, top * self.scale)
        return inside + (torch.round(inside.detach() / self.scale) * self.scale - inside.detach())


def input_grid(inputs: Tensor, form: OperandFormat) -> InputGrid:
    """The grid that a format asks for, fitted to what training data put there; unsigned where nothing is negative."""
    bits, rule = int(form.activation_bits), form.activation_rule
    is_signed, sample = bool((inputs < 0).any()), inputs.flatten()
    if rule == "power_of_two":
        return InputGrid(power_of_two_scale(sample, bits, is_signed), bits, is_signed)
    if rule == "binary":
        return _binary(sample, is_signed)
    if rule == "half_wave":
        return _half_wave(sample, bits, is_signed)
    return InputGrid(tensor_scale(sample, bits, is_signed, rule, form.activation_percentile), bits, is_signed)


def _binary(sample: Tensor, is_signed: bool) -> InputGrid:
    """A sign and the mean magnitude; zero or one value where nothing is negative."""
    if is_signed:
        return InputGrid(float(sample.abs().mean()) or 1.0, 2, True, is_sign=True)
    return InputGrid(tensor_scale(sample, 1, False), 1, False)


def _half_wave(sample: Tensor, bits: int, is_signed: bool) -> InputGrid:
    """The steps of a half-wave Gaussian of the sample's own spread; least mean square error where values are negative
    (no half wave), or where all are zero (no spread)."""
    spread = float(torch.sqrt(2 * sample.square().mean()))
    if is_signed or spread == 0.0:
        return InputGrid(tensor_scale(sample, bits, is_signed), bits, is_signed)
    return InputGrid(_half_wave_step(bits) * spread, bits, is_signed)


@cache
def _half_wave_step(bits: int) -> float:
    """The step of least mean square error for the positive half of a standard Gaussian, by numerical integration."""
    x = np.linspace(0.0, 6.0, 6001)
    density, top = np.exp(-x * x / 2), (1 << bits) - 1
    steps = np.linspace(0.02, 1.5, 741)
    moved = np.clip(np.round(x / steps[:, None]), 0, top) * steps[:, None]
    return float(steps[np.argmin(((moved - x) ** 2 * density).sum(axis=1))])
