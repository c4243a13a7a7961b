"""NSGA-II (Deb 2002) as Optuna breeds it: children of the best candidates of the pair so far.

The parents are handed over as they are, so children are a pure function of (parents, seed), and their cost does not
grow with the length of the search. The children are those of `optuna.samplers.NSGAIISampler`, number for number (a
test holds them together); it compares, checks and transforms its parents anew for every child, which was most of what
a search costs beside its evaluations. Here that happens once a batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import RandomSampler

from joulescape.search.elite import Elite
from joulescape.search.optuna_studies import RUNNING, study_of, worst_of
from joulescape.search.sampler import Genes, Ground, Space, Told
from joulescape.search.samplers.random import drawn
from joulescape.spec.domain import Scalar

SMALLEST_ELITE = 4
"""Fewer parents than this do not breed: their pair is drawn at random."""


TOLD_PER_PARENT = 4
"""Parents are the best quarter of what was told of their pair, at most `population`: few parents converge sooner, and
what is new always competes with all that was told before."""

CROSSOVER = 0.9
"""Share of children that have two parents."""

SWAPPING = 0.5
"""Share of its genes that such a child has from the first of them."""

SMALLEST_VIOLATION = 1e-9
"""An infeasible parent counts as such, however little it misses by."""


def parent_count(told: int, population: int) -> int:
    """How many parents breed after so many candidates."""
    return max(SMALLEST_ELITE, min(population, told // TOLD_PER_PARENT))


class Breeding:
    """Breeds from the best of what was told of the pair."""

    redraws = 4
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._ground, self._space = ground, ground.space
        self._elite = Elite(max(SMALLEST_ELITE, ground.population))

    def tell(self, told: Sequence[Told]) -> None:
        """Let the best survive."""
        self._elite.tell(told)

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """Children without end."""
        parents = self._elite.best(parent_count(self._elite.told, self._ground.population))
        return children(parents, self._space, self._ground.objectives, self._ground.seed_of(batch, 0))


def children(parents: Sequence[Told], space: Space, objectives: int, seed: int) -> Iterator[dict[str, Scalar]]:
    """Children of `parents` without end, bred as they are asked for; random draws when there are too few parents."""
    if len(parents) < SMALLEST_ELITE:
        yield from drawn(space, seed)
    fresh, study, brood = RandomSampler(seed=seed), study_of(1), _Brood(parents, space, objectives, seed)
    while True:
        child = brood.child()
        yield {
            name: child[name] if name in child else fresh.sample_independent(study, RUNNING, name, each)
            for name, each in space.items()
        }


class _Brood:
    """Tournament, uniform crossover and mutation, with the random numbers in Optuna's order."""

    def __init__(self, parents: Sequence[Told], space: Space, objectives: int, seed: int) -> None:
        self._chance = np.random.RandomState(seed)
        free = {name: each for name, each in space.items() if not each.single()}
        self._names = tuple(free)
        self._crossed = tuple(sorted(free, key=lambda name: not isinstance(free[name], CategoricalDistribution)))
        self._genes = [tell.genes for tell in parents]
        self._passed = [[_passed(free[name], tell.genes[name]) for name in self._crossed] for tell in parents]
        self._beats = beats(parents, objectives).tolist()

    def child(self) -> dict[str, Scalar]:
        """The genes of the next child, without those that mutation takes away."""
        chance = self._chance
        if chance.rand() < CROSSOVER:
            everyone = range(len(self._genes))
            first = self._winner(everyone)
            second = self._winner([one for one in everyone if one != first])
            is_swapped = (chance.rand(len(self._crossed)) >= SWAPPING).tolist()
            both = zip(self._crossed, self._passed[first], self._passed[second], is_swapped, strict=True)
            genes = {name: theirs if swapped else own for name, own, theirs, swapped in both}
        else:
            own_genes = self._genes[chance.randint(len(self._genes))]
            genes = {name: own_genes[name] for name in self._names}
        kept = (chance.rand(len(genes)) >= 1 / max(1, len(genes))).tolist()
        return {name: value for (name, value), stays in zip(genes.items(), kept, strict=True) if stays}

    def _winner(self, field: Sequence[int]) -> int:
        """The better of two by chance; the second where neither is."""
        one, other = (field[self._chance.randint(len(field))] for _ in range(2))
        return one if self._beats[one][other] else other


def beats(parents: Sequence[Told], objectives: int) -> NDArray[np.bool_]:
    """Whether each parent beats each other one: it is feasible alone, or misses by less, or dominates (Deb 2000)."""
    worst = worst_of(parents, objectives)
    values = np.array([tell.point or worst for tell in parents], dtype=float)
    missed = np.array([0.0 if tell.point is not None else max(tell.violation, SMALLEST_VIOLATION) for tell in parents])
    no_worse = (values[:, None, :] <= values[None, :, :]).all(axis=2)
    is_fair = (missed[:, None] == 0) & (missed[None, :] == 0)
    return np.where(is_fair, no_worse & ~no_worse.T, missed[:, None] < missed[None, :])


def _passed(distribution: BaseDistribution, value: Scalar) -> Scalar:
    """What crossover passes on of a gene: floats stay below the top, and lose a last digit on the way by logarithm."""
    if not isinstance(distribution, FloatDistribution):
        return value
    number, below = float(value), float(np.nextafter(distribution.high, distribution.high - 1))
    return min(max(math.exp(math.log(number)), distribution.low), below) if distribution.log else min(number, below)


sampler = Breeding
