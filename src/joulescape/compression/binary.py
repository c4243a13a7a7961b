"""Binary weights: a sign and a scale (BinaryConnect, Courbariaux et al. 2015; BWN, XNOR-Net, Rastegari et al. 2016).

    w -> mean|w| sign(w), by output channel or layer

With binary activations too a product is one XNOR gate; a layer's input is then a sign times a scale, or, where it
cannot be negative, zero or a scale.
"""

from __future__ import annotations

from typing import Any, Literal

from joulescape.compression._grid_method import (
    ActivationBits,
    GridMethod,
    TrainedGridSettings,
    activations,
    with_room_for_zeros,
)
from joulescape.compression.quantize.grids import quantised
from joulescape.network.work import OperandFormat


class BinarySettings(TrainedGridSettings):
    """Widths of one layer."""

    scale_per: Literal["channel", "layer"] = "channel"
    """One scale for each output channel, or one for the layer."""
    activations: Literal["uniform", "binary"] = "uniform"
    """uniform: `activation_bits` wide; binary: two values (XNOR), two bits on a machine with signed whole numbers."""
    activation_bits: ActivationBits = 8
    """uniform: bits of the layer's input; 32 leaves it as it is."""


class Binary(GridMethod[BinarySettings]):
    """The sign of each weight times the mean magnitude."""

    name = "binary"
    sources = ("courbariaux2015bc", "rastegari2016")
    Settings = BinarySettings

    def form(self, form: OperandFormat, at: BinarySettings) -> OperandFormat:
        """One bit a weight, two where some are zero."""
        is_gate = at.activations == "binary"
        return form.with_(
            weight_bits=with_room_for_zeros(form, 1),
            code_bits=None,
            values="uniform",
            scale_per=at.scale_per,
            arithmetic="xnor" if is_gate else "add",
            **(activations(2, "binary") if is_gate else activations(at.activation_bits, "mse")),
        )

    def on_grid(self, weight: Any, at: BinarySettings) -> Any:
        """Both levels of the least mean square error."""
        return quantised(weight, 1, scale_per=at.scale_per)


plugin = Binary()
