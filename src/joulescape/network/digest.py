"""Content digests: the same content has the same digest on any machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_PLAIN = frozenset({str, int, float, bool, type(None)})


def canonical(value: Any) -> Any:
    """`value` as plain JSON types in one spelling: sorted keys, floats by repr, tuples as lists."""
    kind = type(value)
    if kind in _PLAIN:  # most values, by far: a search digests every candidate that it draws
        return value
    if kind is dict and set(map(type, value)) <= {str}:
        return {key: canonical(value[key]) for key in sorted(value)}
    if kind is tuple or kind is list:
        return [canonical(item) for item in value]
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
    text = json.dumps(canonical(values), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
