"""The charts of what bounds a design: shares of the time, and layers under their roofs on logarithmic axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.apart import apart
from joulescape.report.figure import Figure, Rows

HEIGHT = 340
LABEL_PX = 15
"""Least distance between the names of two roofs."""
FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]
"""Ticks of a share, however wide its axis is."""
RATE = "replace(format(datum.value, '~s'), regexp('([a-zA-Zµ]?)$'), ' $1op/s')"
"""Vega expression of a tick of the upright axis."""


@dataclass(frozen=True)
class Roof:
    """Of one design in one phase, in operations and bytes a second; None where it is not known."""

    back_end: str
    family: str
    phase: str
    peak: float | None
    bandwidth: float | None

    def at(self, intensity: float) -> float | None:
        """The highest rate at so many operations per off-chip byte; None where nothing is known."""
        ends = [self.peak, None if self.bandwidth is None else self.bandwidth * intensity]
        return min((end for end in ends if end is not None), default=None)

    @property
    def ridge(self) -> float | None:
        """Operations per byte from which on the peak bounds; None without both."""
        return None if self.peak is None or self.bandwidth is None else self.peak / self.bandwidth


def bars(rows: Rows, phases: Sequence[str]) -> tuple[Figure, ...]:
    """One bar a design: its time by what bounds it."""
    base = alt.Chart(alt.NamedData("bounds")).transform_filter("datum.phase == phase")
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelLimit=210, ticks=False, domain=False))
    x = alt.X(
        "share:Q",
        stack="zero",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(title=figure.SHARE_OF_TIME, format="~%", values=FIFTHS),
    )
    marks = base.mark_bar(stroke=alt.expr("paper"), strokeWidth=0.6, height=19).encode(
        x=x,
        y=y,
        color=figure.component_colour(),
        order=alt.Order("order:Q"),
        tooltip=[
            alt.Tooltip("label:N", title="Design"),
            alt.Tooltip("kind:N", title="Bound by"),
            alt.Tooltip("words:N", title="In the simulator's words"),
            alt.Tooltip("share:Q", title="Share of the time", format=".1%"),
            alt.Tooltip("time:N", title="Time"),
        ],
    )
    params = [alt.param(name="phase", value=phases[0]), alt.param(name="paper", value="#ffffff")]
    height = 34 * len({row["label"] for row in rows})
    chart = figure.layered(marks, params=params, width="container", height=height)
    caption = "One confirmed design of each back end; times summed over layers, which may overlap."
    summary = "Bars: share of the time of each design by what bounds it."
    return (Figure("bounds", "Time by what bounds it", caption, chart, {"bounds": rows}, summary),)


def roofline(points: Rows, roofs: Sequence[Roof], phases: Sequence[str], hidden: int) -> tuple[Figure, ...]:
    """Layers as points, roofs as lines; none where no layer has both a rate and bytes."""
    if not points or not phases:
        return ()
    extent = Extent.of(points, roofs)
    inside = [row for row in points if row["x"] is not None]
    edge = [{**row, "x": extent.right} for row in points if row["x"] is None]
    lines = [row for roof in roofs for row in _line(roof, extent)]
    data: dict[str, Rows] = {
        "roof_points": inside,
        "roof_edge": edge,
        "roof_lines": lines,
        "roof_names": _names(roofs, extent),
    }
    chart = _chart(extent, bool(inside), bool(edge), lines, phases[0])
    words = (
        "Point: a layer. Line: the machine's peak (flat) and its bandwidth off the chip (slope); the peak is that of "
        "full-width products, or of the layers' own narrower or skipped ones where those go beyond."
    )
    words += " Hollow, at the right edge: layers that move nothing off the chip." if edge else ""
    words += " What the host computes is left out."
    words += f" {hidden:,} faster layers are not drawn." if hidden else ""
    kept = {name: rows for name, rows in data.items() if rows}
    return (Figure("roofline", "Layers under their roofs", words, chart, kept, _summary(roofs)),)


def _summary(roofs: Iterable[Roof]) -> str:
    said = [
        f"{roof.back_end} ({roof.phase}) up to {theme.prefixed(roof.peak, 'op/s')}"
        for roof in roofs
        if roof.peak is not None
    ]
    return (
        f"Operations a second against operations per off-chip byte, log-log; peaks: {'; '.join(said) or 'none known'}."
    )


@dataclass(frozen=True)
class Extent:
    """The domain of both axes: it holds every point, every ridge and every peak."""

    left: float
    right: float
    low: float
    high: float

    @classmethod
    def of(cls, points: Rows, roofs: Sequence[Roof]) -> Extent:
        """A decade around operations per byte of one where no layer moves a byte."""
        across = [row["x"] for row in points if row["x"]] + [roof.ridge for roof in roofs if roof.ridge]
        upright = [row["y"] for row in points] + [roof.peak for roof in roofs if roof.peak]
        left, right = figure.log_domain(across or [0.3, 3.0])
        low, high = figure.log_domain(upright)
        return cls(left, right * 3, low, high * 1.3)


def _line(roof: Roof, extent: Extent) -> list[dict[str, Any]]:
    """From edge to edge of the chart, with the corner between."""
    corners = [extent.left, extent.right]
    if roof.ridge is not None and extent.left < roof.ridge < extent.right:
        corners.insert(1, roof.ridge)
    heights = [(x, roof.at(x)) for x in corners]
    named = {"back_end": roof.back_end, "family": roof.family, "phase": roof.phase}
    return [{**named, "x": x, "y": y} for x, y in heights if y is not None]


def _names(roofs: Sequence[Roof], extent: Extent) -> list[dict[str, Any]]:
    """Names at the right ends, of each phase by itself."""
    found: list[dict[str, Any]] = []
    for phase in dict.fromkeys(roof.phase for roof in roofs):
        known = [(y, roof) for roof in roofs if roof.phase == phase and (y := roof.at(extent.right)) is not None]
        heights = apart([y for y, _ in known], extent.low, extent.high, HEIGHT, LABEL_PX)
        for (_, roof), y in zip(known, heights, strict=True):
            named = {"back_end": roof.back_end, "family": roof.family, "phase": phase}
            found.append({**named, "x": extent.right, "y": y, "name": roof.back_end.split("/")[-1]})
    return found


def _chart(extent: Extent, has_points: bool, has_edge: bool, lines: Rows, phase: str) -> alt.LayerChart:
    across, upright = [extent.left, extent.right], [extent.low, extent.high]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", domain=across, nice=False),
        axis=alt.Axis(values=figure.log_ticks(*across), format="~s", title="Operations per off-chip byte"),
    )
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", domain=upright, nice=False),
        axis=alt.Axis(values=figure.log_ticks(*upright), labelExpr=RATE, title="Operations per second (better ↑)"),
    )
    shown = "datum.phase == phase"

    def of(name: str) -> alt.Chart:
        found: alt.Chart = (
            alt.Chart(alt.NamedData(name)).transform_filter(shown).encode(x=x, y=y, color=figure.family_colour())
        )
        return found

    tooltip = [
        alt.Tooltip("label:N", title="Design"),
        alt.Tooltip("layer:N", title="Layer"),
        alt.Tooltip("rate:N", title="Operations a second"),
        alt.Tooltip("x:Q", title="Operations per byte", format=".3s"),
        alt.Tooltip("moved:N", title="Bytes off the chip"),
        alt.Tooltip("time:N", title="Time of the batch"),
        alt.Tooltip("bound_by:N", title="Bound by"),
    ]
    layers = []
    if lines:
        layers.append(
            of("roof_lines")
            .mark_line(strokeWidth=1.8, opacity=0.75, clip=True)
            .encode(detail=alt.Detail("back_end:N"), strokeDash=figure.family_dash())
        )
        place: dict[str, Any] = {"align": "right", "dx": -4, "dy": -5, "fontSize": 11, "fontWeight": 600}
        halo: dict[str, Any] = {"stroke": alt.expr("paper"), "strokeWidth": 4, "strokeJoin": "round"}
        names = of("roof_names").encode(text=alt.Text("name:N"))
        layers += [names.mark_text(**place, **halo), names.mark_text(**place, fill=figure.name_colour())]
    for name, is_there, is_filled in (("roof_points", has_points, True), ("roof_edge", has_edge, False)):
        if is_there:
            marks = of(name).mark_point(filled=is_filled, size=62, opacity=0.85, strokeWidth=1.6)
            layers.append(marks.encode(shape=figure.family_shape(), tooltip=tooltip))
    params = (alt.param(name="phase", value=phase), alt.param(name="paper", value="#ffffff"))
    return figure.layered(*layers, params=params, width="container", height=HEIGHT)
