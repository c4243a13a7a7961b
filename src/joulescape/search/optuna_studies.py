"""What Optuna wants around a sampler: a study with directions, and trials that have ended or run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from joulescape.search.sampler import Genes, Space, Told

optuna.logging.set_verbosity(optuna.logging.ERROR)

RUNNING = create_trial(state=TrialState.RUNNING)
"""A trial about to be drawn; the samplers that are asked directly do not look at it."""


@contextmanager
def experiments() -> Iterator[None]:
    """Optuna warns at every use of what it calls experimental; docs/samplers.md says what to expect of which."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


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


class Finished:
    """Trials with all genes of a space; with a constraint only where one of them is infeasible.

    The trial of a feasible candidate is made once for as long as it is asked for again: to make one takes longer than
    to breed a child.
    """

    def __init__(self, space: Space, objectives: int) -> None:
        self.space, self.objectives = space, objectives
        self._made: dict[tuple[int, bool], tuple[Told, FrozenTrial]] = {}

    def trials(self, told: Sequence[Told]) -> list[FrozenTrial]:
        """The trials of these candidates, in order."""
        worst, is_constrained = worst_of(told, self.objectives), any(item.point is None for item in told)
        made = {(id(item), is_constrained): (item, self._trial(item, worst, is_constrained)) for item in told}
        self._made = {key: both for key, both in made.items() if both[0].point is not None}
        return [made[id(item), is_constrained][1] for item in told]

    def _trial(self, item: Told, worst: Sequence[float], is_constrained: bool) -> FrozenTrial:
        known = self._made.get((id(item), is_constrained))
        if known is not None and known[0] is item:
            return known[1]
        return finished(item, {name: item.genes[name] for name in self.space}, self.space, worst, is_constrained)


def running(genes: Genes, space: Space) -> FrozenTrial:
    """The trial of a candidate that was asked and not told yet."""
    distributions = {name: space[name] for name in genes}
    return create_trial(state=TrialState.RUNNING, params=dict(genes), distributions=distributions)


def worst_of(told: Sequence[Told], objectives: int) -> list[float]:
    """The worst feasible value of each objective, 0 where nothing is feasible."""
    feasible = [item.point for item in told if item.point is not None]
    return [max(column) for column in zip(*feasible, strict=True)] or [0.0] * objectives
