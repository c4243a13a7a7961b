"""Chooses a design under limits: the same rules as assets/decide.js, so that the page and report.json agree.

A design is a row of columns `accuracy, energy, latency, area, back_end`; an absent cost never meets a limit on it.
Where the question is of costs alone there is no column `accuracy`: speed then stands against the other costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from joulescape.front import balanced, step_front

Cost = Literal["energy", "latency", "area"]
Preference = Literal["balance", "energy", "latency", "area", "accuracy"]
COSTS: tuple[Cost, ...] = ("energy", "latency", "area")
TOLERANCE_FRACTION = 0.05
"""The panel opens with accuracy within so much of the best: the unconstrained knee may be a useless design."""

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Limits:
    """What the reader asks for; None means no limit, `back_ends` None means all."""

    accuracy: float | None = None
    energy: float | None = None
    latency: float | None = None
    area: float | None = None
    back_ends: tuple[str, ...] | None = None
    prefer: Preference = "balance"


@dataclass(frozen=True)
class Decision:
    """The chosen row (None when no design meets the limits), and what each back end offers."""

    index: int | None
    counts: Mapping[str, int]
    best: Mapping[str, int]
    """Chosen row of each back end that has one, under the same limits; the overall choice for its own."""
    relaxations: Mapping[str, float] = field(default_factory=dict)
    """When nothing is feasible: for each limit, the value at which it alone would let a design in."""


def decide(columns: Columns, limits: Limits) -> Decision:
    """Choose among the rows that meet the limits, by preference."""
    rows = _within(columns, limits)
    by_back_end: dict[str, list[int]] = {}
    for row in rows:
        by_back_end.setdefault(columns["back_end"][row], []).append(row)
    index = choose(columns, rows, limits.prefer)
    best = {name: choose(columns, group, limits.prefer) for name, group in by_back_end.items()}
    if index is not None:
        best[columns["back_end"][index]] = index
    return Decision(
        index=index,
        counts={name: len(group) for name, group in by_back_end.items()},
        best={name: row for name, row in best.items() if row is not None},
        relaxations={} if rows else relaxations(columns, limits),
    )


def default_limit(columns: Columns) -> float | None:
    """Accuracy at least: 5 points under the best, rounded to the table's digits; None where none was measured."""
    known = columns.get("accuracy")
    return round(max(known) - TOLERANCE_FRACTION, 4) if known else None


def gains(columns: Columns) -> Sequence[float | None]:
    """What is bought with energy, larger is better: accuracy, or -log10 of latency where none was measured."""
    if "accuracy" in columns:
        return columns["accuracy"]
    return [-math.log10(value) if value else None for value in columns["latency"]]


def choose(columns: Columns, rows: Sequence[int], prefer: Preference) -> int | None:
    """The preferred row: least of one cost, most accurate, or the knee of energy against error."""
    if prefer == "balance":
        return knee(columns, rows)
    gained = gains(columns)

    def lost(row: int) -> float:
        gain = gained[row]
        return math.inf if gain is None else -gain

    if prefer == "accuracy":
        return min(rows, key=lambda row: (lost(row), _cost(columns, "energy", row), row), default=None)
    return min(rows, key=lambda row: (_cost(columns, prefer, row), lost(row), row), default=None)


def knee(columns: Columns, rows: Sequence[int]) -> int | None:
    """The front's point farthest below the line between its ends, on (log10 energy, -gain), each scaled to [0, 1]."""
    gained, known = _known(columns, rows)
    chosen = balanced(columns["energy"], gained, known)
    return rows[0] if chosen is None and rows else chosen


def energy_front(columns: Columns, rows: Sequence[int], cost: str = "energy") -> list[int]:
    """Rows that no other row beats in both `cost` and what is gained, by rising cost."""
    return step_front(columns[cost], *_known(columns, rows))


def _known(columns: Columns, rows: Sequence[int]) -> tuple[list[float], list[int]]:
    """Every row's gain, and those of `rows` that have one."""
    gained = gains(columns)
    return [math.nan if gain is None else gain for gain in gained], [row for row in rows if gained[row] is not None]


def relaxations(columns: Columns, limits: Limits) -> dict[str, float]:
    """For each limit, the nearest value at which some design meets it together with all the other limits."""
    found: dict[str, float] = {}
    for name in ("accuracy", *COSTS):
        if getattr(limits, name) is None:
            continue
        rows = _within(columns, limits, without=name)
        values = [columns[name][row] for row in rows if columns[name][row] is not None]
        if values:
            found[name] = max(values) if name == "accuracy" else min(values)
    return found


def _within(columns: Columns, limits: Limits, without: str = "") -> list[int]:
    """Rows that meet every limit but `without`; one limit after the other, each over the rows that are left."""
    rows = list(range(len(columns["back_end"])))
    if limits.back_ends is not None:
        names, allowed = columns["back_end"], set(limits.back_ends)
        rows = [row for row in rows if names[row] in allowed]
    if limits.accuracy is not None and without != "accuracy":
        accuracy, least = columns["accuracy"], limits.accuracy
        rows = [row for row in rows if accuracy[row] >= least]
    for name in COSTS:
        limit, values = getattr(limits, name), columns[name]
        if limit is not None and name != without:
            rows = [row for row in rows if values[row] is not None and values[row] <= limit]
    return rows


def _cost(columns: Columns, name: str, row: int) -> float:
    value = columns[name][row]
    return math.inf if value is None else value
