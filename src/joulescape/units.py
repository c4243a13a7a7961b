"""Units of the house and the few constants that need one.

Everywhere: energy pJ, time ns, power mW, frequency GHz, voltage V, current mA, resistance kOhm, conductance mS,
capacitance pF, area mm2. Products fall out without factors: mW * ns = pJ, V * mA = mW, pF * V^2 = pJ, GHz * ns = 1.
"""

from __future__ import annotations

import re

SPEED_OF_LIGHT_MM_PER_NS = 299.792458
"""Vacuum speed of light (exact, SI)."""

BOLTZMANN_PJ_PER_KELVIN = 1.380649e-11
"""Boltzmann constant (exact, SI) in pJ/K."""

ELEMENTARY_CHARGE_PC = 1.602176634e-7
"""Elementary charge (exact, SI) in pC."""

OPS_PER_MAC = 2
"""1 MAC is always counted as 2 operations."""

UM2_PER_MM2 = 1e6
BITS_PER_BYTE = 8
FLOAT_BITS = 32
"""Width of a real number as it stands (IEEE single precision)."""
FLOAT_BYTES = FLOAT_BITS // BITS_PER_BYTE

SUFFIXES = {
    "pj": "energy in pJ",
    "ns": "time in ns",
    "mw": "power in mW",
    "ghz": "frequency in GHz",
    "gbps": "data rate in gigabit per second",
    "v": "voltage in V",
    "ma": "current in mA",
    "kohm": "resistance in kOhm",
    "msiemens": "conductance in mS",
    "pf": "capacitance in pF",
    "pc": "charge in pC",
    "dbm": "optical power in dBm",
    "db": "loss in dB",
    "tops_per_w": "efficiency in TOPS/W",
    "gops_per_mm2": "density in GOPS/mm2",
    "gops": "rate in operations per ns",
    "mm2": "area in mm2",
    "um": "length in um",
    "nm": "length in nm",
    "bytes": "bytes",
    "kelvin": "temperature in K",
    "bits": "bits",
    "fraction": "fraction in [0, 1]",
    "count": "count",
}
"""Every unit suffix that a key or a column may end with."""

FOREIGN_SUFFIXES = {
    "nj": "pj", "uj": "pj", "mj": "pj", "j": "pj", "fj": "pj",
    "us": "ns", "ms": "ns", "s": "ns", "ps": "ns",
    "w": "mw", "uw": "mw", "mhz": "ghz", "hz": "ghz", "khz": "ghz",
    "mv": "v", "ohm": "kohm", "um2": "mm2", "cm2": "mm2", "percent": "fraction", "pct": "fraction",
    "kb": "bytes", "mb": "bytes", "gb": "bytes", "kib": "bytes", "mib": "bytes",
}  # fmt: skip
"""Suffixes of other unit systems and the house suffix that holds the same quantity."""


def house_name(name: str) -> str | None:
    """`inference_energy_nj` -> `inference_energy_pj`; None when `name` has no foreign unit suffix."""
    match = re.fullmatch(r"(.+)_([a-z0-9]+)", name)
    if match and match[2] in FOREIGN_SUFFIXES:
        return f"{match[1]}_{FOREIGN_SUFFIXES[match[2]]}"
    return None


def dbm_to_mw(power_dbm: float) -> float:
    """Optical power: dBm -> mW."""
    return float(10 ** (power_dbm / 10))


def db_to_fraction(loss_db: float) -> float:
    """Transmitted power fraction of a loss in dB."""
    return float(10 ** (-loss_db / 10))
