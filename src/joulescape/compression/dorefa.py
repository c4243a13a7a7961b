"""DoReFa (Zhou et al. 2016): weights squeezed by a hyperbolic tangent onto 2^k evenly spaced values without a zero.

    w -> s (2 round((2^k - 1) (tanh(w) / (2 max|tanh(w)|) + 1/2)) / (2^k - 1) - 1),  s the layer's largest magnitude

The original has s = 1 and leaves the scale to a normalisation that follows; here s keeps networks without one alive.
Activations are clipped and rounded to 2^k - 1 steps.
"""

from __future__ import annotations

from typing import Annotated, Any

import array_api_compat as api
from pydantic import Field

from joulescape.compression._grid_method import ActivationBits, GridMethod, GridSettings, activations, has_zeros
from joulescape.compression.quantize.grids import quantised
from joulescape.network.work import OperandFormat


class DorefaSettings(GridSettings):
    """Widths of one layer."""

    weight_bits: Annotated[int, Field(ge=1, le=8)] = 4
    """2^bits values; 1 is a sign times the layer's mean magnitude."""
    activation_bits: ActivationBits = 4
    """Bits of the layer's input; 32 leaves it as it is."""


class Dorefa(GridMethod[DorefaSettings]):
    """Evenly spaced values after the hyperbolic tangent; weights that already stand on them stay."""

    name = "dorefa"
    sources = ("zhou2016",)
    Settings = DorefaSettings

    def form(self, form: OperandFormat, at: DorefaSettings) -> OperandFormat:
        """The values are odd multiples of a step: a whole-number machine needs one bit more than the code."""
        is_sign = at.weight_bits == 1
        zeros = float(has_zeros(form))
        return form.with_(
            weight_bits=1.0 + zeros if is_sign else at.weight_bits + 1.0,
            code_bits=at.weight_bits + zeros,
            values="uniform" if is_sign else "codebook",
            scale_per="layer",
            arithmetic="add" if is_sign else "multiply",
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: DorefaSettings) -> Any:
        """The nearest value; pruned weights stay zero."""
        if at.weight_bits == 1:
            return quantised(weight, 1, scale_per="layer")
        xp = api.array_namespace(weight)
        steps = float((1 << at.weight_bits) - 1)
        largest = xp.max(xp.abs(weight))
        scale = xp.where(largest > 0, largest, xp.ones_like(largest))
        places = (weight / scale + 1) * (steps / 2)
        is_placed = xp.abs(places - xp.round(places)) < 1e-4
        if bool(xp.all(is_placed | (weight == 0))):
            return weight
        squeezed = xp.tanh(weight)
        half = squeezed / (2 * xp.max(xp.abs(squeezed))) + 0.5
        moved = scale * (2 * xp.round(steps * half) / steps - 1)
        return xp.where(weight == 0, xp.zeros_like(weight), xp.astype(moved, weight.dtype))


plugin = Dorefa()
