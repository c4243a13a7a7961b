"""`joulescape list`: what stands on the shelves, and which plug-ins there are."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Shelf(StrEnum):
    """What can be listed."""

    networks = "networks"
    back_ends = "back-ends"
    spaces = "spaces"
    studies = "studies"
    trends = "trends"
    simulators = "simulators"
    methods = "methods"


def list_command(
    shelf: Annotated[Shelf | None, typer.Argument(help="One shelf; all when absent.")] = None,
    root: Annotated[Path, typer.Option(help="The project, or a folder inside it.")] = Path(),
    paths: Annotated[
        str | None, typer.Option(help="A back end (electronic/eie): its settings, and which a question may search.")
    ] = None,
) -> None:
    """List names that a question may use. With one shelf: one name a line."""
    if paths is not None:
        typer.echo("\n".join(_paths(paths, root)))
        return
    if shelf is not None:
        typer.echo("\n".join(_names(shelf, root)))
        return
    for each in Shelf:
        names = _names(each, root)
        typer.echo(f"{each.value} ({len(names)})")
        typer.echo("\n".join(f"  {name}" for name in names) or "  none")


def _names(shelf: Shelf, root: Path) -> tuple[str, ...]:
    from joulescape import registry
    from joulescape.resolve import shelves

    if shelf is Shelf.simulators:
        return registry.names("joulescape.simulators")
    if shelf is Shelf.methods:
        return registry.names("joulescape.compression")
    readers = {
        Shelf.networks: shelves.network_names,
        Shelf.back_ends: shelves.back_end_names,
        Shelf.spaces: shelves.space_names,
        Shelf.studies: shelves.study_names,
        Shelf.trends: shelves.trend_names,
    }
    return readers[shelf](shelves.find_root(root))


def _paths(back_end: str, root: Path) -> Iterator[str]:
    """One setting a line: those to search first, then constants, which `joulescape cost --set` or a copy of the
    entry's file moves."""
    from joulescape.errors import SpecError
    from joulescape.resolve import shelves
    from joulescape.resolve.back_end import load_back_end
    from joulescape.resolve.hardware import HOST
    from joulescape.resolve.settings import leaves
    from joulescape.spec.document import Document

    project = shelves.find_root(root)
    known = shelves.back_end_names(project)
    if back_end not in known:
        named = Document("command line", {})
        raise SpecError([shelves.unknown_name(named, ("--paths",), back_end, known, shelves.BACK_END_FILE)])
    found = load_back_end(project, back_end)
    listed: dict[bool, list[str]] = {True: [], False: []}
    for station in found.stations:
        prefix = "" if station is found else HOST
        for path, value in leaves(station.settings).items():
            listed[path in station.simulator.searchable].append(f"  {prefix}{path}: {_shown(value)}")
    yield f"{back_end}, to set or to search in a question:"
    yield from listed[True]
    yield "as the entry has them; a copy of its file holds others, and `joulescape cost --set` for one design:"
    yield from listed[False]


def _shown(value: Any) -> str:
    """A setting's value; of a sourced one also its range, and how it is known."""
    from joulescape.spec.document import shown
    from joulescape.spec.sourced import Sourced

    if not isinstance(value, Sourced):
        return str(value) if value is None or isinstance(value, tuple) else shown(value)
    span = "" if value.low is None or value.high is None else f" ({value.low:g} to {value.high:g})"
    return f"{value.value:g}{span}, {value.basis}, {value.source}"
