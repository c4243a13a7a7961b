"""Content digests: the same content has the same digest on any machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


def canonical(value: Any) -> Any:
    """`value` as plain JSON types in one spelling: sorted keys, floats by repr, tuples as lists."""
    if isinstance(value, BaseModel):
        return canonical(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(canonical(item) for item in value)
    return value


def digest(*values: Any) -> str:
    """SHA-256 (first 16 hex digits) of the canonical JSON of `values`."""
    try:
        text = _ENCODER.encode(values)
    except TypeError:  # keys that JSON does not know, such as pairs
        text = _ENCODER.encode(canonical(values))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _one_level(value: Any) -> Any:
    """What JSON does not know, opened by one level; its parts come back here."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(canonical(item) for item in value)
    raise TypeError(f"{value!r} has no canonical JSON")


_ENCODER = json.JSONEncoder(default=_one_level, sort_keys=True, separators=(",", ":"), allow_nan=False)
