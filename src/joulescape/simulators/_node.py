"""Scaling of CMOS energy and area between process nodes, under two published rules that disagree.

`stillmaker` (stillmaker2017, the default): energy follows the paper's polynomial in supply voltage, `e2 V^2 + e1 V +
e0`, at each node's nominal supply; area follows its table of factors. Both are valid from 180 to 7 nm; between
tabulated nodes they are interpolated in log(factor) over log(nm). The high-performance rows are used throughout:
mixing families makes a step at 32 nm.

`tpuv4i` (jouppi2021): the same operations at 45 and at 7 nm, as a maker of processors counts them. The geometric mean
of their ratios (2.86; 1.3 to 7.1) holds from 45 to 7 nm, a power of the node in between; above 45 nm, and for area, the
table has nothing and the first rule stands in. From 45 to 7 nm the two differ 6-fold, 2.5 to 14-fold by operation: no
result that was scaled that far is known better.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

ScalingRule = Literal["stillmaker", "tpuv4i"]
SCALING_RULES: tuple[ScalingRule, ...] = ("stillmaker", "tpuv4i")

MEASURED_PJ = (
    (0.03, 0.007), (0.1, 0.03), (0.4, 0.16), (0.9, 0.38), (0.2, 0.07), (3.1, 1.48), (1.1, 0.34), (3.7, 1.31),
    (10.0, 7.5), (20.0, 8.5), (100.0, 14.0),
)  # fmt: skip
"""(45 nm, 7 nm) of integer sums of 8 and 32 bits, floating sums of 16 and 32, the same products, and reading 64 bits of
SRAM of 8 KB, 32 KB and 1 MB (jouppi2021, as recalled; the 45 nm column is horowitz2014's)."""

MEASURED_NM = (45.0, 7.0)

NODES_NM = (180, 130, 90, 65, 45, 32, 20, 16, 14, 10, 7)

SUPPLIES_V = (1.8, 1.3, 1.2, 1.1, 1.0, 0.9, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Nominal supply of each node (predictive technology models)."""

ENERGY_COEFFICIENTS = (
    (0.0, 24.64, -17.98), (7.171, -6.709, 2.904), (4.762, -4.781, 2.092), (3.755, -4.398, 1.975),
    (1.018, -0.3107, 0.1539), (0.8367, -0.4341, 0.1701), (0.373, -0.1582, 0.04104), (0.2958, -0.1241, 0.03024),
    (0.2363, -0.09675, 0.02239), (0.2068, -0.09311, 0.02375), (0.1776, -0.09097, 0.02447),
)  # fmt: skip
"""(e2, e1, e0) of each node, high-performance rows."""

AREA_FACTORS = (
    (1, 0.34, 0.15, 0.08, 0.053, 0.025, 0.011, 0.01, 0.0093, 0.0055, 0.0032),
    (2.9, 1, 0.44, 0.23, 0.16, 0.072, 0.033, 0.03, 0.027, 0.016, 0.0092),
    (6.6, 2.3, 1, 0.53, 0.35, 0.16, 0.075, 0.067, 0.061, 0.036, 0.021),
    (12, 4.3, 1.9, 1, 0.66, 0.31, 0.14, 0.13, 0.12, 0.068, 0.039),
    (19, 6.4, 2.8, 1.5, 1, 0.46, 0.21, 0.19, 0.17, 0.1, 0.059),
    (40, 14, 6.1, 3.3, 2.2, 1, 0.46, 0.41, 0.38, 0.22, 0.13),
    (88, 30, 13, 7.1, 4.7, 2.2, 1, 0.89, 0.82, 0.48, 0.28),
    (99, 34, 15, 7.9, 5.3, 2.4, 1.1, 1, 0.91, 0.54, 0.31),
    (110, 37, 16, 8.7, 5.8, 2.7, 1.2, 1.1, 1, 0.59, 0.34),
    (180, 63, 28, 15, 9.8, 4.5, 2.1, 1.9, 1.7, 1, 0.58),
    (320, 110, 48, 25, 17, 7.8, 3.6, 3.2, 2.9, 1.7, 1),
)
"""Area at the column's node over area at the row's node."""


def energy_factor(from_nm: float, to_nm: float, rule: ScalingRule = "stillmaker") -> float:
    """Energy of the same switching work at `to_nm` over that at `from_nm`; ValueError outside 7 to 180 nm."""
    energy = _log_energy if rule == "stillmaker" else _log_measured
    return float(np.exp(energy(to_nm) - energy(from_nm)))


def area_factor(from_nm: float, to_nm: float) -> float:
    """Area of the same circuit at `to_nm` over that at `from_nm`; ValueError outside 7 to 180 nm."""
    rows = [_interpolated(to_nm, np.log(row)) for row in AREA_FACTORS]
    return float(np.exp(_interpolated(from_nm, rows)))


def _log_energy(node_nm: float) -> float:
    energies = [np.polyval(c, v) for c, v in zip(ENERGY_COEFFICIENTS, SUPPLIES_V, strict=True)]
    return _interpolated(node_nm, np.log(energies))


def _log_measured(node_nm: float) -> float:
    """Logarithm of energy over that at 45 nm: a power of the node below, the first rule's steps above."""
    known, smallest = MEASURED_NM
    if node_nm > known:
        return _log_energy(node_nm) - _log_energy(known)
    _refuse_beyond(node_nm)
    shrinks = np.mean([np.log(new / old) for old, new in MEASURED_PJ])
    return float(shrinks * np.log(known / node_nm) / np.log(known / smallest))


def _interpolated(node_nm: float, values: object) -> float:
    """Value at `node_nm` of a quantity given at NODES_NM, linear over log(nm)."""
    _refuse_beyond(node_nm)
    ascending = np.asarray(values, dtype=float)[::-1]
    return float(np.interp(np.log(node_nm), np.log(NODES_NM[::-1]), ascending))


def _refuse_beyond(node_nm: float) -> None:
    if not NODES_NM[-1] <= node_nm <= NODES_NM[0]:
        raise ValueError(
            f"node {node_nm} nm is outside {NODES_NM[-1]} to {NODES_NM[0]} nm, where the scaling rule holds"
        )
