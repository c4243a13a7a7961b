"""How much converters round away at an input, beside the mean of all inputs: a read that no row drives errs by nothing.

Of an input whose largest value is 3 no read above its second bit drives a row; that of the eighth bit, which weighs
most, then has a sum of zero and is converted without error. What does not follow the reads (counters: one count a
train of spikes) is fitted as a constant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics.base import Window
from joulescape.numerics.crossbar.coding import InputCode


class RoundingProfile:
    """Variance at an input over the mean variance: constant + slope s(x), fitted to `left` (rows, N), what a full read
    of integers `x` has beyond the cells' error; nothing where nothing drives.

    s(x) is the sum of (weight of a read)^2 over the reads that the largest value of x reaches, over that of all reads.
    A negative value in two's complement reaches all of them.
    """

    def __init__(self, inputs: InputCode, x: Tensor, left: Tensor) -> None:
        self._is_signed = inputs.is_signed
        self._top = max(abs(bound) for bound in inputs.bounds)
        codes = torch.arange(self._top + 1)
        weights = [abs(weight) for weight in inputs.cycle_weights()]
        self._table = torch.stack([(codes >= weight) * weight**2 for weight in weights]).sum(dim=0)
        self._table /= sum(weight**2 for weight in weights)
        reached = self(x)[:, 0]
        constant, slope = _fitted(reached.double(), _strength(left))
        self._table = (constant + slope * self._table) * (codes > 0)

    def __call__(self, codes: Tensor) -> Tensor:
        """Of integers (rows, K) -> (rows, 1)."""
        return self._table[self._reach(codes).amax(dim=1, keepdim=True).int()]

    def on_windows(self, codes: Tensor, window: Window) -> Tensor:
        """Of samples (batch, C, H, W) -> (batch, 1, H', W')."""
        down, across = window.padding
        largest = nnf.pad(self._reach(codes).amax(dim=1, keepdim=True), (across, across, down, down))
        return self._table[nnf.max_pool2d(largest, window.kernel, window.stride).int()]

    def _reach(self, codes: Tensor) -> Tensor:
        return torch.where(codes < 0, self._top, codes) if self._is_signed else codes


def _strength(left: Tensor) -> Tensor:
    """Mean square of what is left of each row, (rows,), each output beside its own variance."""
    centred = left.double() - left.double().mean(dim=0)
    variance = centred.square().mean(dim=0)
    errs = variance > 0
    return (centred[:, errs].square() / variance[errs]).mean(dim=1) if bool(errs.any()) else torch.ones(len(left))


def _fitted(reached: Tensor, strength: Tensor) -> tuple[float, float]:
    """Constant and slope, neither negative, of least squares with a mean of one."""
    centred, mean = reached - reached.mean(), float(reached.mean())
    power = float(centred.square().sum())
    # Inputs that all reach alike say nothing of others: the law of reads is then taken as it is.
    slope = float((centred * strength).sum()) / power if power > 1e-9 * len(reached) else 1 / mean if mean else 0.0
    slope = min(max(slope, 0.0), 1 / mean) if mean else 0.0
    return 1 - slope * mean, slope
