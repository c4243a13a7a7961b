"""Yield: the share of chips that are good enough, from the accuracy of drawn ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 1.96
"""Standard deviations of the interval: 95 %."""


@dataclass(frozen=True)
class Share:
    """A share of chips and the interval (Wilson, 95 %) that so few drawn ones leave open."""

    value: float
    low: float
    high: float


def yield_fraction(accuracy_fraction: Sequence[float], at_least: float) -> Share:
    """Share of chips whose accuracy is `at_least` so much; one accuracy a drawn chip (`Measured.accuracy_fraction`).

    ValueError without any chip.
    """
    count = len(accuracy_fraction)
    if not count:
        raise ValueError("a yield needs at least one drawn chip")
    share = sum(value >= at_least for value in accuracy_fraction) / count
    spread = CONFIDENCE**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = CONFIDENCE * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return Share(share, max(0.0, centre - half), min(1.0, centre + half))
