"""Huffman coding of what is stored: shared values, levels and index gaps in a shortest prefix code; weights stay.

What it saves depends on the weights, so it is announced at fixed width and known once they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import array_api_compat as api

from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import Described, Method, Tensors
from joulescape.network.operators import Operator
from joulescape.spec.base import Shape


class HuffmanSettings(Shape):
    """What is coded."""

    bias_bits: Literal[16, 32] = 32
    """Width of a stored bias: IEEE half or single precision."""


class Huffman(Method[HuffmanSettings]):
    """Only memory and its traffic shrink, and only where a machine can decode."""

    name = "huffman"
    sources = ("han2016dc",)
    Settings = HuffmanSettings

    def takes(self, operator: Operator) -> bool:
        """Operators with stored weights."""
        return operator.kind in {"conv", "dense"}

    def describe(self, described: Described, settings: Mapping[str, HuffmanSettings]) -> Described:
        """The same formats, coded."""
        formats = dict(described.formats)
        for name, at in settings.items():
            coded = formats[name].with_(is_entropy_coded=True, bias_bits=at.bias_bits)
            formats[name] = with_bytes(described.graph.operator(name), coded)
        return replace(described, formats=formats)

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, HuffmanSettings]) -> Tensors:  # noqa: ARG002
        """Weights as they are; biases rounded to half precision where they are stored so."""
        short = [f"{name}.bias" for name, at in settings.items() if at.bias_bits == 16 and f"{name}.bias" in tensors]
        return {**tensors, **{name: _half(tensors[name]) for name in short}}


def _half(bias: Any) -> Any:
    """Eleven significant bits, as IEEE half precision keeps them from 6e-5 to 65504; smaller ones on steps of 6e-8."""
    xp = api.array_namespace(bias)
    magnitude = xp.abs(bias)
    exponent = xp.floor(xp.log2(xp.where(magnitude > 2.0**-14, magnitude, xp.full_like(magnitude, 2.0**-14))))
    step = 2.0 ** (exponent - 10)
    return xp.clip(xp.round(bias / step) * step, -65504.0, 65504.0)


plugin = Huffman()
