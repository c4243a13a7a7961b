"""Numbers that no machine can have: what the name of a setting says about the values that it may take.

A simulator's Settings say what its own structure allows; a name that ends in a unit says the rest, once for all
simulators: an energy is not negative, a fraction lies in [0, 1], and what a cost is divided by is above 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

from joulescape.errors import Fault
from joulescape.resolve.settings import leaves
from joulescape.spec.base import Shape
from joulescape.spec.document import Document, Keys, shown
from joulescape.spec.faults import Origin, checked_part
from joulescape.spec.sourced import Sourced
from joulescape.units import SUFFIXES

S = TypeVar("S", bound=Shape)

_SIGNED = frozenset({"db", "dbm"})
"""Logarithms: below 0 is a small power."""
_RATES = frozenset({"ghz", "gsps", "gbps"})
_DIVISORS = frozenset({"step_ns", "load_kohm", "wall_plug_fraction", "extinction_db"})
_UNITS = (SUFFIXES.keys() - _SIGNED) | {"kib", "mm", "gsps"}


def checked_settings(model: type[S], raw: Any, document: Document, origin: Origin, faults: list[Fault]) -> S | None:
    """`raw` as `model`; None, with its faults added to `faults`, where it does not fit or cannot be."""
    settings = checked_part(model, raw, document, origin, faults)
    found = [] if settings is None else impossible(settings, document, origin)
    faults.extend(found)
    return None if found else settings


def impossible(settings: Shape, document: Document, origin: Origin) -> list[Fault]:
    """A fault for each number below `settings` that its name rules out; of a sourced value also `low` and `high`."""
    faults: list[Fault] = []
    for path, leaf in leaves(settings).items():
        name = next((key for key in reversed(path.split(".")) if not key.isdigit()), path)
        for keys, number in _numbers(path, leaf):
            expected = _refused(name, number)
            if expected is not None:
                faults.append(document.fault(origin(keys), shown(number), f"{expected} for {name}"))
    return faults


def _numbers(path: str, leaf: Any) -> Iterator[tuple[Keys, float]]:
    keys: Keys = tuple(path.split("."))
    if isinstance(leaf, Sourced):
        ends = ((end, getattr(leaf, end)) for end in ("value", "low", "high"))
        yield from (((*keys, end), number) for end, number in ends if number is not None)
    elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
        yield keys, leaf


def _refused(name: str, number: float) -> str | None:
    """What was expected where `name` cannot have this number; None where it can."""
    words = name.split("_")
    if not math.isfinite(number):
        return "a finite number"
    if words[-1] == "fraction" and not 0 <= number <= 1:
        return "a value in [0, 1]"
    if _divides(name, words):
        return None if number > 0 else "a value > 0"
    has_unit = ("per" in words or words[-1] in _UNITS) and not _SIGNED & set(words)
    return "a value >= 0" if has_unit and number < 0 else None


def _divides(name: str, words: list[str]) -> bool:
    """Whether some cost or error is divided by it, or takes its logarithm."""
    is_rate = bool(_RATES & set(words)) or words[-1] == "ratio" or words[-2:] in (["per", "ns"], ["per", "w"])
    return is_rate or words[0] == "max" or name in _DIVISORS
