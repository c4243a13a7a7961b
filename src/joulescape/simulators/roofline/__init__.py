"""Rooflines of processors: graphics cards and general ones whose inner order nobody prints."""

from __future__ import annotations

from joulescape.simulators.roofline.settings import RooflineSettings
from joulescape.simulators.roofline.simulator import Roofline

plugin = Roofline()

__all__ = ["Roofline", "RooflineSettings", "plugin"]
