"""Uniform quantisation of weights (symmetric, per output channel) and of a layer's input activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from joulescape.compression._coding import bits_with_zeros, stored
from joulescape.compression.base import Described, Method, Tensors
from joulescape.compression.quantize.grids import quantised
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape

FLOAT_BITS = 32


class QuantizeSettings(Shape):
    """Widths of one layer."""

    weight_bits: Annotated[int, Field(ge=1, le=16)] = 8
    """Bits of a weight; 1 is a sign with one scale per output channel, 2 is ternary."""
    activation_bits: Annotated[int, Field(ge=2, le=16)] = 8
    """Bits of the layer's input, unsigned where it cannot be negative; its scale is calibrated on training data."""


class Quantize(Method[QuantizeSettings]):
    """Weights onto the uniform grid with the least mean square error; activations are quantised while computing."""

    name = "quantize"
    Settings = QuantizeSettings
    is_repeated = True

    def takes(self, operator: Operator) -> bool:
        """Matrix operators; a product of two activations has only its activations quantised."""
        return operator.is_matrix

    def describe(self, described: Described, settings: Mapping[str, QuantizeSettings]) -> Described:
        """Narrower widths and fewer bytes; density and structure stay."""
        changed = {o.name: _format(o, described.formats[o.name], settings[o.name]) for o in _taken(described, settings)}
        return replace(described, formats={**described.formats, **changed})

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, QuantizeSettings]) -> Tensors:
        """Each weight array on its best grid; biases stay as they are."""
        weights = {f"{o.name}.weight": settings[o.name] for o in _taken(described, settings) if o.weight_shape}
        return {**tensors, **{name: quantised(tensors[name], at.weight_bits) for name, at in weights.items()}}


def _taken(described: Described, settings: Mapping[str, QuantizeSettings]) -> list[Operator]:
    return [operator for operator in described.graph.operators if operator.name in settings]


def _format(operator: Operator, form: OperandFormat, at: QuantizeSettings) -> OperandFormat:
    elements, is_sparse = math.prod(operator.weight_shape or (0,)), form.weight_structure == "unstructured"
    # An earlier, wider grid has put some weights on zero: their sign is neither.
    has_zeros = is_sparse or 1 < form.weight_bits < FLOAT_BITS
    bits = bits_with_zeros(at.weight_bits) if has_zeros else float(at.weight_bits)
    held = stored(elements, bits, form.weight_density, is_sparse)
    return replace(
        form,
        weight_bits=bits,
        activation_bits=float(at.activation_bits),
        weight_bytes=held.weight_bytes,
        index_bytes=held.index_bytes,
    )


plugin = Quantize()
