"""Optuna's quasi-random sampler (Sobol, scrambled by the seed): even cover without memory.

One sequence a pair goes on through the whole search. It covers all parameters of the pair, active or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.samplers import QMCSampler

from joulescape.search.optuna_studies import RUNNING, experiments, study_of
from joulescape.search.sampler import Genes, Ground, Told


class LowDiscrepancy:
    """Draws the next points of the sequence."""

    redraws = 24
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._space = ground.space
        with experiments():
            self._source = QMCSampler(
                qmc_type="sobol", scramble=True, seed=ground.seed_of(), warn_independent_sampling=False
            )
        self._sequence = self._points()

    def tell(self, told: Sequence[Told]) -> None:
        """Nothing is learnt."""

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """Where the last batch stopped."""
        return self._sequence

    def _points(self) -> Iterator[Genes]:
        study = study_of(1)
        free = {name: each for name, each in self._space.items() if not each.single()}
        while True:
            drawn = self._source.sample_relative(study, RUNNING, free)
            yield {
                name: drawn[name] if name in drawn else self._source.sample_independent(study, RUNNING, name, each)
                for name, each in self._space.items()
            }


sampler = LowDiscrepancy
