"""The layers of a Pareto chart: designs, fronts, tested accuracies, published points, limits and the pick.

Limits, hidden back ends and the pick are Vega signals that the page sets; the rows are named data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.decide import COSTS
from joulescape.report.figure import Rows

NO_LIMIT = 1e300
"""A limit that no cost meets from above: Vega signals are numbers."""

WITHIN = " && ".join(
    (
        "datum.accuracy >= min_accuracy",
        "indexof(hidden, datum.back_end) < 0",
        *(f"(max_{cost} >= {NO_LIMIT:g} || (isValid(datum.{cost}) && datum.{cost} <= max_{cost}))" for cost in COSTS),
    )
)
"""Vega expression: the design meets the panel's limits."""

ROOM_FRACTION = 0.08
"""So much accuracy is drawn under the weakest back end's best; lower designs would squeeze the fronts together."""


@dataclass(frozen=True)
class Extent:
    """What the two axes of one chart must hold: costs in SI base units, accuracies as fractions."""

    costs: tuple[float, ...]
    accuracies: tuple[float, ...]

    @classmethod
    def of(cls, cost: str, rows: Rows, front: Rows, confirmed: Rows, published: Rows) -> Extent:
        """All costs; accuracies from a little under the weakest back end's best."""
        costs = [row[f"{cost}_si"] for row in rows if figure.is_positive(row[f"{cost}_si"])]
        best = {row["back_end"]: row["accuracy"] for row in front}
        lowest = min(row["accuracy"] for row in rows)
        floor = max(lowest, min(best.values()) - ROOM_FRACTION)
        heights = [row["accuracy"] for row in (*front, *published)] + [row["high"] for row in confirmed]
        heights = [height for height in heights if height >= floor]
        return cls((*costs, *(row["x"] for row in published)), (floor, *heights))

    def hides(self, rows: Rows) -> int:
        """How many designs lie under the drawn range."""
        return sum(row["accuracy"] < min(self.accuracies) for row in rows)


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

    def y(self, field: str = "accuracy") -> alt.Y:
        """The accuracy axis, reading `field`."""
        return figure.accuracy_axis(field, self.extent.accuracies, self.labels[self.metrics["accuracy"]])


def chart(
    metrics: Mapping[str, str], labels: Mapping[str, str], cost: str, height: int, extent: Extent
) -> alt.LayerChart:
    """All layers of accuracy against `cost`, with the signals that the page sets."""
    frame = Frame(cost, metrics, labels, extent)
    layers = [_designs(frame), *_limits(frame), *_front(frame), *_tested(frame), _published(frame), _pick(frame)]
    return figure.layered(*layers).add_params(*_signals()).properties(width="container", height=height)


def _signals() -> Iterator[alt.Parameter]:
    light = theme.colours("light")
    yield alt.param(name="min_accuracy", value=0)
    for cost in COSTS:
        yield alt.param(name=f"max_{cost}", value=NO_LIMIT)
    yield alt.param(name="hidden", value=[])
    yield alt.param(name="pick", value=-1)
    yield alt.param(name="ring", value=light["ring"])
    yield alt.param(name="paper", value=light["page"])


def _tooltip(frame: Frame) -> list[alt.Tooltip]:
    names = [alt.Tooltip("back_end:N", title="Back end"), alt.Tooltip("network:N", title="Network")]
    titles = {role: frame.labels[metric] for role, metric in frame.metrics.items()}
    accuracy = alt.Tooltip("accuracy:Q", title=titles["accuracy"], format=".1%")
    return [*names, accuracy, *(alt.Tooltip(f"{cost}_text:N", title=titles[cost]) for cost in COSTS)]


def _with_texts(base: alt.Chart, metrics: Mapping[str, str]) -> alt.Chart:
    """Adds `energy_text` and so on: costs with SI prefixes, for the tooltip."""
    for cost in COSTS:
        factor, _ = theme.unit_of(metrics[cost])
        label = figure.tick_label(metrics[cost]).replace("datum.value", f"datum.{cost} * ({factor})")
        base = base.transform_calculate(**{f"{cost}_text": label.replace("'~s'", "'.3s'").replace("',~r'", "',.3~r'")})
    return base


def _designs(frame: Frame) -> alt.Chart:
    base = alt.Chart(alt.NamedData("designs")).transform_filter(f"datum.{frame.cost}_si > 0")
    made: alt.Chart = (
        _with_texts(base, frame.metrics)
        .mark_point(filled=True, size=22, strokeWidth=0, clip=True)
        .encode(
            x=frame.x(f"{frame.cost}_si"),
            y=frame.y(),
            color=figure.family_colour(),
            shape=figure.family_shape(),
            opacity=alt.condition(WITHIN, alt.value(0.38), alt.value(0.09)),
            tooltip=_tooltip(frame),
        )
    )
    return made


def _limits(frame: Frame) -> Iterator[alt.Chart]:
    one = alt.Chart(alt.NamedData("one"))
    factor, _ = theme.unit_of(frame.metrics[frame.cost])
    least = one.transform_calculate(at="min_accuracy").transform_filter("min_accuracy > 0")
    yield least.mark_rule(strokeDash=[2, 3], clip=True).encode(y=frame.y("at"))
    most = one.transform_calculate(at=f"max_{frame.cost} * ({factor})").transform_filter(
        f"max_{frame.cost} < {NO_LIMIT}"
    )
    yield most.mark_rule(strokeDash=[2, 3], clip=True).encode(x=frame.x("at"))


def _front(frame: Frame) -> Iterator[alt.Chart]:
    base = alt.Chart(alt.NamedData(f"front_{frame.cost}")).transform_filter("indexof(hidden, datum.back_end) < 0")
    base = _with_texts(base, frame.metrics)
    yield base.mark_line(interpolate="step-after", strokeWidth=2.2, clip=True).encode(
        x=frame.x("x"),
        y=frame.y(),
        color=figure.family_colour(),
        strokeDash=figure.family_dash(),
        detail="back_end:N",
    )
    yield base.mark_point(filled=True, size=58, clip=True).encode(
        x=frame.x("x"),
        y=frame.y(),
        color=figure.family_colour(),
        shape=figure.family_shape(),
        opacity=alt.condition(WITHIN, alt.value(1), alt.value(0.3)),
        tooltip=_tooltip(frame),
    )
    names = base.transform_filter("datum.label != ''").encode(x=frame.x("x"), y=frame.y(), text="label:N")
    place: dict[str, Any] = {
        "align": alt.expr("datum.side"),
        "dx": alt.expr("datum.side == 'left' ? 8 : -8"),
        "dy": -6,
        "baseline": "bottom",
        "fontSize": 12,
        "fontWeight": 600,
    }
    yield names.mark_text(**place, stroke=alt.expr("paper"), strokeWidth=4, strokeJoin="round", opacity=0.85)
    yield names.mark_text(**place).encode(color=figure.family_colour())


def _tested(frame: Frame) -> Iterator[alt.Chart]:
    base = alt.Chart(alt.NamedData("confirmed")).transform_filter(
        f"datum.{frame.cost}_si > 0 && indexof(hidden, datum.back_end) < 0"
    )
    x = frame.x(f"{frame.cost}_si")
    yield base.mark_rule(strokeWidth=1.2, opacity=0.8, clip=True).encode(
        x=x, y=frame.y("low"), y2=alt.Y2("high"), color=figure.family_colour()
    )
    yield base.mark_point(shape="cross", size=44, filled=True, opacity=0.9, clip=True).encode(
        x=x,
        y=frame.y("test"),
        color=figure.family_colour(),
        tooltip=[
            alt.Tooltip("back_end:N", title="Back end"),
            alt.Tooltip("test:Q", title="Accuracy on test", format=".1%"),
            alt.Tooltip("low:Q", title="mean − 2 sd", format=".1%"),
            alt.Tooltip("high:Q", title="mean + 2 sd", format=".1%"),
            alt.Tooltip("draws:Q", title="draws"),
        ],
    )


def _published(frame: Frame) -> alt.Chart:
    tooltip: list[Any] = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("source:N", title="Published in"),
        alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
    ]
    base = alt.Chart(alt.NamedData(f"published_{frame.cost}"))
    made: alt.Chart = base.mark_point(filled=False, size=150, strokeWidth=2).encode(
        x=frame.x("x"), y=frame.y(), color=figure.family_colour(), shape=figure.family_shape(), tooltip=tooltip
    )
    return made


def _pick(frame: Frame) -> alt.Chart:
    base = alt.Chart(alt.NamedData("designs")).transform_filter(f"datum.row === pick && datum.{frame.cost}_si > 0")
    made: alt.Chart = base.mark_point(
        shape="circle", size=330, filled=False, strokeWidth=2.5, stroke=alt.expr("ring"), opacity=1
    ).encode(x=frame.x(f"{frame.cost}_si"), y=frame.y())
    return made
