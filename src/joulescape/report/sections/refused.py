"""Why designs have no final measurement: infeasible, failed and screened ones, counted by reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

from joulescape.report import theme
from joulescape.report.inputs import Tables

BROKEN = re.compile(r"(\w+) must be at (most|least) (\S+)")
"""What the evaluation writes of a design that breaks a constraint with one end."""

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?!\w)")

RANKED = re.compile(r"not promising enough on rung (\S+): rank \d+ of \d+")
"""What the search writes of a design that it screened."""

MEANINGS = {
    "infeasible": "cannot be built, does not fit, or breaks a constraint",
    "failed": "its evaluation stopped with an error or ran out of time",
    "screened": "a cheaper measurement (rung) promised too little for the dearest one; its numbers are of that rung",
}
"""What each state means, in the order of the table's words."""


@dataclass(frozen=True)
class Broken:
    """A limit of the question that a back end's designs break, and the one of them that misses it by least."""

    limit: str
    """`area (at most 20.0 mm²)`."""
    nearest: str
    """What that design has: `20.5 mm²`; empty where it is not known, and so is `by`."""
    by: str
    """By how much it misses: `2.5 %`, `a factor of 8.0`, `1.2 points`."""
    miss: float | None
    """The same as a share of the limit."""


@dataclass(frozen=True)
class Reason:
    """One reason of one back end, its numbers left out, and how often it was met."""

    state: str
    back_end: str
    family: str
    reason: str
    example: str
    count: int
    fraction: float
    """Share of all designs tried on that back end."""
    nearest: str = ""
    """Of a limit of the question: what the design that misses it by least has."""
    broken: Broken | None = None
    """That limit; None where the reason is another one."""


@dataclass(frozen=True)
class RefusedFacts:
    """Reasons, the most frequent first."""

    reasons: tuple[Reason, ...]
    states: dict[str, int]
    """Designs tried, by state."""
    meanings: tuple[tuple[int, str, str], ...]
    """(designs, state, what it means) of each state without a final measurement that was met."""


def facts(given: Tables) -> RefusedFacts:
    """Reasons that differ only in their numbers are one reason, shown with its first example."""
    bad = given.trials.filter(pl.col("state").is_in(list(MEANINGS)))
    tried = Counter(given.trials["back_end"].to_list())
    counts: Counter[tuple[str, str, str, str]] = Counter()
    examples: dict[tuple[str, str, str, str], str] = {}
    misses: dict[tuple[str, str, str, str], float] = {}
    columns = ("state", "back_end", "family", "reason", "fidelity", "violation")
    for state, back_end, family, reason, fidelity, miss in bad.select(columns).iter_rows():
        first_line = _words(state, reason, fidelity).strip().split("\n")[-1]
        key = (state, back_end or "–", family or "", NUMBER.sub("…", first_line))
        counts[key] += 1
        examples.setdefault(key, first_line)
        if miss is not None and miss > 0:
            misses[key] = min(miss, misses.get(key, miss))
    reasons = (
        Reason(
            *key,
            readable(examples[key]),
            count,
            count / max(1, tried[key[1]]),
            _nearest(examples[key], misses.get(key)),
            _broken(examples[key], misses.get(key)),
        )
        for key, count in counts.items()
    )
    ordered = sorted(reasons, key=lambda reason: (-reason.count, reason.back_end, reason.reason))
    states = dict(given.trials["state"].value_counts().sort("state").rows())
    met = ((states[state], state, meaning) for state, meaning in MEANINGS.items() if states.get(state))
    return RefusedFacts(tuple(ordered), states, tuple(met))


def _nearest(reason: str, miss: float | None) -> str:
    """`the nearest has 0.660 mm²`: a limit and the share of it by which the nearest design misses it."""
    found = _broken(reason, miss)
    return f"the nearest has {found.nearest}" if found is not None and found.nearest else ""


def _broken(reason: str, miss: float | None) -> Broken | None:
    broken = BROKEN.fullmatch(reason)
    if broken is None:
        return None
    metric, way, bound = broken.group(1), broken.group(2), float(broken.group(3))
    limit = f"{_named(metric)} (at {way} {theme.show(bound, metric)})"
    if miss is None:
        return Broken(limit, "", "", None)
    value = bound + (1 if way == "most" else -1) * miss * (abs(bound) or 1.0)
    return Broken(limit, theme.show(value, metric), _by(metric, way, bound, value), miss)


def _by(metric: str, way: str, bound: float, value: float) -> str:
    """Points of a fraction; else a factor from two on, and below it a percentage."""
    if metric.endswith("_fraction"):
        return f"{_two(100 * abs(value - bound))} points"
    if way == "most" and bound > 0 and value >= 2 * bound:
        return f"a factor of {theme.times(value / bound)}"
    return f"{_two(100 * abs(value - bound) / (abs(bound) or 1.0))}{theme.SPACE}%"


def _two(value: float) -> str:
    """One decimal, or two figures where that would read as nothing."""
    return f"{value:.1f}" if value >= 0.05 else f"{value:.2g}"


def _named(metric: str) -> str:
    label = theme.LABELS.get(metric, metric)
    return f"{label[:1].lower()}{label[1:]}"


def readable(reason: str) -> str:
    """A broken limit in the page's words: `training energy must be at most 2.00 mJ`; other reasons as they stand."""
    broken = BROKEN.fullmatch(reason)
    if broken is None:
        return reason
    metric, way, bound = broken.groups()
    return f"{_named(metric)} must be at {way} {theme.show(float(bound), metric)}"


def _words(state: str, reason: str | None, fidelity: str | None) -> str:
    if state == "screened" and fidelity and not reason:
        return f"measured on the {rung_of(fidelity)} rung only"
    return RANKED.sub(r"too low in its batch on the \1 rung", reason or "no reason given")


def rung_of(fidelity: str) -> str:
    """The rung in the name of a fidelity: `merged` of `merged/validation/3`."""
    return fidelity.split("/", maxsplit=1)[0]
