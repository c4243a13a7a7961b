"""Did the search run long enough: hypervolume over trials."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

from joulescape.report import figure
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class ConvergenceFacts:
    """Hypervolume after each batch, and what the last quarter of the trials still gained."""

    rows: Rows
    late_gain_fraction: float | None
    verdict: str


def facts(given: Tables) -> ConvergenceFacts:
    """The gain of the last quarter of the trials as a share of the final hypervolume."""
    history = given.history.filter(given.history["hypervolume"].is_not_null()).sort("batch")
    names = ("trials_told", "hypervolume", "front_size", "valid_count", "infeasible_count", "failed_count")
    rows = [
        {name: rounded(row[name]) if name == "hypervolume" else row[name] for name in names}
        for row in history.iter_rows(named=True)
    ]
    gain = _late_gain(rows)
    return ConvergenceFacts(rows, gain, _verdict(gain))


def _late_gain(rows: Rows) -> float | None:
    if len(rows) < 2 or not rows[-1]["hypervolume"]:
        return None
    start = 0.75 * rows[-1]["trials_told"]
    before = [row["hypervolume"] for row in rows if row["trials_told"] <= start]
    return 1.0 - before[-1] / rows[-1]["hypervolume"] if before else None


def _verdict(gain: float | None) -> str:
    if gain is None:
        return "Too few batches to tell."
    grew = f"The last quarter of the trials added {100 * gain:.1f} % of the hypervolume"
    return (
        f"{grew}: a longer search may find better designs." if gain > 0.01 else f"{grew}: the search has levelled off."
    )


def domain(rows: Rows) -> tuple[float, float]:
    """The range of the hypervolume with a tenth to spare; around a constant one, a hundredth of it."""
    low, high = min(row["hypervolume"] for row in rows), max(row["hypervolume"] for row in rows)
    margin = 0.1 * (high - low) or 0.01 * abs(high) or 1.0
    return low - margin, high + margin


def figures(found: ConvergenceFacts) -> tuple[Figure, ...]:
    """A step line over trials; none without history."""
    if not found.rows:
        return ()
    tooltip = [
        alt.Tooltip("trials_told:Q", title="Trials"),
        alt.Tooltip("hypervolume:Q", title="Hypervolume", format=".4~g"),
        alt.Tooltip("front_size:Q", title="Designs on the front"),
        alt.Tooltip("infeasible_count:Q", title="Infeasible"),
        alt.Tooltip("failed_count:Q", title="Failed"),
    ]
    base = alt.Chart(alt.NamedData("history")).encode(
        x=alt.X("trials_told:Q", axis=alt.Axis(title="Trials", tickMinStep=1, tickCount=8), scale=alt.Scale(zero=True)),
        y=alt.Y(
            "hypervolume:Q",
            axis=alt.Axis(title="Hypervolume (better ↑)"),
            scale=alt.Scale(domain=list(domain(found.rows)), nice=False, zero=False),
        ),
        tooltip=tooltip,
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2, color=alt.expr("ink"))
    points = base.mark_point(filled=True, size=28, color=alt.expr("ink"))
    chart = figure.layered(line, points).add_params(alt.param(name="ink", value="#1b2026"))
    caption = (
        "Volume dominated by the front, on the logarithm of costs and on plain fractions, "
        "against a reference point fixed after the first batch. The axis starts near the first value, not at zero."
    )
    made = chart.properties(width="container", height=240)
    return (Figure("history", "Hypervolume over trials", caption, made, {"history": found.rows}),)
