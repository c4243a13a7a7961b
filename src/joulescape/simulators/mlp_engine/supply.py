"""What the supply of a weight memory does to its energy and to its cells."""

from __future__ import annotations

import math

from joulescape.simulators.mlp_engine.settings import Faults, Supply

MOST_FAULTS = 0.5
"""A cell that says nothing is right half the time."""


def fault_fraction(faults: Faults, v: float) -> float:
    """Share of cells that fail at `v`: a straight line of its logarithm, at most one half; 0 where none was given."""
    if faults.fraction.value <= 0:
        return 0.0
    decades = math.log10(faults.fraction.value) + faults.decades_per_v.value * (faults.reference_v - v)
    return float(min(MOST_FAULTS, 10.0**decades))


def read_factor(supply: Supply) -> float:
    """Energy of a read at the supply over that at the nominal one, with detection and masking where there is any."""
    razor = 0.0 if supply.masking == "none" else supply.razor_fraction.value
    return float((supply.v / supply.nominal_v) ** 2 * (1.0 + razor))


def leakage_factor(supply: Supply) -> float:
    """Leakage power at the supply over that at the nominal one: v times an exponential (the drain lowers barriers)."""
    lower = supply.v - supply.nominal_v
    return float(supply.v / supply.nominal_v * 10.0 ** (supply.leakage_decades_per_v.value * lower))
