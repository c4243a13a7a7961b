"""Strassen's matrix product in Winograd's form: seven products of half the size in place of eight, level by level.

Exact in whole numbers that have a bit to spare for each level, and in real numbers. It pays where all three sizes of
the product are large; transformed weights are 7/4 times as many a level.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.compression._transform_method import TransformMethod
from joulescape.network.operators import Operator
from joulescape.spec.base import Shape


class StrassenSettings(Shape):
    """Depth for one layer."""

    levels: Annotated[int, Field(ge=1, le=6)] = 1
    """Levels at most; those that cost more additions than they save are left out."""


class Strassen(TransformMethod[StrassenSettings]):
    """Convolutions and dense layers as matrix products, filled up to whole halves."""

    name = "strassen"
    sources = ("strassen1969",)
    Settings = StrassenSettings
    transform = "strassen"

    def takes(self, operator: Operator) -> bool:
        """Convolutions and dense layers."""
        return operator.kind in ("conv", "dense")

    def tile(self, operator: Operator, at: StrassenSettings) -> int:  # noqa: ARG002
        """As many levels as are set."""
        return at.levels


plugin = Strassen()
