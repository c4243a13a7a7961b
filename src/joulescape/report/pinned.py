"""The question that holds one design alone: every domain pinned to the value that the design drew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joulescape.report.inputs import Tables

SEARCHED = ("compression", "hardware", "training")
"""Groups of a question that may hold domains."""
DROPPED = ("per_back_end", "seconds", "stall", "time_out_s")
"""Parts of a budget that mean nothing for one design."""


def is_domain(value: Any) -> bool:
    """Whether a value is searched over: a `kind` with its options or its ends."""
    return isinstance(value, Mapping) and "kind" in value and ("options" in value or "low" in value)


def pinned(given: Tables, row: Mapping[str, Any]) -> dict[str, Any]:
    """The question of one design, for `joulescape search`: what the question fixes stands, what it searches is pinned.

    `row` is a row of the trials. Empty where the question is not known.
    """
    spec = dict(given.spec)
    if not spec:
        return {}
    hardware = (spec.get("hardware") or {}).get(row["back_end"]) or {}
    budget = {name: value for name, value in (spec.get("budget") or {}).items() if name not in DROPPED}
    steps = enumerate(spec.get("compression") or [])
    return {
        **{name: value for name, value in spec.items() if value is not None and name not in SEARCHED},
        "networks": [row["network"]],
        "back_ends": [row["back_end"]],
        "compression": [_step(step, f"compression.{place}", row) for place, step in steps],
        "hardware": {row["back_end"]: _pin(hardware, f"hardware.{row['back_end']}", row)},
        **({"training": _pin(spec["training"], "training", row)} if spec.get("training") else {}),
        "budget": {**budget, "trials": 1},
    }


def _step(step: Mapping[str, Any], name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """One compression step with its method chosen; a step whose choice was dropped for this network is none."""
    chosen = row.get(name) if "choice" in step else next(iter(step))
    methods = step.get("choice", step)
    fields = methods.get(chosen) or {}
    kept = _pin(fields, f"{name}.{chosen}", row)
    return {str(chosen): kept} if chosen is not None and len(kept) == len(fields) else {"none": {}}


def _pin(value: Any, name: str, row: Mapping[str, Any]) -> Any:
    """A value with every domain in it replaced; a parameter that does not apply is left out."""
    if is_domain(value):
        return row.get(name)
    if not isinstance(value, Mapping):
        return value
    found = {key: _pin(inner, f"{name}.{key}", row) for key, inner in value.items()}
    return {key: inner for key, inner in found.items() if inner is not None}


def question_text(given: Tables, row: Mapping[str, Any]) -> str:
    """The same as YAML."""
    import yaml

    text: str = yaml.safe_dump(pinned(given, row), sort_keys=False, default_flow_style=None, width=110)
    return text
