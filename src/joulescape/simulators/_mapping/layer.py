"""One layer as the mapper sees it: loop bounds, widths, and which loops each operand depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from joulescape.network.operators import Loops

Operand = Literal["O", "W", "I"]
OPERANDS: tuple[Operand, ...] = ("O", "W", "I")
INPUTS: tuple[Operand, ...] = ("W", "I")

DIMS = ("B", "G", "K", "C", "OY", "OX", "FY", "FX")
AXIS = {dim: index for index, dim in enumerate(DIMS)}

RELEVANT: Mapping[Operand, tuple[str, ...]] = {
    "O": ("B", "G", "K", "OY", "OX"),
    "W": ("G", "K", "C", "FY", "FX"),
    "I": ("B", "G", "C"),
}
"""Dimensions that select an element of the operand; I also depends on the two sliding pairs."""

IRRELEVANT: Mapping[Operand, tuple[str, ...]] = {"O": ("C", "FY", "FX"), "W": ("B", "OY", "OX"), "I": ("K",)}
"""Dimensions along which the operand is reused in full."""

SLIDING = (("OY", "FY"), ("OX", "FX"))
"""Pairs along which neighbouring positions share input rows or columns."""

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Widths:
    """Bits of one element: stored weights and inputs, partial sums while they accumulate, and final outputs."""

    weight: int = 8
    input: int = 8
    sum: int = 16
    output: int = 8

    def of(self, operand: Operand, is_partial: bool = False) -> int:
        """Width of one element of an operand; `is_partial` is read for outputs only."""
        if operand == "O":
            return self.sum if is_partial else self.output
        return self.weight if operand == "W" else self.input


@dataclass(frozen=True)
class Layer:
    """Loop bounds with strides, widths, and the unpadded input extents where padding is known."""

    loops: Loops
    widths: Widths = Widths()
    input_y: int | None = None
    input_x: int | None = None

    def size(self, dim: str) -> int:
        """Bound of one loop."""
        return int(getattr(self.loops, dim))

    @property
    def macs(self) -> int:
        """Multiply-accumulates, batch included."""
        return self.loops.macs

    def stride(self, pair: tuple[str, str]) -> int:
        """Step of the window along a sliding pair."""
        return self.loops.stride_y if pair[0] == "OY" else self.loops.stride_x

    def extent(self, pair: tuple[str, str]) -> int:
        """Distinct input rows or columns of the whole layer, without padding where it is known."""
        known = self.input_y if pair[0] == "OY" else self.input_x
        return window(self.size(pair[0]), self.size(pair[1]), self.stride(pair)) if known is None else known

    def elements(self, operand: Operand) -> int:
        """Elements of one operand."""
        plain = math.prod(self.size(dim) for dim in RELEVANT[operand])
        if operand != "I":
            return plain
        spans = (min(self.extent(p), window(self.size(p[0]), self.size(p[1]), self.stride(p))) for p in SLIDING)
        return plain * math.prod(spans)


def window(positions: int, taps: int, stride: int) -> int:
    """Distinct indices stride * o + f for o < positions and f < taps: a*b less what neighbouring windows share."""
    return positions * taps - max(0, taps - stride) * (positions - 1)
