"""Logarithmic weights: a sign and a power of two below the largest; a product is a shift (Miyashita et al. 2016).

    w -> sign(w) p 2^round(log2(|w| / p)),  p the largest magnitude of the channel or layer

Of 2^(bits-1) codes of each sign one is zero; what is less than half the smallest power becomes zero.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import array_api_compat as api
from pydantic import Field

from joulescape.compression._grid_method import ActivationBits, GridMethod, TrainedGridSettings, activations
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BITS


class LogarithmicSettings(TrainedGridSettings):
    """Width of one layer."""

    weight_bits: Annotated[int, Field(ge=2, le=8)] = 4
    """A sign and an exponent: 2^(bits-1) - 1 powers of two of each sign, and zero."""
    scale_per: Literal["channel", "layer"] = "channel"
    """Whose largest weight the powers are counted from."""
    activation_bits: ActivationBits = 8
    """Bits of the layer's input, on a uniform grid; 32 leaves it as it is."""


class Logarithmic(GridMethod[LogarithmicSettings]):
    """The nearest power of two in the logarithm."""

    name = "logarithmic"
    sources = ("miyashita2016",)
    Settings = LogarithmicSettings

    def form(self, form: OperandFormat, at: LogarithmicSettings) -> OperandFormat:
        """A short code; a machine without shifters needs a whole-number grid down to the smallest power."""
        return form.with_(
            weight_bits=float(min(FLOAT_BITS, powers(at.weight_bits) + 1)),
            code_bits=float(at.weight_bits),
            values="power_of_two",
            scale_per=at.scale_per,
            arithmetic="shift",
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: LogarithmicSettings) -> Any:
        """The nearest power below the row's peak."""
        xp = api.array_namespace(weight)
        rows = xp.reshape(weight, (1 if at.scale_per == "layer" else weight.shape[0], -1))
        peak = xp.max(xp.abs(rows), axis=1, keepdims=True)
        return xp.reshape(nearest_powers(rows, peak, powers(at.weight_bits)), weight.shape)


def powers(bits: int) -> int:
    """Powers of two of each sign among codes of `bits` bits: one code is zero."""
    return (1 << (bits - 1)) - 1


def nearest_powers(rows: Any, peak: Any, count: int) -> Any:
    """`rows` moved to +-peak 2^-e, e = 0 .. count - 1, or to 0 below 2^-(count - 1/2) peak."""
    xp = api.array_namespace(rows)
    magnitude = xp.abs(rows)
    relative = magnitude / xp.where(peak > 0, peak, xp.ones_like(peak))
    exponent = xp.round(xp.log2(xp.where(relative > 0, relative, xp.ones_like(relative))))
    exponent = xp.where(exponent > 0, xp.zeros_like(exponent), exponent)
    is_kept = (relative > 0) & (exponent >= 1 - count)
    moved = xp.sign(rows) * peak * 2.0**exponent
    return xp.where(is_kept, moved, xp.zeros_like(rows))


plugin = Logarithmic()
