"""How do the designs of the front trade: one line a design over all metrics, every axis turned so that up is better."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.decide import default_limit
from joulescape.report.designs import design_columns
from joulescape.report.figure import Figure, Rows, evenly
from joulescape.report.inputs import Tables
from joulescape.report.pareto_layers import ROOM_FRACTION

LINES = 400
"""At most so many designs, evenly spread over the front in the order of its energies."""


@dataclass(frozen=True)
class ParallelFacts:
    """Rows of (design, axis, height 0..1), and the words at both ends of every axis."""

    rows: Rows
    ends: Rows
    shown: int
    total: int
    axes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """An axis on which all designs are equal, which is not drawn; designs under the drawn accuracies."""


def facts(given: Tables) -> ParallelFacts:
    """Designs of the front with every metric known; costs on the logarithm."""
    columns, metrics = design_columns(given), dict(given.axes.items())
    places = [row for row, on_front in enumerate(columns["front"]) if on_front and _is_whole(columns, row, metrics)]
    ordered = sorted(places, key=lambda row: (columns["energy"][row], row))
    kept = evenly(ordered, LINES)
    labels = {role: given.labels[metric] for role, metric in metrics.items()}
    spans = {role: _span([columns[role][row] for row in kept], role) for role in labels} if kept else {}
    same = [role for role in spans if theme.show(_value(spans[role][0], role), metrics[role])
            == theme.show(_value(spans[role][1], role), metrics[role])] if len(kept) > 1 else []  # fmt: skip
    axes = {role: label for role, label in labels.items() if role not in same}
    notes = [f"{labels[role]} is {theme.show(_value(spans[role][0], role), metrics[role])} of all." for role in same]
    floor = _floor(columns, kept)
    is_drawn = "accuracy" in spans and "accuracy" in axes
    if floor is not None and is_drawn and spans["accuracy"][0] < floor < spans["accuracy"][1]:
        spans["accuracy"] = (floor, spans["accuracy"][1])
        under = sum(columns["accuracy"][row] < floor for row in kept)
        shown = theme.show(floor, "accuracy_fraction")
        notes.append(f"{under:,} less accurate than {shown}: drawn at the lower end of that axis.")
    rows = [
        {
            **{name: columns[name][row] for name in ("id", "back_end", "family", "network")}, "row": row, "axis": label,
            "height": rounded(_height(columns[role][row], role, spans[role])),
            "text": theme.show(columns[role][row], metrics[role]),
        }
        for row in kept for role, label in axes.items()
    ]  # fmt: skip
    ends = [
        {"axis": axes[role], "height": height, "text": theme.show(_value(at, role), metrics[role])}
        for role, (low, high) in spans.items()
        if role in axes
        for height, at in ((1.0, high), (0.0, low))
    ]
    return ParallelFacts(rows, ends, len(kept), len(places), tuple(axes.values()), tuple(notes))


def _floor(columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> float | None:
    """A little under the weakest best of the back ends that reach the panel's opening limit, as the Pareto charts clip:
    a design far below would squeeze all others together."""
    limit = default_limit(columns)
    best: dict[str, float] = {}
    if limit is None:
        return None
    for row in rows:
        value, name = columns["accuracy"][row], columns["back_end"][row]
        best[name] = max(value, best.get(name, value))
    return min((value for value in best.values() if value >= limit), default=limit) - ROOM_FRACTION


def _is_whole(columns: Mapping[str, Sequence[Any]], row: int, metrics: Mapping[str, str]) -> bool:
    return all(columns[role][row] is not None for role in metrics)


def _turned(value: float, role: str) -> float:
    """Larger is better: accuracy as it stands, costs as -log10."""
    return value if role == "accuracy" else -math.log10(value)


def _value(turned: float, role: str) -> float:
    return turned if role == "accuracy" else 10**-turned


def _span(values: Sequence[float], role: str) -> tuple[float, float]:
    turned = [_turned(value, role) for value in values]
    return min(turned), max(turned)


def _height(value: float, role: str, span: tuple[float, float]) -> float:
    low, high = span
    return max(0.0, (_turned(value, role) - low) / (high - low)) if high > low else 0.5


def figures(found: ParallelFacts) -> tuple[Figure, ...]:
    """One chart; none for fewer than two designs."""
    if found.shown < 2:
        return ()
    count = f"{found.shown:,}" if found.shown == found.total else f"{found.shown:,} of {found.total:,}"
    return (
        Figure(
            "parallel",
            "What the best designs trade",
            f"{count} designs of the front, one line each; up is better on every axis, costs on the logarithm. "
            "The numbers are the ends of each axis; the line in the colour of the ring is the choice."
            + "".join(f" {note}" for note in found.notes),
            _chart(found.axes),
            {"parallel": found.rows, "parallel_ends": found.ends},
            summary=f"Parallel coordinates of {count} designs of the front over {', '.join(found.axes).lower()}.",
        ),
    )


def _chart(axes: Sequence[str]) -> alt.LayerChart:
    """A line a design over the axes, the choice's in the ring's colour, numbers at the ends."""
    x = alt.X(
        "axis:N",
        sort=None,
        scale=alt.Scale(domain=list(axes), padding=0.32),
        axis=alt.Axis(
            orient="top",
            title=None,
            labelAngle=0,
            labelFontWeight=600,
            labelPadding=11,
            ticks=False,
            domain=False,
            grid=True,
        ),
    )
    y = alt.Y("height:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=None)
    hover = alt.selection_point(name="line", on="pointerover", fields=["id"], empty=False, clear="pointerout")
    base = alt.Chart(alt.NamedData("parallel")).transform_filter("indexof(hidden, datum.back_end) < 0")
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("network:N", title="Network"),
        alt.Tooltip("axis:N", title="Metric"),
        alt.Tooltip("text:N", title="Value"),
    ]
    lines = base.mark_line(interpolate="linear").encode(
        x=x, y=y, color=figure.family_colour(), strokeDash=figure.family_dash(), detail=alt.Detail("id:N"),
        opacity=alt.condition(hover, alt.value(1), alt.value(0.35)),
        strokeWidth=alt.condition(hover, alt.value(3.2), alt.value(1.3)),
    )  # fmt: skip
    points = base.mark_point(filled=True, size=34).encode(
        x=x, y=y, color=figure.family_colour(), shape=figure.family_shape(), tooltip=tooltip
    )
    picked = base.transform_filter("datum.row === pick").mark_line(strokeWidth=2.6, stroke=alt.expr("ring"))
    place: dict[str, Any] = {"align": "left", "dx": 9, "dy": alt.expr("datum.height ? 11 : -3"), "fontSize": 11}
    ends = alt.Chart(alt.NamedData("parallel_ends")).encode(x=x, y=y, text=alt.Text("text:N"))
    halo = ends.mark_text(**place, stroke=alt.expr("paper"), strokeWidth=5, strokeJoin="round", opacity=0.9)
    chosen = picked.encode(x=x, y=y, detail=alt.Detail("id:N"))
    numbers = ends.mark_text(**place, fill=alt.expr("ink"))
    layers = (lines, chosen, points.add_params(hover), halo, numbers)
    return figure.layered(*layers, params=_params(), width="container", height=320)


def _params() -> Iterator[alt.Parameter]:
    light = theme.colours("light")
    yield alt.param(name="hidden", value=[])
    yield alt.param(name="pick", value=-1)
    for name, colour in (("ring", "ring"), ("ink", "ink"), ("paper", "page")):
        yield alt.param(name=name, value=light[colour])
