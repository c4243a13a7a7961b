"""Where both together close less, or more, than their parts multiply to, and why: one sentence a machine and reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from joulescape.report.gap.inputs import factor_words, metric_words
from joulescape.report.gap.states import state_words

ONE = 1.05
"""An interaction between this and its inverse is none: both are the product of their parts."""


def said_of(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """One sentence a (machine, state, metric, reason): over which networks, and by how much."""
    found: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["back_end"], row["compression"] or "", row["metric"], row["why"] or "")
        found.setdefault(key, []).append(row)
    farthest = sorted(found.items(), key=lambda item: -max(abs(math.log(row["interaction"])) for row in item[1]))
    return tuple(_interaction(*key, mine) for key, mine in farthest)


def _interaction(back_end: str, state: str, metric: str, why: str, rows: Sequence[Mapping[str, Any]]) -> str:
    row = min(rows, key=lambda row: row["both"] / row["product"])
    networks = ", ".join(dict.fromkeys(row["network"] for row in rows))
    farthest = f"{row['network']}: both {factor_words(row['both'])}, product {factor_words(row['product'])}"
    because = f": {why}" if why else ""
    sizes = [each["interaction"] for each in rows]
    size = " to ".join(factor_words(end) for end in dict.fromkeys((min(sizes), max(sizes))))
    where = farthest if len(sizes) == 1 else f"{networks}; {farthest}"
    told = f"{back_end}, {state_words(state)}, {metric_words(metric)}: {size} against the product ({where}){because}"
    return f"{told.rstrip('. ')}."
