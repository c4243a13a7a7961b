"""What a fit says, in one sentence."""

from __future__ import annotations

from joulescape.gap.fits import Held, Line, doubling, factor
from joulescape.spec.trend import Law


def number(value: float | None) -> str:
    """Three significant figures, thousands set apart; in words where it is beyond all numbers."""
    if value is None:
        return "beyond all bounds"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return f"{float(f'{value:.3g}'):,.10g}"


def times(value: float | None) -> str:
    """A factor as the page writes it: `×9.69` so many times less, `÷1.39` so many times more, `÷751 million`."""
    if value is None:
        return "beyond all bounds"
    sign, ratio = ("×", value) if value >= 1 else ("÷", 1 / value)
    for size, word in _LARGE:
        if float(f"{ratio:.3g}") >= size:
            return f"{sign}{float(f'{ratio / size:.3g}'):g} {word}"
    return f"{sign}{number(ratio)}"


_LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def spanned(low: float | None, high: float | None) -> str:
    """An interval of 95 % of a factor: `95 %: ÷1.02 to ×1.96`."""
    return f"95 %: {times(low)} to {times(high)}"


def between(low: float | None, high: float | None) -> str:
    """An interval of 95 %."""
    return f"95 %: {number(low)} to {number(high)}"


def growth(line: Line, law: Law, x_label: str, ends: tuple[float, float], x_unit: str = "") -> str:
    """How y moves over x, with its interval, the points and the span that it rests on, in x's own unit."""
    low, high = line.slope_interval
    per = "a year" if law == "exponential" else f"for ten times the {x_label[:1].lower()}{x_label[1:]}"
    is_share = not x_unit and "error" in x_label.lower()
    begin, end = (f"{100 * at if is_share else at:.4g}" for at in ends)
    unit = " %" if is_share else f" {x_unit}" if x_unit and law != "exponential" else ""
    told = f"{times(factor(line.slope))} {per} ({spanned(factor(low), factor(high))})"
    return f"{told}{_time(line, law)}; {line.points_count} points, {begin} to {end}{unit}."


def later_said(found: Held) -> str:
    """How many later points the fit foretold."""
    if found.count == 0:
        return "No later point to hold against it."
    outside = [f"{count} {where}" for count, where in ((found.above, "above"), (found.below, "below")) if count]
    rest = f", {' and '.join(outside)}" if outside else ""
    return f"Of {found.count} later points {found.inside} lie inside its prediction interval{rest}."


def _time(line: Line, law: Law) -> str:
    if law != "exponential":
        return ""
    found = doubling(line)
    if found is None:
        return ", which cannot be told from no growth"
    value, low, high = found
    return f", {'doubling' if line.slope > 0 else 'halving'} in {number(value)} years ({between(low, high)})"
