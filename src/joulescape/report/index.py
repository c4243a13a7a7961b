"""results/index.html: every space with its headline."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joulescape.errors import ResultsError
from joulescape.report.shell import bare, environment


@dataclass(frozen=True)
class Entry:
    """One space on the list."""

    name: str
    question: str
    headline: str
    answer: str
    scope: tuple[str, ...]
    link: str


def entries(folders: Sequence[Path], out: Path) -> tuple[Entry, ...]:
    """One entry a results folder, by name. Raises ResultsError when a folder holds no report.json."""
    return tuple(_entry(folder, out) for folder in sorted(folders, key=lambda folder: folder.name))


def render_index(found: Sequence[Entry]) -> str:
    """The page as text."""
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            entries=found,
            **bare(),
        )
    )


def _entry(folder: Path, out: Path) -> Entry:
    path = folder / "report.json"
    if not path.exists():
        raise ResultsError(
            f"{path} is missing: --index expects the results folders of spaces, each with its own report; "
            "draw each first with `joulescape report FOLDER`, then name them all, as in results/which_machine"
        )
    link = Path(os.path.relpath(folder / "report.html", out.parent)).as_posix()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        words = (found["space"], found["question"], found["headline"], found["answer"])
        return Entry(*words, tuple(found["scope"]), link)
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"draw it again with `joulescape report {folder}`"
        raise ResultsError(f"{path} is no summary of a report ({error}); {remedy}") from error
