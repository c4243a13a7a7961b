"""The device quantities that the field's roadmaps speak of, and which of a machine's constants each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from joulescape.gap.levers import Lever
from joulescape.gap.variation import VARIATION, spread_of
from joulescape.resolve.machine import Machine
from joulescape.resolve.settings import leaves
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced

Row = dict[str, Any]

PATTERNS: Mapping[str, tuple[str, ...]] = {
    "converter energy": ("adc.*", "dac.*", "*.dac.*", "*_dac.*", "*.converter_pj", "*.conversion_pj", "readout.*"),
    "laser efficiency": ("laser.wall_plug_fraction",),
    "write energy": ("*.writing.energy_pj", "*write_pj"),
    "source power": ("*.source_mw",),
}
"""Dotted paths below a machine's own parameters, by quantity."""

QUANTITIES = (*PATTERNS, VARIATION)

NONE_OF = {
    "converter energy": "nothing in it converts between numbers and signals",
    "laser efficiency": "no laser is among its parts",
    "write energy": "no cell of it is written; what sets and holds its weights is told by itself",
    "source power": "no source of light or pump is among its parts: drivers read the cells",
    VARIATION: "no spread between devices is among its constants",
}
"""Why a machine has no such constant."""

LASER_AS_ASKED = "its laser is as strong as the link's losses ask: its efficiency and the losses stand for its power"
TRAINED_ALONE = "every device is trained by itself, so that no spread between devices enters"


def quantity_of(path: str) -> str | None:
    """The quantity that a constant is of; None of most."""
    return next((name for name, patterns in PATTERNS.items() if any(fnmatch(path, one) for one in patterns)), None)


def costliest(machine: Machine, ranked: Iterable[Lever]) -> dict[str, Lever]:
    """By quantity the lever that does the most for it, of those that the machine as it is set makes use of."""
    found: dict[str, Lever] = {}
    for lever in ranked:
        quantity = quantity_of(lever.path)
        if quantity is not None and _is_in_use(machine.own.settings, lever.path):
            found.setdefault(quantity, lever)
    return found


def absent(machine: Machine, known: Sequence[Lever], is_measured: bool) -> Iterator[Row]:
    """Columns of gap_tables.OVERTAKE for each quantity that cannot be moved on this machine."""
    has = costliest(machine, known)
    for quantity in (name for name in PATTERNS if name not in has):
        is_lit = quantity == "source power" and "laser efficiency" in has
        none = LASER_AS_ASKED if is_lit else NONE_OF[quantity]
        yield _absent(quantity, _nothing(machine.own.settings, quantity) or none)
    spread = spread_of(machine.own.settings)
    if spread is None:
        reason = TRAINED_ALONE if machine.equivalence == "own" else NONE_OF[VARIATION]
        yield _absent(VARIATION, reason)
    elif not is_measured:
        path, constant = spread
        reason = "no network is measured on it here: what accuracy a spread costs is not known"
        ends = {"today": constant.value, "low": constant.low, "high": constant.high, "basis": constant.basis}
        place = {"source": constant.source, "where": constant.where, "unit": path.rpartition("_")[2]}
        yield {**_absent(VARIATION, reason), "verdict": "infeasible", "parameters": path, **ends, **place}


def _absent(quantity: str, reason: str) -> Row:
    return {"moved": "one", "quantity": quantity, "parameters": quantity, "verdict": "absent", "reason": reason}


def _nothing(settings: Shape, quantity: str) -> str | None:
    """That a constant of the quantity stands at 0, and why; None where there is none."""
    for path, value in leaves(settings).items():
        is_of_it = quantity_of(path) == quantity and _is_in_use(settings, path)
        if is_of_it and isinstance(value, Sourced) and value.value == 0:
            return f"{path} is 0: {value.where}"
    return None


def _is_in_use(settings: Shape, path: str) -> bool:
    """Whether a path lies outside the groups of interfaces that were not chosen."""
    chosen, group = getattr(settings, "interface", None), path.partition(".")[0]
    return (
        chosen is None
        or group == chosen
        or type(getattr(settings, group, None)) is not type(getattr(settings, chosen, None))
    )
