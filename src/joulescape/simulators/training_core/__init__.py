"""Training processors: all four roles on one hierarchy, with what their literature is about as switches."""

from __future__ import annotations

from joulescape.simulators.training_core.settings import TrainingCoreSettings
from joulescape.simulators.training_core.simulator import TrainingCore

plugin = TrainingCore()

__all__ = ["TrainingCore", "TrainingCoreSettings", "plugin"]
