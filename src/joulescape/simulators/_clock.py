"""The fastest clock that a machine may be given."""

from __future__ import annotations

import numpy as np

from joulescape.simulators.base import Limit, Quantity
from joulescape.spec.sourced import Sourced


def clock_limit(clock_ghz: Quantity, ceiling: Sourced, path: str = "max_clock_ghz") -> Limit:
    """A clock above its ceiling: the figures of the machine say nothing of one, so it cannot be had.

    `path` is where the ceiling stands below the machine's parameters.
    """
    reason = f"clock_ghz above {path}: at most {ceiling.value:g} GHz"
    return Limit(reason, np.asarray(clock_ghz) / ceiling.value - 1.0)
