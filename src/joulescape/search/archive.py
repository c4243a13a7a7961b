"""What the search has seen so far: the value each candidate is told with, and the growing hypervolume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from joulescape.evaluation import Evaluation
from joulescape.front import (
    FloatArray,
    distances,
    gains,
    hypervolume,
    nondominated,
    objective_matrix,
    reference_point,
)

TIE = 1e-9
"""Volumes and distances this close together, as a fraction, are equal: the lowest `variant_id` wins, not rounding."""


class Archive:
    """Told candidates in ask order. The reference point is fixed by the first batch that holds a feasible design."""

    def __init__(self, objectives: Mapping[Any, str]) -> None:
        self._objectives = dict(objectives)
        self._told = np.empty((0, len(objectives)))
        self._designs = np.empty((0, len(objectives)))
        self.reference: FloatArray | None = None

    def tell(self, batch: Sequence[Sequence[Evaluation]]) -> list[tuple[float, ...] | None]:
        """The told point of each candidate of a batch, in ask order; None where no variant is feasible."""
        matrices = [self._points(evaluations) for evaluations in batch]
        every = np.concatenate([*matrices, np.empty((0, len(self._objectives)))])
        if self.reference is None and len(every):
            self.reference = reference_point(every)
        points = [self._tell_one(matrix) for matrix in matrices]
        self._designs = _front(np.concatenate([self._designs, every]))
        return points

    @property
    def front_size(self) -> int:
        """Designs on the front so far."""
        return len(self._designs)

    def hypervolume(self) -> float | None:
        """Hypervolume of all designs so far; None until one is feasible."""
        return None if self.reference is None else hypervolume(self._designs, self.reference)

    def _points(self, evaluations: Sequence[Evaluation]) -> FloatArray:
        """Feasible variants by `variant_id`, shape (variants, objectives)."""
        valid = sorted((e for e in evaluations if e.state == "valid"), key=lambda e: e.variant_id)
        return objective_matrix([e.metrics for e in valid], self._objectives)

    def _tell_one(self, points: FloatArray) -> tuple[float, ...] | None:
        """The variant that adds most to what was told before; where none adds, the nearest to it; then the first."""
        if not len(points) or self.reference is None:
            return None
        chosen = 0 if len(points) == 1 else self._best(points, self.reference)
        self._told = _joined(self._told, points[chosen : chosen + 1])
        return tuple(points[chosen].tolist())

    def _best(self, points: FloatArray, reference: FloatArray) -> int:
        added = gains(points, self._told, reference)
        if added.max() > 0 or not len(self._told):
            return int(np.argmax(added >= added.max() * (1 - TIE)))
        gaps = distances(points, self._told)
        return int(np.argmax(gaps <= gaps.min() * (1 + TIE)))


def _joined(front: FloatArray, point: FloatArray) -> FloatArray:
    """The front with one more point, shape (1, objectives); most points are dominated, and change nothing."""
    no_worse = (front <= point).all(axis=1)
    if no_worse.any() and (front[no_worse] < point).any():
        return front
    return _front(np.concatenate([front, point]))


def _front(points: FloatArray) -> FloatArray:
    return points[nondominated(points)]
