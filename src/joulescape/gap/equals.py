"""Designs whose accuracy was measured: the best electronic one, and a machine's best of equal accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.gap.designs import Design
from joulescape.resolve.design_space import DesignSpace

TOLERANCE = 0.01
"""Accuracies, as fractions, that differ by no more are equal: three samples of a split of 360."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Equals:
    """A machine's design, or why it has none, and the best electronic design of equal accuracy."""

    design: Design | None
    refusal: str | None
    network: str
    rival: Design
    rival_accuracy: float
    said: str
    """How equal they are."""


def trials(folder: Path) -> pl.DataFrame:
    """The valid designs of a question; ResultsError where it was not answered."""
    return answered(folder).filter(pl.col("state") == "valid")


def answered(folder: Path) -> pl.DataFrame:
    """Every design that a question tried; ResultsError where it was not answered."""
    path = folder / "trials.parquet"
    if not path.is_file():
        command = f"snakemake --cores 2 results/{folder.name}/report.html"
        raise ResultsError(f"{path} is not there; answer the question first: {command}")
    return pl.read_parquet(path)


def design_of(space: DesignSpace, row: Row) -> Design:
    """The design that a row of trials.parquet tells of."""
    back_end, known = (
        str(row["back_end"]),
        {name: row[name] for name in row if name.startswith(tables.PARAMETER_PREFIXES)},
    )
    pair = next(pair for pair in space.pairs if pair.name == row["pair"])
    drawn = {one.name: known[one.name] for one in space.parameters(pair) if known.get(one.name) is not None}
    paths = (field.path for field in space.hardware[back_end].swept)
    variant = {path: known[f"hardware.{back_end}.{path}"] for path in paths}
    return Design(space, space.candidate({"pair": pair.name, **drawn}), variant)


def equals(space: DesignSpace, folder: Path, back_end: str, metric: str) -> Equals:
    """Electronic: the least of the metric among designs within the tolerance of the most accurate one. The machine's:
    the least among those no more than the tolerance below that."""
    found = trials(folder)
    against = _rival(found, metric, folder)
    rival, aim = design_of(space, against), against["accuracy_fraction"]
    own = found.filter(pl.col("back_end") == back_end).sort(metric, maintain_order=True).to_dicts()
    equal = [row for row in own if row["accuracy_fraction"] >= aim - TOLERANCE]
    if equal:
        said = f"measured: {equal[0]['accuracy_fraction']:.3f} against {aim:.3f}, equal within {TOLERANCE}"
        return Equals(design_of(space, equal[0]), None, equal[0]["network"], rival, aim, said)
    top = _top(own)
    best = f"its best reaches {top['accuracy_fraction']:.3f}" if top else "none of its designs was valid"
    reason = f"no design of it is as accurate as {aim:.3f} within {TOLERANCE}; {best}"
    return Equals(None, reason, (top or against)["network"], rival, aim, "measured: not equal")


def _rival(found: pl.DataFrame, metric: str, folder: Path) -> Row:
    electronic = found.filter(pl.col("family") == "electronic")
    top = _top(electronic.to_dicts())
    if top is None:
        raise ResultsError(f"{folder / 'trials.parquet'} has no valid electronic design")
    equal = electronic.filter(pl.col("accuracy_fraction") >= top["accuracy_fraction"] - TOLERANCE)
    return equal.sort(metric, maintain_order=True).to_dicts()[0]


def _top(rows: Iterable[Row]) -> Row | None:
    return max(rows, key=lambda row: row["accuracy_fraction"], default=None)
