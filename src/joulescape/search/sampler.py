"""Optuna's NSGA-II, asked for a handful of children from a given elite.

A fresh in-memory study holds the elite as its one finished generation, so the children are a pure function of (elite,
seed), and their cost does not grow with the length of the search. NSGA-II crosses over only parameters that all trials
have; so one study holds one pair, and a child draws every parameter of its pair, active or not (hidden genes): what
its choices switch off is inherited unseen and never reaches the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler

from joulescape.front import FloatArray, crowding, ranks
from joulescape.resolve.candidate import Parameter
from joulescape.spec.domain import AnyDomain, ChoiceDomain, IntDomain, Scalar

Genes = Mapping[str, Scalar]
"""Every parameter of a pair with its drawn value, active or not."""

PAIR = "pair"
SMALLEST_ELITE = 4
"""Fewer parents than this do not breed: their pair is drawn at random."""


@dataclass(frozen=True)
class Told:
    """One candidate as the sampler hears of it: `point` (smaller is better) is None unless it is feasible."""

    pair: str
    genes: Genes
    point: tuple[float, ...] | None
    violation: float


def distributions(parameters: Sequence[Parameter]) -> dict[str, BaseDistribution]:
    """Optuna's name for each domain."""
    return {parameter.name: _distribution(parameter.domain) for parameter in parameters if parameter.name != PAIR}


def active(genes: Genes, parameters: Sequence[Parameter]) -> dict[str, Scalar]:
    """The genes that are switched on: those whose parent was drawn as the option they belong to."""
    chosen: dict[str, Scalar] = {}
    for parameter in parameters:
        is_on = parameter.parent is None or (
            parameter.parent in chosen and str(chosen[parameter.parent]) == str(parameter.option)
        )
        if parameter.name in genes and is_on:
            chosen[parameter.name] = genes[parameter.name]
    return chosen


def elite(told: Sequence[Told], size: int) -> list[Told]:
    """The best `size`: feasible ones by rank, then crowding (larger first), then infeasible ones by violation."""
    feasible = [item for item in told if item.point is not None]
    infeasible = sorted((item for item in told if item.point is None), key=lambda item: item.violation)
    return [*_best_first(feasible), *infeasible][:size]


def children(
    parents: Sequence[Told],
    space: Mapping[str, BaseDistribution],
    objectives: int,
    seed: int,
    mutation_prob: float | None = None,
) -> Iterator[dict[str, Scalar]]:
    """Children of `parents` without end, bred as they are asked for; random draws when there are too few parents.

    `mutation_prob` is the share of parameters drawn anew; one parameter a child where it is None.
    """
    if len(parents) < SMALLEST_ELITE:
        yield from _asked(_study(RandomSampler(seed=seed), objectives), space)
    sampler = NSGAIISampler(population_size=len(parents), mutation_prob=mutation_prob, seed=seed)
    study = _study(sampler, objectives)
    feasible = [parent.point for parent in parents if parent.point is not None]
    worst = [max(column) for column in zip(*feasible, strict=True)] or [0.0] * objectives
    study.add_trials([_trial(parent, space, worst) for parent in parents])
    yield from _asked(study, space)


def _best_first(feasible: Sequence[Told]) -> list[Told]:
    if not feasible:
        return []
    points = np.array([item.point for item in feasible], dtype=float)
    return [feasible[index] for index in np.lexsort((-_crowding_by_rank(points), ranks(points)))]


def _crowding_by_rank(points: FloatArray) -> FloatArray:
    rank = ranks(points)
    found = np.zeros(len(points))
    for level in np.unique(rank):
        found[rank == level] = crowding(points[rank == level])
    return found


def _study(sampler: BaseSampler, objectives: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)


def _asked(study: optuna.Study, space: Mapping[str, BaseDistribution]) -> Iterator[dict[str, Scalar]]:
    while True:
        yield dict(study.ask(dict(space)).params)


def _trial(parent: Told, space: Mapping[str, BaseDistribution], worst: Sequence[float]) -> optuna.trial.FrozenTrial:
    """A finished trial of generation 0; an infeasible one carries placeholder values, only its constraint counts."""
    return optuna.trial.create_trial(
        values=list(parent.point or worst),
        params={name: parent.genes[name] for name in space},
        distributions=dict(space),
        system_attrs={NSGAIISampler._get_generation_key(): 0},
        constraints={"violation": 0.0 if parent.point is not None else max(parent.violation, 1e-9)},
    )


def _distribution(domain: AnyDomain) -> BaseDistribution:
    if isinstance(domain, ChoiceDomain):
        return CategoricalDistribution(domain.options)
    if isinstance(domain, IntDomain):
        top = domain.low + (domain.high - domain.low) // domain.step * domain.step
        return IntDistribution(domain.low, top, log=domain.log, step=domain.step)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
