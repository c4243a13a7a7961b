"""One design in words, for a terminal: the same facts as the page's sheet."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from joulescape.errors import ResultsError
from joulescape.report import theme
from joulescape.report.command import command
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.pinned import question_text
from joulescape.report.sections import sheet


def chosen(given: Tables, design: str | None) -> Mapping[str, Any]:
    """The row of one design by the first characters of its id, or of the report's own choice.

    Raises ResultsError where none or several designs begin so.
    """
    if design is None:
        columns = design_columns(given)
        index = decide(columns, Limits(accuracy=default_limit(columns))).index
        if index is None:
            raise ResultsError(f"{given.name} has no valid design to explain; name one by its design_id")
        return given.valid.row(index, named=True)
    found = given.trials.filter(pl.col("design_id").str.starts_with(design))
    if found.height == 1:
        return found.row(0, named=True)
    if found.height:
        several = ", ".join(found["design_id"].head(4).to_list())
        raise ResultsError(f"{found.height} designs begin with '{design}': {several}; give more characters")
    known = given.trials["design_id"].drop_nulls().to_list()
    near = max(known, key=lambda name: _alike(name, design), default=None)
    raise ResultsError(f"no design begins with '{design}'" + (f"; the nearest is {near}" if near else ""))


def lines(given: Tables, row: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What a terminal shows."""
    yield f"design {row['design_id']}: {row['network']} on {row['back_end']} ({row['state']})"
    if row["reason"]:
        yield f"  {row['reason']}"
    for metric in dict.fromkeys((*dict(given.axes.items()).values(), "mean_power_mw")):
        if row[metric] is not None:
            yield f"  {given.labels[metric]}: {theme.show(row[metric], metric)}"
    found = sheet.facts(given)
    yield from _listed("energy", found.parts, row, lambda part: f"{part['class']}: {part['text']}")
    yield from _listed(
        "time", found.layers, row, lambda layer: f"{layer['layer']}: {layer['text']}, {layer['bound_by']}"
    )
    yield f"cost it again, at nominal statistics (no data is read): {command(given, row)}"
    if not given.is_cost_only and row["network"] not in given.own_networks:
        words = ("joulescape", "export", str(folder), "--onnx", "design.onnx", "--design", row["design_id"])
        yield f"write it as ONNX: {shlex.join(words)}"
    yield "the question that holds it alone:"
    yield question_text(given, row).rstrip()


def _alike(name: str, other: str) -> int:
    """How many first characters two names share."""
    pairs = zip(name, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(name), len(other)))


def _listed(what: str, rows: Any, design: Mapping[str, Any], words: Any) -> Iterator[str]:
    """Each phase's rows of one design with their shares."""
    mine = [row for row in rows if row["id"] == design["design_id"]]
    for phase in dict.fromkeys(row["phase"] for row in mine):
        yield f"{what} of {phase}:"
        for row in mine:
            if row["phase"] == phase:
                yield f"  {100 * row['share']:5.1f} %  {words(row)}"
