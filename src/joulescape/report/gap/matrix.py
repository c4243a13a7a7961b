"""Machines by networks and by quantities: how far each trails, and by what it overtakes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report.gap.inputs import StudyTables, factor_words, metric_words
from joulescape.report.inputs import family_rank

Row = Mapping[str, Any]

ALONE = ("one", "kind")
"""Ways to move that leave everything else as it is: one constant, or all of a kind."""
REACHED = ("within_corner", "beyond_corner")
"""Verdicts of what overtakes at some value."""
ENERGY = "inference_energy_pj"


@dataclass(frozen=True)
class Cell:
    """One machine on one network, or one quantity of a machine."""

    verdict: str
    text: str
    more: str = ""
    """By what it overtakes, or why not."""


@dataclass(frozen=True)
class Line:
    """One machine."""

    back_end: str
    family: str
    cells: tuple[Cell | None, ...]
    """None where it was not asked."""


@dataclass(frozen=True)
class Matrix:
    """Machines by networks, or by quantities."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def distances(given: StudyTables) -> tuple[Matrix, ...]:
    """For each metric of cost, each machine on each network: its cost over the best electronic one's, and its nearest
    way to equal it."""
    rows = [row for row in given.overtake.iter_rows(named=True) if row["verdict"] != "absent"]
    costs = [row for row in rows if not row["metric"].startswith("accuracy")]
    found = []
    for metric in dict.fromkeys(row["metric"] for row in costs):
        mine = [row for row in costs if row["metric"] == metric]
        networks = tuple(dict.fromkeys(row["network"] for row in mine))
        lines = tuple(
            Line(name, of[0]["family"] or "", tuple(_distance(_on(of, network)) for network in networks))
            for name, of in _machines(mine)
        )
        found.append(Matrix(metric_words(metric), networks, lines))
    return tuple(found)


def quantities(given: StudyTables) -> Matrix | None:
    """Each machine's device quantities: at which value it equals the best electronic design in energy (a spread: in
    accuracy), on the network where that is nearest; None where no row says which quantity it is of."""
    rows = [
        row for row in given.overtake.iter_rows(named=True)
        if row["quantity"] and (row["metric"] == ENERGY or row["metric"].startswith("accuracy"))
    ]  # fmt: skip
    if not rows:
        return None
    columns = tuple(sorted({row["quantity"] for row in rows}))
    lines = tuple(
        Line(name, of[0]["family"] or "", tuple(_quantity([r for r in of if r["quantity"] == one]) for one in columns))
        for name, of in _machines(rows)
    )
    return Matrix("value needed", columns, lines)


def _machines(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows by machine, families in their order."""
    names = sorted({row["back_end"]: family_rank(row["family"] or "") for row in rows}.items(), key=lambda at: at[::-1])
    for name, _ in names:
        yield name, [row for row in rows if row["back_end"] == name]


def _on(rows: Sequence[Row], network: str) -> list[Row]:
    return [row for row in rows if row["network"] == network]


def _distance(rows: Sequence[Row]) -> Cell | None:
    """How many times the rival's cost, and the nearest way."""
    known = next((row for row in rows if row["own_value"] and row["rival_value"]), None)
    if known is None:
        return None
    ratio = known["own_value"] / known["rival_value"]
    text = factor_words(ratio)
    if any(row["verdict"] == "already" for row in rows):
        return Cell("already", text)
    way = _nearest(row for row in rows if row["moved"] in ALONE)
    if way is not None:
        return Cell(way["verdict"], text, f"{_moved(way)} {factor_words(way['improvement_needed'])} better")
    every = _nearest(row for row in rows if row["moved"] not in ALONE)
    if every is not None:
        return Cell("never_alone", text, f"{_moved(every)} {factor_words(every['improvement_needed'])} better")
    return Cell("never_alone", text, "not even free")


def _nearest(rows: Iterator[Row]) -> Row | None:
    """The least improvement that overtakes."""
    known = [row for row in rows if row["verdict"] in REACHED and row["improvement_needed"] is not None]
    return min(known, key=lambda row: (row["improvement_needed"], row["parameters"] or ""), default=None)


def _moved(row: Row) -> str:
    if row["moved"] == "kind" and row["kind"]:
        return f"all its {row['kind']}"
    return {"all": "all costs", "pair": "a pair"}.get(row["moved"] or "", row["parameters"] or "–")


def _quantity(rows: Sequence[Row]) -> Cell | None:
    """What one quantity of a machine does over all networks."""
    if not rows:
        return None
    if all(row["verdict"] == "absent" for row in rows):
        return Cell("absent", "has none")
    way = _nearest(iter(rows))
    count = len({row["network"] for row in rows})
    if way is not None:
        value = f"{_number(way['today'])} → {_number(way['needed'])} {way['unit'] or ''}".rstrip()
        reached = len({row["network"] for row in rows if row["verdict"] in REACHED})
        more = f"{way['parameters']}, {factor_words(way['improvement_needed'])} better on {way['network']}"
        return Cell(way["verdict"], value, f"{more};{_of(reached, count)}".rstrip(";"))
    ahead = len({row["network"] for row in rows if row["verdict"] == "already"})
    if ahead == count:
        return Cell("already", f"ahead{_of(ahead, count)}")
    if all(row["verdict"] == "infeasible" for row in rows):
        return Cell("infeasible", "not known")
    rest = f"ahead{_of(ahead, count)}" if ahead else ""
    return Cell("never_alone", f"not by this alone{_of(count - ahead, count)}", rest)


def _of(some: int, count: int) -> str:
    """On how many of the networks; nothing where one alone was asked."""
    return "" if count == 1 else f" on all {count}" if some == count else f" on {some} of {count}"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}"
