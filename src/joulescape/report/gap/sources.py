"""Where every number came from: each plotted point's source, the study's digests, and its tables as files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from joulescape import gap_tables
from joulescape.report.figure import Rows
from joulescape.report.gap.inputs import StudyTables, quantity, words
from joulescape.report.sections.provenance import Citation, citation

CONFIDENCES = {
    "high": "the text was seen",
    "medium": "recalled from the source named, plausible beside what was seen",
    "derived": "computed from the source in the stated way",
    "low": "doubtful: shown, never fitted",
}


@dataclass(frozen=True)
class SourceFacts:
    """Points with their sources, provenance, tables and references."""

    points: Rows
    confidences: tuple[tuple[str, int, str], ...]
    """(confidence, how many points are no surer, each counted once, what it means)."""
    files: tuple[tuple[str, int, str], ...]
    """(table, rows, what it holds)."""
    items: tuple[tuple[str, str], ...]
    spec_yaml: str
    citations: tuple[Citation, ...]
    unlisted: tuple[str, ...]
    """Sources that the references do not hold: they are named by the points in their own words."""


def facts(given: StudyTables) -> SourceFacts:
    """Every plotted point stands here with its source, where in it, and how sure it is."""
    counts = Counter(given.points.values())
    named = [text for column in ("shores", "overtake") for text in given.table(column)["source"].drop_nulls().unique()]
    states = given.bridge["compression_source"].drop_nulls().unique().to_list()
    keys = sorted({key for text in (*named, *states) for key in _keys(text) if key in given.references})
    return SourceFacts(
        points=[_point(row) for row in given.shores.iter_rows(named=True)],
        confidences=tuple((name, counts[name], meaning) for name, meaning in CONFIDENCES.items() if counts[name]),
        files=tuple((name, given.table(name).height, ABOUT[name]) for name in gap_tables.TABLES),
        items=tuple(_items(given)),
        spec_yaml=yaml.safe_dump(dict(given.spec), sort_keys=False, allow_unicode=True) if given.spec else "",
        citations=tuple(citation(key, given.references[key]) for key in keys),
        unlisted=tuple(sorted(text for text in named if not set(_keys(text)) & set(given.references))),
    )


ABOUT = {
    "shores": "published points with source, place and confidence",
    "fits": "growth of each group with intervals",
    "bridge": "every network, state of compression, machine and corner, priced",
    "factors": "what compression, machine and both close",
    "overtake": "constants at which a machine equals its rival",
    "lifecycle": "training and inferences by split",
    "machines": "what was predicted of each machine, and how many of its constants have a range",
    "findings": "sentences with their commands",
}


def _keys(text: str) -> list[str]:
    """Words of a source that may be keys of the references; its other words say where."""
    return re.findall(r"[A-Za-z][\w-]*", text)


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    is_year = str(row["x_name"]).lower() == "year"
    return {
        "series": words(row["series"]), "group": words(row["group"]), "name": row["name"],
        "year": "–" if row["year"] is None else str(row["year"]),
        "x": "" if is_year else quantity(row["x"], row["x_name"], row["x_unit"]),
        "y": quantity(row["y"], row["y_name"], row["y_unit"]),
        "confidence": row["confidence"] or "–", "fit": _fit(row), "source": row["source"] or "–",
        "where": row["where"] or "", "note": row["note"] or "",
    }  # fmt: skip


def _fit(row: Mapping[str, Any]) -> str:
    return "fitted" if row["is_fitted"] else "later" if row["is_later"] else "not fitted"


def _items(given: StudyTables) -> Iterator[tuple[str, str]]:
    file = given.about.get("file")
    yield "Study", given.name
    if file:
        yield "File", str(file)
        yield "Command", f"joulescape gap {file} && joulescape report results/{given.name}"
    if given.about.get("digest"):
        yield "Digest", str(given.about["digest"])
    for role, told in given.questions.items():
        ground = ("boundary", "node", "batch", "baseline", "digest")
        parts = [f"{key} {told[key]}" for key in ground if told.get(key) is not None]
        yield f"Question of {words(role)}", ", ".join([str(told.get("name") or "–"), *parts])
    for name in ("git_commit", "versions", "machine"):
        if given.about.get(name):
            yield words(name).capitalize(), _listing(given.about[name])


def _listing(found: Any) -> str:
    if not isinstance(found, Mapping):
        return str(found)
    return ", ".join(f"{name} {value}" for name, value in found.items())
