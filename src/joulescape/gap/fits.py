"""Straight lines through logarithms: growth over years, and powers of another quantity, with their intervals.

Least squares of log10(y) on x (years) or on log10(x), with Student's t at n - 2 degrees of freedom; the residuals are
taken as independent and of one width. Nothing is fitted to fewer than three points, nor to points at one x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulescape.spec.trend import Law

LEAST_POINTS = 3
"""Two points have a line and no scatter to judge it by."""

VAGUE = 100
"""A growth whose interval spans a greater factor is no figure, and every later point would lie inside it."""

SURE = 0.95
"""Share of an interval."""

_MOST_DECADES = 300
"""Further out a factor is no float, and says nothing."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """log10(y) = centre_log10_y + slope (x - centre_x), with standard errors of both; x as the law takes it."""

    points_count: int
    centre_x: float
    centre_log10_y: float
    centre_se: float
    slope: float
    slope_se: float
    residual_sd: float

    @property
    def freedom(self) -> int:
        """Degrees of freedom."""
        return self.points_count - 2

    @property
    def t_factor(self) -> float:
        """Half the width of an interval of 95 % in standard errors."""
        return t_factor(self.freedom)

    @property
    def slope_interval(self) -> Interval:
        """Where the slope lies."""
        half = self.t_factor * self.slope_se
        return self.slope - half, self.slope + half

    def at(self, x: float) -> float:
        """log10(y) on the line."""
        return self.centre_log10_y + self.slope * (x - self.centre_x)

    def mean_interval(self, x: float) -> Interval:
        """Where log10 of the line itself lies at x."""
        half = self.t_factor * math.hypot(self.centre_se, (x - self.centre_x) * self.slope_se)
        return self.at(x) - half, self.at(x) + half

    def prediction_interval(self, x: float) -> Interval:
        """Where log10(y) of one further point lies at x: the line's own interval and the points' scatter."""
        half = self.t_factor * math.hypot(self.residual_sd, self.centre_se, (x - self.centre_x) * self.slope_se)
        return self.at(x) - half, self.at(x) + half


@dataclass(frozen=True)
class Held:
    """Later points held against a line's prediction."""

    inside: int
    above: int
    below: int

    @property
    def count(self) -> int:
        """How many there are."""
        return self.inside + self.above + self.below


@dataclass(frozen=True)
class Difference:
    """One estimate less another, with its interval of 95 % (Welch: widths may differ)."""

    value: float
    low: float
    high: float


def t_factor(freedom: float) -> float:
    """Student's t for a two-sided interval of 95 %."""
    from scipy.stats import t

    return float(t.ppf(0.5 + SURE / 2, freedom))


def on_axis(x: float, law: Law) -> float:
    """x as the law takes it: years as they are, any other quantity as its logarithm."""
    return x if law == "exponential" else math.log10(x)


def unfit(x: Sequence[float]) -> str | None:
    """Why no line is fitted through points at these x; None where one is."""
    if not x:
        return "no point"
    if len(x) < LEAST_POINTS:
        return f"{len(x)} point{'s' if len(x) > 1 else ''}: a fit with an interval needs {LEAST_POINTS}"
    return "all points stand at one x" if min(x) == max(x) else None


def vague(line: Line) -> str | None:
    """Why a line says nothing of its growth: the ends of its interval lie more than a factor of VAGUE apart."""
    low, high = line.slope_interval
    if high - low <= math.log10(VAGUE):
        return None
    return f"{line.points_count} points leave the growth open by more than a factor of {VAGUE}: no figure, no test"


def fit(x: Sequence[float], y: Sequence[float], law: Law) -> Line:
    """The line through points with y > 0, in whichever order they come; ValueError where `unfit` has a reason."""
    reason = unfit(x)
    if reason is not None:
        raise ValueError(reason)
    import numpy as np
    from scipy.stats import linregress

    points = np.array(sorted((on_axis(one, law), math.log10(other)) for one, other in zip(x, y, strict=True)))
    along, up = points[:, 0] - points[:, 0].mean(), points[:, 1]
    found = linregress(along, up)
    residuals = up - found.intercept - found.slope * along
    residual_sd = math.sqrt(float(residuals @ residuals) / (len(up) - 2))
    return Line(
        points_count=len(up),
        centre_x=float(points[:, 0].mean()),
        centre_log10_y=float(up.mean()),
        centre_se=residual_sd / math.sqrt(len(up)),
        slope=float(found.slope),
        slope_se=residual_sd / math.sqrt(float(along @ along)),
        residual_sd=residual_sd,
    )


def held(line: Line, x: Sequence[float], y: Sequence[float], law: Law) -> Held:
    """How many points lie inside the prediction interval of 95 %, above and below it."""
    places = [_place(line, on_axis(one, law), math.log10(other)) for one, other in zip(x, y, strict=True)]
    return Held(places.count(0), places.count(1), places.count(-1))


def _place(line: Line, x: float, log10_y: float) -> int:
    low, high = line.prediction_interval(x)
    return (log10_y > high) - (log10_y < low)


def factor(exponent: float) -> float | None:
    """10 to the exponent; None where that is no number any more."""
    return 10.0**exponent if abs(exponent) <= _MOST_DECADES else None


def doubling(line: Line) -> tuple[float, float, float] | None:
    """Units of x in which y doubles, or halves where it falls, with its interval; None where 95 % holds a slope of 0.

    The time is monotone in the slope, so that its ends are those of the slope's interval, exactly.
    """
    ends = sorted(abs(end) for end in line.slope_interval)
    if line.slope_interval[0] <= 0 <= line.slope_interval[1]:
        return None
    return math.log10(2) / abs(line.slope), math.log10(2) / ends[1], math.log10(2) / ends[0]


def difference(first: tuple[float, float, int], second: tuple[float, float, int]) -> Difference:
    """The first slope less the second, each as (slope, standard error, points)."""
    (one, one_error, one_points), (two, two_error, two_points) = first, second
    return welch((one, one_error, one_points - 2), (two, two_error, two_points - 2))


def welch(first: tuple[float, float, float], second: tuple[float, float, float]) -> Difference:
    """The first estimate less the second, each as (value, standard error, degrees of freedom)."""
    parts = [(error**2, freedom) for _, error, freedom in (first, second)]
    variance = sum(part for part, _ in parts)
    value = first[0] - second[0]
    if variance == 0:
        return Difference(value, value, value)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = t_factor(freedom) * math.sqrt(variance)
    return Difference(value, value - half, value + half)
