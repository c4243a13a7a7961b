"""The designs as the page holds them: rounded columns for charts and decision, all other columns for the table."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.report.blob import DIGITS, rounded_series
from joulescape.report.decide import gains
from joulescape.report.inputs import Tables
from joulescape.report.sampling import samples_of
from joulescape.report.theme import unit_of

DRAWN = 5000
"""At most so many raw points in a chart; filters, table and decision use all."""

LARGE = 20_000
"""From so many valid designs on the page's further columns keep three figures, as they are shown, names are shortened,
and what follows from other columns is computed in the page."""
SHORTEST = 10
"""A shortened name has at least so many characters."""

FOLLOWS: dict[str, tuple[float, str, tuple[str, ...]]] = {
    "mean_power_mw": (1.0, "inference_energy_pj", ("inference_latency_ns",)),
    "tops_per_w": (2.0, "macs", ("inference_energy_pj",)),
    "gops_per_mm2": (2.0, "macs", ("inference_interval_ns", "area_mm2")),
}
"""Metric -> factor, numerator, denominators of its definition."""

Columns = dict[str, list[Any]]


def front_ids(given: Tables) -> set[str]:
    """Designs on the search's own front, over all objectives."""
    return set(given.front["design_id"].to_list())


@lru_cache(maxsize=2)
def design_columns(given: Tables) -> Columns:
    """Neutral names for the space's metrics, valid designs only, in table order; no accuracy where none was asked for.

    A cost of nothing is taken as not known: it would win every comparison, and no logarithmic axis holds it. Spread and
    draws are of the accuracy that is judged; an exact machine repeats its runs, but not its trainings.
    """
    valid, on_front = given.valid, front_ids(given)
    columns = _judged(given, valid)
    judged = (given.axes.accuracy or "accuracy_fraction").removesuffix("_fraction")
    columns["sd"] = rounded_series(valid[f"{judged}_sd_fraction"]).to_list()
    columns["draws"] = valid[f"{judged}_draws_count"].to_list()
    columns["samples"] = [samples_of(given)] * valid.height
    columns["exact"] = [found == "exact" and judged == "accuracy" for found in valid["equivalence"].to_list()]
    columns["front"] = [design in on_front for design in columns["id"]]
    columns["drawn"] = _drawn(columns)
    return columns


def screened_columns(given: Tables) -> Columns:
    """Screened designs for the table alone: what a cheaper rung said of them; none is ever on a front or in a chart."""
    return _judged(given, given.screened)


def _judged(given: Tables, rows: pl.DataFrame) -> Columns:
    columns: Columns = {
        "id": rows["design_id"].to_list(),
        "back_end": rows["back_end"].to_list(),
        "family": rows["family"].to_list(),
        "network": rows["network"].to_list(),
    }
    for role, metric in given.axes.items():
        values = rounded_series(rows[metric]).to_list()
        columns[role] = values if role == "accuracy" else [value or None for value in values]
    return columns


def _drawn(columns: Columns) -> list[bool]:
    """All of the front, and of the rest the first few of each cell of a grid on (log energy, accuracy or speed)."""
    total = len(columns["id"])
    if total <= DRAWN:
        return [True] * total
    scale, gained = 200 if "accuracy" in columns else 20, gains(columns)

    def height(index: int) -> int:
        return int(scale * (gained[index] or 0.0))

    counts: dict[tuple[str, int, int], int] = {}
    rank = []
    for index in range(total):
        cell = (columns["back_end"][index], int(20 * math.log10(columns["energy"][index] or 1.0)), height(index))
        counts[cell] = counts.get(cell, 0) + 1
        rank.append((not columns["front"][index], counts[cell], index))
    kept = {index for _, _, index in sorted(rank)[:DRAWN]}
    return [index in kept for index in range(total)]


def chart_rows(columns: Columns, given: Tables) -> list[dict[str, Any]]:
    """The drawn designs as a chart sees them, with costs in SI base units as `energy_si` and so on."""
    factors = si_factors(given)
    rows = []
    for index, is_drawn in enumerate(columns["drawn"]):
        if is_drawn:
            row = {name: values[index] for name, values in columns.items()}
            row["row"] = index
            for role, factor in factors.items():
                row[f"{role}_si"] = None if row[role] is None else row[role] * factor
            rows.append(row)
    return rows


def si_factors(given: Tables) -> dict[str, float]:
    """What turns each cost of the house's units into SI base units (area stays in mm2)."""
    return {role: unit_of(metric)[0] for role, metric in given.axes.items() if role != "accuracy"}


MORE = (
    "fidelity", *tables.METRICS, "parameter_count", "file_bytes", "weight_bytes", "index_bytes", "activation_bytes",
    "macs", "multiplications", "additions", "shifts", "gates", "assumed_energy_fraction",
    "mapping_gap_fraction", "steps_basis", "variants_count",
)  # fmt: skip
"""Further columns of the table of all designs, before the parameters."""


def table_columns(given: Tables, rows: pl.DataFrame | None = None) -> dict[str, pl.Series]:
    """Further columns of the table and its CSV: every other metric and parameter that some design in it has.

    Of the valid designs, or of `rows`: the names are the same for both, so that the page can join them.
    """
    known = pl.concat([given.valid, given.screened])
    judged = dict(given.axes.items()).values()
    names = [name for name in (*MORE, *tables.parameter_columns(known)) if name not in judged]
    kept = [name for name in names if name not in following(given) and known[name].null_count() < known.height]
    wanted = given.valid if rows is None else rows
    parts = {part for _, above, below in following(given).values() for part in (above, *below)}
    return {name: _shown(wanted[name], name, is_large(given) and name not in parts) for name in kept}


def _shown(values: pl.Series, name: str, is_short: bool) -> pl.Series:
    """A column with the page's figures; a count of bytes, which is shown with a prefix, as well where room is short."""
    if values.dtype.is_float() or (is_short and name.endswith("_bytes")):
        return rounded_series(values.cast(pl.Float64), DIGITS - is_short)
    return values


def is_large(given: Tables) -> bool:
    """Whether the page must spare room."""
    return given.valid.height > LARGE


@lru_cache(maxsize=2)
def id_length(given: Tables) -> int | None:
    """So many first characters of a design's name tell it from all others, and are all that a large study's page keeps
    of the most: every command takes them for the name. None where names are kept whole.
    """
    names = pl.concat([given.valid["design_id"], given.screened["design_id"]])
    if not is_large(given):
        return None
    lengths = range(SHORTEST, max(map(len, names)), 2)
    return next((length for length in lengths if names.str.slice(0, length).n_unique() == names.n_unique()), None)


def with_ids(columns: Columns, given: Tables) -> dict[str, Any]:
    """The columns with names as the page keeps them."""
    length = id_length(given)
    return {**columns, "id": pl.Series("id", columns["id"], dtype=pl.String).str.slice(0, length)}


def whole_ids(given: Tables) -> list[str]:
    """Names that a large study's page keeps whole: other rows than the designs' tell of these."""
    if id_length(given) is None:
        return []
    return sorted({*given.confirmed["design_id"], *given.front["design_id"]})


@lru_cache(maxsize=2)
def following(given: Tables) -> dict[str, tuple[float, str, tuple[str, ...]]]:
    """Metrics of a large study that the page computes: those that are everywhere what their definition says."""
    if not is_large(given):
        return {}
    known = pl.concat([given.valid, given.screened])
    return {name: rule for name, rule in FOLLOWS.items() if _follows(known, name, rule)}


def _follows(known: pl.DataFrame, name: str, rule: tuple[float, str, tuple[str, ...]]) -> bool:
    factor, above, below = rule
    found = factor * pl.col(above) / pl.reduce(lambda one, other: one * other, [pl.col(part) for part in below])
    is_near = ((found / pl.col(name) - 1).abs() < 1e-6) | (found.is_null() & pl.col(name).is_null())
    return bool(known.select(is_near.fill_null(False).all()).item())
