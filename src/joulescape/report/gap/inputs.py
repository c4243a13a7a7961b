"""The tables of a study, read from its folder, and what the study itself says of its questions and series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from joulescape import gap_tables
from joulescape.report import theme
from joulescape.report.inputs import read_json, read_references, read_table

STUDY_FILE = "study.json"
"""Its presence tells a study's folder from a question's."""
SURE_FIRST = ("high", "derived", "medium", "low")
"""Confidences, the surest first."""
REMEDY = "work it out again with `joulescape gap`"


@dataclass(frozen=True, eq=False)
class StudyTables:
    """Everything that the page of a study may speak of. Any table may be empty. Equal only to itself."""

    name: str
    shores: pl.DataFrame
    fits: pl.DataFrame
    bridge: pl.DataFrame
    factors: pl.DataFrame
    overtake: pl.DataFrame
    lifecycle: pl.DataFrame
    machines: pl.DataFrame
    findings: pl.DataFrame
    about: Mapping[str, Any]
    """study.json: file, digest, spec, questions by their part, series; every key may be absent."""
    references: Mapping[str, Mapping[str, str]]
    """BibTeX entries by key."""

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The study as the user wrote it, with its defaults."""
        found: Mapping[str, Any] = self.about.get("spec") or {}
        return found

    @cached_property
    def question(self) -> str:
        """What the study asks; its name where it does not say."""
        return str(self.spec.get("question") or self.name)

    @cached_property
    def questions(self) -> Mapping[str, Mapping[str, Any]]:
        """Part in the study (bridge, measured, training) -> name, question, boundary, batch, node, baseline."""
        found: Mapping[str, Mapping[str, Any]] = self.about.get("questions") or {}
        return found

    @cached_property
    def series(self) -> Mapping[str, Mapping[str, Any]]:
        """Series -> file, about, groups; those of the points alone where the study does not say."""
        told: Mapping[str, Mapping[str, Any]] = self.about.get("series") or {}
        plotted = self.shores["series"].drop_nulls().unique(maintain_order=True).to_list()
        return {**told, **{name: {} for name in plotted if name not in told}}

    @cached_property
    def last_year(self) -> int | None:
        """The last year of the first fits."""
        found = (self.spec.get("shores") or {}).get("first_span_until")
        return None if found is None else int(found)

    @cached_property
    def points(self) -> Mapping[tuple[str, str, int | None], str]:
        """Published points, each once however many charts show it (file, name, year) -> its least confidence."""
        found: dict[tuple[str, str, int | None], str] = {}
        for row in self.shores.iter_rows(named=True):
            file = str(self.series.get(row["series"], {}).get("file") or row["series"])
            key, sure = (file, row["name"], row["year"]), row["confidence"] or "low"
            found[key] = max(found.get(key, sure), sure, key=SURE_FIRST.index)
        return found

    def role(self, question: str) -> str | None:
        """The part of a question in the study."""
        return next((role for role, told in self.questions.items() if question in (role, told.get("name"))), None)

    def table(self, name: str) -> pl.DataFrame:
        """A table by its name."""
        found: pl.DataFrame = getattr(self, name)
        return found


def is_study(folder: Path) -> bool:
    """Whether a results folder is a study's, not a question's."""
    return (folder / STUDY_FILE).exists()


def read_study(folder: Path, references: Path | None = None) -> StudyTables:
    """Read a study's folder; any table may be absent and is then empty.

    Raises ResultsError when study.json or a table is not whole, or was written by another version.
    """
    found = {
        name: read_table(folder / f"{name}.parquet", schema, remedy=REMEDY)
        for name, schema in gap_tables.TABLES.items()
    }
    about = read_json(folder / STUDY_FILE)
    return StudyTables(name=folder.name, about=about, references=read_references(references), **found)


SPELLED = {
    "gpu": "GPU", "fpga": "FPGA", "asic": "ASIC", "ddr": "DDR", "lpddr": "LPDDR", "gddr": "GDDR", "dram": "DRAM",
    "sram": "SRAM", "kib": "KiB",
}  # fmt: skip
"""Parts of a key that are written otherwise."""


def words(name: str) -> str:
    """A key as words: `top5_error` reads `top5 error`, `fast_8_kib` reads `fast 8 KiB`."""
    return " ".join(SPELLED.get(part, part) for part in name.split("_"))


def metric_words(metric: str) -> str:
    """A metric as it stands in a sentence: `energy per inference`."""
    label = theme.LABELS.get(metric, words(metric))
    return label[:1].lower() + label[1:]


def short(back_end: str) -> str:
    """A back end without its family: `memristive/isaac` reads `isaac`."""
    return back_end.rsplit("/", maxsplit=1)[-1]


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A factor with its range: `×3.10 (2.40 to 4.00)`; ends in the order of size, none where nothing moves it."""
    if value is None:
        return "–"
    if low is None or high is None:
        return factor_words(value)
    first, last = sorted((low, high))
    if first == value == last:
        return factor_words(value)
    return f"{factor_words(value)} ({plain_factor(first)} to {plain_factor(last)})"


def factor_words(value: float) -> str:
    """A factor with three figures, however large: `×3.10`, `÷1.20`, `×1.31 billion`."""
    return f"×{_times(value)}" if value >= 1 else f"÷{_times(1 / value)}"


def _times(ratio: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if float(f"{ratio:.3g}") >= size:
            return f"{theme.significant(ratio / size)}{theme.SPACE}{word}"
    return f"{float(f'{ratio:.3g}'):,.0f}" if ratio >= 1000 else theme.significant(ratio)


def plain_factor(value: float) -> str:
    """`3.10` above one, `÷2.10` below: the end of a range of factors."""
    return factor_words(value).removeprefix("×")


def is_share(name: str | None, unit: str | None) -> bool:
    """Whether a quantity is a share of one: an error without a unit."""
    return not unit and "error" in (name or "").lower()


def spelled(unit: str) -> str:
    """A unit as it is printed."""
    return unit.replace("mm2", "mm²").replace("um", "µm")


def quantity(value: float | None, name: str | None, unit: str | None) -> str:
    """A published value with its unit: shares in percent, SI prefixes from ten thousand on, else three figures."""
    if value is None:
        return "–"
    if is_share(name, unit):
        return f"{100 * value:.3g}{theme.SPACE}%"
    ending = f"{theme.SPACE}{spelled(unit)}" if unit else ""
    if abs(value) >= 1e4:
        return f"{theme.prefixed(value, '').rstrip()}{ending}"
    return f"{value:.3g}{ending}"
