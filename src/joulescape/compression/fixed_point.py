"""Fixed point: weights and activations are whole multiples of a power of two, given, or found for each layer.

With one format for all layers this is static fixed point; with `fraction_bits` left out each layer has the power of two
of least mean square error (dynamic fixed point, Courbariaux et al. 2015): scales are then shifts.
"""

from __future__ import annotations

from typing import Annotated, Any

import array_api_compat as api
from pydantic import Field

from joulescape.compression._grid_method import ActivationBits, GridMethod, TrainedGridSettings, activations
from joulescape.compression.quantize.grids import levels, power_of_two_scale
from joulescape.network.work import OperandFormat


class FixedPointSettings(TrainedGridSettings):
    """Word lengths of one layer."""

    weight_bits: Annotated[int, Field(ge=2, le=16)] = 8
    """Bits of a weight, sign included."""
    fraction_bits: Annotated[int, Field(ge=-8, le=24)] | None = None
    """Bits behind the point of every weight (static); found for each layer where absent (dynamic)."""
    activation_bits: ActivationBits = 8
    """Bits of the layer's input; its power of two is found on training data."""


class FixedPoint(GridMethod[FixedPointSettings]):
    """w -> 2^-f clip(round(w 2^f)) with levels -(2^(bits-1) - 1) .. 2^(bits-1) - 1."""

    name = "fixed_point"
    sources = ("courbariaux2015",)
    Settings = FixedPointSettings

    def form(self, form: OperandFormat, at: FixedPointSettings) -> OperandFormat:
        """Whole-number levels with one power-of-two scale a layer."""
        return form.with_(
            weight_bits=float(at.weight_bits),
            code_bits=None,
            values="uniform",
            scale_per="layer",
            arithmetic="multiply",
            **activations(at.activation_bits, "power_of_two"),
        )

    def on_grid(self, weight: Any, at: FixedPointSettings) -> Any:
        """The nearest multiple of the step."""
        xp = api.array_namespace(weight)
        given = at.fraction_bits
        step = power_of_two_scale(weight, at.weight_bits, True) if given is None else 2.0**-given
        return xp.astype(levels(weight, step, at.weight_bits) * step, weight.dtype)


plugin = FixedPoint()
