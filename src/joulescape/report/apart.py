"""Names at the ends of lines, moved apart where the lines end close together: Vega-Lite places no labels itself."""

from __future__ import annotations

import math
from collections.abc import Sequence


def apart(values: Sequence[float], low: float, high: float, height: int, least_px: float) -> list[float]:
    """Where each name stands on a logarithmic axis from `low` to `high`: at its value, or so much lower that names are
    at least `least_px` apart; moved up as one where the lowest would leave the chart."""
    per_px = math.log10(high / low) / height
    order = sorted(range(len(values)), key=lambda place: (-values[place], place))
    places: dict[int, float] = {}
    before = -math.inf
    for place in order:
        before = max(math.log10(high / values[place]) / per_px, before + least_px)
        places[place] = before
    beyond = max(0.0, before - height) if order else 0.0
    return [high / 10 ** ((places[place] - beyond) * per_px) for place in range(len(values))]
