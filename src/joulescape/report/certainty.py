"""How sure a cost is: its range over the corners of all sourced constants, and which designs cannot be told apart.

A range is a pair of factors on the typical value, taken from confirmed designs: the design's own where it was
confirmed, else the widest of its back end. The same rules stand in assets/certainty.js.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import sampling, theme
from joulescape.report.blob import rounded
from joulescape.report.decide import COSTS, Columns, Decision
from joulescape.report.inputs import Tables

SPREAD_SD = 2.0
"""Over draws, accuracies are told apart when their means differ by more than so many standard deviations of either."""


@dataclass(frozen=True)
class Band:
    """Least and greatest factor of a cost over the corners; None when a corner there admits no valid design."""

    low: float | None
    high: float | None
    designs: int
    """Confirmed designs behind it."""


Bands = Mapping[str, Mapping[str, Band]]
"""By cost, then by design or back end."""


def bands(given: Tables) -> dict[str, dict[str, Band]]:
    """Bands of every confirmed design and of every back end that has one."""
    corners: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in given.confirmed.iter_rows(named=True):
        corners.setdefault(row["design_id"], {})[row["corner"]] = row
    metrics = dict(given.axes.items())
    return {cost: _bands(corners.values(), metrics[cost]) for cost in COSTS}


def _bands(designs: Iterable[Mapping[str, Mapping[str, Any]]], metric: str) -> dict[str, Band]:
    own: dict[str, Band] = {}
    groups: dict[str, list[Band]] = {}
    for rows in designs:
        band = _own(rows, metric)
        if band is not None:
            own[rows["typical"]["design_id"]] = band
            groups.setdefault(rows["typical"]["back_end"], []).append(band)
    return {**{name: _widest(group) for name, group in groups.items()}, **own}


def _own(rows: Mapping[str, Mapping[str, Any]], metric: str) -> Band | None:
    typical = rows["typical"][metric] if "typical" in rows else None
    if not typical:
        return None
    known = [1.0, *(row[metric] / typical for row in rows.values() if row[metric])]
    ends = {corner: row["state"] in {"infeasible", "failed"} for corner, row in rows.items()}
    low = None if ends.get("optimistic") else rounded(min(known))
    return Band(low, None if ends.get("pessimistic") else rounded(max(known)), 1)


def _widest(group: Sequence[Band]) -> Band:
    """The widest over a back end: an end is open only when it is so for every design."""
    lows = [band.low for band in group if band.low is not None]
    highs = [band.high for band in group if band.high is not None]
    return Band(min(lows, default=None), max(highs, default=None), len(group))


def band_of(columns: Columns, found: Mapping[str, Band], row: int) -> Band | None:
    """The design's own band, else its back end's, else None."""
    return found.get(columns["id"][row]) or found.get(columns["back_end"][row])


def span(columns: Columns, found: Bands, name: str, row: int) -> tuple[float, float] | None:
    """Range of accuracy (± `reach`) or of a cost (over corners) of one design; None for an absent cost.

    A cost without a band is a point; an open end is 0 or infinite, and so is an accuracy of which nothing is known.
    """
    value = columns[name][row]
    if value is None:
        return None
    if name == "accuracy":
        half = reach(columns, row)
        return (-math.inf, math.inf) if half is None else (value - half, value + half)
    band = band_of(columns, found[name], row) or Band(1.0, 1.0, 0)
    return value * (band.low or 0.0), math.inf if band.high is None else value * band.high


def reach(columns: Columns, row: int) -> float | None:
    """How far an accuracy may be off: 2 sd over draws and one standard error of its samples, in quadrature.

    Not two of the latter: all designs are asked the same samples and share most of their luck, so that accuracies apart
    by the sum of both errors are seldom so by chance. None where one run says nothing of its spread, unless the machine
    computes exactly: then one run is every run. Without a count of samples there are the draws alone.
    """
    sd, samples = columns["sd"][row], columns["samples"][row]
    if sd is None and not columns["exact"][row]:
        return None
    drawn = SPREAD_SD * (sd or 0.0)
    asked = 0.0 if samples is None else sampling.standard_error(columns["accuracy"][row], samples)
    return math.sqrt(drawn * drawn + asked * asked)


def overlap(columns: Columns, found: Bands, name: str, first: int, second: int) -> bool:
    """Whether two designs cannot be told apart by one metric."""
    one, other = span(columns, found, name, first), span(columns, found, name, second)
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]


def judged_by(columns: Columns, prefer: str) -> tuple[str, ...]:
    """What a preference compares: its own metric, or both that are balanced."""
    if prefer != "balance":
        return (prefer,)
    return ("accuracy" if "accuracy" in columns else "latency", "energy")


def rivals(columns: Columns, decision: Decision, found: Bands, prefer: str) -> list[int]:
    """Best designs of other families that the preferred metrics do not tell apart from the choice."""
    index = decision.index
    if index is None:
        return []
    judged = judged_by(columns, prefer)
    others = [row for row in decision.best.values() if columns["family"][row] != columns["family"][index]]
    close = [row for row in others if all(overlap(columns, found, name, index, row) for name in judged)]
    return sorted(close, key=lambda row: (columns["back_end"][row], row))


def tie_text(columns: Columns, close: Sequence[int], judged: Sequence[str] = ()) -> str:
    """One sentence that names designs not told apart from the choice, in what they were `judged` by; empty without."""
    names = " or ".join(dict.fromkeys(columns["back_end"][row] for row in close))
    metrics = f" in {' and '.join(judged)}" if judged else ""
    return (
        f"No clear winner{metrics}: within the uncertainty this choice may be no better than the best of {names}."
        if names
        else ""
    )


def tested_texts(given: Tables) -> dict[str, str]:
    """Accuracy on the test split of every confirmed design that is valid there, by design."""
    metric = given.axes.accuracy
    if metric is None:
        return {}
    prefix = metric.removesuffix("_fraction")
    typical = given.confirmed.filter((pl.col("corner") == "typical") & pl.col(metric).is_not_null())
    return {
        row["design_id"]: accuracy_text(row[metric], row[f"{prefix}_sd_fraction"], "test", row[f"{prefix}_draws_count"])
        + sampling.tested_words(given, row[metric])
        for row in typical.iter_rows(named=True)
    }


def spread_text(sd: float | None) -> str:
    """`± 0.3 points (2 sd)`, or that one run has none."""
    return "one run: no spread known" if sd is None else f"± {100 * SPREAD_SD * sd:.1f} points (2 sd)"


def accuracy_text(mean: float, sd: float | None, split: str, draws: int | None = None) -> str:
    """`96.7 % ± 0.3 (2 sd) on test (n = 5)`; without a spread where none is known, as of one run."""
    spread = "" if sd is None else f" ± {100 * SPREAD_SD * sd:.1f} (2 sd)"
    count = "" if draws is None else f" (n = {draws})"
    return f"{theme.show(mean, 'accuracy_fraction')}{spread} on {split}{count}"


def range_text(columns: Columns, found: Bands, row: int, metric: str) -> str:
    """The energy of a design over the corners, and which confirmed designs say so."""
    value, band = columns["energy"][row], band_of(columns, found["energy"], row)
    if band is None or value is None:
        return "No confirmed design of this back end is at hand: how far its energy reaches is not known."
    ends = (_end(value, factor, metric) for factor in (band.low, band.high))
    said = " with every constant optimistic, ".join(ends)
    whose = "this design, confirmed"
    if columns["id"][row] not in found["energy"]:
        count = f"{band.designs} confirmed design{'' if band.designs == 1 else 's'}"
        whose = f"{count} of {columns['back_end'][row]}; this design itself was not confirmed"
    return f"Energy: {said} with every constant pessimistic (from {whose})."


def _end(value: float, factor: float | None, metric: str) -> str:
    if factor is None:
        return "no valid design"
    return f"{theme.show(value * factor, metric)} ({theme.factor_text(factor)})"
