"""The merged read: one matrix with the cells' errors, a bias, and Gaussian noise of the variance that reads have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics.base import Window
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.programmed import Cells, own_stream
from joulescape.numerics.crossbar.rounding import RoundingProfile

NEGLIGIBLE = 1e-5
"""Share of a product's spread below which what is left of a full read is rounding of float32, not a machine's error."""

SURE = 3.0
"""Standard deviations by which a share must differ from one to be taken for another number."""


ALIKE = 3.5
"""Variance of the mean square of so many normal numbers, times their count: 2, and more since rows share some noise."""


class Reads(Protocol):
    """A machine's own way to read its arrays."""

    def integers(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The product with integer inputs, before scales, (rows, N) float64; free of read noise without a generator."""


@dataclass(frozen=True)
class Rest:
    """What a full read has beyond share * (the cells' error): `left` of each row (rows, N), its mean and variance (N,)
    without read noise, and what read noise adds to the mean square of all outputs together."""

    share: float
    left: Tensor
    mean: Tensor
    variance: Tensor
    noise_power: float

    @classmethod
    def of(cls, seen: Tensor, quiet: Tensor, moved: Tensor) -> Rest:
        """`seen` is the whole error of a read, `quiet` that of one without noise, `moved` what the cells' error alone
        makes of it, (rows, N)."""
        power = float((moved * moved).sum())
        share = float((seen * moved).sum()) / power if power > 0 else 0.0
        left = quiet - share * moved
        noise = float((seen - share * moved).square().sum() - left.square().sum()) / len(seen)
        return cls(share, left, left.mean(dim=0), left.var(dim=0, correction=0), noise)


class MergedCrossbar:
    """One matrix, a bias and Gaussian noise at the output, fitted to a full read of calibration inputs.

    y = x (W + share (W_held - W)) + bias + sqrt(a p(x) + b sum_i q(x_i)) N(0, 1). Converters round part of the cells'
    error away, `share` is what survives (least squares); bias and `a`, per output, are the mean and the variance of
    what is left, about step^2 / 12 a conversion; p(x) is how much of that an input meets. Read noise is drawn for every
    product with its own variance: q(x) = sum over cycles of (weight * digit)^2, which is x^2 where one read drives the
    whole input, times the variance `b` of one cell's slices; of `b` a converter with coarse steps lets a share through,
    found in the same way. An input that drives no row is read as nothing, without error.
    """

    def __init__(self, full: Reads, cells: Cells, inputs: InputCode, x: Tensor) -> None:
        self._inputs, scale = inputs, cells.scale * inputs.scale
        x = _driving(x)
        ideal, wanted = cells.integers.T.double(), x.double()
        error = cells.effective.double() - ideal
        exact, moved = wanted @ ideal, wanted @ error
        own_noise = own_stream("noise", exact.shape)
        quiet = full.integers(x, None) - exact
        seen = full.integers(x, own_noise) - exact if cells.numbers.read_sigma_fraction else quiet
        rest = Rest.of(seen, quiet, moved)
        self._power = DrivePower(inputs, cells.numbers) if cells.numbers.read_sigma_fraction else None
        self._matrix = ((ideal + rest.share * error) * scale).float()
        self._is_still = _is_negligible(rest, exact)
        self._bias = (0 * scale if self._is_still else rest.mean * scale).float()
        self._still = (rest.variance * scale.square()).float()
        self._is_exact = self._is_still and self._power is None
        self._gain = scale.abs().float() * self._read_sigma(rest, x, cells.numbers)
        self._profile = None if self._is_still else RoundingProfile(inputs, x, rest.left)
        self._kernels: dict[Window, Tensor] = {}

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        codes = self._inputs.integers(x)
        if self._is_exact:
            return codes @ self._matrix
        product = torch.addmm(self._bias, codes, self._matrix)
        power = None if self._power is None else self._power(codes).sum(dim=1, keepdim=True)
        profile = None if self._profile is None else self._profile(codes)
        return self._with_noise(product, power, profile, self._still, self._gain, generator)

    @property
    def weight(self) -> Tensor:
        """What the cells hold as weights (N, K), behind the converters."""
        return (self._matrix / self._inputs.scale).T

    def on_windows(self, x: Tensor, window: Window, generator: torch.Generator) -> Tensor:
        """(batch, C, H, W) -> (batch, N, H', W'): a convolution; read noise sees what drives each position."""
        codes = self._inputs.integers(x)
        kernels = self._kernels.get(window)
        if kernels is None:
            kernels = self._matrix.T.reshape(-1, x.shape[1], *window.kernel).contiguous()
            self._kernels[window] = kernels
        bias = None if self._is_exact else self._bias
        product = nnf.conv2d(codes, kernels, bias, window.stride, window.padding)
        if self._is_exact:
            return product
        power = None if self._power is None else _summed(self._power(codes).sum(dim=1, keepdim=True), window)
        still, gain = (values[:, None, None] for values in (self._still, self._gain))
        profile = None if self._profile is None else self._profile.on_windows(codes, window)
        return self._with_noise(product, power, profile, still, gain, generator)

    def _with_noise(
        self,
        product: Tensor,
        power: Tensor | None,
        profile: Tensor | None,
        still: Tensor,
        gain: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """`product` plus N(0, still profile + gain^2 power), in place; nothing where nothing drives."""
        noise = torch.randn(product.shape, generator=generator)
        if profile is None:
            return product if power is None else product.addcmul_(noise.mul_(power.sqrt()), gain)
        if power is None:
            product.addcmul_(noise.mul_(profile.sqrt()), still.sqrt())
        else:
            product.addcmul_(noise, torch.addcmul(power * (gain * gain), profile, still).sqrt_())
        is_driven = profile > 0
        return product if bool(is_driven.all()) else product.mul_(is_driven.float())

    def _read_sigma(self, rest: Rest, x: Tensor, numbers: CrossbarNumbers) -> float:
        """Deviation of an integer product for one unit of drive power: what the cells have, times the root of the share
        that shows behind the converters. All outputs together say how much that is; a share of one within what so few
        rows can tell is one."""
        if self._power is None:
            return 0.0
        cell = numbers.read_sigma_levels * float(numbers.slice_weights.norm())
        said = cell**2 * float(self._power(x).sum(dim=1).mean()) * len(rest.variance)
        if said == 0:
            return cell
        share = rest.noise_power / said
        spread = math.sqrt(ALIKE / (len(x) * len(rest.variance))) * (1 + float(rest.variance.sum()) / said)
        return cell if abs(share - 1) < SURE * spread else cell * math.sqrt(max(0.0, share))


class DrivePower:
    """q(x): squared drive of one row over all analog reads of an input, in squared integer units."""

    def __init__(self, inputs: InputCode, numbers: CrossbarNumbers) -> None:
        low, high = inputs.bounds
        codes = torch.arange(low, high + 1).float()
        parts = zip(inputs.cycle_weights(), inputs.digits(codes), strict=True)
        powers = torch.stack([(weight * digit).square() for weight, digit in parts]).sum(dim=0)
        self._first = low
        self._table = None if numbers.dac_bits >= inputs.bits and not inputs.is_signed else powers

    def __call__(self, codes: Tensor) -> Tensor:
        """Of integers, elementwise."""
        if self._table is None:
            return codes * codes
        return self._table.index_select(0, (codes - self._first).int().flatten()).reshape(codes.shape)


def _driving(x: Tensor) -> Tensor:
    """The rows that drive something; all of them where none does."""
    is_driving = (x != 0).any(dim=1)
    return x[is_driving] if bool(is_driving.any()) else x


def _summed(power: Tensor, window: Window) -> Tensor:
    """(batch, 1, H, W) added over the positions of a kernel."""
    return nnf.conv2d(power, torch.ones(1, 1, *window.kernel), None, window.stride, window.padding)


def _is_negligible(rest: Rest, exact: Tensor) -> bool:
    """Whether a full read gives the merged product."""
    small = NEGLIGIBLE**2 * exact.square().mean(dim=0)
    return bool((rest.variance + rest.mean.square() <= small).all())
