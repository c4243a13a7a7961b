"""Dense layers on compressed columns of shared weights: elements of EIE's kind (han2016)."""

from __future__ import annotations

from joulescape.simulators.sparse_columns.settings import SparseColumnsSettings
from joulescape.simulators.sparse_columns.simulator import SparseColumns

plugin = SparseColumns()

__all__ = ["SparseColumns", "SparseColumnsSettings", "plugin"]
