"""Dominance, hypervolume and knees: pure functions of numbers.

Objectives are compared on (log10 costs, linear fractions), every column turned so that smaller is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

REFERENCE_MARGIN = 0.1
"""The reference point lies this share of the range beyond the worst value; where the range is zero, this far beyond."""

KNEE_RADIUS = 0.15
"""Two knees are at least this far apart, on objectives scaled to [0, 1]."""


def is_linear(metric: str) -> bool:
    """Whether a metric is compared as it stands (fractions); every other metric by its decimal logarithm."""
    return metric.endswith("_fraction")


def is_comparable(row: Mapping[str, Any], objectives: Iterable[str]) -> bool:
    """Whether every objective of `row` exists, is finite, and has a logarithm where it needs one."""
    return all(_is_usable(row.get(name), is_linear(name)) for name in objectives)


def objective_matrix(rows: Sequence[Mapping[str, Any]], objectives: Mapping[Any, str]) -> FloatArray:
    """Shape (rows, objectives), smaller is better: log10 of costs, fractions as they stand, maximised ones negated.

    `objectives` maps metric to `minimize` or `maximize`. Raises ValueError where a value is missing or has no
    logarithm. A search asks for a row or two at a time, many times: plain numbers are quicker than arrays there.
    """
    how = [(name, is_linear(name), -1.0 if way == "maximize" else 1.0) for name, way in objectives.items()]
    found: list[float] = []
    for row in rows:
        for name, linear, sign in how:
            value: Any = row.get(name)
            if not _is_usable(value, linear):
                values = {one: row.get(one) for one in objectives}
                raise ValueError(f"objectives missing or not positive: {values}")
            found.append(sign * (value if linear else math.log10(value)))
    return np.array(found, dtype=float).reshape(len(rows), len(objectives))


def nondominated(points: ArrayLike) -> BoolArray:
    """Mask of the points that no other point dominates; equal points stay together, so order does not matter."""
    matrix = _matrix(points)
    if not len(matrix):
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(matrix, keep_weakly=True), dtype=bool)


def ranks(points: ArrayLike) -> NDArray[np.int64]:
    """Rank of each point: 0 on the front, 1 on the front of the rest, and so on."""
    matrix = _matrix(points)
    return np.asarray(moocore.pareto_rank(matrix), dtype=np.int64) if len(matrix) else np.zeros(0, dtype=np.int64)


def crowding(points: ArrayLike) -> FloatArray:
    """Crowding distance of NSGA-II (Deb 2002): sum over objectives of the scaled gap between both neighbours.

    An end is largest: it counts as twice the whole range in its objective, so that the result stays finite.
    """
    matrix = _matrix(points)
    gaps = np.zeros(len(matrix))
    for column in matrix.T:
        order = np.argsort(column, kind="stable")
        span = float(np.ptp(column)) if len(column) else 0.0
        if span > 0:
            inner = (column[order][2:] - column[order][:-2]) / span
            gaps[order] += np.concatenate([[2.0], inner, [2.0]])
    return gaps


def reference_point(points: ArrayLike) -> FloatArray:
    """Worst value of each objective plus 10 % of its range (plus 0.1 where all are equal); needs at least one point."""
    matrix = _matrix(points)
    span = np.ptp(matrix, axis=0)
    margin = np.where(span > 0, REFERENCE_MARGIN * span, REFERENCE_MARGIN)
    return np.asarray(matrix.max(axis=0) + margin, dtype=float)


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that the points dominate below the reference point."""
    matrix = _matrix(points)
    return float(moocore.hypervolume(matrix, ref=np.asarray(reference))) if len(matrix) else 0.0


def contributions(points: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Volume that the front would lose without each of its points; 0 for a dominated point and for an equal twin."""
    matrix = _matrix(points)
    if not len(matrix):
        return np.zeros(0)
    found: FloatArray = moocore.hv_contributions(matrix, ref=np.asarray(reference), ignore_dominated=True)
    return np.asarray(found.clip(min=0.0), dtype=float)


def gains(points: ArrayLike, archive: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Volume that each point alone would add to the archive's: its own box less what the archive covers of the box."""
    matrix, known, end = _matrix(points), _matrix(archive), np.asarray(reference, dtype=float)
    return np.array([_gain(point, known, end) for point in matrix])


def distances(points: ArrayLike, front: ArrayLike) -> FloatArray:
    """Euclidean distance of each point to the nearest point of the front."""
    matrix, known = _matrix(points), _matrix(front)
    gaps: FloatArray = np.linalg.norm(matrix[:, None, :] - known[None, :, :], axis=2)
    return np.asarray(gaps.min(axis=1), dtype=float)


def bulge(points: ArrayLike) -> FloatArray:
    """How far each point lies below the plane through the ends of the front, objectives scaled to [0, 1]."""
    matrix = _matrix(points)
    return np.asarray(1.0 - _scaled(matrix).sum(axis=1), dtype=float)


def knees(points: ArrayLike, count: int = 3) -> tuple[int, ...]:
    """Indices of at most `count` knees, the strongest first: front points of largest bulge, apart from each other.

    At a knee a little more of one objective costs much of another. A front of fewer than three points has none.
    """
    matrix = _matrix(points)
    on_front = np.flatnonzero(nondominated(matrix))
    scaled, depth = _scaled(matrix[on_front]), bulge(matrix[on_front])
    picked: list[int] = []
    for index in np.lexsort((on_front, -depth)):
        near = any(np.linalg.norm(scaled[index] - scaled[other]) < KNEE_RADIUS for other in picked)
        if len(on_front) >= 3 and depth[index] > 0 and not near and len(picked) < count:
            picked.append(int(index))
    return tuple(int(on_front[index]) for index in picked)


def _is_usable(value: Any, is_linear: bool) -> bool:
    return value is not None and math.isfinite(value) and (is_linear or value > 0)


def _matrix(points: ArrayLike) -> FloatArray:
    return np.atleast_2d(np.ascontiguousarray(points, dtype=float))[: len(np.asarray(points))]


def _scaled(matrix: FloatArray) -> FloatArray:
    low = matrix.min(axis=0) if len(matrix) else 0.0
    span = np.ptp(matrix, axis=0) if len(matrix) else 1.0
    return np.asarray((matrix - low) / np.where(span > 0, span, 1.0))


def _gain(point: FloatArray, archive: FloatArray, reference: FloatArray) -> float:
    if np.any(point >= reference) or np.any(np.all(archive <= point, axis=1)):
        return 0.0
    box = float(np.prod(reference - point))
    covered = hypervolume(np.maximum(archive, point), reference) if len(archive) else 0.0
    return max(box - covered, 0.0)


def step_front(costs: Sequence[float | None], gains: Sequence[float], rows: Sequence[int]) -> list[int]:
    """Rows that no other row beats in both cost (> 0, known) and gain, by rising cost."""
    known = [(cost, row) for row in rows if (cost := costs[row] or 0.0) > 0]
    front: list[int] = []
    for _, row in sorted(known, key=lambda item: (item[0], -gains[item[1]], item[1])):
        if not front or gains[row] > gains[front[-1]]:
            front.append(row)
    return front


def balanced(costs: Sequence[float | None], gains: Sequence[float], rows: Sequence[int]) -> int | None:
    """The step front's point farthest below the line between its ends, on (log10 cost, -gain), each scaled to [0, 1].

    The cheapest when the front has no bulge; the first row when no cost is known; None when there is no row.
    """
    front = step_front(costs, gains, rows)
    if not front:
        return rows[0] if rows else None
    logs = {row: math.log10(costs[row] or 1.0) for row in front}
    first, last, chosen, farthest = front[0], front[-1], front[0], 0.0
    for row in front[1:-1]:
        right = (logs[row] - logs[first]) / (logs[last] - logs[first])
        up = (gains[row] - gains[first]) / (gains[last] - gains[first])
        if up - right > farthest + 1e-9:
            chosen, farthest = row, up - right
    return chosen
