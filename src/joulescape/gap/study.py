"""Works the parts of a study out, one after the other, and leaves each table as a file of its own.

A part is a module of this package with `rows(study) -> {table: rows}` and `FINDINGS`, the functions that find sentences
in the tables (see `findings`). Parts do not see one another's tables: each can be worked out alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from joulescape import gap_tables, tables
from joulescape.errors import ResultsError
from joulescape.gap.findings import finding_rows
from joulescape.gap.machines import machine_rows
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import Study
from joulescape.spec.study import PARTS, Part

log = logging.getLogger("joulescape.gap")

Rows = Mapping[str, Iterable[Mapping[str, Any]]]
"""What a part's `rows` returns: by name of the table."""

STUDY_FILE = "study.json"
"""The study as it was understood; its presence tells a study's folder from a question's."""


def answer(study: Study, folder: Path, parts: Sequence[Part] = PARTS) -> list[Mapping[str, Any]]:
    """Work out these parts into `folder`, then what follows from all tables that stand there; the findings' rows."""
    for part in parts:
        log.info("%s ...", part)
        began, found = time.perf_counter(), _worked_out(study, part)
        for name, table in found.items():
            write(table, folder / name)
        counts = ", ".join(f"{table.height} rows of {name}" for name, table in found.items())
        log.info("%s: %s in %.1f s", part, counts, time.perf_counter() - began)
    write(tables.make(list(machine_rows(study)), gap_tables.MACHINES), folder / "machines")
    every = read(folder)
    findings = finding_rows(every, study.file)
    write(tables.make(findings, gap_tables.FINDINGS), folder / "findings")
    _write_study(study, folder)
    return findings


def write(table: pl.DataFrame, stem: Path) -> None:
    """`<stem>.parquet` and `<stem>.csv`, each whole or not at all."""
    tables.write(table, stem.with_suffix(".parquet"))
    draft = stem.with_name(f".{stem.name}.csv.draft")
    table.write_csv(draft)
    draft.replace(stem.with_suffix(".csv"))


def read(folder: Path) -> dict[str, pl.DataFrame]:
    """Every table of a study but its findings; one that is not there has no rows.

    Raises ResultsError where a file is not whole or was written by another version.
    """
    return {name: _table(folder / f"{name}.parquet", name) for name in gap_tables.TABLES if name != "findings"}


def _worked_out(study: Study, part: Part) -> dict[str, pl.DataFrame]:
    rows: Rows = import_module(f"joulescape.gap.{part}").rows(study)
    return {name: tables.make(rows[name], gap_tables.TABLES[name]) for name in gap_tables.OF_PART[part]}


def _table(path: Path, name: str) -> pl.DataFrame:
    schema = gap_tables.TABLES[name]
    if not path.exists():
        return tables.make([], schema)
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ResultsError(f"{path} is not a whole Parquet file; work it out again with joulescape gap") from error
    if dict(table.schema) != schema:
        raise ResultsError(f"{path} was written by another version; work it out again with joulescape gap")
    return table


def _write_study(study: Study, folder: Path) -> None:
    found = {
        "name": study.name,
        "file": study.file,
        "digest": study.digest(),
        "spec": study.spec.model_dump(mode="json"),
        "questions": dict(_questions(study)),
        "series": dict(_series(study)),
        "equal_accuracy_fraction": study.spec.equal_accuracy.rivals_fraction,
    }
    draft = folder / f".{STUDY_FILE}.draft"
    draft.write_text(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(folder / STUDY_FILE)


def _questions(study: Study) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each question of the study asks, on what ground, and from which machine its factors are counted."""
    for role, space in study.spaces.items():
        ground = {key: getattr(space.spec, key) for key in ("question", "boundary", "batch", "node")}
        told = {"baseline": study.baseline(role), "digest": space.digest(), "scaling_rule": space.spec.scaling_rule}
        yield role, {"name": space.name, **ground, **told, "scaled": _scaled(space), "draws": space.spec.budget.draws}


def _scaled(space: DesignSpace) -> Mapping[str, float]:
    """Machines whose CMOS parts were published at another node than the question asks for, with that node in nm."""
    if space.spec.node == "as_published":
        return {}
    return {name: made.spec.node_nm for name, made in space.back_ends.items() if made.spec.node_nm != space.spec.node}


def _series(study: Study) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each series shows, and what each of its groups holds together."""
    for trend in study.trends.values():
        for name, series in trend.spec.series.items():
            groups = {key: group.about for key, group in series.groups.items()}
            yield name, {"file": f"hwlib/trends/{trend.name}.yaml", "about": series.about, "groups": groups}
