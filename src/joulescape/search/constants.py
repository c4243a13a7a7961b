"""The machines' numbers as the shelf had them at the time of a search: what a later run is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from joulescape import tables
from joulescape.network.task import TASKS
from joulescape.resolve.settings import leaves
from joulescape.spec.sourced import Sourced

if TYPE_CHECKING:
    from joulescape.resolve.back_end import BackEnd
    from joulescape.resolve.design_space import DesignSpace

Row = dict[str, Any]


def constants_table(space: DesignSpace) -> pl.DataFrame:
    """One row a value: by back end, by station (the back end itself, its host, its off-chip memory), then by path."""
    rows = [row for name in sorted(space.back_ends) for row in _of(space.back_ends[name])]
    return tables.make(rows, tables.CONSTANTS)


def sources_of(space: DesignSpace) -> dict[str, Any]:
    """Whom a report cites beside the constants: of every compression method of the question, and of its data."""
    options = {option.name: option.method for step in space.steps for option in step.options}
    methods = {name: list(method.sources) for name, method in sorted(options.items()) if method is not None}
    collected = TASKS[space.spec.task].source
    return {"compression": methods, "data": [collected] if collected and space.spec.needs_accuracy else []}


def _of(back_end: BackEnd) -> Iterator[Row]:
    kept = [(station.name, leaves(station.settings)) for station in back_end.stations]
    kept += [
        (back_end.off_chip.name, leaves(back_end.off_chip.spec)),
        (back_end.name, {"node_nm": back_end.spec.node_nm}),
    ]
    for station, values in kept:
        for path, value in sorted(values.items()):
            yield {"back_end": back_end.name, "station": station, "path": path, **_said(value)}


def _said(value: Any) -> Row:
    """A sourced number with its proof; of anything else its number or its text."""
    if isinstance(value, Sourced):
        return value.model_dump()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"value": float(value)}
    return {"text": str(value)}
