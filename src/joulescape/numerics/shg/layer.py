"""The layer that a network sees: inputs and trained parameters share the modulator, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.operators import Operator
from joulescape.numerics import _systems
from joulescape.numerics._series import in_turns
from joulescape.numerics._systems import System
from joulescape.numerics.shg.device import Departures, Optics, exposure
from joulescape.numerics.shg.optics import pulse, recorded

LOWEST, HIGHEST = 0.1, 0.9
"""Fresh parameters are drawn inside the modulator's range, away from its ends."""

FIRST_BLUR = 0.3
"""Width, in bins, from which a fit starts."""


class ShgLayer(System[Optics]):
    """One pass through the bench. Data bins stand at equal distance with parameter bins between them."""

    kind: ClassVar[str] = "shg"
    departures: ClassVar[type[_systems.Departures]] = Departures

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Openings of the parameter bins, (bins - data_bins,)."""
        uniform = torch.rand(operator.parameter_count, generator=generator)
        return {"weight": LOWEST + (HIGHEST - LOWEST) * uniform}

    def nominal(self, operator: Operator) -> Optics:
        """The pulse as it was designed, and a modulator that does what it is told."""
        return Optics(_field(operator), 0.0, 0.0)

    def guess(self, operator: Operator) -> Optics:
        """A little blur to begin with: without any, the fit sees no slope towards it."""
        return Optics(_field(operator), 0.0, FIRST_BLUR)

    def drawn(self, operator: Operator, departures: Departures, generator: torch.Generator) -> Optics:
        """One bench. Layers on one bench are drawn from generators in the same state."""
        return Optics.draw(_field(operator), departures, generator)

    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Optics) -> Tensor:
        """The recorded spectrum of one frame, (B, inputs) -> (B, outputs)."""
        return physics.spectrum(interleaved(operator, x, parameters["weight"]), operator.out_elements)

    def read(self, operator: Operator, clean: Tensor, departures: Departures, generator: torch.Generator) -> Tensor:
        """One exposure."""
        return exposure(clean, departures, _half_open(operator), generator)


def interleaved(operator: Operator, x: Tensor, weight: Tensor) -> Tensor:
    """The modulator's frame, (B, bins): each data bin is followed by its share of the parameter bins.

    Inputs fewer than data bins leave the last data bins closed.
    """
    data_bins = int(operator.attributes["data_bins"])
    if x.shape[1] < data_bins:
        x = torch.nn.functional.pad(x, (0, data_bins - x.shape[1]))
    return torch.cat([x, weight.expand(x.shape[0], -1)], 1)[:, in_turns(data_bins, weight.shape[0])]


def _field(operator: Operator) -> Tensor:
    return _pulse(*_design(operator))


def _half_open(operator: Operator) -> Tensor:
    return _half_open_spectrum(*_design(operator), operator.out_elements)


def _design(operator: Operator) -> tuple[int, float, float]:
    chirp, envelope = (float(operator.attributes.get(key, 0.0)) for key in ("chirp_rad", "envelope"))
    return int(operator.attributes["bins"]), chirp, envelope


@lru_cache(maxsize=32)
def _pulse(bins: int, chirp_rad: float, envelope: float) -> Tensor:
    return pulse(bins, chirp_rad, envelope)


@lru_cache(maxsize=32)
def _half_open_spectrum(bins: int, chirp_rad: float, envelope: float, out_bins: int) -> Tensor:
    return recorded(torch.full((1, bins), 0.5), _pulse(bins, chirp_rad, envelope), out_bins)
