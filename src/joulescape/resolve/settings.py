"""Settings by dotted path: what stands at `adc.bits`, and the same settings with another value there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced

S = TypeVar("S", bound=Shape)


def leaves(settings: Shape, prefix: str = "") -> dict[str, Any]:
    """Every value below `settings` by dotted path; a sourced value is one leaf."""
    found: dict[str, Any] = {}
    for name in type(settings).model_fields:
        _collect(getattr(settings, name), f"{prefix}{name}", found)
    return found


def put(settings: S, path: str, value: Any) -> S:
    """`settings` with `value` (a scalar, or an array of shape (variants,)) at the dotted path, without a new check."""
    name, _, rest = path.partition(".")
    inner = _put(getattr(settings, name), rest, value) if rest else value
    return settings.model_copy(update={name: inner})


def put_raw(raw: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The same on the raw parameters of a back end, before its simulator's Settings check them."""
    name, _, rest = path.partition(".")
    inner = raw.get(name, {})
    return {**raw, name: put_raw(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _collect(value: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(value, Shape) and not isinstance(value, Sourced):
        found.update(leaves(value, f"{path}."))
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, f"{path}.{key}", found)
    else:
        found[path] = value


def _put(inner: Any, path: str, value: Any) -> Any:
    if isinstance(inner, Shape):
        return put(inner, path, value)
    name, _, rest = path.partition(".")
    return {**inner, name: _put(inner[name], rest, value) if rest else value}
