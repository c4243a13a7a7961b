"""What Optuna wants around a sampler: a study with directions, and trials that have ended or run."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from joulescape.search.sampler import Genes, Space, Told

optuna.logging.set_verbosity(optuna.logging.ERROR)

RUNNING = create_trial(state=TrialState.RUNNING)
"""A trial about to be drawn; the samplers that are asked directly do not look at it."""


def study_of(objectives: int, sampler: BaseSampler | None = None) -> optuna.Study:
    """An empty study in memory that minimises every objective."""
    return optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)


def finished(told: Told, genes: Genes, space: Space, worst: Sequence[float], is_constrained: bool) -> FrozenTrial:
    """The trial of a told candidate; an infeasible one carries `worst` as placeholder, only its constraint counts."""
    violation = 0.0 if told.point is not None else max(told.violation, 1e-9)
    return create_trial(
        values=list(told.point or worst),
        params=dict(genes),
        distributions={name: space[name] for name in genes},
        constraints={"violation": violation} if is_constrained else None,
    )


def all_finished(told: Sequence[Told], space: Space, objectives: int) -> list[FrozenTrial]:
    """Trials with all genes of `space`; with a constraint only where one of them is infeasible."""
    worst, is_constrained = worst_of(told, objectives), any(item.point is None for item in told)
    return [finished(item, {name: item.genes[name] for name in space}, space, worst, is_constrained) for item in told]


def running(genes: Genes, space: Space) -> FrozenTrial:
    """The trial of a candidate that was asked and not told yet."""
    distributions = {name: space[name] for name in genes}
    return create_trial(state=TrialState.RUNNING, params=dict(genes), distributions=distributions)


def worst_of(told: Sequence[Told], objectives: int) -> list[float]:
    """The worst feasible value of each objective, 0 where nothing is feasible."""
    feasible = [item.point for item in told if item.point is not None]
    return [max(column) for column in zip(*feasible, strict=True)] or [0.0] * objectives
