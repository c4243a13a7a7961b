"""Growth of one group a year with its interval, turned so that more is better; and one growth against another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joulescape.report.gap.inputs import StudyTables, interval, words
from joulescape.report.gap.shores import is_delivered
from joulescape.report.gap.trend import FIRST

START = 2012
"""The year at which every line stands at 1: of the first deep network that won ImageNet's challenge."""
SURE = 0.95
"""Share of an interval."""
INVERSE = "inverse of "
FALLING = ("energy", "/bit", "error", "latency", "cost")
"""Where a quantity's name or unit holds one of these, less is better: its delivery is what it falls by."""
RECALLED = "medium"
"""The confidence of points that were recalled."""
COMPUTING = ("operation", "gops", "density")
"""Where a quantity's name or unit holds one of these, it counts computing; any other counts memory."""


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
    is_computing: bool
    """Whether it counts operations; memory otherwise."""
    recalled_count: int = 0
    """How many of its points were recalled, not looked up."""

    @property
    def is_energy(self) -> bool:
        """Whether it is the operations that a joule does."""
        return self.is_delivered and self.is_computing and "energy" in self.series

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
    def is_told(self) -> bool:
        """Whether the interval excludes that both grow alike."""
        return not self.low <= 1.0 <= self.high

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


def growths(given: StudyTables, span: str) -> Iterator[Growth]:
    """Groups over the years that have a fit of this span; errors are neither needed nor delivered."""
    for row in _over_years(given, span):
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
            at_start, _subject(given, row, is_turned), any(mark in names for mark in COMPUTING),
            _recalled(given, row),
        )  # fmt: skip


def _recalled(given: StudyTables, row: Mapping[str, Any]) -> int:
    """Fitted points of the first span, or of all years, that nobody looked up."""
    of = given.shores.filter((given.shores["series"] == row["series"]) & (given.shores["group"] == row["group"]))
    return of.filter((of["confidence"] == RECALLED) & (of["is_fitted"] if row["span"] == FIRST else True)).height


def _over_years(given: StudyTables, span: str = FIRST) -> list[Mapping[str, Any]]:
    rows = given.fits.to_dicts()
    return [row for row in rows if row["law"] == "exponential" and row["span"] == span]


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


def left_out(given: StudyTables) -> Iterator[str]:
    """Groups over the years without a growth, with the reason."""
    for row in _over_years(given):
        if row["growth_factor"] is None:
            yield f"{words(row['series'])}, {words(row['group'])}: {row['reason'] or 'not fitted'}"
