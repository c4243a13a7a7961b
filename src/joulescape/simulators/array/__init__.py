"""Memory arrays that multiply with what stands at their edges, as demonstrations of the literature built them."""

from __future__ import annotations

from joulescape.simulators.array.settings import ArraySettings
from joulescape.simulators.array.simulator import Array

plugin = Array()

__all__ = ["Array", "ArraySettings", "plugin"]
