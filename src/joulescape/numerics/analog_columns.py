"""Convolution with charge on capacitors beside a pixel column: noise of every sum, weights on few capacitors, and a
converter of few bits where values leave the analog domain.

    y = W_q x + n,   n ~ N(0, rms(y)^2 10^(-snr / 10))

The signal's root mean square is that of training data, one an operator. Noise is drawn anew at each call.

Numbers of an ErrorSpec: snr_db; weight_bits (absent: weights are exact; 1: signs of one size an output); output_bits
(absent: the value stays analog).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.compression.quantize.grids import channel_scales
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._tiles import Quantiser
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed


@dataclass(frozen=True)
class Columns:
    """One operator on the columns."""

    weight: Tensor
    deviation: float
    least: Tensor
    """Low end of the converter's range."""
    converter: Quantiser
    """Of values above the low end."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N)."""
        sums = x.to(self.weight.dtype) @ self.weight.T
        if self.deviation > 0:
            sums = sums + self.deviation * torch.randn(sums.shape, generator=generator)
        if self.converter.bits is None:
            return sums
        return self.converter(sums - self.least) + self.least


class AnalogColumns(MatrixNumerics):
    """Numerics of the kind `analog_columns`; `simulators.analog_sensor` states its numbers."""

    kind = "analog_columns"

    def program(
        self,
        weight: Tensor,
        errors: ErrorSpec,
        calibration: Tensor,
        generator: torch.Generator,  # noqa: ARG002
        detail: Detail,  # noqa: ARG002
    ) -> Programmed:
        """Weights on their capacitors' grid, one full scale an output; ranges from `calibration` (rows, K)."""
        held = _held(weight.detach().to(torch.float32), errors.numbers.get("weight_bits"))
        sums = calibration.to(torch.float32) @ held.T
        least = sums.amin()
        top = (sums.amax() - least).clamp(min=torch.finfo(torch.float32).tiny)
        return Columns(
            held,
            float(sums.square().mean().sqrt()) * 10.0 ** (-errors.numbers["snr_db"] / 20.0),
            least,
            Quantiser(top, errors.numbers.get("output_bits"), is_signed=False),
        )


def _held(weight: Tensor, bits: float | None) -> Tensor:
    """Weights (N, K) as capacitors hold them; of one bit a sign, as large as the mean of those that are not zero."""
    if bits == 1:
        scales: Tensor = channel_scales(weight, 1)
        return weight.sign() * scales
    tops = weight.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return Quantiser(tops, bits, is_signed=True)(weight)


plugin = AnalogColumns()
