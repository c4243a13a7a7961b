"""Which designs are measured again: the best of each back end, the front, and what is near it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from joulescape.front import FloatArray, contributions, distances, nondominated, objective_matrix, reference_point

Reason = Literal["front", "best_of_back_end", "near_front"]
Row = Mapping[str, Any]

NEAR_BEST_FRACTION = 0.01
"""The thriftiest design of a back end is sought within one point of its best accuracy."""


@dataclass(frozen=True)
class Pick:
    """One design to be confirmed, and why."""

    row: Row
    reason: Reason


def pick(rows: Sequence[Row], objectives: Mapping[Any, str], count: int) -> list[Pick]:
    """At most `count` designs: front by hypervolume contribution, best of each back end, near-front, in this order.

    The best of each back end keep up to half of the places, whatever the size of the front: every technology is
    confirmed at its best. What is on the front is called `front`, even where it is also the best of its back end.
    """
    valid = [row for row in rows if row["state"] == "valid"]
    if not valid:
        return []
    points = objective_matrix(valid, objectives)
    on_front = nondominated(points)
    best = [index for index in _best(valid, objectives) if not on_front[index]][: count // 2]
    front = _front_first(points, on_front)[: count - len(best)]
    near = _near(points, on_front, {*best})[: max(0, count - len(best) - len(front))]
    chosen: list[tuple[list[int], Reason]] = [(front, "front"), (best, "best_of_back_end"), (near, "near_front")]
    return [Pick(valid[index], reason) for indices, reason in chosen for index in indices]


def _front_first(points: FloatArray, on_front: Any) -> list[int]:
    """Front points, the largest contribution first; equal ones in order."""
    indices = np.flatnonzero(on_front)
    volumes = contributions(points[indices], reference_point(points))
    return [int(indices[i]) for i in np.argsort(-volumes, kind="stable")]


def _best(valid: Sequence[Row], objectives: Iterable[str]) -> list[int]:
    """For each back end its most accurate design, then for each its thriftiest near that accuracy."""
    accuracy = "trained_accuracy_fraction" if "accuracy_fraction" not in objectives else "accuracy_fraction"
    energy = next((name for name in objectives if name.endswith("energy_pj")), "inference_energy_pj")
    measured = [i for i, row in enumerate(valid) if row.get(accuracy) is not None and row.get(energy) is not None]
    groups = [[i for i in measured if valid[i]["back_end"] == b] for b in dict.fromkeys(r["back_end"] for r in valid)]
    accurate = [max(group, key=lambda i: (valid[i][accuracy], -valid[i][energy])) for group in groups if group]
    thrifty = [
        min(
            (i for i in group if valid[i][accuracy] >= valid[top][accuracy] - NEAR_BEST_FRACTION),
            key=_by(valid, energy),
        )
        for group, top in zip([g for g in groups if g], accurate, strict=True)
    ]
    return list(dict.fromkeys([*accurate, *thrifty]))


def _near(points: FloatArray, on_front: Any, taken: set[int]) -> list[int]:
    """What would be the front without the front, nearest first."""
    rest = np.array([i for i in np.flatnonzero(~on_front) if int(i) not in taken], dtype=int)
    if not len(rest):
        return []
    second = rest[nondominated(points[rest])]
    gaps = distances(points[second], points[on_front])
    return [int(second[i]) for i in np.argsort(gaps, kind="stable")]


def _by(rows: Sequence[Row], name: str) -> Any:
    return lambda index: rows[index][name]
