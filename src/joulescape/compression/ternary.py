"""Ternary weights: minus, zero, plus. A product with them is an addition.

twn (Li et al. 2016): threshold 0.7 mean |w|, one scale, the mean of |w| above the threshold. ttq (Zhu et al. 2017):
threshold 0.05 max |w|, a scale of each sign that is trained with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import array_api_compat as api
from pydantic import model_validator

from joulescape.compression._grid_method import (
    ActivationBits,
    GridMethod,
    TrainedGridSettings,
    acted_on,
    activations,
)
from joulescape.compression.base import Described, Tensors
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BITS

TWN_THRESHOLD = 0.7
"""Relative to the mean magnitude: nearly optimal for Gaussian and uniform weights."""

TTQ_THRESHOLD = 0.05
"""Relative to the largest magnitude."""


class TernarySettings(TrainedGridSettings):
    """Rule of one layer."""

    rule: Literal["twn", "ttq"] = "twn"
    """twn: one scale, derived; ttq: a scale of each sign, trained (in fine-tuning)."""
    scale_per: Literal["channel", "layer"] = "layer"
    """twn: one scale for each output channel, or one for the layer; ttq has one pair a layer."""
    activation_bits: ActivationBits = 8
    """Bits of the layer's input, on a uniform grid; 32 leaves it as it is."""

    @model_validator(mode="after")
    def _has_one_way_to_train(self) -> Self:
        if self.rule == "ttq" and self.training == "admm":
            raise ValueError("the scales of ttq are trained straight through: training admm is for rule twn")
        return self


class Ternary(GridMethod[TernarySettings]):
    """w -> s for w > t, -s' for w < -t, else 0."""

    name = "ternary"
    sources = ("li2016", "zhu2017")
    Settings = TernarySettings
    trained = frozenset({"positive", "negative"})

    def form(self, form: OperandFormat, at: TernarySettings) -> OperandFormat:
        """Two bits a weight; of ttq a whole-number machine needs its full width, as its two scales differ."""
        is_symmetric = at.rule == "twn"
        return form.with_(
            weight_bits=2.0 if is_symmetric else float(FLOAT_BITS),
            code_bits=2.0,
            values="uniform" if is_symmetric else "codebook",
            scale_per=at.scale_per if is_symmetric else "layer",
            arithmetic="add",
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: TernarySettings) -> Any:
        """One scale: the mean magnitude above the threshold."""
        xp = api.array_namespace(weight)
        rows = xp.reshape(weight, (1 if at.scale_per == "layer" else weight.shape[0], -1))
        magnitude = xp.abs(rows)
        is_large = magnitude > TWN_THRESHOLD * xp.mean(magnitude, axis=1, keepdims=True)
        scale = _mean_where(xp, magnitude, is_large)
        return xp.reshape(xp.where(is_large, xp.sign(rows) * scale, xp.zeros_like(rows)), weight.shape)

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, TernarySettings]) -> Tensors:
        """Each weight on its three values; ttq keeps its scales beside, as `<operator>.positive` and `.negative`."""
        found = dict(super().project(tensors, described, {n: at for n, at in settings.items() if at.rule == "twn"}))
        for operator in acted_on(described, settings):
            if settings[operator.name].rule == "ttq" and operator.weight_shape:
                found.update(_two_scales(operator.name, tensors))
        return found


def _two_scales(name: str, tensors: Tensors) -> dict[str, Any]:
    weight = tensors[f"{name}.weight"]
    xp = api.array_namespace(weight)
    threshold = TTQ_THRESHOLD * xp.max(xp.abs(weight))
    found, value = dict[str, Any](), xp.zeros_like(weight)
    for short, sign in (("positive", 1.0), ("negative", -1.0)):
        there = sign * weight > threshold
        flat = xp.reshape(sign * weight, (1, -1))
        start = _mean_where(xp, flat, xp.reshape(there, (1, -1)))[0, :]
        scale = tensors.get(f"{name}.{short}", start)
        found[f"{name}.{short}"] = scale
        # A scale that training drives below zero would swap the signs: its size is what is used.
        value = xp.where(there, sign * xp.abs(scale), value)
    return {f"{name}.weight": value, **found}


def _mean_where(xp: Any, values: Any, there: Any) -> Any:
    """Mean of the values that are there, by row; 1 where none is."""
    count = xp.sum(xp.astype(there, values.dtype), axis=1, keepdims=True)
    total = xp.sum(xp.where(there, values, xp.zeros_like(values)), axis=1, keepdims=True)
    return xp.where(count > 0, total / xp.where(count > 0, count, xp.ones_like(count)), xp.ones_like(total))


plugin = Ternary()
