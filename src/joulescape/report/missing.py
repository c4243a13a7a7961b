"""Tables that are not there: what a page cannot show without each, and which command writes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

LOST = {
    "front": ("which designs are on the front is not shown", "joulescape search"),
    "history": ("how the search went is not shown", "joulescape search"),
    "audit": ("how well the cheap rungs told is not shown", "joulescape search"),
    "constants": ("which constants the machines rest on is not shown", "joulescape search"),
    "confirmed": ("what the picks reach on test data and at the corners is not shown", "joulescape confirm"),
    "parts": ("where the energy goes is not shown", "joulescape confirm"),
    "layers": ("when each layer runs and what bounds it is not shown", "joulescape confirm"),
    "errors": ("how each layer computes is not shown", "joulescape confirm"),
    "mappings": ("how layers are mapped is not shown", "joulescape confirm"),
    "published": ("how the models stand to published figures is not shown", "joulescape validate --format parquet"),
}
"""What each table says, and who writes it."""

RESOLVED = "resolved.json"
"""What every folder of a question's results holds."""

OF_ONE_DESIGN = ("confirmed", "parts", "layers", "errors", "mappings")
"""Tables that a design's explanation rests on."""


def missing_words(names: Iterable[str], folder: Path | None = None) -> tuple[str, ...]:
    """`parts.parquet is missing: where the energy goes is not shown; joulescape confirm writes it`, one a table.

    With `folder` each file is named by its path; `published` lies beside the folder.
    """
    return tuple(f"{_file(name, folder)} is missing: {LOST[name][0]}; {LOST[name][1]} writes it" for name in names)


def no_results(folder: Path) -> str:
    """Why a folder cannot be read as a question's results, and what to do: another name, or a first answer."""
    reason = f"{folder / RESOLVED} cannot be read: No such file or directory"
    if (folder / "study.json").exists():
        return f"{reason}; this is a study's folder: `joulescape report` draws it, and its questions have their own"
    known = sorted(path.parent.name for path in folder.parent.glob(f"*/{RESOLVED}"))
    close = difflib.get_close_matches(folder.name, known, n=1)
    near = f"; did you mean '{folder.parent / close[0]}'?" if close else ""
    return f"{reason}{near}; `snakemake --cores all {folder}/report.html` answers a question of spaces/"


def _file(name: str, folder: Path | None) -> str:
    if folder is None:
        return f"{name}.parquet"
    return str((folder.parent if name == "published" else folder) / f"{name}.parquet")
