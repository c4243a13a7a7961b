"""What a machine's designers could improve: sourced values that cost energy or time, how far physics lets them go.

A lever moves one sourced value towards its limit; a reach `u` in [0, 1] says how far: a cost falls to `u` times today's
value (limit 0: free), an efficiency grows to 1 / u of it, up to its limit. `1 / u` is the factor of improvement, so
levers of other units move by one common factor. `u` above 1 is worse than today. Prices of money and patience, areas
and what a smaller value would make less accurate (signals, conductances, light) are no levers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

import numpy as np

from joulescape.resolve.machine import Machine, Station
from joulescape.resolve.settings import leaves, put
from joulescape.simulators.base import FloatArray, OffChip
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, Sourced

HOST, OFF_CHIP = "host.", "off_chip."
"""Prefixes of paths that belong to the machine's host and to its off-chip memory."""

FREE = {
    "_pj": "pJ", "_pj_per_bit": "pJ/bit", "_mw": "mW", "_mw_per_kib": "mW/KiB", "_mw_per_mm2": "mW/mm2", "_ns": "ns",
    "loss_db": "dB", "loss_db_per_cm": "dB/cm", "instructions_per_op": "instructions/operation",
    "idle_fraction": "fraction of full power",
}  # fmt: skip
"""Ends of the names of costs, whose limit is 0, and their units."""

LIMITS = {"wall_plug_fraction": (1.0, "fraction"), "responsivity_a_per_w": (1.25, "A/W")}
"""Efficiencies, their limits and units: all power becomes light; one electron a photon at 1550 nm (q wavelength /
hc)."""

LIGHT = ("*loss_db", "*loss_db_per_cm", *(f"*{name}" for name in LIMITS))
"""Levers that enter the errors of a machine and only improve them: less of its light is lost."""

PLAIN = ("adc.ramp.*", "*.writing.*", "shifter.*", "readout.*", "laser.*", "link.*", "amplifier.*", "detector.*")
"""Values beside those of the errors that models read as plain numbers: they fix a count, a clock or which is longer."""

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("host", ("host.*",)),
    ("off-chip memory", ("off_chip.*",)),
    ("idle power", ("idle_fraction",)),
    ("converters", ("adc.*", "dac.*", "*.dac.*", "*_dac.*", "*.converter_pj", "*.conversion_pj", "readout.*")),
    ("laser", ("laser.*",)),
    ("optical loss", ("*loss_db", "*loss_db_per_cm")),
    ("modulators", ("*modulator.*",)),
    ("tuning", ("ring.*", "router.static_mw", "shifter.*")),
    ("detectors", ("detector.*", "amplifier.*")),
    ("writing", ("*.writing.*", "*write_pj", "*write_ns")),
    ("source", ("*.source_mw",)),
    ("frame", ("*.settle_ns", "*.sample_ns", "*.exposure_ns", "*.evolution_ns", "*.unit_ns")),
    ("instruments", ("bench.*", "integrated.*", "*_op_pj", "*_op_ns")),
    ("cells", ("cell.*", "crossbar.*", "array.*")),
    ("buffers and links", ("*",)),
)  # fmt: skip
"""What a path is part of: the first kind that matches."""


@dataclass(frozen=True)
class Lever:
    """One sourced value of a machine; `path` has `host.` or `off_chip.` before it where it is not the machine's own."""

    path: str
    kind: str
    constant: Sourced
    unit: str
    limit: float
    """0 for costs; the greatest value of an efficiency."""

    def at(self, reach: Any) -> FloatArray:
        """The value at a reach, a number or an array of them."""
        u = np.asarray(reach, dtype=float)
        if self.limit == 0.0:
            return np.asarray(self.constant.value * u)
        return np.asarray(np.minimum(self.limit, self.constant.value / np.maximum(u, self.constant.value / self.limit)))

    def corner_reaches(self) -> tuple[float, float]:
        """Reaches of the better and of the worse end of the sourced range; 1 where it has none."""
        low, value, high = self.constant.low, self.constant.value, self.constant.high
        ends = (value if low is None else low, value if high is None else high)
        return (ends[0] / value, ends[1] / value) if self.limit == 0.0 else (value / ends[1], value / ends[0])


def levers(machine: Machine) -> dict[str, Lever]:
    """Every lever of a machine by its path, where it stands above 0."""
    found = {lever.path: lever for station in machine.stations for lever in _of_station(station)}
    memory = {
        f"{OFF_CHIP}{name}": value
        for name, value in (
            ("read_pj_per_bit", machine.off_chip.read_pj_per_bit),
            ("write_pj_per_bit", machine.off_chip.write_pj_per_bit),
            ("standby_mw", machine.off_chip.standby_mw),
        )
        if value is not None and value.value > 0
    }
    return found | {path: lever for path, value in memory.items() if (lever := _lever(path, value)) is not None}


def moved(machine: Machine, values: Mapping[str, Any]) -> Machine:
    """The machine with these sourced values by path in place of today's: numbers, or arrays of shape (variants,)."""
    stations = tuple(replace(station, settings=_put(station, values)) for station in machine.stations)
    return replace(machine, stations=stations, off_chip=_memory(machine.off_chip, values))


def is_plain(machine: Machine, path: str) -> bool:
    """Whether a value enters the model as one plain number, so that no array may stand there."""
    station, inner = _owner(machine, path)
    listed = station is not None and inner in station.simulator.changes_numbers
    return listed or any(fnmatch(inner, one) for one in PLAIN)


def _of_station(station: Station) -> Iterator[Lever]:
    prefix = HOST if station.is_host else ""
    numbers = station.simulator.changes_numbers
    for inner, (value, better) in _sourced(station.settings).items():
        is_signal = inner in numbers and not any(fnmatch(inner, one) for one in LIGHT)
        if better is None or value.value <= 0 or is_signal or inner.startswith("training."):
            continue
        lever = _lever(f"{prefix}{inner}", value, better)
        if lever is not None:
            yield lever


def _lever(path: str, value: Sourced, better: Better = Better("low")) -> Lever | None:  # noqa: B008
    kind = next(name for name, patterns in KINDS if any(fnmatch(path, one) for one in patterns))
    if better.end == "low":
        unit = next((unit for end, unit in FREE.items() if path.endswith(end)), None)
        return None if unit is None else Lever(path, kind, value, unit, 0.0)
    known = next((limit for end, limit in LIMITS.items() if path.endswith(end)), None)
    return None if known is None else Lever(path, kind, value, known[1], max(known[0], value.value))


def _sourced(settings: Shape, prefix: str = "") -> dict[str, tuple[Sourced, Better | None]]:
    """Every sourced field below `settings` with its better end; tables by size are no single value."""
    found: dict[str, tuple[Sourced, Better | None]] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Sourced):
            better = next((one for one in field.metadata if isinstance(one, Better)), None)
            found[f"{prefix}{name}"] = (value, better)
        elif isinstance(value, Shape):
            found.update(_sourced(value, f"{prefix}{name}."))
    return found


def _owner(machine: Machine, path: str) -> tuple[Station | None, str]:
    """The station that a path belongs to (none for the off-chip memory), and the path below it."""
    if path.startswith(OFF_CHIP):
        return None, path.removeprefix(OFF_CHIP)
    is_host = path.startswith(HOST)
    station = next(one for one in machine.stations if one.is_host == is_host)
    return station, path.removeprefix(HOST)


def _put(station: Station, values: Mapping[str, Any]) -> Shape:
    settings, known = station.settings, leaves(station.settings)
    for path, value in values.items():
        if path.startswith(OFF_CHIP) or path.startswith(HOST) != station.is_host:
            continue
        inner = path.removeprefix(HOST)
        settings = put(settings, inner, known[inner].model_copy(update={"value": value}))
    return settings


def _memory(memory: OffChip, values: Mapping[str, Any]) -> OffChip:
    changes = {
        name: getattr(memory, name).model_copy(update={"value": value})
        for path, value in values.items()
        if path.startswith(OFF_CHIP) and (name := path.removeprefix(OFF_CHIP))
    }
    return replace(memory, **changes)
