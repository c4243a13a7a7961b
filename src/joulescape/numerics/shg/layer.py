"""The layer that a network sees: inputs and trained parameters share the modulator, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.numerics.base import DeviceLayer, PhysicalLayer
from joulescape.numerics.shg.device import Bench, Departures
from joulescape.numerics.shg.optics import pulse, recorded

LOWEST, HIGHEST = 0.1, 0.9
"""Fresh parameters are drawn inside the modulator's range, away from its ends."""


class ShgLayer(PhysicalLayer):
    """One pass through the bench. Data bins stand at equal distance with parameter bins between them."""

    kind: ClassVar[str] = "shg"

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Openings of the parameter bins, (bins - data_bins,)."""
        uniform = torch.rand(operator.parameter_count, generator=generator)
        return {"weight": LOWEST + (HIGHEST - LOWEST) * uniform}

    def twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], errors: ErrorSpec | None) -> Tensor:
        """Nominal optics without noise; it knows the modulator's levels. (B, inputs) -> (B, outputs)."""
        bits = 0.0 if errors is None else errors.numbers.get("modulator_bits", 0.0)
        frame = quantised(interleaved(operator, x, parameters["weight"]), bits)
        return recorded(frame, _field(operator), operator.out_elements)

    def device(self, operator: Operator, errors: ErrorSpec, generator: torch.Generator) -> DeviceLayer:
        """Draw one bench. Layers on one bench are drawn from generators in the same state."""
        departures = Departures.of(errors.numbers)
        return _OnBench(operator, Bench.draw(_field(operator), operator.out_elements, departures, generator))

    def in_range(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs clipped to the modulator's [0, 1], and the mean square of what was cut off."""
        inside = x.clamp(0, 1)
        return inside, (x - inside).square().mean()

    def confine(self, parameters: Mapping[str, Tensor]) -> None:
        """Move the openings back into [0, 1], in place."""
        parameters["weight"].clamp_(0, 1)


@dataclass(frozen=True)
class _OnBench:
    operator: Operator
    bench: Bench

    def __call__(self, x: Tensor, parameters: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        frame = quantised(interleaved(self.operator, x, parameters["weight"]), self.bench.departures.modulator_bits)
        return self.bench.exposure(frame, generator)


def interleaved(operator: Operator, x: Tensor, weight: Tensor) -> Tensor:
    """The modulator's frame, (B, bins): each data bin is followed by its share of the parameter bins.

    Inputs fewer than data bins leave the last data bins closed.
    """
    data_bins = int(operator.attributes["data_bins"])
    if x.shape[1] < data_bins:
        x = torch.nn.functional.pad(x, (0, data_bins - x.shape[1]))
    return torch.cat([x, weight.expand(x.shape[0], -1)], 1)[:, _order(data_bins, weight.shape[0])]


@lru_cache(maxsize=32)
def _order(data_bins: int, parameters: int) -> Tensor:
    """Where each bin's opening is found in (data, parameters): data bin j stands at floor(j bins / data_bins)."""
    bins = data_bins + parameters
    order = torch.zeros(bins, dtype=torch.long)
    data = torch.arange(data_bins) * bins // data_bins
    is_free = torch.ones(bins, dtype=torch.bool)
    is_free[data] = False
    order[data], order[is_free] = torch.arange(data_bins), torch.arange(data_bins, bins)
    return order


def quantised(frame: Tensor, bits: float) -> Tensor:
    """Rounded to the 2^bits levels of [0, 1]; 0 bits: continuous. The gradient passes straight through."""
    if bits == 0:
        return frame
    steps = 2**bits - 1
    return frame + ((frame.detach() * steps).round() / steps - frame.detach())


def _field(operator: Operator) -> Tensor:
    chirp, envelope = (float(operator.attributes.get(key, 0.0)) for key in ("chirp_rad", "envelope"))
    return _cached_field(int(operator.attributes["bins"]), chirp, envelope)


@lru_cache(maxsize=32)
def _cached_field(bins: int, chirp_rad: float, envelope: float) -> Tensor:
    return pulse(bins, chirp_rad, envelope)
