"""Both shores on one chart a view: growth since one year, needs solid, deliveries dashed, and the gap between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from joulescape.report import figure
from joulescape.report.figure import Figure, Rows
from joulescape.report.gap.growth import INVERSE, START
from joulescape.report.gap.widening import DRAWN, View, WideningFacts

SIDES = ["needed", "delivered", "gap"]
CAPTION = (
    f"Every line stands at 1 in {START} and has its fit's growth: thick over the years that the fit saw, with the "
    "growth's interval of 95 %; thin on to the last point. Solid with a dot: needed. Dashed with a square: "
    "delivered. Dots and dashes with a diamond: the first need over the first delivery, with the interval of their "
    "quotient (thin: by the fits of all points); where its band holds 1 it cannot be told from standing still. Small "
    f"marks: published points, hollow where no fit saw them. Of a series at most {DRAWN} groups are drawn."
)


@dataclass(frozen=True)
class _Channels:
    """What every layer is drawn along and coloured by."""

    x: alt.X
    y: alt.Y
    stroke: alt.Stroke
    fill: alt.Fill


def figures(found: WideningFacts) -> tuple[Figure, ...]:
    """One chart a view: needs solid, deliveries dashed, their distance; each ends in a mark of its side."""
    return tuple(_figure(found, view, place) for place, view in enumerate(found.views))


def _figure(found: WideningFacts, view: View, place: int) -> Figure:
    lines = [row for row in found.rows if row["view"] == view.key]
    points = [row for row in found.points if row["view"] == view.key]
    names = (f"growths_{view.key}", f"gap_points_{view.key}")
    shared = _channels(lines, points)
    one = alt.Chart(alt.NamedData("one")).transform_calculate(factor="1")
    level = one.mark_rule(strokeDash=[2, 3]).encode(y=shared.y)
    band, *strokes = _lines(shared, names[0])
    drawn = figure.layered(band, level, *strokes, _points(shared, names[1]), _ends(shared, names[0]))
    told = {row["label"]: row["text"] for row in lines}
    return Figure(
        "gap" if place == 0 else f"gap_{view.key}",
        f"{view.title}, needed and delivered, since {START}",
        CAPTION if place == 0 else "Lines and marks as above.",
        drawn.properties(width="container", height=380 if place == 0 else 300),
        dict(zip(names, (lines, points), strict=True)),
        summary="; ".join(f"{label}: {text} a year" for label, text in told.items()),
    )


def _channels(lines: Rows, points: Rows) -> _Channels:
    labels = _labels(lines)
    years = [row["year"] for row in lines]
    domain = figure.log_domain([0.5, 2.0, *(row["factor"] for row in (*lines, *points))])
    axis = alt.Axis(values=figure.log_ticks(*domain), format=",~r", title=f"Growth since {START} (factor)")
    columns = alt.expr("width < 400 ? 1 : 3")
    needed, distance = (f"indexof({json.dumps(labels[side])}, datum.label) >= 0" for side in (0, 2))
    side = f"{needed} ? 'needed: ' : {distance} ? '' : 'delivered: '"
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


def _labels(lines: Rows) -> tuple[list[str], ...]:
    """What is needed, what is delivered and their distance, each in the order drawn."""
    return tuple(list(dict.fromkeys(row["label"] for row in lines if row["kind"] == side)) for side in SIDES)


def _lines(shared: _Channels, name: str) -> Sequence[alt.Chart]:
    """The band over the years that the fit saw, the line on to the last point, and the line that the fit saw."""
    base = alt.Chart(alt.NamedData(name)).encode(x=shared.x)
    low = shared.y.copy(deep=False)
    low.shorthand = "low:Q"
    seen = base.transform_filter("datum.part == 'seen'")
    band = seen.mark_area(opacity=0.13, clip=True).encode(y=low, y2=alt.Y2("high"), fill=shared.fill)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=SIDES, range=[[1, 0], [6, 3], [10, 3, 2, 3]]), legend=None)
    lines = [
        base.transform_filter(f"datum.part == '{part}'")
        .mark_line(strokeWidth=width, opacity=opacity, clip=True)
        .encode(y=shared.y, stroke=shared.stroke, strokeDash=dash)
        for part, width, opacity in (("beyond", 1.2, 0.7), ("seen", 2.6, 1))
    ]
    return band, *lines


def _points(shared: _Channels, name: str) -> alt.Chart:
    base = alt.Chart(alt.NamedData(name)).mark_point(size=26, opacity=0.9, strokeWidth=1.1)
    drawn: alt.Chart = base.encode(
        x=shared.x, y=shared.y, stroke=shared.stroke, fill=shared.fill,
        fillOpacity=alt.condition("datum.is_later", alt.value(0), alt.value(0.9)),
        tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("label:N", title="Of"),
                 alt.Tooltip("year:Q", title="Year", format="d"), alt.Tooltip("source:N", title="Source")],
    )  # fmt: skip
    return drawn


def _ends(shared: _Channels, name: str) -> alt.Chart:
    """A mark of its side where each fit's years end."""
    tooltip = [
        alt.Tooltip("label:N", title="Of"), alt.Tooltip("kind:N", title="Side"),
        alt.Tooltip("text:N", title="A year"), alt.Tooltip("year:Q", title="Year", format="d"),
    ]  # fmt: skip
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=SIDES, range=["circle", "square", "diamond"]), legend=None)
    base = alt.Chart(alt.NamedData(name)).transform_filter("datum.is_last").mark_point(size=85, opacity=1)
    channels = {"x": shared.x, "y": shared.y, "stroke": shared.stroke, "fill": shared.fill}
    drawn: alt.Chart = base.encode(**channels, shape=shape, tooltip=tooltip)
    return drawn
