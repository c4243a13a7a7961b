"""Optuna's Gaussian process (expected hypervolume improvement): the fewest evaluations, the dearest asks.

One study a pair over all its parameters, active or not: a Gaussian process knows no conditional parameters, and what is
switched off is taken for a parameter without effect. What was asked and not told yet is taken into account.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.samplers import GPSampler

from joulescape.accuracy.reference import single_thread
from joulescape.search.optuna_studies import Finished, running, study_of
from joulescape.search.sampler import Genes, Ground, Told
from joulescape.search.samplers.random import drawn

STARTUP = 10
"""Candidates of a pair that are drawn by chance before the process is fitted."""


class Process:
    """Fits one process an objective anew at each ask."""

    redraws = 2
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        single_thread()  # Optuna fits with torch: the same sums in the same order on every machine
        self._ground, self._space = ground, ground.space
        self._told: list[Told] = []

    def tell(self, told: Sequence[Told]) -> None:
        """Keep everything."""
        self._told += told

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:
        """Draws without end, each as if those before it had been asked."""
        ground, space = self._ground, dict(self._space)
        seed = ground.seed_of(batch, 0)
        if len(self._told) < STARTUP:
            yield from drawn(space, seed)
        sampler = GPSampler(n_startup_trials=STARTUP, seed=seed, warn_independent_sampling=False)
        study = study_of(ground.objectives, sampler)
        study.add_trials(Finished(space, ground.objectives).trials(self._told))
        study.add_trials([running(genes, space) for genes in pending])
        while True:
            yield dict(study.ask(space).params)


sampler = Process
