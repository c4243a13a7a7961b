"""One matrix of a spiking machine by itself: inputs as counts of spikes in T steps, synapses as they hold it.

    y = W_held x_hat,  x_hat = peak * sign(x) floor(T |x| / peak + 1/2) / T

`peak` is a percentile of training data's magnitudes. Whole networks are simulated step by step (`accuracy.spiking`);
this is what one layer makes of it where spikes are evenly spread, and what both codes have in common.

Numbers of an ErrorSpec: timesteps; threshold_percentile; is_first_spike; is_current (samples are constant currents),
is_poisson (random spikes; neither: regular ones); weight_bits (absent: exact); weight_sigma_fraction and
threshold_sigma_fraction of devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed
from joulescape.numerics.spiking.codes import signed_rate_code
from joulescape.numerics.spiking.device import held_weight

FULL = 100.0
"""Percentile of the largest value."""


@dataclass(frozen=True)
class SpikeCounts:
    """A stored matrix that counts of spikes meet."""

    weight: Tensor
    peak: float
    timesteps: int

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """(rows, K) -> (rows, N)."""
        return self.peak * signed_rate_code(x / self.peak, self.timesteps) @ self.weight.T


class Spiking(MatrixNumerics):
    """Numerics of the kind `spiking`; `simulators.spiking` states its numbers."""

    kind = "spiking"

    def program(
        self,
        weight: Tensor,
        errors: ErrorSpec,
        calibration: Tensor,
        generator: torch.Generator,
        detail: Detail,  # noqa: ARG002
    ) -> Programmed:
        """Synapses drawn from `generator`; the range of inputs from `calibration` (rows, K)."""
        numbers = errors.numbers
        peak = percentile(calibration, numbers.get("threshold_percentile", FULL))
        return SpikeCounts(held_weight(weight, numbers, generator), peak, int(numbers["timesteps"]))


def percentile(values: Tensor, percent: float) -> float:
    """Of the magnitudes that are not zero (zeros say nothing about a range); 1 where all are zero."""
    magnitudes = values.detach().abs().flatten()
    seen = magnitudes[magnitudes > 0]
    if not len(seen):
        return 1.0
    rank = max(1, round(percent / FULL * len(seen)))
    return float(seen.kthvalue(rank).values)


plugin = Spiking()
