"""For simulators that count one machine at a time: settings whose swept fields hold arrays are taken apart into plain
ones, and what these answer is put together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np

from joulescape.simulators.base import Energy, LayerCost, Limit, MappingGap, Quantity, Traffic
from joulescape.spec.base import Shape

ShapeT = TypeVar("ShapeT", bound=Shape)


def swept(settings: Shape, paths: Iterable[str]) -> dict[str, Any]:
    """The fields among dotted `paths` that hold one value for each variant."""
    values = {path: _value(settings, path) for path in sorted(paths)}
    return {path: value for path, value in values.items() if np.ndim(value)}


def variants(settings: ShapeT, paths: Iterable[str]) -> list[ShapeT]:
    """Plain settings, one for each variant; the settings themselves where nothing is swept."""
    columns = {path: np.asarray(value).tolist() for path, value in swept(settings, paths).items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] or [{}]
    return [reduce(lambda held, change: _changed(held, *change), row.items(), settings) for row in rows]


def stacked_limits(found: Sequence[Sequence[Limit]]) -> list[Limit]:
    """Limits of every variant: each reason by itself, and by how much each variant breaks it."""
    if len(found) == 1:
        return list(found[0])
    reasons = dict.fromkeys(limit.reason for limits in found for limit in limits)
    known = [{limit.reason: float(np.max(limit.overshoot)) for limit in limits} for limits in found]
    return [Limit(reason, _array([limits.get(reason, -1.0) for limits in known])) for reason in reasons]


def stacked(costs: Sequence[LayerCost]) -> LayerCost:
    """One cost whose numbers are arrays over the variants (as it is where there is one); all have equal components."""
    if len(costs) == 1:
        return costs[0]
    return replace(
        costs[0],
        latency_ns=_array([cost.latency_ns for cost in costs]),
        active_units=_array([cost.active_units for cost in costs]),
        utilisation_fraction=_array([cost.utilisation_fraction for cost in costs]),
        bound_by=np.array([cost.bound_by for cost in costs]),
        energies=tuple(
            Energy(parts[0].component, _array([part.energy_pj for part in parts]))
            for parts in zip(*(cost.energies for cost in costs), strict=True)
        ),
        traffic=tuple(
            Traffic(*named, _array([m.read_bytes for m in moves]), _array([m.write_bytes for m in moves]))
            for named, moves in _by_memory(costs).items()
        ),
        occupancy_ns=_stacked_times([cost.occupancy_ns for cost in costs]),
        mapping_gap=_stacked_gaps([cost.mapping_gap for cost in costs]),
    )


def _stacked_times(found: Sequence[Quantity | None]) -> Quantity | None:
    """Occupancies of every variant; a simulator states them for all variants of a work or for none."""
    times = [time for time in found if time is not None]
    return _array(times) if times else None


def _stacked_gaps(found: Sequence[MappingGap | None]) -> MappingGap | None:
    """Gaps of every variant; a simulator searches a mapping for all variants of a work or for none."""
    gaps = [gap for gap in found if gap is not None]
    return MappingGap(np.array([g.objective for g in gaps]), _array([g.fraction for g in gaps])) if gaps else None


def _by_memory(costs: Sequence[LayerCost]) -> dict[tuple[str, str], list[Traffic]]:
    """Moves of every variant, by memory and operand; one that a variant does not make is empty."""
    names = dict.fromkeys((move.memory, move.operand) for cost in costs for move in cost.traffic)
    known = [{(move.memory, move.operand): move for move in cost.traffic} for cost in costs]
    return {name: [moves.get(name, Traffic(*name, 0.0, 0.0)) for moves in known] for name in names}


def _array(values: Sequence[Any]) -> Any:
    return np.asarray(values, dtype=float)


def _value(shape: Any, path: str) -> Any:
    for name in path.split("."):
        shape = None if shape is None else getattr(shape, name)
    return shape


def _changed(shape: ShapeT, path: str, value: Any) -> ShapeT:
    name, _, rest = path.partition(".")
    inner = _changed(getattr(shape, name), rest, value) if rest else value
    return shape.model_copy(update={name: inner})
