"""What a sampler is asked and told: genes out, judged candidates in, one sampler a pair.

A child draws every parameter of its pair, active or not (hidden genes): what its choices switch off is carried along
unseen and never reaches the candidate, so that all candidates of a pair share one set of parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from joulescape.resolve.candidate import Parameter
from joulescape.spec.domain import AnyDomain, ChoiceDomain, IntDomain, Scalar

Genes = Mapping[str, Scalar]
"""Parameters of a pair with their drawn values; those that are switched off may be among them."""

Space = Mapping[str, BaseDistribution]
"""Optuna's distribution of each parameter."""

PAIR = "pair"


@dataclass(frozen=True)
class Told:
    """One candidate as the sampler hears of it: `point` (smaller is better) is None unless it is feasible."""

    trial: int
    pair: str
    genes: Genes
    point: tuple[float, ...] | None
    violation: float


@dataclass(frozen=True)
class Ground:
    """What the sampler of one pair stands on; `stream` tells the pairs' random numbers apart."""

    parameters: tuple[Parameter, ...]
    objectives: int
    population: int
    seed: int
    stream: int

    @property
    def space(self) -> Space:
        """Distributions of all parameters."""
        return distributions(self.parameters)

    def seed_of(self, *numbers: int) -> int:
        """A seed of this pair, the same in every run."""
        return seed_of(self.seed, self.stream, *numbers)


class Sampler(Protocol):
    """Draws candidates of one pair."""

    redraws: int
    """How often it may replace a candidate that was asked before."""

    is_exhaustive: bool
    """Whether its end is the end of the pair; else chance goes on where it ends or repeats itself."""

    def tell(self, told: Sequence[Told]) -> None:
        """Hear of judged candidates of the pair, in ask order, a whole batch at once."""

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:
        """Genes for one batch, drawn as they are asked for; `pending` was asked in earlier batches and not told yet."""


def seed_of(*numbers: int) -> int:
    """One seed of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def distributions(parameters: Sequence[Parameter]) -> dict[str, BaseDistribution]:
    """Optuna's name for each domain."""
    return {parameter.name: _distribution(parameter.domain) for parameter in parameters if parameter.name != PAIR}


def active(genes: Genes, parameters: Sequence[Parameter]) -> dict[str, Scalar]:
    """The genes that are switched on: those whose parent was drawn as the option they belong to."""
    chosen: dict[str, Scalar] = {}
    for parameter in parameters:
        if parameter.name in genes and is_on(parameter, chosen):
            chosen[parameter.name] = genes[parameter.name]
    return chosen


def is_on(parameter: Parameter, chosen: Mapping[str, Scalar]) -> bool:
    """Whether a parameter is drawn, given those before it that were."""
    return parameter.parent is None or (
        parameter.parent in chosen and str(chosen[parameter.parent]) == str(parameter.option)
    )


def _distribution(domain: AnyDomain) -> BaseDistribution:
    if isinstance(domain, ChoiceDomain):
        return CategoricalDistribution(domain.options)
    if isinstance(domain, IntDomain):
        top = domain.low + (domain.high - domain.low) // domain.step * domain.step
        return IntDistribution(domain.low, top, log=domain.log, step=domain.step)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
