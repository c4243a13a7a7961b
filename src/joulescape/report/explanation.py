"""One design in words, for a terminal: the same facts as the page's sheet."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from joulescape.errors import ResultsError
from joulescape.report import certainty, theme
from joulescape.report.command import command
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.figure import Rows
from joulescape.report.inputs import Tables
from joulescape.report.limiting import nearest_limit
from joulescape.report.pinned import is_each, question_text
from joulescape.report.sections import sheet

Words = Callable[[Mapping[str, Any]], str]


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
    yield f"  {_ground(given)}"
    for metric in dict.fromkeys((*dict(given.axes.items()).values(), "mean_power_mw")):
        if row[metric] is not None:
            measured = _measured(given, row) if metric == given.axes.accuracy else ""
            yield f"  {given.labels[metric]}: {theme.show(row[metric], metric)}{measured}"
    yield from _certainty(given, row)
    found = sheet.facts(given)
    yield from _limits(given, found, row)
    yield from _listed("energy", found.parts, row, lambda part: f"{part['class']}: {part['text']}")
    yield from _listed("time", found.layers, row, _layer)
    yield from _said(
        "how it computes", found.errors, row, lambda one: f"{one['layers']} ({one['role']}), {_numbers(one)}"
    )
    yield from _said("mapping", found.mappings, row, lambda one: f"{one['layer']} ({one['role']})\n{one['text']}")
    if not _of(found.parts, row):
        yield _why_none(given)
    yield f"cost it again, at nominal statistics (no data is read): {command(given, row)} --explain"
    if not given.is_cost_only and row["network"] not in given.own_networks:
        words = (
            "joulescape",
            "export",
            str(folder),
            "--onnx",
            f"{row['design_id']}.onnx",
            "--design",
            row["design_id"],
        )
        yield f"write it as ONNX: {shlex.join(words)}"
    yield from _question(given, row)


def _ground(given: Tables) -> str:
    """What the costs hold for."""
    spec = given.spec
    node = spec.get("node", "as_published")
    at = f"all at {node} nm" if isinstance(node, int) else f"every machine {str(node).replace('_', ' ')}"
    known = [f"{name} {spec[name]}" for name in ("boundary", "batch") if spec.get(name) is not None]
    return ", ".join((*known, at))


def _measured(given: Tables, row: Mapping[str, Any]) -> str:
    """Which split an accuracy is of, over how many runs; and what it is on test, where it was confirmed."""
    name = str(given.axes.accuracy).removesuffix("_fraction")
    sd, count = row[f"{name}_sd_fraction"], row[f"{name}_draws_count"]
    spread = "" if sd is None else f" ± {100 * certainty.SPREAD_SD * sd:.1f} (2 sd)"
    parts = str(row["fidelity"] or "").split("/")
    on = f" on {parts[1]}" if len(parts) == 3 else ""
    runs = "" if count is None else f" (n = {count})"
    tested = certainty.tested_texts(given).get(row["design_id"], "not confirmed on test")
    return f"{spread}{on}{runs}; {tested}"


def _certainty(given: Tables, row: Mapping[str, Any]) -> Iterator[str]:
    """Its energy over the corners of all constants, and the share that rests on assumed ones."""
    if row["state"] == "valid" and row[given.axes.energy] is not None:
        alone = {"id": [row["design_id"]], "back_end": [row["back_end"]], "energy": [row[given.axes.energy]]}
        yield f"  {certainty.range_text(alone, certainty.bands(given), 0, given.axes.energy)}"
    share = row["assumed_energy_fraction"]
    if share is not None:
        yield f"  {theme.show(share, 'assumed_energy_fraction')} of its energy rests on assumed constants"


def _why_none(given: Tables) -> str:
    """Why a design has no lines of energy and time."""
    files = [f"{name}.parquet" for name in ("confirmed", "parts") if name in given.missing]
    if files:
        verb = "is" if len(files) == 1 else "are"
        return (
            f"where its energy goes is not known: {' and '.join(files)} {verb} missing; the command below computes it"
        )
    return "not confirmed: its parts, layers, errors and mapping are not stored; the command below computes them"


def _question(given: Tables, row: Mapping[str, Any]) -> Iterator[str]:
    if is_each(row):
        yield "no question holds it alone: its layers have values of their own; the commands above hold them"
        return
    text = question_text(given, row).rstrip()
    if text:
        yield "the question that holds it alone:"
        yield text


def _limits(given: Tables, found: sheet.SheetFacts, row: Mapping[str, Any]) -> Iterator[str]:
    said = [one["text"] for one in _of(found.limits, row)]
    near = nearest_limit(row, found.constraints, given.labels)
    yield from (f"what limits it: {words}" for words in (*said, near) if words)


def _layer(layer: Mapping[str, Any]) -> str:
    return f"{layer['layer']}: {layer['text']}, {layer['energy']}, bound by {layer['bound_by']}, used {layer['used']}"


def _numbers(one: Mapping[str, Any]) -> str:
    return f"{one['kind']}: {one['text']}"


def _of(rows: Rows, design: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["id"] == design["design_id"]]


def _said(what: str, rows: Rows, design: Mapping[str, Any], words: Words) -> Iterator[str]:
    mine = _of(rows, design)
    if mine:
        yield f"{what}:"
    for row in mine:
        yield f"  {words(row)}".replace("\n", "\n    ")


def _alike(name: str, other: str) -> int:
    """How many first characters two names share."""
    pairs = zip(name, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(name), len(other)))


def _listed(what: str, rows: Rows, design: Mapping[str, Any], words: Words) -> Iterator[str]:
    """Each phase's rows of one design with their shares."""
    mine = _of(rows, design)
    for phase in sorted({row["phase"] for row in mine}):
        yield f"{what} of {phase}:"
        for row in mine:
            if row["phase"] == phase:
                yield f"  {100 * row['share']:5.1f} %  {words(row)}"
