"""Limits on area that no hardware point of a question meets: proven before anything is measured or priced.

An area follows from a machine's settings alone, so that the least over all points that the question holds is a true
lower bound, whatever network and compression. Limits on energy and time are not proven here: the densities that a
measurement finds may lower both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from joulescape.pricing.metrics import Priced, area_mm2, at_node
from joulescape.pricing.sealed import Read, Sealed
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.hardware import HardwarePlan
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import ChoiceDomain, IntDomain, Scalar
from joulescape.spec.space import Bound

MOST_POINTS = 1024
"""So many drawn hardware points of a machine are asked for their area."""

AREA: Final = "area_mm2"

Values = dict[str, Scalar]


def area_reason(space: DesignSpace, back_end: str) -> str | None:
    """Why a machine keeps the limits on area at none of its hardware points; None where that is not proven."""
    bound = space.spec.constraints.get(AREA)
    found = None if bound is None else areas_of(space, back_end)
    if bound is None or found is None:
        return None
    areas = np.concatenate([areas for _, areas in found])
    over = beyond(bound, areas)
    if (over <= 0).any():
        return None
    points = [{**drawn, **swept} for drawn, _ in found for swept in space.hardware[back_end].variants()]
    nearest = int(np.argmin(over))
    telling = ", ".join(f"{path} {value}" for path, value in points[nearest].items() if _tells(path, points, over))
    most = "least" if bound.at_least is None else "most" if bound.at_most is None else "nearest"
    at = f" (at {telling})" if telling else ""
    return (
        f"{AREA} must be {' and '.join(limit_words(bound))}, and {back_end} has {areas[nearest]:.4g} at the {most}{at}"
    )


def areas_of(space: DesignSpace, back_end: str) -> list[tuple[Values, FloatArray]] | None:
    """Area of every variant, (variants,), at all drawn values by path that the area reads.

    Every other drawn value is sealed meanwhile. None where the area reads a real number, or more than MOST_POINTS.
    """
    plan = space.hardware[back_end]
    names = {parameter.name.removeprefix(f"hardware.{back_end}."): parameter for parameter in plan.parameters()}
    read: set[str] = set()
    while True:
        points = every([one for path, one in names.items() if path in read], MOST_POINTS)
        if points is None:
            return None
        drawn = [{path: point[names[path].name] for path in names if path in read} for point in points]
        sealed = {path: Sealed(path) for path in names if path not in read}
        try:
            return [(values, _areas(space, plan, {**sealed, **values})) for values in drawn]
        except Read as looked_at:
            read.add(looked_at.name)
        except TypeError:  # what takes only numbers or only text refuses a sealed value without looking at it
            if not sealed:
                raise
            read.update(names)


def every(parameters: Sequence[Parameter], most: int) -> list[Values] | None:
    """All values of the parameters, what a choice switches off at its first; None where there are more than `most`.

    A real number has no end of values.
    """
    grown: list[Values] = [{}]
    for one in parameters:
        grown = [{**known, one.name: value} for known in grown for value in _values(one, known, most)]
        if not 0 < len(grown) <= most:
            return None
    return grown


def _values(parameter: Parameter, known: Values, most: int) -> Sequence[Scalar]:
    """One more than `most` at most; none where there is no end of them."""
    domain = parameter.domain
    if parameter.parent is not None and known[parameter.parent] != parameter.option:
        return domain.ends()[:1]
    if isinstance(domain, ChoiceDomain):
        return domain.options
    if isinstance(domain, IntDomain):
        return range(domain.low, domain.high + 1, domain.step)[: most + 1]
    return () if domain.only is None else (domain.only,)


def _areas(space: DesignSpace, plan: HardwarePlan, drawn: Mapping[str, Any]) -> FloatArray:
    """Area of every variant at the question's node, as `evaluate` has it, (variants,)."""
    variants, spec = plan.variants(), space.spec
    settings = plan.settings({**plan.fixed, **drawn}, variants, spec.corner)
    machine = plan.back_end.machine(spec.boundary, settings, spec.corner).with_variants(variants)
    priced = Priced({}, machine.area(), None, 0)
    if isinstance(spec.node, int):
        priced = at_node(priced, machine.node_nm, spec.node, spec.scaling_rule)
    return area_mm2(priced, len(variants))


def beyond(bound: Bound, values: FloatArray) -> FloatArray:
    """By how much values lie beyond a bound; 0 or less within it."""
    ends = [] if bound.at_most is None else [values - bound.at_most]
    ends += [] if bound.at_least is None else [bound.at_least - values]
    return np.asarray(np.max(ends, axis=0))


def _tells(path: str, points: Sequence[Values], over: FloatArray) -> bool:
    """Whether the best is not the same at every value of a path."""
    best: dict[str, float] = {}
    for point, value in zip(points, over.tolist(), strict=True):
        best[str(point[path])] = min(value, best.get(str(point[path]), value))
    return len(set(best.values())) > 1


def limit_words(bound: Bound) -> Iterator[str]:
    """`at most 20`, `at least 5`: each side that a bound has."""
    yield from () if bound.at_most is None else (f"at most {bound.at_most:g}",)
    yield from () if bound.at_least is None else (f"at least {bound.at_least:g}",)
