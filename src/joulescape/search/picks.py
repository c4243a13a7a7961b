"""Which designs are measured again: the best of each back end, the front, and what is near it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from joulescape.front import (
    FloatArray,
    balanced,
    contributions,
    distances,
    nondominated,
    objective_matrix,
    reference_point,
    step_front,
)

Reason = Literal["front", "best_of_back_end", "near_front"]
Row = Mapping[str, Any]

TOLERANCE_FRACTION = 0.05
"""Balanced and cheapest designs are sought within so much of the best accuracy of all."""

NEAR_BEST_FRACTION = 0.01
"""Of a back end that has none there, within so much of its own best."""


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
    best = _best(valid, objectives)[: count // 2]
    front = [index for index in _front_first(points, on_front) if index not in best][: count - len(best)]
    near = _near(points, on_front, {*best})[: count - len(best) - len(front)]
    kept = [*(i for i in best if on_front[i]), *front, *(i for i in best if not on_front[i]), *near]
    return [Pick(valid[i], _reason(bool(on_front[i]), i in best)) for i in kept]


def _reason(is_on_front: bool, is_best: bool) -> Reason:
    if is_on_front:
        return "front"
    return "best_of_back_end" if is_best else "near_front"


def _front_first(points: FloatArray, on_front: Any) -> list[int]:
    """Front points, the largest contribution first; equal ones in order."""
    indices = np.flatnonzero(on_front)
    volumes = contributions(points[indices], reference_point(points))
    return [int(indices[i]) for i in np.argsort(-volumes, kind="stable")]


def _best(valid: Sequence[Row], objectives: Iterable[str]) -> list[int]:
    """What a reader will look at: of each back end the balanced, the cheapest and the most accurate design.

    Balanced and cheapest are among designs within five points of the best accuracy of all, where the report's panel
    opens; a back end without such a design has its thriftiest within one point of its own best. Where no accuracy was
    measured, all are equally good.
    """
    accuracy = "trained_accuracy_fraction" if "accuracy_fraction" not in objectives else "accuracy_fraction"
    energy = next((name for name in objectives if name.endswith("energy_pj")), "inference_energy_pj")
    sees_data = any(row.get(accuracy) is not None for row in valid)
    known = (energy, accuracy) if sees_data else (energy,)
    measured = [i for i, row in enumerate(valid) if all(row.get(name) is not None for name in known)]
    if not measured:
        return []
    costs, gains = [row.get(energy) for row in valid], [row.get(accuracy) or 0.0 for row in valid]
    limit = round(max(gains[i] for i in measured) - TOLERANCE_FRACTION, 4)
    groups = [[i for i in measured if valid[i]["back_end"] == b] for b in dict.fromkeys(r["back_end"] for r in valid)]
    found = [_of_group(costs, gains, group, limit) for group in groups if group]
    return list(dict.fromkeys(index for place in range(3) for index in (one[place] for one in found)))


def _of_group(
    costs: Sequence[float | None], gains: Sequence[float], group: Sequence[int], limit: float
) -> tuple[int, int, int]:
    """(balanced, cheapest, most accurate) of one back end."""
    best = max(group, key=lambda i: (gains[i], -(costs[i] or 0.0)))
    good = [i for i in group if gains[i] >= limit] or [i for i in group if gains[i] >= gains[best] - NEAR_BEST_FRACTION]
    front = step_front(costs, gains, good) or good
    chosen = balanced(costs, gains, good)
    return (good[0] if chosen is None else chosen, front[0], best)


def _near(points: FloatArray, on_front: Any, taken: set[int]) -> list[int]:
    """What would be the front without the front, nearest first."""
    rest = np.array([i for i in np.flatnonzero(~on_front) if int(i) not in taken], dtype=int)
    if not len(rest):
        return []
    second = rest[nondominated(points[rest])]
    gaps = distances(points[second], points[on_front])
    return [int(second[i]) for i in np.argsort(gaps, kind="stable")]
