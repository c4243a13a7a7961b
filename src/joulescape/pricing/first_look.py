"""Which pairs of a question never run: proven, or as far as a few designs tell. No measurement, no price, no data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from joulescape.errors import Infeasible
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.least_area import area_reason, every
from joulescape.resolve.candidate import Pair, Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.domain import AnyDomain, ChoiceDomain, FloatDomain, IntDomain, Scalar

MOST_TRIED = 8
"""Designs of a pair from the first to the last values: enough for each option of usual choices to be met once."""

MOST_DESIGNS = 64
"""A pair of no more designs than this is tried to the last, which is a proof."""

SPREAD = 40
"""Further designs of any other pair, each value for itself: values that move together may miss what runs."""


@dataclass(frozen=True)
class Barred:
    """A pair none of whose designs runs: of all that there are where it `is_proven`, else of those that were tried."""

    pair: str
    reason: str
    is_proven: bool


def barred(space: DesignSpace) -> Iterator[Barred]:
    """The pairs that no design of theirs gets through the limits of machine and area, as far as that can be told."""
    areas = {name: area_reason(space, name) for name in space.hardware}
    for pair in space.pairs:
        too_large = areas[pair.back_end]
        found = _unfit(space, pair) if too_large is None else Barred(pair.name, too_large, is_proven=True)
        if found is not None:
            yield found


def tried_values(space: DesignSpace, pair: Pair) -> list[dict[str, Scalar]]:
    """Values of a few designs of a pair, from the first to the last of every domain."""
    columns = {parameter.name: _values(parameter) for parameter in space.parameters(pair)} | {"pair": (pair.name,)}
    count = min(MOST_TRIED, max(len(values) for values in columns.values()))
    steps = [step / max(count - 1, 1) for step in range(count)]
    return [{name: _at(values, step) for name, values in columns.items()} for step in steps]


def designs_of(space: DesignSpace, pair: Pair) -> tuple[list[dict[str, Scalar]], bool]:
    """All designs of a pair where they are few, else SPREAD of them, always the same; and whether they are all."""
    few = every(space.parameters(pair), MOST_DESIGNS)
    return (_spread(space, pair), False) if few is None else ([{**one, "pair": pair.name} for one in few], True)


def _unfit(space: DesignSpace, pair: Pair) -> Barred | None:
    """All designs of a pair where they are few, else some of them; None as soon as one runs."""
    first = tried_values(space, pair)
    reason, tried = _none_runs(space, first), len(first)
    if reason is None:
        return None
    more, are_all = designs_of(space, pair)
    if more and _none_runs(space, more) is None:
        return None
    if not are_all:
        return Barred(pair.name, f"infeasible in each of {tried + len(more)} designs tried: {reason}", is_proven=False)
    count = len({space.candidate(values).candidate_id for values in more})
    how = "as set" if count == 1 else f"in all of its {count} designs"
    return Barred(pair.name, f"infeasible {how}: {reason}", is_proven=True)


def _none_runs(space: DesignSpace, designs: Iterable[Mapping[str, Scalar]]) -> str | None:
    """Why the first of the designs does not run; None where one of them does."""
    reasons = []
    for values in designs:
        reasons.append(_misfit(space, values))
        if reasons[-1] is None:
            return None
    return reasons[0]


def _misfit(space: DesignSpace, values: Mapping[str, Scalar]) -> str | None:
    """Why every variant of the design breaks a limit; None where one keeps them all."""
    candidate = space.candidate(values)
    try:
        machine, network = space.machine(candidate, space.spec.corner), described_for(space, candidate)
        works = all_works(space, network, training_plan(space, candidate))
        limits = [limit for work in works.values() for limit in machine.limits(network, work)]
    except Infeasible as error:
        return str(error)
    shape = (len(machine.variants),)
    over = [(np.broadcast_to(np.asarray(limit.overshoot, dtype=float), shape) > 0, limit.reason) for limit in limits]
    broken = np.any([found for found, _ in over], axis=0) if over else np.zeros(shape, dtype=bool)
    return next(str(reason) for found, reason in over if found.any()) if broken.all() else None


def _spread(space: DesignSpace, pair: Pair) -> list[dict[str, Scalar]]:
    """Designs whose values are drawn each for itself, always the same ones."""
    parameters = space.parameters(pair)
    places = np.random.default_rng(0).random((SPREAD, len(parameters))).tolist()
    return [
        {
            "pair": pair.name,
            **{one.name: _within(one.domain, place) for one, place in zip(parameters, row, strict=True)},
        }
        for row in places
    ]


def _within(domain: AnyDomain, place: float) -> Scalar:
    """The value of a domain at a place from 0 to 1."""
    if isinstance(domain, ChoiceDomain):
        return domain.options[int(place * len(domain.options))]
    if not isinstance(domain, FloatDomain):
        return domain.low + domain.step * int(place * ((domain.high - domain.low) // domain.step + 1))
    if domain.log:
        return min(domain.high, domain.low * math.exp(place * math.log(domain.high / domain.low)))
    return domain.low + place * (domain.high - domain.low)


def _values(parameter: Parameter) -> tuple[Scalar, ...]:
    domain = parameter.domain
    if isinstance(domain, IntDomain):
        return domain.low, domain.low + (domain.high - domain.low) // domain.step * domain.step
    return tuple(domain.options) if isinstance(domain, ChoiceDomain) else (domain.low, domain.high)


def _at(values: tuple[Scalar, ...], step: float) -> Scalar:
    return values[round(step * (len(values) - 1))]
