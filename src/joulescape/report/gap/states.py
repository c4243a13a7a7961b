"""States of compression: in words, in the order of the page, and with their sources."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from joulescape.report.gap.inputs import StudyTables, words

PUBLISHED, NONE = "reported", "none"
"""States that every question may have: as somebody published it, and as trained."""


def state_words(state: str) -> str:
    """A state of compression in words."""
    return {PUBLISHED: "as published", NONE: "as trained"}.get(state, words(state))


def shown(good: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> tuple[str, ...]:
    """States in the order of the page: as published, then those whose best close most at the median of the first
    metric. As trained, last, only where some family is best of a network in no other state: else it is no compression.
    """
    best = [row for row in good if row["is_best_of_family"] and row["compression"] is not None]
    closed: dict[str, list[float]] = {row["compression"]: [] for row in good if row["compression"] not in (None, NONE)}
    for row in best:
        if row["compression"] in closed and row["metric"] == metrics[0] and row["both"] is not None:
            closed[row["compression"]].append(row["both"])
    pairs = {is_none: {(row["network"], row["family"]) for row in best if (row["compression"] == NONE) is is_none}
             for is_none in (True, False)}  # fmt: skip
    order = sorted(closed, key=lambda state: (state != PUBLISHED, -statistics.median(closed[state] or [0.0]), state))
    return (*order, NONE) if pairs[True] - pairs[False] else tuple(order)


def listed(given: StudyTables, name: str) -> Iterator[dict[str, Any]]:
    """Every compressed state of every network with its basis and source."""
    mine = given.bridge.filter((pl.col("question") == name) & pl.col("is_compressed"))
    columns = ("network", "compression", "compression_basis", "compression_source")
    for row in mine.select(columns).unique(maintain_order=True).sort("network", maintain_order=True).to_dicts():
        yield {
            "network": row["network"], "state": state_words(row["compression"]),
            "basis": row["compression_basis"] or "–", "source": row["compression_source"] or "–",
        }  # fmt: skip
