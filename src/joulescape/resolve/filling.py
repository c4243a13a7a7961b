"""Checks a plug-in's settings at every end and option of the domains that stand in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joulescape.errors import Fault
from joulescape.resolve.plausible import checked_settings
from joulescape.resolve.settings import put_raw
from joulescape.spec.base import Shape
from joulescape.spec.document import Document, Keys, shown
from joulescape.spec.domain import AnyDomain, ChoiceDomain, IntDomain, Scalar, is_domain
from joulescape.spec.faults import checked_domain

CHECKED_VALUES = 64
"""Whole-number domains of at most so many values are checked at each of them, others at both ends."""


@dataclass(frozen=True)
class Field:
    """What a user wrote for one setting: a value or a domain, and where."""

    path: str
    keys: Keys
    value: Any = None
    domain: AnyDomain | None = None

    def points(self) -> Iterator[tuple[Keys, Scalar]]:
        """Every value to check with the place where it is written."""
        if self.domain is None:
            yield self.keys, self.value
        elif isinstance(self.domain, ChoiceDomain):
            yield from (((*self.keys, "options", i), option) for i, option in enumerate(self.domain.options))
        else:
            yield (*self.keys, "low"), self.domain.low
            yield (*self.keys, "high"), self.domain.high
            if isinstance(self.domain, IntDomain) and self.domain.count() <= CHECKED_VALUES:
                yield from ((self.keys, value) for value in self.domain.values()[1:-1])


def read_fields(document: Document, keys: Keys, faults: list[Fault]) -> tuple[Field, ...]:
    """The settings written in the mapping at `keys`; impossible domains are faults and left out.

    A domain of one value is that value: nothing is left to draw or to sweep. One a layer stays.
    """
    found: list[Field] = []
    for name, value in document.at(keys).items():
        place = (*keys, name)
        if not _is_meant_as_domain(value):
            found.append(Field(name, place, value))
            continue
        domain = checked_domain(document, place, faults)
        if domain is not None:
            fixed = _fixed(domain)
            found.append(Field(name, place, domain=domain) if fixed is None else Field(name, place, fixed))
    return tuple(found)


def fixed_domains(document: Document) -> Iterator[str]:
    """A note for each domain of the document that leaves no choice; the question's faults are looked for elsewhere."""
    for keys in _domains(document.content, ()):
        domain = checked_domain(document, keys, [])
        fixed = None if domain is None else _fixed(domain)
        if fixed is not None:
            yield f"{'.'.join(str(key) for key in keys)} has one value only, {shown(fixed)}, and is fixed"


def _fixed(domain: AnyDomain) -> Scalar | None:
    return domain.only if domain.per is None else None


def _domains(content: Any, keys: Keys) -> Iterator[Keys]:
    if is_domain(content):
        yield keys
        return
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield from _domains(value, (*keys, key))


def _is_meant_as_domain(value: Any) -> bool:
    return isinstance(value, dict) and not {"kind", "low", "high", "options"}.isdisjoint(value)


def check_fields(
    model: type[Shape], base: Mapping[str, Any], fields: tuple[Field, ...], document: Document, default: Keys
) -> list[Fault]:
    """Faults of `base` with the fields put in: each domain at each of its points, the others at their first.

    A fault of something that no field wrote is placed at `default`.
    """
    faults: list[Fault] = []
    firsts = {field.path: next(field.points()) for field in fields}
    _check(model, base, firsts, document, default, faults)
    for field in fields:
        for point in list(field.points())[1:]:
            _check(model, base, firsts | {field.path: point}, document, default, faults)
    return list(dict.fromkeys(faults))


def _check(
    model: type[Shape],
    base: Mapping[str, Any],
    points: Mapping[str, tuple[Keys, Scalar]],
    document: Document,
    default: Keys,
    faults: list[Fault],
) -> None:
    raw = dict(base)
    for path, (_, value) in points.items():
        raw = put_raw(raw, path, value)

    def origin(keys: Keys) -> Keys:
        written = (
            place for path, (place, _) in points.items() if keys[: path.count(".") + 1] == tuple(path.split("."))
        )
        return next(written, (*default, *keys))

    checked_settings(model, raw, document, origin, faults)
