"""The question that holds one design alone: every domain pinned to the value that the design drew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from joulescape.network.digest import canonical
from joulescape.report.inputs import Tables
from joulescape.spec.base import Shape
from joulescape.spec.space import SpaceSpec

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

SEARCHED = ("compression", "hardware", "training")
"""Groups of a question that may hold domains."""
DROPPED = ("per_back_end", "seconds", "stall", "time_out_s")
"""Parts of a budget that mean nothing for one design."""


def is_domain(value: Any) -> bool:
    """Whether a value is searched over: a `kind` with its options or its ends."""
    return isinstance(value, Mapping) and "kind" in value and ("options" in value or "low" in value)


def said(spec: Mapping[str, Any], shape: type[Shape] = SpaceSpec) -> dict[str, Any]:
    """A question without what its rules give by themselves, in the order in which questions are written.

    resolved.json spells every default out, and a default that is spelt out may mean something else: a machine that is
    its own network takes from its own recipe what the question leaves unsaid.
    """
    found: dict[str, Any] = {}
    for name in (
        *(name for name in shape.model_fields if name in spec),
        *(n for n in spec if n not in shape.model_fields),
    ):
        field, value = shape.model_fields.get(name), spec[name]
        if value is None or (field is not None and not field.is_required() and _default(field) == value):
            continue
        kind: Any = None if field is None else field.annotation
        is_shape = isinstance(kind, type) and issubclass(kind, Shape) and isinstance(value, Mapping)
        found[name] = said(value, kind) if is_shape else value
    if "constraints" in found:
        bounds = found["constraints"].items()
        found["constraints"] = {
            name: {way: end for way, end in both.items() if end is not None} for name, both in bounds
        }
    return found


def _default(field: FieldInfo) -> Any:
    return canonical(field.get_default(call_default_factory=True))


def pinned(given: Tables, row: Mapping[str, Any]) -> dict[str, Any]:
    """The question of one design, for `joulescape search`: what the question fixes stands, what it searches is pinned.

    `row` is a row of the trials. Empty where the question is not known.
    """
    spec = said(given.spec)
    if not given.spec:
        return {}
    hardware = (spec.get("hardware") or {}).get(row["back_end"]) or {}
    budget = {name: value for name, value in (spec.get("budget") or {}).items() if name not in DROPPED}
    steps = enumerate(spec.get("compression") or [])
    return {
        **{name: value for name, value in spec.items() if name not in SEARCHED},
        "networks": [row["network"]],
        "back_ends": [row["back_end"]],
        "compression": [kept for place, step in steps if (kept := _step(step, f"compression.{place}", row))],
        "hardware": {row["back_end"]: _pin(hardware, f"hardware.{row['back_end']}", row)},
        **({"training": _pin(spec["training"], "training", row)} if spec.get("training") else {}),
        "budget": {**budget, "trials": 1},
    }


def _step(step: Mapping[str, Any], name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """One compression step with its method chosen; nothing where the choice was none or dropped for this network."""
    chosen = row.get(name) if "choice" in step else next(iter(step))
    methods = step.get("choice", step)
    fields = methods.get(chosen) or {}
    kept = _pin(fields, f"{name}.{chosen}", row)
    return {str(chosen): kept} if chosen not in (None, "none") and len(kept) == len(fields) else {}


def _pin(value: Any, name: str, row: Mapping[str, Any]) -> Any:
    """A value with every domain in it replaced; a parameter that does not apply is left out."""
    if is_domain(value):
        return _as_written(value, row.get(name))
    if not isinstance(value, Mapping):
        return value
    found = {key: _pin(inner, f"{name}.{key}", row) for key, inner in value.items()}
    return {key: inner for key, inner in found.items() if inner is not None}


def _as_written(domain: Mapping[str, Any], value: Any) -> Any:
    """The option that a column spells so: options of several kinds share a column of text."""
    same = (option for option in domain.get("options") or () if _spelt(option) == _spelt(value))
    return next(same, value)


def _spelt(value: Any) -> str:
    """`true`, `2`, `2.5`: 2.0 is 2."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def is_each(row: Mapping[str, Any]) -> bool:
    """Whether the layers of a design have values of their own: a question has one value for all of them."""
    inner = f".{row['network']}."
    return any(name.startswith("compression.") and inner in name and row[name] is not None for name in row)


def question_text(given: Tables, row: Mapping[str, Any]) -> str:
    """The same as YAML; empty where no question holds the design, whose layers have values of their own."""
    import yaml

    found = {} if is_each(row) else pinned(given, row)
    text: str = yaml.safe_dump(found, sort_keys=False, default_flow_style=None, width=110) if found else ""
    return text
