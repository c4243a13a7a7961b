"""The roadmap drawn: a line a constant, from today's value and its range to the value that is needed."""

from __future__ import annotations

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.figure import Figure
from joulescape.report.gap.bridge_chart import LABEL_LIMIT, ROW
from joulescape.report.gap.overtake import OvertakeFacts

CAPTION = (
    "Upright line: today's value. Pale bar: today's range, from its worse to its better corner. Mark: the improvement "
    "at which the machine equals its rival (thick: over the rival's corners); filled where today's range holds it. "
    "Lines without a mark: no value of this alone is enough."
)
TOOLTIP = {"back_end": "Back end", "text": "What would have to be true", "verdict_text": "Verdict"}


def figures(found: OvertakeFacts) -> tuple[Figure, ...]:
    """One chart; a switch chooses network and metric."""
    if not found.rows:
        return ()
    known = [row[name] for row in found.rows for name in ("needed_at", "worst", "best")]
    values = [value for value in known if figure.is_positive(value)]
    low, high = figure.log_domain([0.5, 2.0, *values])
    high = high * (high / low) ** 0.28  # room for the verdict's words
    label = "datum.value >= 1 ? '×' + format(datum.value, '~s') : '÷' + format(1 / datum.value, '~s')"
    ticks = [tick for tick in figure.log_ticks(low, high) if tick <= 2 * max([2.0, *values])]
    axis = alt.Axis(values=ticks, labelExpr=label, title="Improvement over today's value (nearer ←)", orient="top")
    scale = alt.Scale(type="log", domain=[low, high], nice=False, clamp=True)
    names = alt.Axis(
        title=None, ticks=False, domain=False, grid=True, labelLimit=alt.expr(LABEL_LIMIT),
        labelExpr="split(datum.value, '|')[2]",
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("overtake")).transform_filter("datum.case == chosen")
    base = base.encode(
        y=alt.Y("key:N", sort=alt.EncodingSortField(field="place", op="min"), axis=names), color=figure.family_colour()
    )

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=scale, axis=axis)

    way = base.mark_rule(strokeWidth=1.4, opacity=0.8).encode(x=x("today"), x2=alt.X2("needed_at"))
    ranges = base.mark_rule(strokeWidth=8, opacity=0.25).encode(x=x("worst"), x2=alt.X2("best"))
    ends = base.mark_rule(strokeWidth=3, opacity=0.9).encode(x=x("near"), x2=alt.X2("far"))
    today = base.mark_tick(thickness=2, size=14, color=alt.expr("ink")).encode(x=x("today"))
    marks = base.mark_point(size=75, opacity=1, strokeWidth=1.6).encode(
        x=x("needed_at"),
        shape=figure.family_shape(),
        fill=alt.Fill("family:N", scale=alt.Scale(domain=list(theme.FAMILIES)), legend=None),
        fillOpacity=alt.condition(
            "datum.verdict == 'already' || datum.verdict == 'within_corner'", alt.value(1), alt.value(0)
        ),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in TOOLTIP.items()],
    )
    verdicts = base.mark_text(align="right", fontSize=11, color=alt.expr("quiet")).encode(
        x=alt.value("width"), text=alt.Text("verdict_text:N"), color=alt.ColorValue(alt.expr("quiet"))
    )
    params = (
        alt.param(name="chosen", value=found.cases[0].key),
        *(alt.param(name=name, value=theme.colours("light")[name]) for name in ("ink", "quiet")),
    )
    most = max(row["place"] for row in found.rows) + 1
    drawn = figure.layered(ranges, way, ends, today, marks, verdicts).add_params(*params)
    return (
        Figure(
            "overtake",
            "From today's value to the one that is needed",
            CAPTION,
            drawn.properties(width="container", height=ROW * most),
            {"overtake": found.rows},
            summary=found.sentence,
        ),
    )
