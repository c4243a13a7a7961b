"""Lanes beside on-chip weights for dense layers: widths, small inputs left out, weight memory below its supply."""

from __future__ import annotations

from joulescape.simulators.mlp_engine.settings import MlpEngineSettings
from joulescape.simulators.mlp_engine.simulator import MlpEngine

plugin = MlpEngine()

__all__ = ["MlpEngine", "MlpEngineSettings", "plugin"]
