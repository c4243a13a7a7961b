"""One back end of the shelf, resolved: its simulator, checked settings, host and off-chip memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulescape import registry
from joulescape.errors import Fault, SpecError
from joulescape.resolve.machine import Machine, Station
from joulescape.resolve.parts import COMPONENT, with_parts
from joulescape.resolve.plausible import checked_settings
from joulescape.resolve.references import check_sources
from joulescape.resolve.settings import put_raw
from joulescape.resolve.shelves import (
    BACK_END_FILE,
    COMPONENT_FILE,
    back_end_names,
    back_end_path,
    component_names,
    component_path,
    read_or_fault,
    unknown_name,
)
from joulescape.simulators.base import OffChip, Scope, Simulator
from joulescape.spec.back_end import BackEndSpec, OffChipSpec
from joulescape.spec.base import Shape
from joulescape.spec.document import Document, Keys
from joulescape.spec.faults import checked
from joulescape.spec.sourced import Corner, Sourced, at_corner

DEFAULT_OFF_CHIP = "lpddr4"
"""The off-chip memory of a back end that names none; its numbers are then assumed."""

SIMULATORS = "joulescape.simulators"


@dataclass(frozen=True)
class OffChipMemory:
    """A component of kind off_chip_memory with its name; `at` moves it to a corner."""

    name: str
    spec: OffChipSpec

    def at(self, corner: Corner) -> OffChip:
        """As a machine uses it."""
        moved = at_corner(self.spec, corner)
        return OffChip(self.name, moved.read_pj_per_bit, moved.write_pj_per_bit, moved.bandwidth_gbps, moved.standby_mw)


@dataclass(frozen=True)
class BackEnd:
    """One entry of hwlib, called `<family>/<file>`; `document` keeps what was written, for checks with other values."""

    name: str
    family: str
    spec: BackEndSpec
    simulator: Simulator[Any]
    settings: Shape
    host: BackEnd | None
    off_chip: OffChipMemory
    document: Document

    @property
    def stations(self) -> tuple[BackEnd, ...]:
        """This back end and its host, in the order in which they are asked."""
        return (self,) if self.host is None else (self, self.host)

    def machine(
        self, boundary: Scope, settings: Mapping[str, Shape] | None = None, corner: Corner = "typical"
    ) -> Machine:
        """The machine as published, or with other settings by station name (already at the corner)."""
        chosen = {station.name: at_corner(station.settings, corner) for station in self.stations} | dict(settings or {})
        stations = tuple(
            Station(station.name, station.simulator, chosen[station.name], is_host=station is not self)
            for station in self.stations
        )
        spec = self.spec
        memory = self.off_chip.at(corner)
        return Machine(self.name, self.family, spec.equivalence, spec.node_nm, stations, memory, boundary)


def load_back_end(root: Path, name: str, overrides: Mapping[str, Any] | None = None) -> BackEnd:
    """The back end `<family>/<file>`; `overrides` replace parameters by dotted path. SpecError with every fault."""
    faults: list[Fault] = []
    found = resolve_back_end(root, name, faults, overrides=overrides or {})
    if found is None or faults:
        raise SpecError(faults)
    return found


def resolve_back_end(
    root: Path, name: str, faults: list[Fault], is_host: bool = False, overrides: Mapping[str, Any] | None = None
) -> BackEnd | None:
    """The same, adding its faults to `faults`; None where it cannot be had."""
    written = read_or_fault(back_end_path(root, name), faults)
    if written is None:
        return None
    count = len(faults)
    document = with_parts(root, written, faults)
    causes = [fault for fault in faults[count:] if fault.path.endswith(f".{COMPONENT}")]
    spec = checked(BackEndSpec, document, faults)
    if spec is None:
        return None
    check_sources(root, written, faults)
    simulator = _simulator(document, spec.simulator, faults)
    settings = None if simulator is None else _settings(simulator, document, overrides or {}, faults)
    _drop_consequences(faults, causes)
    host = _host(root, name, spec, document, is_host, faults)
    off_chip = _off_chip(root, spec, document, faults)
    if simulator is None or settings is None or off_chip is None or len(faults) > count:
        return None
    return BackEnd(name, name.partition("/")[0], spec, simulator, settings, host, off_chip, document)


def _drop_consequences(faults: list[Fault], causes: Sequence[Fault]) -> None:
    """Where a part is not to be had, what its mapping then lacks is no fault of its own."""
    for cause in causes:
        place = cause.path.removesuffix(COMPONENT)
        kept = [
            one for one in faults if one.file != cause.file or not f"{one.path}.".startswith(place) or one in causes
        ]
        faults[:] = kept


def _simulator(document: Document, name: str, faults: list[Fault]) -> Simulator[Any] | None:
    known = registry.names(SIMULATORS)
    if name not in known:
        faults.append(unknown_name(document, ("simulator",), name, known))
        return None
    plugin: Simulator[Any] = registry.load(SIMULATORS, name)
    return plugin


def _settings(
    simulator: Simulator[Any], document: Document, overrides: Mapping[str, Any], faults: list[Fault]
) -> Shape | None:
    raw = document.content["parameters"]
    for path, value in overrides.items():
        raw = put_raw(raw, path, value)
    return checked_settings(simulator.Settings, raw, document, lambda keys: ("parameters", *keys), faults)


def _host(
    root: Path, name: str, spec: BackEndSpec, document: Document, is_host: bool, faults: list[Fault]
) -> BackEnd | None:
    if spec.host is None:
        return None
    keys: Keys = ("host",)
    if is_host:
        faults.append(document.fault(keys, f"'{spec.host}'", "no host (a host has none of its own)"))
        return None
    others = [other for other in back_end_names(root) if other != name]
    if spec.host not in others:
        faults.append(unknown_name(document, keys, spec.host, others, BACK_END_FILE))
        return None
    return resolve_back_end(root, spec.host, faults, is_host=True)


def _off_chip(root: Path, spec: BackEndSpec, document: Document, faults: list[Fault]) -> OffChipMemory | None:
    name = spec.off_chip or DEFAULT_OFF_CHIP
    known = component_names(root)
    if name not in known:
        faults.append(unknown_name(document, ("off_chip",), name, known, COMPONENT_FILE))
        return None
    component = read_or_fault(component_path(root, name), faults)
    read = (
        None
        if component is None
        else checked_settings(OffChipSpec, component.content, component, lambda keys: keys, faults)
    )
    if component is None or read is None:
        return None
    check_sources(root, component, faults)
    return OffChipMemory(name, read if spec.off_chip else _assumed(read, component, faults))


def _assumed(spec: OffChipSpec, component: Document, faults: list[Fault]) -> OffChipSpec:
    """The library's default for a machine that names none: the same numbers, with basis assumed."""
    changes: dict[str, Sourced] = {}
    for name in ("read_pj_per_bit", "write_pj_per_bit", "bandwidth_gbps"):
        constant: Sourced = getattr(spec, name)
        if constant.low is None or constant.high is None:
            expected = "low and high too, because back ends that name no off-chip memory assume this one"
            faults.append(component.fault((name,), "a value without both ends", expected))
        changes[name] = constant.model_copy(update={"basis": "assumed"})
    return spec.model_copy(update=changes)
