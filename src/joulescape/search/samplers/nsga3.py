"""Optuna's NSGA-III (Deb and Jain 2014): as NSGA-II, but parents survive by niches around reference directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

import optuna
from optuna.samplers import NSGAIIISampler
from optuna.trial import FrozenTrial

from joulescape.search.elite import Elite
from joulescape.search.optuna_studies import Finished, experiments, study_of
from joulescape.search.sampler import Genes, Ground, Told
from joulescape.search.samplers.nsga2 import SMALLEST_ELITE, inherited, parent_count
from joulescape.search.samplers.random import drawn


class Niches:
    """Breeds from at most `population` survivors of what was told of the pair."""

    redraws = 4
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._ground, self._space = ground, ground.space
        self._pool = Elite(max(SMALLEST_ELITE, ground.population))
        self._finished = Finished(ground.space, ground.objectives)

    def tell(self, told: Sequence[Told]) -> None:
        """Keep the best ranks."""
        self._pool.tell(told)

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """Children without end."""
        ground, pool = self._ground, self._pool.best(self._pool.told)
        seed, size = ground.seed_of(batch, 0), parent_count(self._pool.told, ground.population)
        if self._pool.told < SMALLEST_ELITE:
            return drawn(self._space, seed)
        study, trials = study_of(ground.objectives), self._finished.trials(pool)
        return inherited(_Breeder(trials, study, size, directions(ground.objectives, size), seed), study, self._space)


class _Breeder(NSGAIIISampler):
    """NSGA-III with a given population in place of one that it reads from a study."""

    def __init__(self, pool: Sequence[FrozenTrial], study: optuna.Study, size: int, divisions: int, seed: int) -> None:
        with experiments():
            super().__init__(population_size=size, dividing_parameter=divisions, seed=seed)
        self._pool = list(pool)
        self._survivors = self.select_parent(study, 1)

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:  # noqa: ARG002
        """The one after the pool's."""
        return 1

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002
        """The pool."""
        return self._pool

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002
        """Survivors of the pool; the pool itself has no parents."""
        return self._survivors if generation else []


def directions(objectives: int, population: int) -> int:
    """Divisions of each objective's axis: as many as give no more reference directions than parents."""
    fitting = (n for n in range(1, population + 1) if comb(objectives + n - 1, n) <= population)
    return max(fitting, default=1)


sampler = Niches
