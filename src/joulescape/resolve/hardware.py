"""Hardware values of a space: fixed, drawn by the search, or swept inside a candidate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.errors import Fault
from joulescape.resolve.back_end import BackEnd
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.filling import Field, check_fields, read_fields
from joulescape.resolve.settings import leaves, put
from joulescape.resolve.shelves import nearest_name
from joulescape.spec.base import Shape
from joulescape.spec.document import Document
from joulescape.spec.domain import Scalar
from joulescape.spec.faults import nearest_key, one_of
from joulescape.spec.sourced import Corner, Sourced, at_corner

MOST_VARIANTS = 4096
"""A larger sweep is refused."""

HOST = "host."
"""Prefix of the host's paths below a back end."""


@dataclass(frozen=True)
class HardwarePlan:
    """What a space says about one back end's hardware; paths are below the back end, the host's behind `host.`."""

    back_end: BackEnd
    fields: tuple[Field, ...] = ()

    @property
    def fixed(self) -> Mapping[str, Scalar]:
        """Values that the space puts in place of the entry's."""
        return {field.path: field.value for field in self.fields if field.domain is None}

    @property
    def drawn(self) -> tuple[Field, ...]:
        """Domains that can change the numbers: the search draws them."""
        return tuple(f for f in self.fields if f.domain is not None and self._changes_numbers(f.path))

    @property
    def swept(self) -> tuple[Field, ...]:
        """All other domains, in path order."""
        swept = (f for f in self.fields if f.domain is not None and not self._changes_numbers(f.path))
        return tuple(sorted(swept, key=lambda field: field.path))

    @property
    def variant_count(self) -> int:
        """Points of the sweep."""
        return math.prod(field.domain.count() for field in self.swept if field.domain is not None)

    def variants(self) -> tuple[Mapping[str, Scalar], ...]:
        """Swept values of every variant: the product of all swept values, in path order."""
        paths = [field.path for field in self.swept]
        values = [field.domain.values() for field in self.swept if field.domain is not None]
        return tuple(dict(zip(paths, point, strict=True)) for point in itertools.product(*values))

    def parameters(self) -> tuple[Parameter, ...]:
        """What is drawn, under its Optuna name."""
        prefix = f"hardware.{self.back_end.name}."
        return tuple(Parameter(f"{prefix}{f.path}", f.domain) for f in self.drawn if f.domain is not None)

    def settings(
        self, values: Mapping[str, Scalar], variants: Sequence[Mapping[str, Scalar]], corner: Corner
    ) -> dict[str, Shape]:
        """Settings by station name at the corner, with `values` and the sweep's arrays of shape (variants,) put in."""
        stations = {station.name: at_corner(station.settings, corner) for station in self.back_end.stations}
        for path, value in {**values, **_columns(variants)}.items():
            station, inner = _station(self.back_end, path)
            stations[station.name] = put(stations[station.name], inner, value)
        return stations

    def _changes_numbers(self, path: str) -> bool:
        station, inner = _station(self.back_end, path)
        return inner in station.simulator.changes_numbers


def read_hardware(document: Document, back_ends: Mapping[str, BackEnd], faults: list[Fault]) -> dict[str, HardwarePlan]:
    """What the space says about each back end; `back_ends` are those that could be resolved."""
    written = document.content.get("hardware") or {}
    listed = document.content["back_ends"]
    for name in written:
        if name not in listed:
            near = nearest_name(name, listed)
            faults.append(document.fault(("hardware", name), f"'{name}'", "a back end that the space lists", near))
    plans = {name: HardwarePlan(back_end) for name, back_end in back_ends.items()}
    for name in (name for name in written if name in back_ends):
        plans[name] = _plan(document, back_ends[name], faults)
    return plans


def _plan(document: Document, back_end: BackEnd, faults: list[Fault]) -> HardwarePlan:
    fields = read_fields(document, ("hardware", back_end.name), faults)
    known = tuple(field for field in fields if _is_known(document, back_end, field, faults))
    for station in back_end.stations:
        own = tuple(_inner(field, back_end) for field in known if _station(back_end, field.path)[0] is station)
        base = station.document.content["parameters"]
        faults.extend(check_fields(station.simulator.Settings, base, own, document, ("hardware", back_end.name)))
    plan = HardwarePlan(back_end, known)
    if plan.variant_count > MOST_VARIANTS:
        names = ", ".join(field.path for field in plan.swept)
        expected = f"at most {MOST_VARIANTS} (fewer points or domains among {names})"
        faults.append(
            document.fault(("hardware", back_end.name), f"a sweep over {plan.variant_count} variants", expected)
        )
    return plan


def _is_known(document: Document, back_end: BackEnd, field: Field, faults: list[Fault]) -> bool:
    station, inner = _station(back_end, field.path)
    searchable = station.simulator.searchable
    prefix = "" if station is back_end else HOST
    if field.domain is not None and field.domain.per is not None:
        faults.append(
            document.fault((*field.keys, "per"), "'layer'", "no key 'per' (a machine has one value for all layers)")
        )
        return False
    if inner in searchable:
        return True
    every = leaves(station.settings)
    choices = sorted(f"{prefix}{path}" for path in searchable)
    if isinstance(every.get(inner), Sourced):
        expected = "a searchable path: a sourced value holds as published, `corner` moves it"
        faults.append(document.fault(field.keys, "a sourced value", expected))
    elif inner in every:
        faults.append(document.fault(field.keys, "a path that is not searchable", one_of(choices)))
    else:
        faults.append(
            document.fault(field.keys, f"unknown path '{field.path}'", one_of(choices), _near(field.path, choices))
        )
    return False


def _near(path: str, choices: list[str]) -> str | None:
    same_leaf = [choice for choice in choices if choice.rpartition(".")[2] == path.rpartition(".")[2]]
    return same_leaf[0] if len(same_leaf) == 1 else nearest_key(path, choices)


def _station(back_end: BackEnd, path: str) -> tuple[BackEnd, str]:
    """The station that a path belongs to, and the path below it."""
    if back_end.host is not None and path.startswith(HOST):
        return back_end.host, path.removeprefix(HOST)
    return back_end, path


def _inner(field: Field, back_end: BackEnd) -> Field:
    return Field(_station(back_end, field.path)[1], field.keys, field.value, field.domain)


def _columns(variants: Sequence[Mapping[str, Scalar]]) -> dict[str, Any]:
    """One array a swept path; the plain value where there is but one variant."""
    if len(variants) == 1:
        return dict(variants[0])
    return {path: np.array([variant[path] for variant in variants]) for path in variants[0]}
