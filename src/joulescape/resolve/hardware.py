"""Hardware values of a space: fixed, drawn by the search, or swept inside a candidate."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from joulescape.errors import Fault
from joulescape.resolve.back_end import BackEnd
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.filling import Field, check_fields, read_fields
from joulescape.resolve.parts import COMPONENT
from joulescape.resolve.settings import leaves, put, put_raw
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

ELSEWHERE = "; a copy of the entry's file holds another value, and `joulescape cost --set` for one design"
ALL_PATHS = "; `joulescape list --paths {}` shows every path, and which may be searched"
ALIKE = 0.6
"""Least likeness of the parts that two paths belong to: below it the same last word is chance."""


@dataclass(frozen=True)
class HardwarePlan:
    """What a space says about one back end's hardware; paths are below the back end, the host's behind `host.`."""

    back_end: BackEnd
    fields: tuple[Field, ...] = ()
    opened: Mapping[str, Scalar] = field(default_factory=dict)
    """Values of settings that no search moves, already in `back_end`: where one design is costed."""

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


def read_hardware(
    document: Document, back_ends: Mapping[str, BackEnd], faults: list[Fault], is_open: bool = False
) -> dict[str, HardwarePlan]:
    """What the space says about each back end; `back_ends` are those that could be resolved.

    `is_open` also takes plain values of settings that no search moves, sourced numbers among them (as assumed).
    """
    written = document.content.get("hardware") or {}
    listed = document.content["back_ends"]
    for name in written:
        if name not in listed:
            near = nearest_name(name, tuple(back_ends))  # not one that is itself misspelt
            faults.append(document.fault(("hardware", name), f"'{name}'", "a back end that the space lists", near))
    plans = {name: HardwarePlan(back_end) for name, back_end in back_ends.items()}
    for name in (name for name in written if name in back_ends):
        plans[name] = _plan(document, back_ends[name], faults, is_open)
    return plans


def _plan(document: Document, back_end: BackEnd, faults: list[Fault], is_open: bool) -> HardwarePlan:
    fields = read_fields(document, ("hardware", back_end.name), faults)
    known = tuple(_given(back_end, f) for f in fields if _is_known(document, back_end, f, faults, is_open))
    count = len(faults)
    for station in back_end.stations:
        own = tuple(_inner(field, back_end) for field in known if _station(back_end, field.path)[0] is station)
        base = station.document.content["parameters"]
        faults.extend(check_fields(station.simulator.Settings, base, own, document, ("hardware", back_end.name)))
    searched = tuple(field for field in known if _is_searchable(back_end, field.path))
    plan = HardwarePlan(back_end, searched)
    if len(searched) < len(known) and len(faults) == count:
        opened = {field.path: field.value for field in fields if not _is_searchable(back_end, field.path)}
        plan = HardwarePlan(_opened(back_end, known), searched, opened)
    if plan.variant_count > MOST_VARIANTS:
        names = ", ".join(field.path for field in plan.swept)
        expected = f"at most {MOST_VARIANTS} (fewer points or domains among {names})"
        faults.append(
            document.fault(("hardware", back_end.name), f"a sweep over {plan.variant_count} variants", expected)
        )
    return plan


def _is_known(document: Document, back_end: BackEnd, field: Field, faults: list[Fault], is_open: bool) -> bool:
    if field.domain is not None and field.domain.per is not None:
        faults.append(
            document.fault((*field.keys, "per"), "'layer'", "no key 'per' (a machine has one value for all layers)")
        )
        return False
    if _is_searchable(back_end, field.path):
        return True
    station, inner = _station(back_end, field.path)
    every = leaves(station.settings)
    if is_open and inner in every and field.domain is None:
        return True
    faults.append(_refusal(document, back_end, field, every.keys() if is_open else station.simulator.searchable))
    return False


def _refusal(document: Document, back_end: BackEnd, field: Field, open_paths: Iterable[str]) -> Fault:
    """Why a path cannot be set, and what can: paths of the same part first, then what a search moves."""
    station, inner = _station(back_end, field.path)
    prefix, every = "" if station is back_end else HOST, leaves(station.settings)
    near, searched = f"{field.path.rpartition('.')[0]}.", {f"{prefix}{path}" for path in station.simulator.searchable}
    choices = sorted(
        (f"{prefix}{path}" for path in open_paths),
        key=lambda path: (0 if path.startswith(near) else 1 if path in searched else 2, path),
    )
    if inner.rpartition(".")[2] == COMPONENT:
        expected = "a setting; a part off the shelf is exchanged in a copy of the entry's file"
        return document.fault(field.keys, f"'{field.path}'", expected)
    if isinstance(every.get(inner), Sourced):
        expected = f"a searchable path: a sourced value holds as published, `corner` moves it{ELSEWHERE}"
        return document.fault(field.keys, "a sourced value", expected)
    if inner in every:
        return document.fault(field.keys, "a path that is not searchable", f"{one_of(choices)}{ELSEWHERE}")
    expected = f"{one_of(choices)}{ALL_PATHS.format(back_end.name)}"
    return document.fault(field.keys, f"unknown path '{field.path}'", expected, _near(field.path, choices))


def _is_searchable(back_end: BackEnd, path: str) -> bool:
    station, inner = _station(back_end, path)
    return inner in station.simulator.searchable


def _given(back_end: BackEnd, field: Field) -> Field:
    """The field; a plain number for a sourced one is assumed, at every corner."""
    station, inner = _station(back_end, field.path)
    is_number = isinstance(field.value, (int, float)) and not isinstance(field.value, bool)
    if not is_number or not isinstance(leaves(station.settings).get(inner), Sourced):
        return field
    ends = dict.fromkeys(("value", "low", "high"), field.value)
    return replace(field, value={**ends, "basis": "assumed", "source": "set by hand"})


def _opened(back_end: BackEnd, fields: Sequence[Field]) -> BackEnd:
    """The back end with plain values put in place of its own; they have been checked."""
    changed = []
    for station in back_end.stations:
        raw = station.document.content["parameters"]
        for given in fields:
            owner, inner = _station(back_end, given.path)
            raw = put_raw(raw, inner, given.value) if owner is station and given.domain is None else raw
        changed.append(replace(station, settings=station.simulator.Settings.model_validate(raw)))
    return replace(changed[0], host=changed[1] if len(changed) > 1 else None)


def _near(path: str, choices: list[str]) -> str | None:
    same_leaf = [choice for choice in choices if choice.rpartition(".")[2] == path.rpartition(".")[2]]
    if len(same_leaf) == 1:
        return same_leaf[0]
    part = path.rpartition(".")[0]
    return nearest_key(path, [choice for choice in choices if _is_alike(part, choice.rpartition(".")[0])])


def _is_alike(part: str, other: str) -> bool:
    """Whether what two paths belong to may be the same; one that names nothing may belong anywhere."""
    return not part or not other or difflib.SequenceMatcher(None, part, other).ratio() >= ALIKE


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
