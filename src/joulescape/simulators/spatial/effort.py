"""How far the mapper goes for a layer of a spatial array: counts, so that the same question has the same answer.

To the last where a proof is asked for. Where nests are read again (pads that slide, units without registers) nothing
is proven, and the best of a thorough search is no better once its windows slide: there the larger a lattice, the fewer
searches are made on it (docs/mapper.md has what that saves and costs).
"""

from __future__ import annotations

from joulescape.simulators._mapping.mapper import Effort
from joulescape.simulators.spatial.settings import SearchSettings

ENOUGH_FRACTION = 0.02
"""Stated gap of a product or a latency below which no further weighting is tried."""

AGAIN_ENERGY = Effort(most_mappings=0, most_tiles=250_000)
AGAIN_WEIGHED = Effort(
    most_divisions=2, most_rounds=6, most_mappings=0, most_tiles=28_000, enough_fraction=ENOUGH_FRACTION
)


def effort_of(search: SearchSettings, is_read_again: bool) -> Effort:
    """The counts that end a search."""
    if search.most_mappings:
        return Effort(most_mappings=search.most_mappings)
    if not is_read_again:
        return Effort(most_mappings=0, enough_fraction=ENOUGH_FRACTION)
    return AGAIN_ENERGY if search.objective == "energy" else AGAIN_WEIGHED
