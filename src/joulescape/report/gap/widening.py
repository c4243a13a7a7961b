"""The gap itself: what is needed and what is delivered as growth since one year, and how fast the two drift apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap.inputs import StudyTables, factor_words, interval, plain_factor, words
from joulescape.report.gap.shores import is_delivered
from joulescape.report.gap.trend import FIRST

START = 2012
"""The year at which every line stands at 1: of the first deep network that won ImageNet's challenge."""
SURE = 0.95
"""Share of an interval."""
DRAWN = 2
"""At most so many groups of a series are drawn; all are listed."""
SHOWN = 2008
"""The first year shown: lines are told apart by what comes after the start."""
INVERSE = "inverse of "
FALLING = ("energy", "/bit", "error", "latency", "cost")
"""Where a quantity's name or unit holds one of these, less is better: its delivery is what it falls by."""


@dataclass(frozen=True)
class Growth:
    """Growth of one group a year with its interval of 95 %, turned so that more is better."""

    label: str
    series: str
    group: str
    is_delivered: bool
    value: float
    low: float
    high: float
    slope: float
    """log10 of the growth a year, with its standard error."""
    slope_se: float
    first: int
    last: int
    points_count: int
    at_start: float
    """log10 of what the fit says of START, turned as well."""
    subject: str
    """What grows, in the study's own words: `performance density of graphics cards`."""

    @property
    def is_known(self) -> bool:
        """Whether the interval excludes standing still."""
        return not self.low <= 1.0 <= self.high

    @property
    def text(self) -> str:
        """`×1.5 (1.3 to 1.7)`."""
        return interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Widening:
    """How fast a need outgrows a delivery, as a factor a year."""

    need: Growth
    delivery: Growth
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, need: Growth, delivery: Growth) -> Widening:
        """Quotient of two growths. Its interval is Welch's: of the slopes' difference, whose widths may differ."""
        value = need.slope - delivery.slope
        parts = [(one.slope_se**2, one.points_count - 2) for one in (need, delivery)]
        variance = sum(part for part, _ in parts)
        half = 0.0
        if variance > 0:
            half = _t(variance**2 / sum(part**2 / freedom for part, freedom in parts)) * math.sqrt(variance)
        return cls(need, delivery, 10**value, 10 ** (value - half), 10 ** (value + half))

    def over(self, years: float) -> tuple[float, float, float]:
        """The factor after so many years, with its interval."""
        return self.value**years, self.low**years, self.high**years

    @property
    def text(self) -> str:
        """A year's factor with its interval."""
        return interval(self.value, self.low, self.high)

    @property
    def decade(self) -> str:
        """A decade's factor with its interval; a dash where a growth cannot be told from none."""
        return interval(*self.over(10)) if self.need.is_known and self.delivery.is_known else "–"

    def years(self, factor: float) -> float | None:
        """Years of drift that a factor makes up for; None where the gap does not widen."""
        return math.log(factor) / math.log(self.value) if self.value > 1 else None


def _t(freedom: float) -> float:
    """Student's t for a two-sided interval of 95 %."""
    from scipy.stats import t

    return float(t.ppf(0.5 + SURE / 2, freedom))


@dataclass(frozen=True)
class WideningFacts:
    """Both shores since one year."""

    growths: tuple[Growth, ...]
    pairs: tuple[Widening, ...]
    """The chosen need against every delivery, the chosen first."""
    chosen: Widening | None
    """Of the headline: of growths that can be told from none, the need and the delivery that rest on most points."""
    rows: Rows
    points: Rows
    """Published points over what their group's fit says of the start."""
    left_out: tuple[str, ...]
    """Groups over the years that have no growth, in words."""


def facts(given: StudyTables) -> WideningFacts:
    """Growths of the first spans; accuracy's error is no need and no delivery, and is left to its own chart."""
    growths = tuple(_growths(given))
    needs = _by_points([one for one in growths if not one.is_delivered])
    deliveries = _by_points([one for one in growths if one.is_delivered])
    pairs = tuple(Widening.of(needs[0], one) for one in deliveries) if needs else ()
    chosen = pairs[0] if pairs and needs[0].is_known and deliveries[0].is_known else None
    drawn = [(growth, list(_points(given, growth))) for growth in _drawn(growths, chosen)]
    rows = [row for growth, points in drawn for row in _line(growth, points)]
    return WideningFacts(
        growths, pairs, chosen, rows, [point for _, points in drawn for point in points], tuple(_left_out(given))
    )


def _by_points(found: Sequence[Growth]) -> list[Growth]:
    """Growths that can be told from none before those that cannot; then those with most points first."""
    return sorted(found, key=lambda one: (not one.is_known, -one.points_count, one.label))


def _drawn(growths: Sequence[Growth], chosen: Widening | None) -> list[Growth]:
    """Of each series the groups with most points, one at least; the chosen first, so that it is seen first."""
    found = [] if chosen is None else [chosen.need, chosen.delivery]
    for series in dict.fromkeys(one.series for one in growths):
        mine = _by_points([one for one in growths if one.series == series])
        found += [one for place, one in enumerate(mine[:DRAWN]) if place == 0 or one.is_known]
    return list(dict.fromkeys(found))


def _growths(given: StudyTables) -> Iterator[Growth]:
    for row in _over_years(given):
        if row["growth_factor"] is None or None in (row["growth_low"], row["growth_high"]):
            continue
        told = given.series.get(row["series"], {})
        names = _names(given, row)
        if "error" in names:
            continue
        ends = (row["growth_low"], row["growth_high"])
        is_turned = any(mark in names for mark in FALLING)
        value, low, high = (
            (1 / row["growth_factor"], 1 / ends[1], 1 / ends[0]) if is_turned else (row["growth_factor"], *ends)
        )
        sign = -1 if is_turned else 1
        slope = sign * row["slope_log10"]
        at_start = sign * row["centre_log10_y"] + slope * (START - row["centre_x"])
        yield Growth(
            _label(given, row, is_turned), row["series"], row["group"], is_delivered(told, row["series"]),
            value, low, high, slope, row["slope_se"], int(row["x_low"]), int(row["x_high"]), row["points_count"],
            at_start, _subject(given, row, is_turned),
        )  # fmt: skip


def _over_years(given: StudyTables) -> list[Mapping[str, Any]]:
    rows = given.fits.to_dicts()
    return [row for row in rows if row["law"] == "exponential" and row["span"] == FIRST]


def _names(given: StudyTables, row: Mapping[str, Any]) -> str:
    """What the series calls its quantity, with its unit, in small letters."""
    of = given.shores.filter((given.shores["series"] == row["series"]) & (given.shores["group"] == row["group"]))
    found = of.select("y_name", "y_unit").unique().sort("y_name", "y_unit").rows()
    told = " ".join(word for pair in found for word in pair if word)
    return f"{words(row['series'])} {told}".lower()


def _label(given: StudyTables, row: Mapping[str, Any], is_turned: bool) -> str:
    """What is counted and of which group: `parameters of largest dense`, `bits per energy of lpddr`."""
    of = given.shores.filter((given.shores["series"] == row["series"]) & (given.shores["group"] == row["group"]))
    known = of["y_name"].drop_nulls().to_list()
    text = known[0] if known else words(row["series"])
    text = text[:1].lower() + text[1:]
    return f"{INVERSE if is_turned else ''}{text}, {words(row['group'])}"


def _subject(given: StudyTables, row: Mapping[str, Any], is_turned: bool) -> str:
    """The quantity of what the study says the group holds, up to its first comma or bracket."""
    quantity = _label(given, row, is_turned).rsplit(", ", maxsplit=1)[0]
    about = (given.series.get(row["series"], {}).get("groups") or {}).get(row["group"]) or words(row["group"])
    return f"{quantity} of {re.split(r'[,(;]', str(about))[0].strip()}"


def _left_out(given: StudyTables) -> Iterator[str]:
    for row in _over_years(given):
        if row["growth_factor"] is None:
            yield f"{words(row['series'])}, {words(row['group'])}: {row['reason'] or 'not fitted'}"


def _points(given: StudyTables, growth: Growth) -> Iterator[dict[str, Any]]:
    """Points from the first year shown on; those that no fit may see, for their confidence, are left out."""
    of = given.shores.filter((given.shores["series"] == growth.series) & (given.shores["group"] == growth.group))
    is_turned = growth.label.startswith(INVERSE)
    for row in of.iter_rows(named=True):
        if row["year"] is None or row["year"] < SHOWN or row["confidence"] == "low" or not row["y"] > 0:
            continue
        height = -math.log10(row["y"]) if is_turned else math.log10(row["y"])
        yield {
            "label": growth.label, "name": row["name"], "year": row["year"], "is_later": bool(row["is_later"]),
            "factor": rounded(10 ** (height - growth.at_start)), "source": row["source"],
        }  # fmt: skip


def _line(growth: Growth, points: Rows) -> Iterator[dict[str, Any]]:
    """A line through 1 at the start over the years that its fit saw, and on to the group's last point."""
    end = max([growth.last, *(point["year"] for point in points)])
    parts = (("seen", max(SHOWN, growth.first), growth.last), ("beyond", growth.last, end))
    for part, first, last in parts:
        for year in range(first, last + 1) if first < last else ():
            away = year - START
            ends = sorted((growth.low**away, growth.high**away))
            yield {
                "label": growth.label, "kind": "delivered" if growth.is_delivered else "needed", "part": part,
                "year": year, "is_last": part == "seen" and year == growth.last,
                "factor": rounded(growth.value**away), "low": rounded(ends[0]), "high": rounded(ends[1]),
                "text": growth.text,
            }  # fmt: skip


def sentence(found: WideningFacts) -> str:
    """How fast the chosen shores drift apart; or why that cannot be said."""
    if found.chosen is None:
        return "No growth of a need and of a delivery can both be told from none: how fast the gap widens is not known."
    pair = found.chosen
    need, delivery = factor_words(pair.need.value), factor_words(pair.delivery.value)
    grow = f"What networks need grows {need} a year, what chips deliver {delivery}"
    if pair.low <= 1.0 <= pair.high:
        return f"{grow}: whether the gap widens cannot be told."
    verb = "widens" if pair.value > 1 else "closes"
    drift = f"{plain_factor(pair.low)} to {plain_factor(pair.high)}"
    return f"{grow}: the gap {verb} {factor_words(pair.value)} a year ({drift})."


def ground(found: WideningFacts) -> str:
    """What the sentence counts and over which years, and which needs do not grow with it; empty without a sentence."""
    if found.chosen is None:
        return ""
    sides = (("Needed", found.chosen.need), ("Delivered", found.chosen.delivery))
    told = [f"{side}: {one.subject}, {one.text} a year, {_rests_on(one)}." for side, one in sides]
    needs = [one for one in found.growths if not one.is_delivered and not one.is_known]
    if needs:
        still = "; ".join(f"{one.label}, {one.text} a year ({one.first} to {one.last})" for one in needs)
        told.append(f"Not told from standing still: {still}; a bridge for such networks faces no growing need.")
    if "parameters" in found.chosen.need.label:
        told.append("Parameters (memory) are held against operations (computing): growths, not sizes, are compared.")
    return " ".join(told)


def _rests_on(one: Growth) -> str:
    return f"{one.points_count} points of {one.first} to {one.last}"
