"""results/index.html: every question with its headline, how it came out, and whether its files are as it now asks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulescape.errors import ResultsError
from joulescape.report.comparison.page import SCHEMA as COMPARISON
from joulescape.report.shell import bare, environment

FILES = (
    ("report", "report.html"), ("words", "report.md"), ("facts", "report.json"), ("designs", "trials.csv"),
    ("front", "front.csv"), ("confirmed", "confirmed.csv"), ("tables", "trials.parquet"), ("charts", "charts"),
)  # fmt: skip
"""What a results folder may hold for a reader, and what each is called on the list."""
FOLDER = "comparisons"
"""Beside the index: pages of `joulescape diff --out`, which are listed."""
COUNTED = ("designs", "valid", "infeasible", "failed", "screened", "front")


@dataclass(frozen=True)
class Entry:
    """One space on the list."""

    name: str
    question: str
    headline: str
    answer: str
    scope: tuple[str, ...]
    link: str
    file: str = ""
    """The question's file where it is still on the shelf; else the name of the folder."""
    pick: str = ""
    """Network, back end and id of the recommended design."""
    front: tuple[tuple[str, int], ...] = ()
    """Designs on the front by family."""
    counts: tuple[tuple[str, int], ...] = ()
    date: str = ""
    """When the designs were confirmed; empty where nobody wrote it down."""
    state: str = ""
    """Whether the question still stands as it was answered; empty where that was not looked at."""
    is_stale: bool = False
    files: tuple[tuple[str, str], ...] = ()
    """What each file is called, and where it lies."""


@dataclass(frozen=True)
class Compared:
    """One page of two studies."""

    studies: tuple[str, ...]
    sentence: str
    link: str


@dataclass(frozen=True)
class Open:
    """A question that has no page: its name, what it asks, and what it lacks."""

    name: str
    question: str
    reason: str
    is_answered: bool = False
    """Whether its tables are finished, so that only its page is missing."""


@dataclass(frozen=True)
class State:
    """How a question of the shelf stands to its results."""

    words: str
    is_stale: bool


def entries(folders: Sequence[Path], out: Path, states: Mapping[str, State] | None = None) -> tuple[Entry, ...]:
    """One entry a results folder, by name. Raises ResultsError when a folder holds no report.json."""
    known = states or {}
    return tuple(
        _entry(folder, out, known.get(folder.name)) for folder in sorted(folders, key=lambda found: found.name)
    )


def comparisons(out: Path) -> tuple[Compared, ...]:
    """The pages of two studies beside the index, by name; a file that is none is left out, a torn one says so."""
    found = []
    pages = sorted((out.parent / FOLDER).glob("*.html"))
    for path in (page.with_suffix(".json") for page in pages):
        link = f"{FOLDER}/{path.stem}.html"
        try:
            told = told_in(path)
        except ResultsError as error:
            found.append(Compared((path.stem,), f"{error}; `joulescape diff` writes it again.", link))
            continue
        if told.get("schema") == COMPARISON:
            found.append(Compared(tuple(told["studies"]), f"{told['sentence']} {told['causes']}", link))
    return tuple(found)


def render_index(found: Sequence[Entry], compared: Sequence[Compared] = (), waiting: Sequence[Open] = ()) -> str:
    """The page as text."""
    template = environment().get_template("index.html.j2")
    parts = {"undrawn": [one for one in waiting if one.is_answered], "open": [x for x in waiting if not x.is_answered]}
    return template.render(entries=found, compared=compared, **parts, **bare())


def _entry(folder: Path, out: Path, state: State | None) -> Entry:
    path = folder / "report.json"
    if not path.exists():
        raise ResultsError(
            f"{path} is missing: --index expects the results folders of spaces, each with its own report; "
            "draw each first with `joulescape report FOLDER`, then name them all, as in results/which_machine"
        )
    beside = Path(os.path.relpath(folder, out.parent)).as_posix()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        words = (found["space"], found["question"], found["headline"], found["answer"])
        counts = found.get("counts") or {}
        return Entry(
            *words,
            tuple(found["scope"]),
            f"{beside}/report.html",
            file=_file(folder, state),
            pick=_pick(found.get("pick_design")),
            front=tuple((found.get("front_families") or {}).items()),
            counts=tuple((name, counts[name]) for name in COUNTED if name in counts),
            date=_dates(folder),
            state="" if state is None else state.words,
            is_stale=state is not None and state.is_stale,
            files=tuple((name, f"{beside}/{file}") for name, file in FILES if (folder / file).exists()),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = f"draw it again with `joulescape report {folder}`"
        raise ResultsError(f"{path} is no summary of a report ({error}); {remedy}") from error


def _pick(found: Mapping[str, Any] | None) -> str:
    return "" if not found else f"{found['network']} on {found['back_end']} (design {found['design_id']})"


def _file(folder: Path, state: State | None) -> str:
    """The question's file; a study keeps the name of its own."""
    told = _told_or_nothing(folder / STUDY)
    return str(told.get("file") or (folder.name if state is None else f"spaces/{folder.name}.yaml"))


def _dates(folder: Path) -> str:
    """When the designs were confirmed; of a study, those of each question that it was worked out from."""
    named = [str(asked.get("name")) for asked in (_told_or_nothing(folder / STUDY).get("questions") or {}).values()]
    dates = {name: _date(folder.parent / name / "provenance.json") for name in dict.fromkeys(named)}
    known = ", ".join(f"{name} {date}" for name, date in dates.items() if date)
    return known or _date(folder / "provenance.json")


STUDY = "study.json"


def _told_or_nothing(path: Path) -> Mapping[str, Any]:
    """What a file says of a study; its state tells where it is torn."""
    try:
        return told_in(path)
    except ResultsError:
        return {}


def _date(provenance: Path) -> str:
    try:
        return str(told_in(provenance).get("confirmed_at") or "")
    except ResultsError as error:
        return f"when is not known: {error}"


def told_in(path: Path) -> Mapping[str, Any]:
    """A JSON mapping; an empty one where there is no such file. Raises ResultsError where it is torn: half-written,
    unreadable, or no mapping."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path.name} is torn ({error})") from error
    if not isinstance(found, dict):
        raise ResultsError(f"{path.name} is torn (no mapping, but {json.dumps(found)[:40]})")
    return found
