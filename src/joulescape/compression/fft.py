"""Convolution by fast Fourier transforms of tiles, overlap and save (Mathieu et al. 2014): pays for large filters.

Exact in real numbers, and floating point loses next to nothing. Transformed weights are n (n + 2) / F^2 times as many.
"""

from __future__ import annotations

from typing import Literal

from joulescape.compression._transform_method import TransformMethod
from joulescape.network.operators import Operator
from joulescape.network.transforms import is_fourier
from joulescape.spec.base import Shape


class FftSettings(Shape):
    """Transforms of one layer."""

    points: Literal[8, 16, 32, 64] = 16
    """Points of a transform, down and across; a layer whose filter leaves less than half of them stays as it is."""


class Fft(TransformMethod[FftSettings]):
    """Convolutions with stride 1 and more than one tap, grouped ones too."""

    name = "fft"
    sources = ("mathieu2014",)
    Settings = FftSettings
    transform = "fft"

    def takes(self, operator: Operator) -> bool:
        """Convolutions with stride 1 and more than one tap."""
        return is_fourier(operator)

    def tile(self, operator: Operator, at: FftSettings) -> int:
        """As it is set; 0 where the filter fills more than half of a tile."""
        return at.points if 2 * max(operator.window("kernel")) <= at.points + 1 else 0


plugin = Fft()
