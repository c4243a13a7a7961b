"""`joulescape cache`: what is remembered of earlier searches, how large it is, and how it is cleared."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joulescape.search.holdings import Holding


class What(StrEnum):
    """What is cleared."""

    all = "all"
    stale = "stale"
    evaluations = "evaluations"
    measurements = "measurements"


def cache_command(
    root: Annotated[Path, typer.Option(help="The project, or a folder inside it.")] = Path(),
    clear: Annotated[
        What | None, typer.Option(help="Forget all, what other code has made (stale), or one kind of entries.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Clear without asking.")] = False,
) -> None:
    """Show what is remembered of earlier searches, or clear it; searches then compute again."""
    from joulescape.resolve.shelves import find_root
    from joulescape.search.cache import PLACE
    from joulescape.search.holdings import clear as forget
    from joulescape.search.holdings import file_bytes, holdings

    path = find_root(root) / PLACE
    if clear is None:
        typer.echo("\n".join(_lines(path, file_bytes(path), holdings(path))))
        return
    if not yes:
        typer.confirm(f"Forget {_MEANING[clear]} in {path} ({_size(file_bytes(path))})?", abort=True)
    count = forget(path, clear.value)
    typer.echo(f"{count} {'entry' if count == 1 else 'entries'} forgotten; {path} has {_size(file_bytes(path))} now")


_MEANING = {
    What.all: "everything",
    What.stale: "what the present code cannot use",
    What.evaluations: "every evaluation",
    What.measurements: "every accuracy measurement",
}


def _lines(path: Path, size: int, found: tuple[Holding, ...]) -> Iterator[str]:
    if not found:
        yield f"{path}: nothing is remembered yet"
        return
    yield f"{path}: {_size(size)}"
    yield f"  {'':14}{'entries':>9}{'size':>11}{'usable':>9}{'stale':>9}"
    for one in found:
        usable = one.count - one.stale_count
        yield f"  {one.kind:14}{one.count:>9}{_size(one.bytes):>11}{usable:>9}{one.stale_count:>9}"
    stale = sum(one.stale_bytes for one in found)
    if stale:
        yield f"  stale: made by other code or packages; `joulescape cache --clear stale` frees {_size(stale)}"


def _size(count: int) -> str:
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value >= 1000:
            value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
