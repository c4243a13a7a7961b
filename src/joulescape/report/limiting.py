"""What limits a design, in one sentence: its largest part, its slowest layer, and the nearest limit of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from joulescape.report import theme
from joulescape.report.figure import Rows

Limit = tuple[str, str, float]
"""A metric, `at_most` or `at_least`, and the bound."""


def limits_of(spec: Mapping[str, Any]) -> list[Limit]:
    """Every limit of a question, in its order."""
    return [
        (metric, way, float(bound))
        for metric, bounds in (spec.get("constraints") or {}).items()
        for way, bound in (bounds or {}).items()
        if bound is not None
    ]


def used_share(value: float, limit: Limit) -> float | None:
    """How much of a limit a value takes: 1 stands at it. Of an accuracy the share of the error that it allows.

    None where no share can be told: a bound of nothing, or an accuracy of which no error is allowed.
    """
    metric, way, bound = limit
    if way == "at_most":
        return value / bound if bound > 0 else None
    if metric.endswith("_fraction"):
        return (1 - value) / (1 - bound) if bound < 1 else None
    return bound / value if value > 0 else None


def nearest_limit(row: Mapping[str, Any], limits: Sequence[Limit], labels: Mapping[str, str]) -> str:
    """The limit that a design stands nearest to; the first of equals. Empty where none is known."""
    shares = [
        (share, limit)
        for limit in limits
        if row.get(limit[0]) is not None and (share := used_share(row[limit[0]], limit)) is not None
    ]
    if not shares:
        return ""
    _, (metric, way, bound) = max(shares, key=lambda found: found[0])
    words = way.replace("_", " ")
    value, end = theme.show(row[metric], metric), theme.show(bound, metric)
    return f"The nearest limit of the question: {labels.get(metric, metric)} {value}, {words} {end}."


def limiting(parts: Rows, layers: Rows, phase: str) -> str:
    """`Most of its energy is ADC (61 %); the layer that spends most is conv2 (48 %). Slowest is conv2: ...`

    `parts` and `layers` are one design's rows of one phase, as `sections.sheet` makes them.
    """
    said = []
    if parts:
        said.append(f"{_much(parts[0]['share'])} of its energy in {phase} is {parts[0]['class']}")
        spent = max(layers, key=lambda row: row["energy_share"] or 0.0, default=None)
        if spent is not None and spent["energy_share"]:
            said[-1] += f"; {_percent(spent['energy_share'])} of all is spent in {spent['layer']}"
    slowest = max(layers, key=lambda row: row["share"] or 0.0, default=None)
    if slowest is not None and slowest["share"]:
        bound = "" if slowest["bound_by"] == "–" else f", bound by {slowest['bound_by']}"
        said.append(f"{_percent(slowest['share'])} of its time is {slowest['layer']}{bound}")
    return "".join(f"{sentence}. " for sentence in said).rstrip()


def _much(share: float) -> str:
    return f"Most ({_percent(share)})" if share > 0.5 else f"The largest part ({_percent(share)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}{theme.SPACE}%"
