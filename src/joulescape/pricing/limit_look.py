"""Limits on energy, time and power that no design of a pair comes near: proven where all are priced as they are judged.

A question about costs alone is judged at nominal statistics, so that all designs of a pair, where they are few, prove
it. Else some are priced, and the nearest of them is told: a measurement may find zeros that lower a cost, and a design
that nobody tried may be nearer. Limits on area are proven in `least_area`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from joulescape.errors import Infeasible
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.first_look import Barred, designs_of, tried_values
from joulescape.pricing.least_area import AREA, beyond, limit_words
from joulescape.pricing.metrics import at_node, metrics_of, price
from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import Scalar
from joulescape.spec.space import ACCURACY_METRICS, Bound

Limits = Mapping[str, Bound]
Costs = Mapping[str, FloatArray]
"""What limits of one design are about, by name, of its variants that run, (variants,)."""

NEAR = 2.0
"""Where all that is told is no proof, a design that misses no limit by more than this factor is near enough."""

_DOUBT = {
    True: "a measurement may find zeros that lower it",
    False: "others, or zeros that a measurement finds, may do",
}
"""By whether all designs were priced."""


def out_of_reach(space: DesignSpace, known: Sequence[str] = ()) -> Iterator[Barred]:
    """Pairs none of whose priced designs comes near the limits on costs; those `known` to be out are passed over."""
    limits: Limits = {
        name: bound for name, bound in space.spec.constraints.items() if name not in {*ACCURACY_METRICS, AREA}
    }
    for pair in space.pairs if limits else ():
        found = None if pair.name in known else _too_dear(space, pair, limits)
        if found is not None:
            yield found


def spared(space: DesignSpace) -> str | None:
    """How designs that break a limit on costs are refused without being measured; None where that is so already, or
    cannot be."""
    rungs = space.spec.rungs
    if len(rungs) == 1 or "closed_form" in rungs:
        return None
    listed = ", ".join(("closed_form", *rungs))
    return f"designs are priced after they are measured; budget.rungs: [{listed}] refuses those too dear before"


def _too_dear(space: DesignSpace, pair: Pair, limits: Limits) -> Barred | None:
    """The first designs of a pair, and where none of them keeps the limits, more; None as soon as one does."""
    designs, are_all = designs_of(space, pair)
    is_proven = are_all and not space.spec.needs_accuracy
    wanted = limits if is_proven else {name: _widened(bound) for name, bound in limits.items()}
    seen: list[Costs] = []
    for values in designs if are_all else [*tried_values(space, pair), *designs]:
        costs = _costs(space, values, limits)
        if costs is not None and _keeps(costs, wanted):
            return None
        seen += [] if costs is None else [costs]
    if not seen:
        return None
    count = f"all of its {len(seen)} designs" if are_all else f"{len(seen)} sampled designs"
    whose = "its only design" if are_all and len(seen) == 1 else f"the nearest of {count}"
    said = "; ".join(_told(seen, wanted, limits, whose))
    return Barred(pair.name, said if is_proven else f"{said}; no proof: {_DOUBT[are_all]}", is_proven)


def _told(seen: Sequence[Costs], wanted: Limits, limits: Limits, whose: str) -> Iterator[str]:
    """Each limit that no design comes near, with the nearest figure; else that none comes near all at once."""
    told = [said for name in limits if (said := _missed(name, seen, wanted[name], limits[name], whose))]
    yield from told or [f"{' and '.join(limits)} are not kept at once, not by {whose}"]


def _missed(name: str, seen: Sequence[Costs], wanted: Bound, bound: Bound, whose: str) -> str | None:
    values = np.concatenate([costs[name] for costs in seen if name in costs] or [np.empty(0)])
    if not values.size or (beyond(wanted, values) <= 0).any():
        return None
    nearest = values[int(np.argmin(beyond(bound, values)))]
    return f"{name} must be {' and '.join(limit_words(bound))}, and {whose} has {nearest:.4g}"


def _keeps(costs: Costs, limits: Limits) -> bool:
    """Whether one variant keeps every limit that its design has a figure for."""
    over = [beyond(limits[name], values) for name, values in costs.items()]
    return not over or bool((np.max(over, axis=0) <= 0).any())


def _widened(bound: Bound) -> Bound:
    most, least = bound.at_most, bound.at_least
    return Bound(at_most=None if most is None else most * NEAR, at_least=None if least is None else least / NEAR)


def _costs(space: DesignSpace, values: Mapping[str, Scalar], limits: Limits) -> Costs | None:
    """The design's limited costs at nominal statistics; None where none of its variants runs."""
    candidate, spec = space.candidate(values), space.spec
    try:
        machine, network = space.machine(candidate, spec.corner), described_for(space, candidate)
        plan = training_plan(space, candidate)
        works = all_works(space, network, plan)
        count = len(machine.variants)
        limits_of = [limit.overshoot for work in works.values() for limit in machine.limits(network, work)]
        runs = np.all([np.ones(count), *(np.broadcast_to(over, (count,)) <= 0 for over in limits_of)], axis=0)
        if not runs.any():
            return None
        priced = price(machine, network, works, plan)
    except Infeasible:
        return None
    if isinstance(spec.node, int):
        priced = at_node(priced, machine.node_nm, spec.node, spec.scaling_rule)
    found = metrics_of(priced, count, spec.lifecycle.inferences if spec.lifecycle else None)
    known = {name: value for name in limits if (value := found.get(name)) is not None}
    return {name: np.broadcast_to(value, (count,))[runs] for name, value in known.items()}
