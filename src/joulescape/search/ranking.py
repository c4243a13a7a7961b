"""How much a candidate promises: the non-dominated rank of its best variant among all that a rung has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from joulescape.evaluation import Evaluation
from joulescape.front import FloatArray, crowding, is_comparable, objective_matrix, ranks
from joulescape.network.fidelity import Fidelity
from joulescape.spec.space import ACCURACY_METRICS

if TYPE_CHECKING:
    from joulescape.spec.space import SpaceSpec

RANKED = 512
"""So many of a rung's best points (whole ranks) stay to rank new ones against; poorer ones change no good rank."""


def accuracy_of(evaluations: Sequence[Evaluation]) -> float | None:
    """A candidate's accuracy, which is that of each of its variants; None where none was measured."""
    return evaluations[0].metrics.get("accuracy_fraction")


@dataclass(frozen=True, order=True)
class Promise:
    """A candidate's place before others: smaller is better."""

    rank: int
    minus_crowding: float
    order: int
    """Place in the batch: parts what is equal otherwise."""
    variant: int
    """Which of its evaluations is the best."""


def points(spec: SpaceSpec, fidelity: Fidelity, evaluations: Sequence[Evaluation]) -> FloatArray:
    """One row a comparable evaluation, smaller is better: the objectives that this fidelity knows, then the shortfalls.

    A limit on an accuracy that is no objective ranks by how far it is missed: low rungs never refuse by it.
    """
    objectives = fidelity.known(spec.objectives)
    rows = [item.metrics for item in evaluations if is_comparable(item.metrics, objectives)]
    limits = {
        name: bound.at_least
        for name, bound in fidelity.known(spec.constraints).items()
        if name in ACCURACY_METRICS and name not in objectives and bound.at_least is not None
    }
    if not limits:
        return objective_matrix(rows, objectives)
    missed = [[_shortfall(row, name, limit) for name, limit in limits.items()] for row in rows]
    found = objective_matrix(rows, objectives) if objectives else np.empty((len(rows), 0))
    return np.concatenate([found, np.array(missed, dtype=float).reshape(len(rows), len(limits))], axis=1)


def promises(known: FloatArray, candidates: Sequence[FloatArray]) -> list[Promise]:
    """What each candidate promises, in their order; each brings at least one point of its own."""
    every = np.concatenate([*([known] if len(known) else []), *candidates])
    rank = ranks(every)
    ends = len(known) + np.cumsum([len(own) for own in candidates])
    best = [int(rank[end - len(own) : end].min()) for own, end in zip(candidates, ends, strict=True)]
    width = {level: _crowding(every, rank, level) for level in set(best)}
    return [
        _promise(order, level, rank[end - len(own) : end], width[level][end - len(own) : end])
        for order, (own, end, level) in enumerate(zip(candidates, ends, best, strict=True))
    ]


def best_points(every: FloatArray) -> FloatArray:
    """The best RANKED points, or a few more: ranks stay whole."""
    if len(every) <= RANKED:
        return every
    rank = ranks(every)
    best: FloatArray = every[rank <= np.sort(rank)[RANKED - 1]]
    return best


def _promise(order: int, level: int, rank: Any, width: FloatArray) -> Promise:
    mine = np.where(rank == level, width, -np.inf)
    variant = int(np.argmax(mine))
    return Promise(level, -float(mine[variant]), order, variant)


def _crowding(every: FloatArray, rank: Any, level: int) -> FloatArray:
    found = np.zeros(len(every))
    found[rank == level] = crowding(every[rank == level])
    return found


def _shortfall(row: Mapping[str, float | None], name: str, limit: float) -> float:
    value = row.get(name)
    return limit if value is None else max(limit - value, 0.0)
