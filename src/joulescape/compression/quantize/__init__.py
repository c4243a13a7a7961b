"""Uniform quantisation of weights (symmetric, per output channel or per layer) and of a layer's input activations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from joulescape.compression._grid_method import (
    ActivationBits,
    GridMethod,
    TrainedGridSettings,
    activations,
    with_room_for_zeros,
)
from joulescape.compression.quantize.grids import quantised
from joulescape.network.work import OperandFormat


class QuantizeSettings(TrainedGridSettings):
    """Widths of one layer, and how its grids are fitted."""

    weight_bits: Annotated[int, Field(ge=1, le=16)] = 8
    """Bits of a weight; 1 is a sign with one scale per output channel, 2 is ternary."""
    activation_bits: ActivationBits = 8
    """Bits of the layer's input, unsigned where it cannot be negative; its scale is calibrated on training data. 32
    leaves it as it is."""
    scale: Literal["mse", "percentile", "peak"] = "mse"
    """How the range of weights and activations is chosen: least mean square error; a percentile of the magnitudes;
    the largest magnitude."""
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.9
    """scale percentile: what lies above is clipped."""
    scale_per: Literal["channel", "layer"] = "channel"
    """One weight scale for each output channel, or one for the layer."""


class Quantize(GridMethod[QuantizeSettings]):
    """Weights onto a uniform grid; activations are quantised while computing."""

    name = "quantize"
    sources = ("jacob2018",)
    Settings = QuantizeSettings

    def form(self, form: OperandFormat, at: QuantizeSettings) -> OperandFormat:
        """Whole-number levels."""
        return form.with_(
            weight_bits=with_room_for_zeros(form, at.weight_bits),
            code_bits=None,
            values="uniform",
            scale_per=at.scale_per,
            arithmetic="multiply" if at.weight_bits > 2 else "add",
            **activations(at.activation_bits, at.scale, at.percentile),
        )

    def on_grid(self, weight: Any, at: QuantizeSettings) -> Any:
        """The nearest level of the best scale."""
        return quantised(weight, at.weight_bits, at.scale, at.percentile, at.scale_per)


plugin = Quantize()
