"""What did not work: infeasible and failed designs, counted by reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

from joulescape.report.inputs import Tables

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?!\w)")


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


@dataclass(frozen=True)
class RefusedFacts:
    """Reasons, the most frequent first."""

    reasons: tuple[Reason, ...]
    states: dict[str, int]


def facts(given: Tables) -> RefusedFacts:
    """Reasons that differ only in their numbers are one reason, shown with its first example."""
    bad = given.trials.filter(pl.col("state").is_in(["infeasible", "failed"]))
    tried = Counter(given.trials["back_end"].to_list())
    counts: Counter[tuple[str, str, str, str]] = Counter()
    examples: dict[tuple[str, str, str, str], str] = {}
    for state, back_end, family, reason in bad.select("state", "back_end", "family", "reason").iter_rows():
        first_line = (reason or "no reason given").strip().split("\n")[-1]
        key = (state, back_end or "–", family or "", NUMBER.sub("…", first_line))
        counts[key] += 1
        examples.setdefault(key, first_line)
    reasons = (Reason(*key, examples[key], count, count / max(1, tried[key[1]])) for key, count in counts.items())
    ordered = sorted(reasons, key=lambda reason: (-reason.count, reason.back_end, reason.reason))
    return RefusedFacts(tuple(ordered), dict(given.trials["state"].value_counts().sort("state").rows()))
