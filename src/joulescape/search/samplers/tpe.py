"""Optuna's TPE, multivariate and grouped (Bergstra 2011, Ozaki 2022): densities of good designs and of the rest.

One study a pair, defined by run: only parameters that are switched on are drawn and modelled, in groups that always
come together. What was asked and not told yet counts as bad (constant liar), so the asks of a batch spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial

from joulescape.search.optuna_studies import experiments, finished, running, study_of, worst_of
from joulescape.search.sampler import PAIR, Genes, Ground, Told, active, is_on
from joulescape.spec.domain import Scalar

STARTUP = 10
"""Candidates of a pair that are drawn by chance before its densities are fitted."""


class Densities:
    """Fits its densities anew at each ask."""

    redraws = 8
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._ground, self._space = ground, ground.space
        self._told: list[Told] = []
        self._trials: dict[int, FrozenTrial] = {}

    def tell(self, told: Sequence[Told]) -> None:
        """Keep everything."""
        self._told += told

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:
        """Draws without end, each as if those before it had been asked."""
        ground = self._ground
        with experiments():  # `group`, which Optuna has called so since 2.8
            seed = ground.seed_of(batch, 0)
            sampler = TPESampler(n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True, seed=seed)
        study = study_of(ground.objectives, sampler)
        study.add_trials(self._finished())
        study.add_trials([running(active(genes, ground.parameters), self._space) for genes in pending])
        while True:
            yield self._walked(study.ask())

    def _finished(self) -> list[FrozenTrial]:
        worst = worst_of(self._told, self._ground.objectives)
        for told in self._told:
            if told.trial not in self._trials or told.point is None:
                genes = active(told.genes, self._ground.parameters)
                self._trials[told.trial] = finished(told, genes, self._space, worst, told.point is None)
        return list(self._trials.values())

    def _walked(self, trial: Trial) -> Genes:
        """Draw parents before their children, and only what is switched on."""
        chosen: dict[str, Scalar] = {}
        for parameter in self._ground.parameters:
            if parameter.name != PAIR and is_on(parameter, chosen):
                chosen[parameter.name] = suggested(trial, parameter.name, self._space[parameter.name])
        return chosen


def suggested(trial: Trial, name: str, among: BaseDistribution) -> Scalar:
    """One value, drawn by run."""
    match among:
        case CategoricalDistribution():
            chosen: Scalar = trial.suggest_categorical(name, among.choices)  # type: ignore[assignment]
            return chosen
        case IntDistribution():
            return trial.suggest_int(name, among.low, among.high, step=among.step, log=among.log)
        case FloatDistribution():
            return trial.suggest_float(name, among.low, among.high, log=among.log)
    raise TypeError(f"{name} has a distribution that no domain leads to: {among}")


sampler = Densities
