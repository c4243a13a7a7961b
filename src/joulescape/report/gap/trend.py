"""One series of published points: its marks by group and confidence, its fits with their bands, its sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report.blob import rounded
from joulescape.report.figure import Rows, log_domain
from joulescape.report.gap.inputs import StudyTables, interval, is_share, quantity, spelled, words
from joulescape.report.gap.placing import Place, placed

FIRST = "first"
"""The span that ends with the study's first years; the other is all years."""
VAGUE = 30.0
"""A band whose upper end is so many times its lower one says nothing that its line does not hide."""
STEPS = 24
"""Pieces of a drawn line: the band is curved."""
WIDE, NARROW = (545.0, 320.0, 22), (255.0, 320.0, 7)
"""Width and height in pixels of the plot on a desk and on a phone, and how many names each may hold."""


@dataclass(frozen=True)
class Fit:
    """One row of fits.parquet that holds numbers: a straight line in log10(y) over years or over log10(x)."""

    group: str
    span: str
    is_power: bool
    low: float
    """The first x that the fit saw."""
    high: float
    centre: float
    height: float
    centre_se: float
    slope: float
    slope_se: float
    t: float
    residual: float

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Fit:
        """The fit of a row whose numbers are known."""
        return cls(
            row["group"], row["span"], row["law"] == "power", row["x_low"], row["x_high"], row["centre_x"],
            row["centre_log10_y"], row["centre_se"], row["slope_log10"], row["slope_se"], row["t_factor"],
            row["residual_sd_log10"],
        )  # fmt: skip

    def at(self, x: float, is_new: bool) -> tuple[float, float, float]:
        """y with its interval at x, as the axis has it: of the line, or of a new point where `is_new`."""
        away = (math.log10(x) if self.is_power else x) - self.centre
        spread = self.centre_se**2 + (away * self.slope_se) ** 2 + (self.residual**2 if is_new else 0.0)
        middle, half = self.height + self.slope * away, self.t * math.sqrt(spread)
        return 10**middle, 10 ** (middle - half), 10 ** (middle + half)

    @property
    def is_vague(self) -> bool:
        """Whether the slope cannot be told from none and the line's own band is too wide to be drawn."""
        is_told = abs(self.slope) > self.t * self.slope_se
        return not is_told and any(
            high > VAGUE * low for _, low, high in (self.at(x, False) for x in (self.low, self.high))
        )


NONE_LATER = "No later point to hold against it."
"""Said by most fits: the chart shows it."""
NO_BAND = {"low": None, "high": None}


@dataclass(frozen=True)
class Said:
    """What the fits of one group say."""

    group: str
    about: str
    """What the group holds together."""
    first: str
    """Growth and doubling over the first span with intervals and years; or why there is no fit."""
    is_fitted: bool
    every: str
    """The same over all years; empty where it is the same."""


@dataclass(frozen=True)
class Trend:
    """One chart of the shores."""

    series: str
    title: str
    law: str
    groups: tuple[str, ...]
    """Labels of the groups, in the order of the study."""
    x_title: str
    y_title: str
    is_x_share: bool
    """Whether x is a share of one, which is shown in percent; so for y."""
    is_y_share: bool
    x_domain: tuple[float, float]
    y_domain: tuple[float, float]
    points: Rows
    lines: Rows
    sentences: tuple[Said, ...]


def trend(given: StudyTables, series: str) -> Trend | None:
    """The facts of one series; None where nothing of it was published."""
    rows = given.shores.filter(
        (pl.col("series") == series) & pl.col("x").is_not_null() & (pl.col("y") > 0) & pl.col("x").is_finite()
    ).to_dicts()
    if not rows:
        return None
    told = given.series[series]
    groups = tuple(dict.fromkeys([*(told.get("groups") or {}), *(row["group"] for row in rows)]))
    groups = tuple(group for group in groups if any(row["group"] == group for row in rows))
    fits = given.fits.filter(pl.col("series") == series)
    law = _law(fits, rows)
    lines = [line for fit in first_fits(fits) for line in _line(fit, [r for r in rows if r["group"] == fit.group])]
    x_domain = _x_domain([row["x"] for row in rows], law)
    y_domain = log_domain([row["y"] for row in rows] + [line["y"] for line in lines])
    return Trend(
        series=series,
        title=str(told.get("about") or words(series).capitalize()),
        law=law,
        groups=tuple(words(group) for group in groups),
        x_title=_title(rows[0]["x_name"], rows[0]["x_unit"], "←→"),
        y_title=_title(rows[0]["y_name"], rows[0]["y_unit"], "↓↑"),
        is_x_share=is_share(rows[0]["x_name"], rows[0]["x_unit"]),
        is_y_share=is_share(rows[0]["y_name"], rows[0]["y_unit"]),
        x_domain=x_domain,
        y_domain=y_domain,
        points=_labelled([_point(row) for row in rows], x_domain, y_domain, law),
        lines=lines,
        sentences=tuple(_said(fits, group, (told.get("groups") or {}).get(group) or "") for group in groups),
    )


def first_fits(fits: pl.DataFrame) -> list[Fit]:
    """The fits of the first span; a group without numbers has none."""
    known = fits.filter((pl.col("span") == FIRST) & pl.col("slope_log10").is_not_null())
    return [Fit.of(row) for row in known.iter_rows(named=True)]


def _law(fits: pl.DataFrame, rows: Rows) -> str:
    """`exponential` over years, `power` over anything else."""
    known: list[str] = fits["law"].drop_nulls().to_list()
    return known[0] if known else "exponential" if rows[0]["x_name"].lower() == "year" else "power"


def _x_domain(values: Sequence[float], law: str) -> tuple[float, float]:
    return log_domain(values) if law == "power" else (min(values) - 0.8, max(values) + 0.8)


BETTER = (("error", 0), ("energy", 0), ("density", 1), ("efficiency", 1))
"""What is in a quantity's name where less (0) or more (1) of it is better; others are counts without a better end."""


def _title(name: str | None, unit: str | None, ways: str) -> str:
    """A quantity with its unit and the way in which it gets better: `ways` are the signs of less and of more."""
    text = words(name or "")
    better = next((f"better {ways[end]}" for part, end in BETTER if part in text.lower()), "")
    told = [part for part in (spelled(unit or ""), better) if part]
    text = text[:1].upper() + text[1:]
    return f"{text} ({', '.join(told)})" if told else text


def _line(fit: Fit, rows: Rows) -> Iterator[dict[str, Any]]:
    """The line over what it saw, and on to the last point of its group, where its band is that of a new point.

    A line whose band would hide the chart is drawn without one, and not on.
    """
    start, end = fit.low, fit.high
    if fit.is_vague:
        for x in (start, end):
            yield {"group": words(fit.group), "part": "vague", "x": x, "y": rounded(fit.at(x, False)[0]), **NO_BAND}
        return
    xs = [row["x"] for row in rows]
    ends = (("covered", start, end), ("beyond", end, max(end, *xs)), ("before", start, min(start, *xs)))
    for part, first, last in ends:
        if part != "covered" and first == last:
            continue
        for step in range(STEPS + 1):
            share = step / STEPS
            x = first ** (1 - share) * last**share if fit.is_power else first + share * (last - first)
            y, low, high = fit.at(x, is_new=part != "covered")
            kept = {"x": round(x, 6), "y": rounded(y), "low": rounded(low), "high": rounded(high)}
            yield {"group": words(fit.group), "part": part, **kept}


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    is_year = str(row["x_name"]).lower() == "year"
    node = "" if row["node_nm"] is None else f"{row['node_nm']:g}\u202fnm"
    return {
        "name": row["name"], "group": words(row["group"]), "x": row["x"], "y": row["y"],
        "x_text": f"{row['x']:g}" if is_year else quantity(row["x"], row["x_name"], row["x_unit"]),
        "y_text": quantity(row["y"], row["y_name"], row["y_unit"]),
        "year": row["year"], "node": node, "confidence": row["confidence"],
        "is_later": bool(row["is_later"]), "is_fitted": bool(row["is_fitted"]),
        "source": row["source"], "where": row["where"], "note": row["note"] or "",
    }  # fmt: skip


def _labelled(rows: list[dict[str, Any]], xs: tuple[float, float], ys: tuple[float, float], law: str) -> Rows:
    """The points, those to be named first in front, each with the offsets of its name."""
    ordered = sorted(rows, key=lambda row: (not row["is_fitted"], row["confidence"] != "high", -row["y"], row["name"]))
    places = {}
    for size, (width, height, most) in (("wide", WIDE), ("narrow", NARROW)):
        spots = [
            (width * _share(row["x"], xs, law == "power"), height * (1 - _share(row["y"], ys, True))) for row in ordered
        ]
        names = _once([row["name"] for row in ordered])
        reaches = [9.0 if row["is_later"] else 5.0 for row in ordered]
        places[size] = placed(spots, names, (width, height), most, reaches)
    return [
        {**row, **_offsets("wide", wide), **_offsets("narrow", narrow)}
        for row, wide, narrow in zip(ordered, places["wide"], places["narrow"], strict=True)
    ]


def _once(names: Sequence[str]) -> list[str]:
    """Each name where it comes first: a network with two variants is named once.

    A name that begins with a figure is a size that its group tells.
    """
    return ["" if name in names[:place] or name[:1].isdigit() else name for place, name in enumerate(names)]


def _offsets(size: str, place: Place | None) -> dict[str, Any]:
    return {
        f"{size}_dx": None if place is None else round(place.dx, 1),
        f"{size}_dy": None if place is None else round(place.dy, 1),
    }


def _share(value: float, ends: tuple[float, float], is_log: bool) -> float:
    low, high, at = (math.log(end) if is_log else end for end in (*ends, value))
    return (at - low) / (high - low)


def _said(fits: pl.DataFrame, group: str, about: str) -> Said:
    spans = {row["span"]: row for row in fits.filter(pl.col("group") == group).iter_rows(named=True)}
    first, every = spans.get(FIRST), spans.get("all")
    later = every is not None and every["growth_factor"] is not None
    is_fitted = first is not None and first["growth_factor"] is not None
    return Said(words(group), str(about), _sentence(first), is_fitted, _sentence(every) if later else "")


def _open(row: Mapping[str, Any]) -> str:
    """What a power law's sentence leaves out: that its interval holds no change at all."""
    ends = (row["growth_low"], row["growth_high"])
    is_open = None not in ends and ends[0] <= 1.0 <= ends[1]
    return " This cannot be told from no change." if row["law"] == "power" and is_open else ""


def _sentence(row: Mapping[str, Any] | None) -> str:
    """A fit in its own words; else from its numbers; else why there is none."""
    if row is None:
        return "not fitted"
    if row["sentence"]:
        return str(row["sentence"]).removesuffix(NONE_LATER).strip() + _open(row)
    if row["growth_factor"] is None:
        return row["reason"] or "no reason given"
    per = "for ten times x" if row["law"] == "power" else "a year"
    covered = f"{row['x_low']:g} to {row['x_high']:g}, {row['points_count']} points"
    return f"{interval(row['growth_factor'], row['growth_low'], row['growth_high'])} {per}, {covered}."
