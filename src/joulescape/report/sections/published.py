"""Model against published: every figure of the back ends of this space, misses among them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class PublishedFacts:
    """Published figures of the back ends in this space."""

    rows: Rows
    """Rows with both values positive: what the chart shows."""
    table: Rows
    prediction_count: int
    prediction_pass_count: int
    median_error_fraction: float | None
    """Median of |model / published - 1| over predictions."""
    expected_miss_count: int
    unmeasured_count: int
    """Figures that need training to be compared and were not."""


def facts(given: Tables) -> PublishedFacts:
    """Counts and medians use predictions only: inputs and calibrations agree by construction."""
    names = [name for name, _ in given.back_ends]
    listed = given.published.filter(pl.col("back_end").is_in(names))
    known = listed.filter(pl.col("model").is_not_null())
    table = [_row(row) for row in known.sort("back_end", "what", maintain_order=True).iter_rows(named=True)]
    predicted = [row for row in table if row["role"] == "prediction"]
    errors = [abs(row["error"]) for row in predicted if row["error"] is not None]
    return PublishedFacts(
        rows=[row for row in table if figure.is_positive(row["published"]) and figure.is_positive(row["model"])],
        table=table,
        prediction_count=len(predicted),
        prediction_pass_count=sum(bool(row["passes"]) for row in predicted),
        median_error_fraction=statistics.median(errors) if errors else None,
        expected_miss_count=sum(row["expected"] == "miss" for row in predicted),
        unmeasured_count=listed.height - known.height,
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: row[name]
        for name in ("back_end", "family", "what", "workload", "role", "expected", "reason", "source", "where")
    }
    error = row["error_fraction"]
    return {
        **kept,
        "published": row["published"],
        "model": row["model"],
        "published_text": shown(row["published"], str(row["what"])),
        "model_text": shown(row["model"], str(row["what"])),
        "error": error,
        "error_text": "–" if not isinstance(error, float) else f"{100 * error:+.1f}{theme.SPACE}%",
        "passes": row["pass"],
        "verdict": "within tolerance" if row["pass"] else "miss",
    }


def shown(value: object, what: str) -> str:
    """A published value with its unit where the name states one."""
    if not isinstance(value, int | float):
        return "–"
    number = rounded(float(value)) or 0.0
    known = what.endswith((*theme.UNITS, *theme.PLAIN_UNITS, "_fraction"))
    return theme.show(number, what) if known else f"{number:,.4g}"


def figures(found: PublishedFacts) -> tuple[Figure, ...]:
    """Log-log with the band of a factor of two; each figure in its own unit."""
    if not found.rows:
        return ()
    values = [float(row[key]) for row in found.rows for key in ("published", "model")]
    low, high = figure.log_domain(values)
    scale = alt.Scale(type="log", domain=[low, high], nice=False, clamp=True)
    ticks = alt.Axis(values=figure.log_ticks(low, high), format="~g", title="Published, each in its own unit")
    x = alt.X("published:Q", scale=scale, axis=ticks)
    y = alt.Y("model:Q", scale=scale, axis=alt.Axis(values=figure.log_ticks(low, high), format="~g", title="Model"))
    band_rows = [{"published": end, "low": end / 2, "high": end * 2, "model": end} for end in (low, high)]
    band = alt.Chart(alt.NamedData("band"))
    area = band.mark_area(opacity=0.13, color="#808890", clip=True).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title="Model"), y2=alt.Y2("high")
    )
    line = band.mark_line(strokeWidth=1, strokeDash=[4, 3], color="#808890").encode(x=x, y=y)
    points = alt.Chart(alt.NamedData("published"))
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("what:N", title="Figure"),
        alt.Tooltip("published_text:N", title="Published"),
        alt.Tooltip("model_text:N", title="Model"),
        alt.Tooltip("error_text:N", title="Error"),
        alt.Tooltip("role:N", title="Role"),
        alt.Tooltip("verdict:N", title="Verdict"),
        alt.Tooltip("source:N", title="Source"),
    ]
    hollow = points.transform_filter("datum.role != 'prediction'").mark_point(filled=False, size=60, opacity=0.7)
    filled = points.transform_filter("datum.role == 'prediction'").mark_point(filled=True, size=80, opacity=0.9)
    missed = points.transform_filter("datum.verdict == 'miss'").mark_point(
        shape="circle", size=260, filled=False, strokeWidth=1.8, stroke=alt.expr("ring")
    )
    marks = [
        layer.encode(x=x, y=y, color=figure.family_colour(), shape=figure.family_shape(), tooltip=tooltip)
        for layer in (hollow, filled)
    ]
    ring = alt.param(name="ring", value=theme.colours("light")["ring"])
    chart = figure.layered(area, line, *marks, missed.encode(x=x, y=y)).add_params(ring)
    caption = (
        "Filled: predictions. Hollow: inputs and calibrations, which agree by construction. "
        "Ringed: outside the tolerance. Band: a factor of two."
    )
    made = chart.properties(width="container", height=340)
    return (Figure("parity", "Model against published", caption, made, {"published": found.rows, "band": band_rows}),)
