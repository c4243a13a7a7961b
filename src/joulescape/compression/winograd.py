"""Winograd's minimal filtering F(m x m, 3 x 3) (Lavin and Gray 2016): 2.25 or 4 times fewer multiplications.

Exact in real numbers. A machine that rounds rounds transformed weights and inputs, which lie more widely: m = 4 loses
more than m = 2. Transformed weights are 16/9 or 4 times as many.
"""

from __future__ import annotations

from typing import Literal

from joulescape.compression._transform_method import TransformMethod
from joulescape.network.operators import Operator
from joulescape.network.transforms import is_winograd
from joulescape.spec.base import Shape


class WinogradSettings(Shape):
    """Tile of one layer."""

    tile: Literal[2, 4] = 2
    """Outputs of one tile, down and across."""


class Winograd(TransformMethod[WinogradSettings]):
    """Convolutions of 3 x 3 taps with stride 1, grouped ones too."""

    name = "winograd"
    sources = ("lavin2016",)
    Settings = WinogradSettings
    transform = "winograd"

    def takes(self, operator: Operator) -> bool:
        """Convolutions of 3 x 3 taps with stride 1."""
        return is_winograd(operator)

    def tile(self, operator: Operator, at: WinogradSettings) -> int:  # noqa: ARG002
        """As it is set."""
        return at.tile


plugin = Winograd()
