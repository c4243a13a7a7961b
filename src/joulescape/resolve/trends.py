"""Reads the published points of a project, `hwlib/trends/*.yaml`, and checks their names and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulescape.errors import Fault, SpecError
from joulescape.resolve.references import check_sources
from joulescape.resolve.shelves import nearest_name, read_or_fault, trend_path
from joulescape.spec.document import Document, shown
from joulescape.spec.faults import checked, one_of
from joulescape.spec.trend import TrendSpec


@dataclass(frozen=True)
class Trend:
    """One file of published points, checked."""

    name: str
    spec: TrendSpec


def load_trend(root: Path, name: str) -> Trend:
    """The points of `hwlib/trends/<name>.yaml`; SpecError with every fault."""
    faults: list[Fault] = []
    found = read_trend(root, name, faults)
    if found is None:
        raise SpecError(faults)
    return found


def read_trend(root: Path, name: str, faults: list[Fault]) -> Trend | None:
    """The same, adding its faults to `faults`; None where it cannot be had."""
    document = read_or_fault(trend_path(root, name), faults)
    spec = None if document is None else checked(TrendSpec, document, faults)
    if document is None or spec is None:
        return None
    count = len(faults)
    check_sources(root, document, faults)
    faults.extend(_unknown(document, spec))
    faults.extend(_repeated(document, spec))
    return Trend(name, spec) if len(faults) == count else None


def _unknown(document: Document, spec: TrendSpec) -> list[Fault]:
    return [
        document.fault(place, shown(name), one_of(known), nearest_name(name, known))
        for place, name, known in spec.misnamed()
    ]


def _repeated(document: Document, spec: TrendSpec) -> list[Fault]:
    """Points with the kind and name of an earlier one: a point stated twice would be fitted twice."""
    seen: dict[tuple[str, str], int] = {}
    faults = []
    for index, point in enumerate(spec.points):
        if seen.setdefault((point.kind, point.name), index) != index:
            faults.append(document.fault(("points", index, "name"), shown(point.name), "each point of a kind once"))
    return faults


def series_names(trends: Mapping[str, Trend]) -> tuple[str, ...]:
    """Every series of these files, in their order."""
    return tuple(name for trend in trends.values() for name in trend.spec.series)
