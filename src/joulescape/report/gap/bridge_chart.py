"""The bridge drawn: a line a network and family; dots for what each alone and both close, a tick for their product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.figure import Figure
from joulescape.report.gap.bridge import ENDS, BridgeFacts, Question
from joulescape.report.gap.views import Views

LABEL_LIMIT = "windowSize()[0] < 600 ? 118 : 260"
"""Vega expression: pixels that a name beside a chart may take."""
ROW = 19
"""Height of a line, pixels."""
PAIRED = ("machine", "both")
"""What a family has of its own; compression alone is the baseline's."""
CAPTION = (
    "Cross: compression alone, on the baseline. Hollow: the machine alone, network as trained. Filled: both. "
    "Upright tick: the product of the two parts; both left of it close less than their parts multiply to. "
    "Lines: from the corners of all sourced constants against the baseline's opposite. Right of 1 is better."
)


def figures(found: BridgeFacts) -> tuple[Figure, ...]:
    """One chart a question; a switch chooses its metric."""
    return tuple(_figure(one) for one in found.questions if one.rows)


def _figure(asked: Question) -> Figure:
    most = max(row["place"] for row in asked.rows) + 1
    views = _views(asked)

    def x_of(field: str) -> alt.X:
        axis = views.axis("Factor over the baseline (better →)", "top")
        return alt.X(f"{field}:Q", scale=views.scale(), axis=axis)

    base = (
        alt.Chart(alt.NamedData(asked.id))
        .transform_filter("datum.metric == metric && datum.state == state")
        .encode(y=_y())
    )
    colour = figure.family_colour()
    tooltip = [alt.Tooltip(f"{name}:N", title=title) for name, title in TOOLTIP.items()]
    ends = [
        base.mark_rule(strokeWidth=width, opacity=opacity).encode(
            x=x_of(f"{kind}_low"),
            x2=alt.X2(f"{kind}_high"),
            **({"color": colour} if kind in PAIRED else {}),
        )
        for kind, width, opacity in (("machine", 5, 0.2), ("both", 1.6, 0.95), ("compression", 1.6, 0.9))
    ]
    product = base.mark_tick(thickness=2, size=13, opacity=0.9, color=alt.expr("ink")).encode(x=x_of("product"))
    marks = [
        base.mark_point(size=64, filled=is_filled, opacity=1, strokeWidth=1.6).encode(
            x=x_of(f"{kind}_at"), color=colour, shape=figure.family_shape(), tooltip=tooltip
        )
        for kind, is_filled in (("machine", False), ("both", True))
    ]
    alone = base.mark_point(shape="cross", size=58, filled=True, opacity=1, color=alt.expr("ink")).encode(
        x=x_of("compression_at"), tooltip=tooltip
    )
    one = (
        alt.Chart(alt.NamedData("one"))
        .transform_calculate(both_at="1")
        .mark_rule(strokeDash=[3, 3])
        .encode(x=x_of("both_at"))
    )
    params = (
        *views.params(),
        alt.param(name="metric", value=asked.metrics[0]),
        alt.param(name="state", value=asked.states[0]),
        alt.param(name="ink", value=theme.colours("light")["ink"]),
    )
    chart = figure.layered(one, *ends, product, *marks, alone).add_params(*params)
    return Figure(
        id=asked.id,
        title=f"Factors over {asked.baseline}",
        caption=CAPTION,
        chart=chart.properties(width="container", height=ROW * most),
        data={asked.id: asked.rows},
        summary="; ".join(_said(row) for row in asked.rows if row["family"] and _is_first(asked, row)),
    )


TOOLTIP = {
    "network": "Network", "back_end": "Back end", "compression": "Compression", "compression_text": "Compression alone",
    "machine_text": "Machine alone", "both_text": "Both", "product": "Product of the parts", "why": "Why",
}  # fmt: skip


def _is_first(asked: Question, row: Mapping[str, Any]) -> bool:
    """Whether a row is of the view that opens."""
    return bool((row["metric"], row["state"]) == (asked.metrics[0], asked.states[0]))


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['network']} on {row['back_end']}: {row['both_text']}"


def _y() -> alt.Y:
    """Lines in the order of the rows; a network's own line is bold."""
    is_head = {"test": "split(datum.value, '|')[1] == ''", "value": "bold"}
    axis = alt.Axis(
        title=None, ticks=False, domain=False, grid=True, labelLimit=alt.expr(LABEL_LIMIT),
        labelExpr="split(datum.value, '|')[1] || split(datum.value, '|')[0]",
        labelFontWeight={"condition": is_head, "value": "normal"},
    )  # fmt: skip
    return alt.Y("key:N", sort=alt.EncodingSortField(field="place", op="min"), axis=axis)


def _views(asked: Question) -> Views:
    names = ("product", *(f"{kind}_{end}" for kind in ("compression", "machine", "both") for end in ENDS))
    values: dict[str, list[float | None]] = {}
    for row in asked.rows:
        values.setdefault(f"{row['metric']}|{row['state']}", []).extend(row[name] for name in names)
    return Views.of("metric + '|' + state", values)
