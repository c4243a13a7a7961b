"""Half-wave Gaussian activations (HWGQ, Cai et al. 2017): what a rectifier lets through of a Gaussian, on best steps.

The input of a layer is rounded to q, 2 q .. (2^bits - 1) q or zero; the step q is optimal for a half-wave Gaussian of
the input's own spread. Weights are left as they are: another step quantises them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from joulescape.compression._grid_method import GridMethod, GridSettings
from joulescape.network.work import OperandFormat


class HalfWaveSettings(GridSettings):
    """Width of one layer's input."""

    activation_bits: Annotated[int, Field(ge=2, le=4)] = 2
    """2^bits - 1 steps above zero."""


class HalfWave(GridMethod[HalfWaveSettings]):
    """Activations on the steps of a half-wave Gaussian; an input that can be negative keeps a signed grid."""

    name = "half_wave"
    sources = ("cai2017",)
    Settings = HalfWaveSettings
    is_repeated = False

    def form(self, form: OperandFormat, at: HalfWaveSettings) -> OperandFormat:
        """Only the activations' width changes."""
        return form.with_(activation_bits=float(at.activation_bits), activation_rule="half_wave")

    def on_grid(self, weight: Any, at: HalfWaveSettings) -> Any:  # noqa: ARG002
        """The weight itself."""
        return weight


plugin = HalfWave()
