"""Do the rungs agree? The designs that were measured on two rungs whatever they promised, compared.

Spearman's rank correlation of their accuracies, over all of them and near the front, and their mean absolute
difference. Near the front is the better half by non-dominated rank (a design's best variant) on the dearer of the two
rungs: that is where a cheap rung has to be right, and where it is hardest, because accuracies lie close together there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from joulescape.front import FloatArray, ranks
from joulescape.spec.space import RungName


@dataclass(frozen=True)
class Sight:
    """One measurement of one candidate: its accuracy, its variants' points (smaller is better), and what it took."""

    step: int
    """The candidate's how-manieth measurement this is: rungs that share one are not compared."""
    accuracy_fraction: float
    points: FloatArray
    seconds: float


AuditRow = Mapping[str, Any]
"""One row of tables.AUDIT."""

Audited = Mapping[RungName, Sight]
"""One candidate that climbed whatever it promised: what was seen of it, by rung."""


@dataclass(frozen=True)
class Agreement:
    """How far two rungs agree; None where a figure cannot be computed: too few designs, or equal values."""

    low: RungName
    high: RungName
    designs_count: int
    spearman: float | None
    near_front_count: int
    near_front_spearman: float | None
    mean_abs_error: float | None
    low_seconds: float | None
    high_seconds: float | None

    def row(self, promote_fraction: float | None) -> dict[str, Any]:
        """As tables.AUDIT has it."""
        return {
            "low_rung": self.low,
            "high_rung": self.high,
            "designs_count": self.designs_count,
            "spearman": self.spearman,
            "near_front_count": self.near_front_count,
            "near_front_spearman": self.near_front_spearman,
            "mean_abs_error": self.mean_abs_error,
            "promote_fraction": promote_fraction,
            "low_seconds": self.low_seconds,
            "high_seconds": self.high_seconds,
        }


def pairs(rungs: Sequence[RungName]) -> list[tuple[RungName, RungName]]:
    """The pairs of rungs that are compared: neighbours, and each with the top one; the closed form has no accuracy."""
    seen: list[RungName] = [rung for rung in rungs if rung != "closed_form"]
    both = [*pairwise(seen), *((low, seen[-1]) for low in seen[:-1])]
    return sorted(dict.fromkeys(both), key=lambda pair: (seen.index(pair[0]), seen.index(pair[1])))


def agreement(audited: Sequence[Audited], low: RungName, high: RungName) -> Agreement:
    """How far two rungs agree on the designs that were measured on both."""
    both = [one for one in audited if low in one and high in one and one[low].step < one[high].step]
    before, after = (np.array([one[rung].accuracy_fraction for one in both]) for rung in (low, high))
    near = _near_front([one[high].points for one in both])
    return Agreement(
        low=low,
        high=high,
        designs_count=len(both),
        spearman=spearman(before, after),
        near_front_count=len(near),
        near_front_spearman=spearman(before[near], after[near]),
        mean_abs_error=float(np.mean(np.abs(before - after))) if both else None,
        low_seconds=median(one[low].seconds for one in both) if both else None,
        high_seconds=median(one[high].seconds for one in both) if both else None,
    )


def spearman(before: FloatArray, after: FloatArray) -> float | None:
    """Rank correlation, equal values sharing their mean rank; None for fewer than three or where a side is constant."""
    if len(before) < 3 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    return float(np.corrcoef(_mean_ranks(before), _mean_ranks(after))[0, 1])


def _mean_ranks(values: FloatArray) -> FloatArray:
    """Rank of each value; written out because scipy.stats takes longer to import than a small search to run."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranked: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranked


def _near_front(points: Sequence[FloatArray]) -> list[int]:
    """The better half of candidates by the rank of their best variant; equal ranks in the order of asking."""
    if not points:
        return []
    starts = np.cumsum([0, *(len(matrix) for matrix in points[:-1])])
    best = np.minimum.reduceat(ranks(np.concatenate(points)), starts).tolist()
    half = -(-len(points) // 2)
    return sorted(range(len(points)), key=lambda index: (best[index], index))[:half]


def sentences(rungs: Sequence[RungName], rows: Sequence[AuditRow]) -> list[str]:
    """The audit for people."""
    if not rows:
        return [f"one rung only ({rungs[-1]}): there is nothing to audit"]
    return [sentence(row) for row in rows]


def sentence(row: AuditRow) -> str:
    """One row of the audit for people."""
    what = f"rungs {row['low_rung']} and {row['high_rung']}"
    error = row["mean_abs_error"]
    if error is None:
        return f"{what}: no design was measured on both"
    climbs = "" if row["promote_fraction"] is None else f"; {row['promote_fraction']:.0%} of a batch climbs"
    return (
        f"{what}: Spearman {_shown(row['spearman'])}, near the front {_shown(row['near_front_spearman'])}, "
        f"mean difference {100 * error:.1f} points of accuracy ({row['designs_count']} designs{climbs})"
    )


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
