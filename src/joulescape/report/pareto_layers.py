"""The layers of a Pareto chart: designs, fronts, tested accuracies, published points, limits and the pick.

Upright stands accuracy, or latency where the question is of costs alone. Limits, hidden back ends and the pick are
Vega signals that the page sets; the rows are named data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, placement, theme
from joulescape.report.decide import COSTS
from joulescape.report.figure import Rows

NO_LIMIT = 1e300
"""A limit that no cost meets from above: Vega signals are numbers."""

WITHIN = " && ".join(
    (
        "(min_accuracy <= 0 || datum.accuracy >= min_accuracy)",
        "indexof(hidden, datum.back_end) < 0",
        *(f"(max_{cost} >= {NO_LIMIT:g} || (isValid(datum.{cost}) && datum.{cost} <= max_{cost}))" for cost in COSTS),
    )
)
"""Vega expression: the design meets the panel's limits."""

ROOM_FRACTION = 0.08
"""So much accuracy is drawn under the weakest back end's best; lower designs would squeeze the fronts together."""


@dataclass(frozen=True)
class Extent:
    """What the two axes of one chart must hold: costs in SI base units; upright, accuracies or latencies."""

    costs: tuple[float, ...]
    heights: tuple[float, ...]
    is_cost_only: bool = False

    @classmethod
    def of(cls, cost: str, rows: Rows, front: Rows, confirmed: Rows, published: Rows) -> Extent:
        """All costs; accuracies from a little under the weakest back end's best; all latencies."""
        costs = [row[f"{cost}_si"] for row in rows if figure.is_positive(row[f"{cost}_si"])]
        if "accuracy" not in rows[0]:
            latencies = [row["latency_si"] for row in rows if figure.is_positive(row["latency_si"])]
            given = [row["y"] for row in published]
            return cls((*costs, *(row["x"] for row in published)), (*latencies, *given), is_cost_only=True)
        best = {row["back_end"]: row["y"] for row in front}
        lowest = min(row["accuracy"] for row in rows)
        floor = max(lowest, min(best.values()) - ROOM_FRACTION)
        heights = [row["y"] for row in (*front, *published)] + [row["high"] or row["test"] for row in confirmed]
        heights = [height for height in heights if height >= floor]
        return cls((*costs, *(row["x"] for row in published)), (floor, *heights))

    def place(self, cost: float, height: float) -> tuple[float, float]:
        """Where a point stands, as shares of the plot from its left and from its top."""
        across = _share(cost, figure.log_domain(self.costs), is_log=True)
        if self.is_cost_only:
            return across, 1.0 - _share(height, figure.log_domain(self.heights), is_log=True)
        return across, 1.0 - _share(height, figure.accuracy_domain(self.heights), is_log=False)

    def hides(self, rows: Rows) -> int:
        """How many designs lie under the drawn range."""
        return 0 if self.is_cost_only else sum(row["accuracy"] < min(self.heights) for row in rows)


def _share(value: float, domain: tuple[float, float], is_log: bool) -> float:
    low, high = domain
    if is_log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


@dataclass(frozen=True)
class Opening:
    """Rows that the chart marks until the reader moves a limit: the choice (-1: none), the best of each back end."""

    pick: int = -1
    bests: tuple[int, ...] = ()


@dataclass(frozen=True)
class Frame:
    """The axes and words that the layers of one chart share."""

    cost: str
    metrics: Mapping[str, str]
    labels: Mapping[str, str]
    extent: Extent

    def x(self, field: str) -> alt.X:
        """The cost axis, reading `field`."""
        metric = self.metrics[self.cost]
        return figure.cost_axis(field, metric, self.extent.costs, figure.cost_title(self.labels[metric]))

    def y(self, field: str = "y") -> alt.Y:
        """The upright axis, reading `field`."""
        if self.extent.is_cost_only:
            metric = self.metrics["latency"]
            return figure.cost_height(field, metric, self.extent.heights, self.labels[metric])
        return figure.accuracy_axis(field, self.extent.heights, self.labels[self.metrics["accuracy"]])

    @property
    def height(self) -> str:
        """The upright field of a design."""
        return "latency_si" if self.extent.is_cost_only else "accuracy"

    @property
    def is_drawable(self) -> str:
        """Vega expression: a design has both coordinates."""
        known = f"datum.{self.cost}_si > 0"
        return f"{known} && datum.latency_si > 0" if self.extent.is_cost_only else known


def chart(
    metrics: Mapping[str, str],
    labels: Mapping[str, str],
    cost: str,
    height: int,
    extent: Extent,
    opening: Opening = Opening(),
) -> alt.LayerChart:
    """All layers of accuracy against `cost`, with the signals that the page sets."""
    frame = Frame(cost, metrics, labels, extent)
    marked = _designs(frame).add_params(alt.selection_interval(name="brush", encodings=["x", "y"], zoom=False))
    layers = [marked, *_limits(frame), _near(frame), *_front(frame), *_tested(frame), _published(frame)]
    layers += [_bests(frame), *_names(frame), _pick(frame)]
    return figure.layered(*layers, params=_signals(opening), width="container", height=height)


def _signals(opening: Opening) -> Iterator[alt.Parameter]:
    light = theme.colours("light")
    yield alt.param(name="min_accuracy", value=0)
    for cost in COSTS:
        yield alt.param(name=f"max_{cost}", value=NO_LIMIT)
    yield alt.param(name="hidden", value=[])
    yield alt.param(name="pick", value=opening.pick)
    yield alt.param(name="bests", value=list(opening.bests))
    yield alt.param(name="ring", value=light["ring"])
    yield alt.param(name="ink", value=light["ink"])
    yield alt.param(name="paper", value=light["page"])


def _tooltip(frame: Frame) -> list[alt.Tooltip]:
    names = [alt.Tooltip("back_end:N", title="Back end"), alt.Tooltip("network:N", title="Network")]
    titles = {role: frame.labels[metric] for role, metric in frame.metrics.items()}
    if not frame.extent.is_cost_only:
        names.append(alt.Tooltip("accuracy:Q", title=titles["accuracy"], format=".1%"))
    return [*names, *(alt.Tooltip(f"{cost}_text:N", title=titles[cost]) for cost in COSTS)]


def _with_texts(base: alt.Chart, metrics: Mapping[str, str]) -> alt.Chart:
    """Adds `energy_text` and so on: costs with SI prefixes, for the tooltip."""
    for cost in COSTS:
        factor, _ = theme.unit_of(metrics[cost])
        label = figure.tick_label(metrics[cost]).replace("datum.value", f"datum.{cost} * ({factor})")
        base = base.transform_calculate(**{f"{cost}_text": label.replace("'~s'", "'.3s'").replace("',~r'", "',.3~r'")})
    return base


def _designs(frame: Frame) -> alt.Chart:
    base = alt.Chart(alt.NamedData("designs")).transform_filter(frame.is_drawable)
    made: alt.Chart = (
        _with_texts(base, frame.metrics)
        .mark_point(filled=True, size=22, strokeWidth=0, clip=True)
        .encode(
            x=frame.x(f"{frame.cost}_si"),
            y=frame.y(frame.height),
            color=figure.family_colour(),
            shape=figure.family_shape(),
            opacity=figure.opacity_where(WITHIN, 0.38, 0.09),
            tooltip=_tooltip(frame),
        )
    )
    return made


def _limits(frame: Frame) -> Iterator[alt.Chart]:
    one = alt.Chart(alt.NamedData("one"))
    if frame.extent.is_cost_only:
        yield _most(one, frame, "latency").encode(y=frame.y("at"))
    else:
        least = one.transform_calculate(at="min_accuracy").transform_filter("min_accuracy > 0")
        yield least.mark_rule(strokeDash=[2, 3], clip=True).encode(y=frame.y("at"))
    yield _most(one, frame, frame.cost).encode(x=frame.x("at"))


def _most(one: alt.Chart, frame: Frame, cost: str) -> alt.Chart:
    factor, _ = theme.unit_of(frame.metrics[cost])
    limit = one.transform_calculate(at=f"max_{cost} * ({factor})").transform_filter(f"max_{cost} < {NO_LIMIT}")
    made: alt.Chart = limit.mark_rule(strokeDash=[2, 3], clip=True)
    return made


def _front(frame: Frame) -> Iterator[alt.Chart]:
    base = alt.Chart(alt.NamedData(f"front_{frame.cost}")).transform_filter("indexof(hidden, datum.back_end) < 0")
    base = _with_texts(base, frame.metrics)
    yield base.mark_line(interpolate="step-after", strokeWidth=2.2, clip=True).encode(
        x=frame.x("x"),
        y=frame.y(),
        color=figure.family_colour(),
        strokeDash=figure.family_dash(),
        detail=alt.Detail("back_end:N"),
    )
    for rows, is_filled in (("!datum.once", True), ("datum.once", False)):
        yield _marks(base.transform_filter(rows).mark_point(filled=is_filled, size=58, clip=True), frame)


def _names(frame: Frame) -> Iterator[alt.Chart]:
    """The name of each machine at the end of its front, over what it covers."""
    base = alt.Chart(alt.NamedData(f"front_{frame.cost}")).transform_filter("indexof(hidden, datum.back_end) < 0")
    names = base.transform_filter("datum.label != ''").encode(x=frame.x("x"), y=frame.y(), text=alt.Text("label:N"))
    place: dict[str, Any] = {
        "align": alt.expr("datum.side"),
        "dx": alt.expr(f"datum.side == 'left' ? {placement.GAP_PX} : -{placement.GAP_PX}"),
        "dy": alt.expr("datum.dy"),
        "baseline": "bottom",
        "fontSize": 12,
        "fontWeight": 600,
    }
    yield names.mark_text(**place, stroke=alt.expr("paper"), strokeWidth=4, strokeJoin="round", opacity=0.85)
    yield names.mark_text(**place, fill=figure.name_colour())


def _near(frame: Frame) -> alt.Chart:
    """Designs near the front, with smaller marks."""
    base = alt.Chart(alt.NamedData(f"near_{frame.cost}")).transform_filter("indexof(hidden, datum.back_end) < 0")
    return _marks(_with_texts(base, frame.metrics).mark_point(filled=True, size=26, clip=True), frame)


def _marks(base: alt.Chart, frame: Frame) -> alt.Chart:
    made: alt.Chart = base.encode(
        x=frame.x("x"),
        y=frame.y(),
        color=figure.family_colour(),
        shape=figure.family_shape(),
        opacity=figure.opacity_where(WITHIN, 1, 0.3),
        tooltip=_tooltip(frame),
    )
    return made


def _tested(frame: Frame) -> Iterator[alt.Chart]:
    base = alt.Chart(alt.NamedData("confirmed")).transform_filter(
        f"datum.{frame.cost}_si > 0 && indexof(hidden, datum.back_end) < 0"
    )
    x, known = frame.x(f"{frame.cost}_si"), "isValid(datum.low)"
    spread = base.transform_filter(known)
    yield (
        spread.transform_filter("datum.low < datum.high")
        .mark_rule(strokeWidth=1.2, opacity=0.8, clip=True)
        .encode(x=x, y=frame.y("low"), y2=alt.Y2("high"), color=figure.family_colour())
    )
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("test:Q", title="Accuracy on test", format=".1%"),
        alt.Tooltip("spread:N", title="Spread"),
        alt.Tooltip("draws:Q", title="Draws"),
    ]
    for rows, is_filled in ((spread, True), (base.transform_filter(f"!{known}"), False)):
        yield rows.mark_point(shape="cross", size=44, filled=is_filled, opacity=0.9, clip=True).encode(
            x=x, y=frame.y("test"), color=figure.family_colour(), tooltip=tooltip
        )


def _published(frame: Frame) -> alt.Chart:
    tooltip: list[Any] = [alt.Tooltip("back_end:N", title="Back end"), alt.Tooltip("source:N", title="Published in")]
    if not frame.extent.is_cost_only:
        tooltip.append(alt.Tooltip("y:Q", title="Accuracy", format=".1%"))
    base = alt.Chart(alt.NamedData(f"published_{frame.cost}"))
    made: alt.Chart = base.mark_point(filled=False, size=150, strokeWidth=2).encode(
        x=frame.x("x"), y=frame.y(), color=figure.family_colour(), shape=figure.family_shape(), tooltip=tooltip
    )
    return made


CORNERS = "M-1,-0.45V-1H-0.45M0.45,-1H1V-0.45M1,0.45V1H0.45M-0.45,1H-1V0.45"
"""Four corners around a mark that they leave in sight."""


def _bests(frame: Frame) -> alt.Chart:
    base = alt.Chart(alt.NamedData("designs")).transform_filter(
        f"indexof(bests, datum.row) >= 0 && {frame.is_drawable}"
    )
    made: alt.Chart = base.mark_point(
        shape=CORNERS, size=230, filled=False, strokeWidth=1.7, stroke=alt.expr("ink"), opacity=1, clip=True
    ).encode(x=frame.x(f"{frame.cost}_si"), y=frame.y(frame.height))
    return made


def _pick(frame: Frame) -> alt.Chart:
    base = alt.Chart(alt.NamedData("designs")).transform_filter(f"datum.row === pick && {frame.is_drawable}")
    made: alt.Chart = base.mark_point(
        shape="circle", size=330, filled=False, strokeWidth=2.5, stroke=alt.expr("ring"), opacity=1
    ).encode(x=frame.x(f"{frame.cost}_si"), y=frame.y(frame.height))
    return made
