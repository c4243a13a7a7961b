"""The tables of one space, read from its results folder, and what every section asks of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.report import theme
from joulescape.report.missing import RESOLVED, no_results
from joulescape.report.soundness import sound, unsound_metrics
from joulescape.spec.space import TRAINING_METRICS

ACCURACIES = ("accuracy_fraction", "trained_accuracy_fraction")


@dataclass(frozen=True)
class Axes:
    """The metrics a space is judged on, by their role: what the decision panel and the main charts show."""

    accuracy: str | None
    """None where the question is of costs alone and no accuracy was measured."""
    energy: str
    latency: str
    area: str = "area_mm2"

    def items(self) -> tuple[tuple[str, str], ...]:
        """(role, metric) pairs in the order in which they are always shown."""
        costs = (("energy", self.energy), ("latency", self.latency), ("area", self.area))
        return costs if self.accuracy is None else (("accuracy", self.accuracy), *costs)


@dataclass(frozen=True, eq=False)
class Tables:
    """Everything a report may speak of. Any table may be empty. Equal only to itself: facts are kept by it."""

    name: str
    trials: pl.DataFrame
    front: pl.DataFrame
    history: pl.DataFrame
    confirmed: pl.DataFrame
    parts: pl.DataFrame
    layers: pl.DataFrame
    published: pl.DataFrame
    audit: pl.DataFrame
    resolved: Mapping[str, Any]
    """resolved.json: spec, digests, versions, machine, run, refused, notes; every key may be absent."""
    references: Mapping[str, Mapping[str, str]]
    """BibTeX entries by key."""
    networks: Mapping[str, Mapping[str, Any]]
    """Reference metrics by network, of this question's networks only."""
    errors: pl.DataFrame = field(default_factory=lambda: tables.make([], tables.ERRORS))
    mappings: pl.DataFrame = field(default_factory=lambda: tables.make([], tables.MAPPINGS))
    constants: pl.DataFrame = field(default_factory=lambda: tables.make([], tables.CONSTANTS))
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every file that the tables were read from, by its name."""
    unsound: Mapping[str, int] = field(default_factory=dict)
    """Values that are no finite number, by `<table>.<column>`: they were taken as null."""
    unsound_valid: Mapping[str, int] = field(default_factory=dict)
    """Those of valid designs, by metric."""
    missing: tuple[str, ...] = ()
    """Tables without a file, by name."""
    stale: str = ""
    """In a line, where the tables do not answer the question as its files stand now; empty where nobody looked."""

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The space as the user wrote it, with its defaults."""
        found: Mapping[str, Any] = self.resolved.get("spec") or {}
        return found

    @cached_property
    def axes(self) -> Axes:
        """The metrics of the question: training's where an objective names them before inference's."""
        objectives = list(self.spec.get("objectives") or {})
        accuracy = None if self.is_cost_only else _first(objectives, ACCURACIES)
        energy = _first(objectives, ("inference_energy_pj", "training_energy_pj", "lifecycle_energy_pj"))
        latency = "training_time_ns" if energy == "training_energy_pj" else "inference_latency_ns"
        return Axes(accuracy, energy, latency)

    @cached_property
    def is_cost_only(self) -> bool:
        """Whether the question names no accuracy as objective or constraint, and none was measured."""
        objectives, named = self.spec.get("objectives") or {}, self._named
        if not objectives or any(name in named for name in ACCURACIES):
            return False
        return all(self.trials[name].null_count() == self.trials.height for name in ACCURACIES)

    @cached_property
    def run(self) -> Mapping[str, Any]:
        """What is known of the search's run: why it ended, its sampler, its counts; every key may be absent."""
        found: Mapping[str, Any] = self.resolved.get("run") or {}
        return found

    @cached_property
    def rungs(self) -> tuple[str, ...]:
        """The rungs that the search climbed, cheapest first, as the question's own rules have it; empty where unknown.

        Costs alone are in closed form; metrics of training on the machine are seen on the last rung alone.
        """
        if self.is_cost_only:
            return ("closed_form",)
        rungs = tuple((self.spec.get("budget") or {}).get("rungs") or ())
        return rungs[-1:] if TRAINING_METRICS & self._named else rungs

    @property
    def _named(self) -> set[str]:
        """Metrics of the question's objectives and constraints."""
        return {*(self.spec.get("objectives") or ()), *(self.spec.get("constraints") or ())}

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """What each metric is called in a heading, at the batch and the life that the question declares."""
        life = (self.spec.get("lifecycle") or {}).get("inferences")
        return theme.labels(self.spec.get("batch") or 1, life)

    @cached_property
    def valid(self) -> pl.DataFrame:
        """Valid designs with a known accuracy, where the question is not of costs alone; in the order of trials."""
        valid = self.trials.filter(pl.col("state") == "valid")
        return valid if self.axes.accuracy is None else valid.filter(pl.col(self.axes.accuracy).is_not_null())

    @cached_property
    def screened(self) -> pl.DataFrame:
        """Designs that a cheaper rung kept from the top one: their numbers are of that rung, if any."""
        return self.trials.filter(pl.col("state") == "screened")

    @cached_property
    def asked_networks(self) -> tuple[str, ...]:
        """The question's networks; without a question, those that were tried."""
        tried = self.trials["network"].drop_nulls().unique().sort().to_list()
        return tuple(self.spec.get("networks") or tried)

    @cached_property
    def own_networks(self) -> frozenset[str]:
        """Networks that are some machine's own: their reference is the ideal twin of a machine, not a network that
        a design compresses."""
        own = self.trials.filter(pl.col("equivalence") == "own")
        return frozenset(own["network"].drop_nulls().to_list())

    @cached_property
    def back_ends(self) -> tuple[tuple[str, str], ...]:
        """(back end, family) of every design tried, in the order of families, then names."""
        pairs = self.trials.select("back_end", "family").drop_nulls().unique().rows()
        return tuple(sorted(pairs, key=lambda pair: (family_rank(pair[1]), pair[0])))


def _first(wanted: list[str], known: tuple[str, ...]) -> str:
    return next((name for name in wanted if name in known), known[0])


def family_rank(family: str) -> int:
    """Place of a family in every legend and list; a family of a plug-in comes last."""
    return theme.FAMILIES.index(family) if family in theme.FAMILIES else len(theme.FAMILIES)


def read_tables(
    folder: Path, published: Path | None = None, references: Path | None = None, networks: Path | None = None
) -> Tables:
    """Read a results folder. trials.parquet and resolved.json must exist; any other table may be absent and is empty.

    A column that is younger than the file (tables.LATER) is null, and so is a value that is no finite number. Raises
    ResultsError when a needed file is missing, or a table lacks a column of its contract or a row its name.
    """
    if not (folder / RESOLVED).exists():
        raise ResultsError(no_results(folder))
    resolved = read_json(folder / RESOLVED)
    asked = (resolved.get("spec") or {}).get("networks")
    known = sorted((networks or folder.parent / "networks").glob("*.json"))
    schemas = {"front": tables.TRIALS} | {name: getattr(tables, name.upper()) for name in IN_FOLDER if name != "front"}
    read = {name: read_table(folder / f"{name}.parquet", schemas[name], name == "trials") for name in IN_FOLDER}
    kept, unsound = sound({**read, "published": read_table(published, tables.PUBLISHED)})
    paths = {name: folder / f"{name}.parquet" for name in IN_FOLDER} | {"published": published}
    return Tables(
        name=folder.name,
        **kept,
        resolved=resolved,
        references=read_references(references),
        networks={path.stem: read_json(path) for path in known if asked is None or path.stem in asked},
        files=digests((folder / RESOLVED, *paths.values())),
        stale="",
        unsound=unsound,
        unsound_valid=unsound_metrics(read["trials"]),
        missing=tuple(name for name, path in paths.items() if path is None or not path.is_file()),
    )


IN_FOLDER = (
    "trials", "front", "history", "audit", "constants", "confirmed", "parts", "layers", "errors", "mappings",
)  # fmt: skip
"""Tables of a results folder, in the order in which they are made; trials must be there."""


def digests(paths: Iterable[Path | None]) -> dict[str, str]:
    """SHA-256 of those of the files that are there, by name."""
    there = [path for path in paths if path is not None and path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


KEYS = {
    "trials": ("design_id", "back_end", "family", "state"),
    "front": ("design_id", "back_end", "family"),
    "history": ("trials_told",),
    "audit": ("low_rung", "high_rung"),
    "confirmed": ("design_id", "back_end", "family", "corner"),
    "parts": ("design_id", "component"),
    "layers": ("design_id", "layer"),
}
"""Columns that say of what a row is: none may be null."""

REMEDY = "write it again with the command that makes it: joulescape search, confirm or validate"


def read_table(path: Path | None, schema: tables.Schema, is_needed: bool = False, remedy: str = REMEDY) -> pl.DataFrame:
    """A table of its contract; without its file an empty one, unless it is needed. Raises ResultsError as above."""
    if path is None or not path.exists():
        if is_needed:
            raise ResultsError(f"{path} is missing; run the search of this space first")
        return tables.make([], schema)
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = next(iter(str(error).splitlines()), "it is empty")
        raise ResultsError(f"{path} is not a whole Parquet file ({first}); {remedy}") from error
    later = [name for name in schema if name in tables.LATER.get(path.stem, ()) and name not in table.columns]
    table = table.with_columns(pl.lit(None, schema[name]).alias(name) for name in later)
    missing = [name for name in schema if name not in table.columns]
    if missing:
        raise ResultsError(f"{path} was written by another version: it lacks {', '.join(missing)}; {remedy}")
    strange = [f"{name} is {table.schema[name]}" for name, kind in schema.items() if table.schema[name] != kind]
    if strange:
        raise ResultsError(f"{path} is another table: {', '.join(strange)}; {remedy}")
    nameless = [name for name in KEYS.get(path.stem, ()) if table[name].null_count()]
    if nameless:
        raise ResultsError(f"{path} has rows without {', '.join(nameless)}; {remedy}")
    return table


def read_json(path: Path) -> Mapping[str, Any]:
    """The mapping of a JSON file. Raises ResultsError where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ResultsError(f"{path} holds no mapping")
    return found


def read_references(path: Path | None) -> dict[str, dict[str, str]]:
    """BibTeX entries by key; none without a file."""
    if path is None:
        return {}
    import bibtexparser

    parser = bibtexparser.bparser.BibTexParser(common_strings=True, ignore_nonstandard_types=False)
    entries = bibtexparser.loads(path.read_text(encoding="utf-8"), parser=parser).entries
    return {entry["ID"]: dict(sorted(entry.items())) for entry in entries}
