"""Works that run beside the one before them, on hardware of its own: how long the machine is busy because of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from joulescape.simulators.base import LayerCost, Quantity


def exposed(costs: Sequence[LayerCost]) -> Iterator[LayerCost]:
    """The same costs in order; one that runs beside others occupies the machine only for what it takes longer."""
    longest: Quantity | None = None
    for cost in costs:
        if not cost.is_beside or longest is None:
            longest = cost.latency_ns
            yield cost
        else:
            yield replace(cost, occupancy_ns=np.maximum(np.asarray(cost.latency_ns) - longest, 0.0))
            longest = np.maximum(cost.latency_ns, longest)
