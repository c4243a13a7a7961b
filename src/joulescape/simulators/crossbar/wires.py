"""What wires leave of a read: share of the far cell, rows that a share allows, what is told before any work.

All cells conduct fully and all rows are driven: the worst case that an array must stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from joulescape.simulators._optics import at_most, significant
from joulescape.simulators.base import Limit
from joulescape.simulators.crossbar.rules import column_attenuation
from joulescape.simulators.crossbar.settings import CrossbarSettings

CLOSED_FORM_SHARE = 0.77
"""Share of its current that an array must keep for the closed form of wires to miss at most a twentieth of what they
take; below it accuracy is computed with every node (`numerics.crossbar.wires`)."""

MOST_ARGUMENT = 300.0
"""Beyond it nothing is left that a number could tell from nothing."""


def far_cell_share(settings: CrossbarSettings) -> float:
    """Voltage of the cell that is farthest from driver and ground over the read voltage: 1 / cosh along the row times
    1 / cosh along the column, x = cells * sqrt(wire * g)."""
    return _far_share(settings, settings.cell.g_on_msiemens.value)


def most_rows(settings: CrossbarSettings, share: float) -> int:
    """Rows of a square array whose far cell keeps `share`."""
    root = math.sqrt(settings.cell.wire_kohm.value * settings.cell.g_on_msiemens.value)
    return int(math.acosh(math.sqrt(1 / share)) / root)


def wire_limit(settings: CrossbarSettings) -> tuple[Limit, ...]:
    """An array whose far cell keeps too little is none; empty where it keeps enough, or no share is asked for."""
    least = settings.array.least_far_fraction
    if least is None or far_cell_share(settings) >= least.value:
        return ()
    found, needed, side = far_cell_share(settings), least.value, most_rows(settings, least.value)
    array, cell = settings.array, settings.cell
    reason = (
        f"wires leave the far cell of {array.rows} x {array.columns} cells {found:.2g} of the read voltage, and "
        f"array.least_far_fraction asks for {needed:g}: at most {side} x {side}, or cells of at most "
        f"{_largest_msiemens(settings, needed):g} mS (cell.g_on_msiemens is {cell.g_on_msiemens.value:g})"
    )
    return (Limit(reason, needed / found - 1),)


def wire_cautions(settings: CrossbarSettings) -> Iterator[str]:
    """A word where an array loses so much that the closed form of its loss is out of range, yet may be built."""
    cell, rows = settings.cell, settings.array.rows
    kept = column_attenuation(cell.wire_kohm.value, cell.g_on_msiemens.value, rows)
    if kept < CLOSED_FORM_SHARE and not wire_limit(settings):
        yield (
            f"wires leave a full column of {rows} cells {kept:.2g} of its current and the far cell "
            f"{far_cell_share(settings):.2g} of its voltage: accuracy is computed with every node of such arrays"
        )


def _far_share(settings: CrossbarSettings, g_msiemens: float) -> float:
    root = math.sqrt(settings.cell.wire_kohm.value * g_msiemens)
    row, column = settings.array.rows * root, settings.array.columns * root
    return 1 / (math.cosh(min(row, MOST_ARGUMENT)) * math.cosh(min(column, MOST_ARGUMENT)))


def _largest_msiemens(settings: CrossbarSettings, share: float) -> float:
    """Conductance at which the far cell keeps `share`, by bisection (the share only falls with it), rounded down."""
    low, high = 0.0, settings.cell.g_on_msiemens.value
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _far_share(settings, middle) >= share else (low, middle)
    return at_most(low, significant(low, 2))
