"""Every kind of operator, by name; one module per family."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from joulescape import registry
from joulescape.network.kinds import arrangement, attention, elementwise, foreign, matrix, spectral, windows
from joulescape.network.operators import SYSTEMS
from joulescape.network.request import Kind

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **matrix.KINDS,
        **elementwise.KINDS,
        **windows.KINDS,
        **arrangement.KINDS,
        **attention.KINDS,
        **spectral.KINDS,
        **foreign.KINDS,
        **{name: registry.load(SYSTEMS, name) for name in registry.names(SYSTEMS)},
    }
)
"""What every kind declares."""
