"""Designs whose accuracy was measured: the best electronic one, and a machine's best of equal accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.gap.designs import Design
from joulescape.resolve.design_space import DesignSpace

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


def equals(
    space: DesignSpace, folder: Path, back_end: str, metric: str, within: float, networks: Sequence[str] = ()
) -> Equals:
    """Electronic: the least of the metric among designs no more than `within` below the most accurate one. The
    machine's: the least among those no more than that below it. Of some networks alone, where they are given."""
    found = _of(trials(folder), networks)
    against = _rival(found, metric, folder, within)
    rival, aim = design_of(space, against), against["accuracy_fraction"]
    own = found.filter(pl.col("back_end") == back_end).sort(metric, maintain_order=True).to_dicts()
    equal = [row for row in own if row["accuracy_fraction"] >= aim - within]
    if equal:
        said = f"measured: {equal[0]['accuracy_fraction']:.3f} against {aim:.3f}, equal within {within:g}"
        return Equals(design_of(space, equal[0]), None, equal[0]["network"], rival, aim, said)
    top = _top(own)
    best = f"its best reaches {top['accuracy_fraction']:.3f}" if top else "none of its designs was valid"
    reason = f"no design of it is as accurate as {aim:.3f} within {within:g}; {best}"
    return Equals(None, reason, (top or against)["network"], rival, aim, "measured: not equal")


def equals_below(
    space: DesignSpace, folder: Path, back_end: str, metric: str, within: float, networks: Sequence[str] = ()
) -> Equals:
    """Of a machine that is never as accurate as the best: its cheapest design near its own most accurate one, against
    the electronic design with the least of the metric that is no more than `within` less accurate."""
    found = _of(trials(folder), networks)
    own = found.filter(pl.col("back_end") == back_end).sort(metric, maintain_order=True).to_dicts()
    top = _top(own)
    if top is None:
        return equals(space, folder, back_end, metric, within, networks)
    near = next(row for row in own if row["accuracy_fraction"] >= top["accuracy_fraction"] - within)
    reached = near["accuracy_fraction"]
    electronic = found.filter(pl.col("family") == "electronic")
    best, enough = _top(electronic.to_dicts()), electronic.filter(pl.col("accuracy_fraction") >= reached - within)
    if best is None or enough.is_empty():
        raise ResultsError(f"{folder / 'trials.parquet'} has no electronic design as accurate as {reached:.3f}")
    against = enough.sort(metric, maintain_order=True).to_dicts()[0]
    said = (
        f"measured: {reached:.3f}, the most it reaches, against {against['accuracy_fraction']:.3f}, no less within "
        f"{within:g}; the most accurate electronic design has {best['accuracy_fraction']:.3f}"
    )
    return Equals(
        design_of(space, near), None, near["network"], design_of(space, against), against["accuracy_fraction"], said
    )


def _of(found: pl.DataFrame, networks: Sequence[str]) -> pl.DataFrame:
    return found.filter(pl.col("network").is_in(list(networks))) if networks else found


def _rival(found: pl.DataFrame, metric: str, folder: Path, within: float) -> Row:
    electronic = found.filter(pl.col("family") == "electronic")
    top = _top(electronic.to_dicts())
    if top is None:
        raise ResultsError(f"{folder / 'trials.parquet'} has no valid electronic design")
    equal = electronic.filter(pl.col("accuracy_fraction") >= top["accuracy_fraction"] - within)
    return equal.sort(metric, maintain_order=True).to_dicts()[0]


def _top(rows: Iterable[Row]) -> Row | None:
    return max(rows, key=lambda row: row["accuracy_fraction"], default=None)
