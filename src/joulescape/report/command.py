"""The command that costs a chosen design again, from its parameters: `joulescape cost NETWORK BACK_END --set ...`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joulescape import tables
from joulescape.report.inputs import Tables

USUAL = {"batch": 1, "node": "as_published", "scaling_rule": "stillmaker"}
"""What a question says plainly, and the value that needs no saying."""


@dataclass(frozen=True)
class Fixed:
    """A value that the question fixes: for one back end, or where a choice of method was drawn; else for all."""

    name: str
    value: str
    back_end: str | None = None
    column: str | None = None
    method: str | None = None


def fixed_values(given: Tables) -> tuple[Fixed, ...]:
    """Everything that the question sets and no parameter column holds."""
    spec = given.spec
    plain = [Fixed(name, _plain(spec[name])) for name, usual in USUAL.items() if spec.get(name) not in (None, usual)]
    hardware = spec.get("hardware") or {}
    fixed = [
        Fixed(f"hardware.{name}.{path}", _plain(value), back_end=name)
        for name, fields in hardware.items()
        for path, value in _leaves(fields)
    ]
    steps = [entry for index, step in enumerate(spec.get("compression") or []) for entry in _step(index, step)]
    return (*plain, *fixed, *steps)


def _step(index: int, step: Mapping[str, Any]) -> Iterator[Fixed]:
    for method, fields in step.items():
        named = fields if method == "choice" else {method: fields}
        column = f"compression.{index}" if method == "choice" else None
        for chosen, values in named.items():
            for field, value in _leaves(values or {}):
                yield Fixed(
                    f"compression.{index}.{chosen}.{field}",
                    _plain(value),
                    column=column,
                    method=chosen if column else None,
                )


def _leaves(fields: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Plain values of nested fields by dotted path; a domain (`kind`, or a `choice`) is searched, not fixed."""
    if not isinstance(fields, Mapping):
        if not isinstance(fields, list):
            yield path, fields
        return
    if "kind" in fields and ("options" in fields or "low" in fields):
        return
    for name, value in fields.items():
        yield from _leaves(value, f"{path}.{name}" if path else str(name))


def command(given: Tables, row: Mapping[str, Any]) -> str:
    """The command line for a row of the trials; names and values as the search's own."""
    sets = [
        f"{fixed.name}={fixed.value}"
        for fixed in fixed_values(given)
        if fixed.back_end in (None, row["back_end"]) and (fixed.column is None or row.get(fixed.column) == fixed.method)
    ]
    drawn = [name for name in tables.parameter_columns(given.trials) if row[name] is not None]
    sets += [f"{name}={_plain(row[name])}" for name in drawn]
    words = ["joulescape", "cost", row["network"], row["back_end"], *boundary(given)]
    words += [word for text in sets for word in ("--set", text)]
    return shlex.join(words)


def boundary(given: Tables) -> tuple[str, ...]:
    """The option that states the question's boundary; none at the default."""
    asked = given.spec.get("boundary", "system")
    return () if asked == "system" else ("--boundary", str(asked))


def _plain(value: Any) -> str:
    """A value as it stands in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)
