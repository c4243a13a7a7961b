"""Spatial arrays with a declared memory hierarchy, mapped layer by layer: Eyeriss, the TPU and their like."""

from __future__ import annotations

from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.simulator import Spatial

plugin = Spatial()

__all__ = ["Spatial", "SpatialSettings", "plugin"]
