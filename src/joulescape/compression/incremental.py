"""Incremental network quantisation (Zhou et al. 2017): weights become powers of two share by share, the largest first.

Those that are done stay, the others are fine-tuned to make up for it; without fine-tuning all become powers at once.
Exponents run down from n1 = floor(log2(4 s / 3)), s the layer's largest magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import array_api_compat as api
from pydantic import Field

from joulescape.compression._grid_method import (
    ActivationBits,
    GridMethod,
    GridSettings,
    acted_on,
    activations,
)
from joulescape.compression.base import Described, Tensors
from joulescape.compression.logarithmic import nearest_powers, powers
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BITS


class IncrementalSettings(GridSettings):
    """Width of one layer, and how far the way is gone."""

    weight_bits: Annotated[int, Field(ge=3, le=6)] = 5
    """Zero, and 2^(bits-2) powers of two of each sign."""
    activation_bits: ActivationBits = 32
    """Bits of the layer's input, on a uniform grid; 32 leaves it as it is."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the weights, the largest first, that are powers of two; 1 in the end."""


SHARES = (0.5, 0.75, 0.875, 1.0)
"""Shares after each quarter of the way."""


class Incremental(GridMethod[IncrementalSettings]):
    """The largest weights of a layer become +-2^n; the rest stays free until its turn."""

    name = "incremental"
    sources = ("zhou2017",)
    Settings = IncrementalSettings

    def form(self, form: OperandFormat, at: IncrementalSettings) -> OperandFormat:
        """A short code; a machine without shifters needs a whole-number grid down to the smallest power."""
        if at.share < 1.0:
            return form
        return form.with_(
            weight_bits=float(min(FLOAT_BITS, _count(at.weight_bits) + 1)),
            code_bits=float(at.weight_bits),
            values="power_of_two",
            scale_per="layer",
            arithmetic="shift",
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: IncrementalSettings) -> Any:
        """Powers of two for the share's largest weights, and for those that already are."""
        xp = api.array_namespace(weight)
        done = _powers_of(weight, at.weight_bits)
        return xp.where(_is_done(weight, done, at.share), done, weight)

    def is_gradual(self, settings: Mapping[str, IncrementalSettings]) -> bool:  # noqa: ARG002
        """Always, where there is fine-tuning."""
        return True

    def partly(self, settings: Mapping[str, IncrementalSettings], progress: float) -> Mapping[str, IncrementalSettings]:
        """The share of this quarter of the way."""
        share = SHARES[min(len(SHARES) - 1, int(progress * len(SHARES)))]
        return {name: at.model_copy(update={"share": share}) for name, at in settings.items()}

    def fixed(self, tensors: Tensors, described: Described, settings: Mapping[str, IncrementalSettings]) -> Tensors:
        """Weights that are powers of two."""
        names = [(o.name, settings[o.name]) for o in acted_on(described, settings) if o.weight_shape]
        weights = {f"{name}.weight": (tensors[f"{name}.weight"], at) for name, at in names}
        return {name: weight == _powers_of(weight, at.weight_bits) for name, (weight, at) in weights.items()}


def _count(bits: int) -> int:
    return (powers(bits) + 1) // 2


def _powers_of(weight: Any, bits: int) -> Any:
    xp = api.array_namespace(weight)
    largest = float(xp.max(xp.abs(weight)))
    if largest == 0.0:
        return weight
    peak = xp.full((1,), 2.0 ** math.floor(math.log2(4 * largest / 3)), dtype=weight.dtype)
    return nearest_powers(weight, peak, _count(bits))


def _is_done(weight: Any, done: Any, share: float) -> Any:
    """The `share` of largest magnitude, and what already is a power of two."""
    xp = api.array_namespace(weight)
    order = xp.argsort(-xp.reshape(xp.abs(weight), (-1,)), stable=True)
    rank = xp.reshape(xp.argsort(order, stable=True), weight.shape)
    return (rank < math.ceil(share * order.shape[0])) | (weight == done)


plugin = Incremental()
