"""Which pairs of a question never run, as far as a few of their designs tell: before any measurement, no data read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile

import numpy as np

from joulescape.errors import Infeasible
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.energy import described_for
from joulescape.resolve.candidate import Pair, Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.domain import ChoiceDomain, Scalar

MOST_TRIED = 8
"""Designs of a pair: enough for each option of usual choices to be met once."""


def pairs_without_designs(space: DesignSpace) -> Iterator[str]:
    """A note for each pair none of whose tried designs keeps the machine's limits, with the first one's reason.

    Tried are the space's values where nothing is drawn, else designs from the first to the last value of every domain.
    """
    for pair in space.pairs:
        tried = tried_values(space, pair)
        reasons = list(takewhile(lambda reason: reason is not None, (_misfit(space, values) for values in tried)))
        if len(reasons) == len(tried):
            how = "as set" if len(tried) == 1 else f"in each of {len(tried)} designs tried"
            yield f"{pair.name}: infeasible {how}: {reasons[0]}"


def tried_values(space: DesignSpace, pair: Pair) -> list[dict[str, Scalar]]:
    """Values of a few designs of a pair, from the first to the last of every domain."""
    columns = {parameter.name: _values(parameter) for parameter in space.parameters(pair)} | {"pair": (pair.name,)}
    count = min(MOST_TRIED, max(len(values) for values in columns.values()))
    steps = [step / max(count - 1, 1) for step in range(count)]
    return [{name: _at(values, step) for name, values in columns.items()} for step in steps]


def _values(parameter: Parameter) -> tuple[Scalar, ...]:
    domain = parameter.domain
    return tuple(domain.options) if isinstance(domain, ChoiceDomain) else (domain.low, domain.high)


def _at(values: tuple[Scalar, ...], step: float) -> Scalar:
    return values[round(step * (len(values) - 1))]


def _misfit(space: DesignSpace, values: Mapping[str, Scalar]) -> str | None:
    """Why every variant of the design breaks a limit; None where one keeps them all."""
    candidate = space.candidate(values)
    try:
        machine, network = space.machine(candidate), described_for(space, candidate)
        works = all_works(space, network, training_plan(space, candidate))
        limits = [limit for work in works.values() for limit in machine.limits(network, work)]
    except Infeasible as error:
        return str(error)
    shape = (len(machine.variants),)
    over = [(np.broadcast_to(np.asarray(limit.overshoot, dtype=float), shape) > 0, limit.reason) for limit in limits]
    broken = np.any([found for found, _ in over], axis=0) if over else np.zeros(shape, dtype=bool)
    return next(str(reason) for found, reason in over if found.any()) if broken.all() else None
