"""SRAM arrays that multiply where the weights lie: bit lines that add charge or current, or logic below each column."""

from __future__ import annotations

from joulescape.simulators.sram_in_memory.settings import SramInMemorySettings
from joulescape.simulators.sram_in_memory.simulator import SramInMemory

plugin = SramInMemory()

__all__ = ["SramInMemory", "SramInMemorySettings", "plugin"]
