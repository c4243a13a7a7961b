"""A series drawn: points by group, filled by confidence; the line with its band; its way on; names beside marks."""

from __future__ import annotations

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.figure import Figure
from joulescape.report.gap.trend import NARROW, Trend

HEIGHT = 320
NUMBER = (
    "datum.value >= 1e4 ? format(datum.value, '~s') : "
    "datum.value >= 1e-3 ? format(datum.value, '~r') : format(datum.value, '~e')"
)
"""Vega expression of a tick's label: SI prefixes from ten thousand on."""
IS_NARROW = f"width < {NARROW[0] + 145:g}"


def chart(found: Trend) -> Figure:
    """The chart of one series; its data are named by the series."""
    data, lines = f"{found.series}_points", f"{found.series}_lines"
    x, y = _x(found), _y(found)
    stroke = alt.Stroke("group:N", scale=_scale(found), legend=_legend(found))
    fill = alt.Fill("group:N", scale=_scale(found), legend=_legend(found))
    fits = alt.Chart(alt.NamedData(lines)).encode(x=x, detail=["group:N", "part:N"])
    is_covered, is_vague = "datum.part == 'covered'", "datum.part == 'vague'"
    is_on = "datum.part == 'beyond' || datum.part == 'before'"
    low, high = y.copy(deep=False), alt.Y2("high")
    low.shorthand = "low:Q"
    areas = [
        fits.transform_filter(test).mark_area(opacity=opacity, clip=True).encode(y=low, y2=high, fill=fill)
        for test, opacity in ((is_on, 0.07), (is_covered, 0.2))
    ]
    strokes = [
        fits.transform_filter(test).mark_line(strokeWidth=width, strokeDash=dash, clip=True).encode(y=y, stroke=stroke)
        for test, width, dash in ((is_covered, 2, [1, 0]), (is_on, 2, [5, 4]), (is_vague, 1, [1.5, 2.5]))
    ]
    points = alt.Chart(alt.NamedData(data)).encode(x=x, y=y)
    later = points.transform_filter("datum.is_later").mark_point(
        shape="circle", size=190, strokeWidth=1.1, filled=False, stroke=alt.expr("quiet")
    )
    marks = _marks(points, found).encode(stroke=stroke, fill=fill)
    drawn = figure.layered(*(areas + strokes if found.lines else ()), later, marks, *_names(points))
    quiet = alt.param(name="quiet", value=theme.colours("light")["quiet"])
    years = [row["year"] for row in found.points if row["year"]]
    span = f"{min(years)} to {max(years)}" if years else "years not known"
    return Figure(
        id=found.series,
        title=found.title,
        caption=f"{len(found.points)} points, {span}.",
        chart=drawn.add_params(quiet).properties(width="container", height=HEIGHT),
        data={data: found.points, **({lines: found.lines} if found.lines else {})},
        summary=f"{found.title}: {len(found.points)} published points in {len(found.groups)} groups, {span}.",
    )


def _ticks(is_share: bool) -> str:
    return "format(datum.value, '~p')" if is_share else NUMBER


def _x(found: Trend) -> alt.X:
    if found.law == "exponential":
        scale = alt.Scale(domain=list(found.x_domain), nice=False, zero=False)
        count = alt.expr(f"{IS_NARROW} ? 4 : 9")
        return alt.X("x:Q", scale=scale, axis=alt.Axis(format="d", tickMinStep=1, tickCount=count, title=None))
    scale = alt.Scale(type="log", domain=list(found.x_domain), nice=False)
    ticks = figure.log_ticks(*found.x_domain)
    return alt.X(
        "x:Q", scale=scale, axis=alt.Axis(values=ticks, labelExpr=_ticks(found.is_x_share), title=found.x_title)
    )


def _y(found: Trend) -> alt.Y:
    scale = alt.Scale(type="log", domain=list(found.y_domain), nice=False, clamp=False)
    axis = alt.Axis(values=figure.log_ticks(*found.y_domain), labelExpr=_ticks(found.is_y_share), title=found.y_title)
    return alt.Y("y:Q", scale=scale, axis=axis)


def _scale(found: Trend) -> alt.Scale:
    """Groups by the series' colours, in the study's order."""
    return alt.Scale(domain=list(found.groups), range="ordinal")


def _marks(points: alt.Chart, found: Trend) -> alt.Chart:
    """Group by colour and shape; confidence by fill, and by dots where it is low."""
    shapes = list(theme.SERIES_SHAPES[: len(found.groups)])
    tooltip = [alt.Tooltip(f"{name}:N", title=title) for name, title in TOOLTIP.items()]
    solid = {
        "condition": [{"test": f"datum.confidence == '{name}'", "value": value} for name, value in SOLID],
        "value": 0,
    }
    made: alt.Chart = points.mark_point(size=62, strokeWidth=1.5, opacity=1).encode(
        shape=alt.Shape("group:N", scale=alt.Scale(domain=list(found.groups), range=shapes), legend=_legend(found)),
        fillOpacity=solid,
        strokeDash=alt.condition("datum.confidence == 'low'", alt.value([1.5, 2.5]), alt.value([1, 0])),
        tooltip=[*tooltip, alt.Tooltip("x_text:N", title=found.x_title), alt.Tooltip("y_text:N", title=found.y_title)],
    )
    return made


SOLID = (("high", 0.95), ("derived", 0.4))
"""How far a mark is filled by the confidence of its figure; one that is neither is hollow."""
TOOLTIP = {
    "name": "Name", "group": "Group", "year": "Year", "node": "Node", "confidence": "Confidence", "source": "Source",
    "where": "Where", "note": "Note",
}  # fmt: skip


def _legend(found: Trend) -> alt.Legend | None:
    """One for all channels, so that they share it; none for a single group."""
    if len(found.groups) == 1:
        return None
    return alt.Legend(
        title=None, orient="top", columns=alt.expr(f"{IS_NARROW} ? 1 : 3"), labelLimit=230, symbolOpacity=1
    )


def _names(points: alt.Chart) -> list[alt.Chart]:
    """Names at offsets that were worked out for a desk's width and for a phone's; one of the two layers shows."""
    return [
        points.transform_filter(f"isValid(datum.{size}_dx)")
        .mark_text(
            fontSize=10.5, align="center", baseline="middle",
            dx=alt.expr(f"datum.{size}_dx"), dy=alt.expr(f"datum.{size}_dy"), opacity=alt.expr(shown),
        )
        .encode(text=alt.Text("name:N"))
        for size, shown in (("wide", f"{IS_NARROW} ? 0 : 1"), ("narrow", f"{IS_NARROW} ? 1 : 0"))
    ]  # fmt: skip
