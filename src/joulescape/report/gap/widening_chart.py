"""Both shores on one chart: growth since one year, needs solid, deliveries dashed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from joulescape.report import figure
from joulescape.report.figure import Figure
from joulescape.report.gap.widening import DRAWN, INVERSE, START, WideningFacts

SIDES = ["needed", "delivered"]
CAPTION = (
    f"Every line stands at 1 in {START} and has its fit's growth: thick over the years that the fit saw, with the "
    "growth's interval of 95 %; thin on to the last point. Solid with a dot: needed. Dashed with a square: "
    "delivered. Small marks: published points, hollow where no fit saw them. Of a series at most "
    f"{DRAWN} groups are drawn; the list of all growths has every one."
)


@dataclass(frozen=True)
class _Channels:
    """What every layer is drawn along and coloured by."""

    x: alt.X
    y: alt.Y
    stroke: alt.Stroke
    fill: alt.Fill


def figures(found: WideningFacts) -> tuple[Figure, ...]:
    """All growths on one chart: needs solid, deliveries dashed, each named at its end."""
    if not found.rows:
        return ()
    shared = _channels(found)
    one = alt.Chart(alt.NamedData("one")).transform_calculate(factor="1")
    level = one.mark_rule(strokeDash=[2, 3]).encode(y=shared.y)
    band, *lines = _lines(shared)
    drawn = figure.layered(band, level, *lines, _points(shared), _ends(shared))
    return (
        Figure(
            "gap",
            f"What is needed and what is delivered, since {START}",
            CAPTION,
            drawn.properties(width="container", height=380),
            {"growths": found.rows, "gap_points": found.points},
            summary="; ".join(f"{one.label}: {one.text} a year" for one in found.growths),
        ),
    )


def _channels(found: WideningFacts) -> _Channels:
    labels = _labels(found)
    years = [row["year"] for row in found.rows]
    domain = figure.log_domain([0.5, 2.0, *(row["factor"] for row in (*found.rows, *found.points))])
    axis = alt.Axis(values=figure.log_ticks(*domain), format=",~r", title=f"Growth since {START} (factor)")
    columns = alt.expr("width < 400 ? 1 : 3")
    side = f"indexof({json.dumps(labels[0])}, datum.label) >= 0 ? 'needed: ' : 'delivered: '"
    legend = alt.Legend(
        title=None,
        orient="top",
        columns=columns,
        labelLimit=alt.expr("width < 400 ? width : 360"),
        symbolOpacity=1,
        labelExpr=f"({side}) + replace(datum.label, '{INVERSE}', '1 / ')",
    )
    scale = alt.Scale(domain=[label for side in labels for label in side], range="ordinal")
    return _Channels(
        x=alt.X(
            "year:Q",
            scale=alt.Scale(domain=[min(years) - 0.3, max(years) + 0.3], nice=False, zero=False),
            axis=alt.Axis(format="d", tickMinStep=1, title=None),
        ),
        y=alt.Y("factor:Q", scale=alt.Scale(type="log", domain=list(domain), nice=False), axis=axis),
        stroke=alt.Stroke("label:N", scale=scale, legend=legend),
        fill=alt.Fill("label:N", scale=scale, legend=legend),
    )


def _labels(found: WideningFacts) -> tuple[list[str], list[str]]:
    """What is needed and what is delivered, each in the order drawn."""
    needed, delivered = (dict.fromkeys(row["label"] for row in found.rows if row["kind"] == side) for side in SIDES)
    return list(needed), list(delivered)


def _lines(shared: _Channels) -> Sequence[alt.Chart]:
    """The band over the years that the fit saw, the line on to the last point, and the line that the fit saw."""
    base = alt.Chart(alt.NamedData("growths")).encode(x=shared.x)
    low = shared.y.copy(deep=False)
    low.shorthand = "low:Q"
    seen = base.transform_filter("datum.part == 'seen'")
    band = seen.mark_area(opacity=0.13, clip=True).encode(y=low, y2=alt.Y2("high"), fill=shared.fill)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=SIDES, range=[[1, 0], [6, 3]]), legend=None)
    lines = [
        base.transform_filter(f"datum.part == '{part}'")
        .mark_line(strokeWidth=width, opacity=opacity, clip=True)
        .encode(y=shared.y, stroke=shared.stroke, strokeDash=dash)
        for part, width, opacity in (("beyond", 1.2, 0.7), ("seen", 2.6, 1))
    ]
    return band, *lines


def _points(shared: _Channels) -> alt.Chart:
    base = alt.Chart(alt.NamedData("gap_points")).mark_point(size=26, opacity=0.9, strokeWidth=1.1)
    drawn: alt.Chart = base.encode(
        x=shared.x, y=shared.y, stroke=shared.stroke, fill=shared.fill,
        fillOpacity=alt.condition("datum.is_later", alt.value(0), alt.value(0.9)),
        tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("label:N", title="Of"),
                 alt.Tooltip("year:Q", title="Year", format="d"), alt.Tooltip("source:N", title="Source")],
    )  # fmt: skip
    return drawn


def _ends(shared: _Channels) -> alt.Chart:
    """A mark of its side where each fit's years end."""
    tooltip = [
        alt.Tooltip("label:N", title="Of"), alt.Tooltip("kind:N", title="Side"),
        alt.Tooltip("text:N", title="A year"), alt.Tooltip("year:Q", title="Year", format="d"),
    ]  # fmt: skip
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=SIDES, range=["circle", "square"]), legend=None)
    base = alt.Chart(alt.NamedData("growths")).transform_filter("datum.is_last").mark_point(size=85, opacity=1)
    channels = {"x": shared.x, "y": shared.y, "stroke": shared.stroke, "fill": shared.fill}
    drawn: alt.Chart = base.encode(**channels, shape=shape, tooltip=tooltip)
    return drawn
