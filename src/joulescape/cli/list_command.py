"""`joulescape list`: what stands on the shelves, and which plug-ins there are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
) -> None:
    """List names that a question may use. With one shelf: one name a line."""
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
