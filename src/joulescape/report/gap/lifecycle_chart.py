"""Lifecycle energy over the split of training and inference, a line a machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.figure import Figure, Rows
from joulescape.report.gap.lifecycle import LifecycleFacts
from joulescape.report.gap.views import Views

HEIGHT = 360
LINE = 12.5
"""Height that a name takes, pixels."""
SPREAD = 0.3
"""Share of a split's width that its machines take side by side."""


def figures(found: LifecycleFacts) -> tuple[Figure, ...]:
    """Factor over the share of inference, a line a machine; a switch chooses the network."""
    if not found.rows:
        return ()
    views = _views(found)
    y = alt.Y("factor:Q", scale=views.scale(), axis=views.axis("Lifecycle energy saved (better ↑)", "left"))
    low = y.copy(deep=False)
    low.shorthand = "low:Q"
    title = "Training / inference (% of energy)"
    count = len(found.splits)
    ends: list[Any] = [-0.5, {"expr": f"{count} - (width < 400 ? {0.3 - 0.2 * count:g} : 0.3)"}]
    label = f"{json.dumps(list(found.splits))}[datum.value]"
    axis = alt.Axis(title=title, values=list(range(count)), labelExpr=label, labelAngle=0, grid=True)
    x = alt.X("along:Q", scale=alt.Scale(domain=ends, nice=False, zero=False), axis=axis)
    edge = x.copy(deep=False)
    edge.shorthand = "edge:Q"
    base = alt.Chart(alt.NamedData("lifecycle")).transform_filter("datum.case == chosen")
    base = base.encode(x=x, color=figure.family_colour(), detail=alt.Detail("back_end:N"))
    tooltip = [
        alt.Tooltip(f"{name}:N", title=title)
        for name, title in (
            ("back_end", "Back end"),
            ("split", "Split"),
            ("text", "Factor"),
            ("accuracy", "Accuracy learnt"),
            ("verdict", "Against the baseline's"),
            ("reason", "Note"),
        )
    ]
    bars = base.mark_rule(strokeWidth=3, opacity=0.35).encode(y=low, y2=alt.Y2("high"))
    lines = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=figure.family_dash())
    points = base.mark_point(size=62, opacity=1, strokeWidth=1.5).encode(
        y=y,
        shape=figure.family_shape(),
        fill=alt.Fill("family:N", scale=alt.Scale(domain=list(theme.FAMILIES)), legend=None),
        fillOpacity=alt.FillOpacity("filled:Q", scale=None, legend=None),
        tooltip=tooltip,
    )
    names = (
        base.transform_filter(f"datum.split == {json.dumps(found.splits[-1])}")
        .mark_text(align="left", baseline="middle", dx=9, dy=alt.expr("datum.dy"), fontSize=11)
        .encode(x=edge, y=y, text=alt.Text("label:N"))
    )
    one = alt.Chart(alt.NamedData("one")).transform_calculate(factor="1").mark_rule(strokeDash=[3, 3]).encode(y=y)
    drawn = figure.layered(one, bars, lines, points, names).add_params(
        alt.param(name="chosen", value=found.networks[0]), *views.params()
    )
    caption = (
        "Training once, then as many inferences as make the baseline spend the share on them; every machine does the "
        "same number. Upright bars: the corners of all sourced constants; machines of one split stand side by side. "
        "Above 1 the machine spends less. Hollow: it learns less than the baseline. Pale: undecided, its mean is less "
        "and its trainings do not tell."
    )
    return (
        Figure(
            "lifecycle", f"Lifecycle energy against {found.baseline}", caption,
            drawn.properties(width="container", height=HEIGHT), {"lifecycle": _spread(found, views)},
            summary=" ".join(found.sentences),
        ),
    )  # fmt: skip


def _views(found: LifecycleFacts) -> Views:
    values: dict[str, list[float | None]] = {}
    for row in found.rows:
        values.setdefault(row["case"], []).extend(row[name] for name in ("factor", "low", "high"))
    return Views.of("chosen", values)


def _aside(found: LifecycleFacts, row: Mapping[str, Any]) -> float:
    """Where a machine stands about its split, which is 1 wide."""
    mine = list(dict.fromkeys(other["back_end"] for other in found.rows if other["case"] == row["case"]))
    return round(SPREAD * ((mine.index(row["back_end"]) + 0.5) / len(mine) - 0.5), 4)


def _spread(found: LifecycleFacts, views: Views) -> Rows:
    """The rows, a network's machines side by side within a split so that every range is seen, with the shift of each
    name at its line's end, so that no two names of a network overlap."""
    edge = len(found.splits) - 1 + SPREAD / 2
    rows: list[dict[str, Any]] = [
        {**row, "dy": 0.0, "edge": edge, "along": found.splits.index(row["split"]) + _aside(found, row)}
        for row in found.rows
    ]
    for case in found.networks:
        ends = [row for row in rows if row["case"] == case and row["split"] == found.splits[-1]]
        free = -LINE
        for row in sorted(ends, key=lambda row: -row["factor"]):
            height = HEIGHT * (1 - views.place(case, row["factor"]))
            free = max(height, free + LINE)
            row["dy"] = round(free - height, 1)
    return rows
