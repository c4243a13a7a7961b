"""Optuna's NSGA-II (Deb 2002): children of the best candidates of the pair so far.

The parents are handed over as they are, so children are a pure function of (parents, seed), and their cost does not
grow with the length of the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler
from optuna.trial import FrozenTrial

from joulescape.search.elite import Elite
from joulescape.search.optuna_studies import RUNNING, Finished, study_of
from joulescape.search.sampler import Genes, Ground, Space, Told
from joulescape.search.samplers.random import drawn
from joulescape.spec.domain import Scalar

SMALLEST_ELITE = 4
"""Fewer parents than this do not breed: their pair is drawn at random."""


TOLD_PER_PARENT = 4
"""Parents are the best quarter of what was told of their pair, at most `population`: few parents converge sooner, and
what is new always competes with all that was told before."""


def parent_count(told: int, population: int) -> int:
    """How many parents breed after so many candidates."""
    return max(SMALLEST_ELITE, min(population, told // TOLD_PER_PARENT))


class Breeding:
    """Breeds from the best of what was told of the pair."""

    redraws = 4
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._elite = Elite(max(SMALLEST_ELITE, ground.population))
        self._finished = Finished(ground.space, ground.objectives)

    def tell(self, told: Sequence[Told]) -> None:
        """Let the best survive."""
        self._elite.tell(told)

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """Children without end."""
        parents = self._elite.best(parent_count(self._elite.told, self._ground.population))
        return children(parents, self._finished, self._ground.seed_of(batch, 0))


class _Breeder(NSGAIISampler):
    """NSGA-II with a given parent population in place of one that it reads from a study."""

    def __init__(self, parents: Sequence[FrozenTrial], mutation_prob: float | None, seed: int) -> None:
        super().__init__(population_size=len(parents), mutation_prob=mutation_prob, seed=seed)
        self._given = list(parents)

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:  # noqa: ARG002
        """The one after the parents'."""
        return 1

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002
        """The given ones."""
        return self._given


def children(
    parents: Sequence[Told], known: Finished, seed: int, mutation_prob: float | None = None
) -> Iterator[dict[str, Scalar]]:
    """Children of `parents` without end, bred as they are asked for; random draws when there are too few parents.

    `mutation_prob` is the share of parameters drawn anew; one parameter a child where it is None.
    """
    if len(parents) < SMALLEST_ELITE:
        yield from drawn(known.space, seed)
    breeder = _Breeder(known.trials(parents), mutation_prob, seed)
    yield from inherited(breeder, study_of(known.objectives), known.space)


def inherited(breeder: BaseSampler, study: optuna.Study, space: Space) -> Iterator[dict[str, Scalar]]:
    """Children by sampler; what mutation takes away, and what has one value only, is drawn anew."""
    free = {name: each for name, each in space.items() if not each.single()}
    while True:
        child = breeder.sample_relative(study, RUNNING, free)
        yield {
            name: child[name] if name in child else breeder.sample_independent(study, RUNNING, name, each)
            for name, each in space.items()
        }


sampler = Breeding
