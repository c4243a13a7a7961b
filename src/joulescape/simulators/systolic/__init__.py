"""Int8 systolic array, weight- or output-stationary."""

from __future__ import annotations

from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.simulators.systolic.simulator import Systolic

plugin = Systolic()

__all__ = ["Systolic", "SystolicSettings", "plugin"]
