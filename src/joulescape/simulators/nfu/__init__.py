"""Tiles of neural functional units beside embedded DRAM: DaDianNao, and what Stripes and Cnvlutin made of it."""

from __future__ import annotations

from joulescape.simulators.nfu.settings import NfuSettings
from joulescape.simulators.nfu.simulator import Nfu

plugin = Nfu()

__all__ = ["Nfu", "NfuSettings", "plugin"]
