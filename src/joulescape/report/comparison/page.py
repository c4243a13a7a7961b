"""The page, the summary and the terminal's lines of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import columns_of, rounded
from joulescape.report.comparison.answers import STATES, families_on_front
from joulescape.report.comparison.facts import Comparison
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.pareto_layers import Extent, Frame
from joulescape.report.sections import pareto
from joulescape.report.shell import dressed, environment


def render(before: Tables, after: Tables, found: Comparison) -> str:
    """The whole page as text. The same tables give the same bytes."""
    figures = {figure.id: figure for figure in (*_fronts(before, after, found.names), *_energy(found))}
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            found=found,
            front=front_words(found),
            families=families_on_front(found.counts),
            states=[name for name in STATES if name == "valid" or any(sum(row.states[name]) for row in found.counts)],
            figures=figures,
            metrics=dict(after.axes.items()),
            labels=after.labels,
            back_ends=tuple(dict.fromkeys(row.back_end for row in found.energy)),
            **dressed({"designs": {"id": []}, **_data(figures)}, _page(found, figures)),
        )
    )


SCHEMA = "joulescape comparison 1"
"""Name and version of the JSON: a key is added without a new version; one that changes or goes takes a new one."""


def summary(found: Comparison) -> dict[str, Any]:
    """What the page says, for programs."""
    fronts = found.fronts
    return {
        "schema": SCHEMA,
        "studies": list(found.studies),
        "before": found.names[0],
        "after": found.names[1],
        "sentence": found.sentence,
        "limit_fraction": found.limit,
        "answers": list(found.answers),
        "picks": [None if pick is None else asdict(pick) for pick in found.picks],
        "choice": found.choice,
        "best_of_metric": {row.metric: [row.before, row.after, row.before_by, row.after_by] for row in found.extremes},
        "designs_count": {row.back_end: row.states for row in found.counts},
        "front_count": {row.back_end: list(row.front) for row in found.counts},
        "best_energy_pj": {row.back_end: [row.before, row.after] for row in found.best},
        "front_before_count": fronts.before,
        "front_after_count": fronts.after,
        "front_shared_count": fronts.shared,
        "front_before_covered_fraction": fronts.covered_before,
        "front_after_covered_fraction": fronts.covered_after,
        "hypervolume_fractions": [fronts.volume_before, fronts.volume_after],
        "warning": found.warning,
        "common_count": found.common,
        "same_parameters_count": found.alike,
        "moved_count": found.moved_count,
        "only_count": list(found.only),
        "causes": found.causes,
        "changes": [[change.group, change.path, change.before, change.after] for change in found.changes],
        "energy_pj": [[row.back_end, row.component, row.before, row.after] for row in found.energy],
    }


def lines(found: Comparison) -> Iterator[str]:
    """What a terminal shows: the finding, each back end, the fronts, what was asked otherwise."""
    yield found.sentence
    yield found.choice
    if found.warning:
        yield found.warning
    for best in found.best:
        energies = [theme.show(value, "inference_energy_pj") for value in (best.before, best.after)]
        yield f"  {best.back_end}: {energies[0]} → {energies[1]} ({best.change})"
    for row in found.extremes:
        values = [theme.show(value, row.metric) for value in (row.before, row.after)]
        yield f"  best {theme.LABELS[row.metric]}: {values[0]} → {values[1]} ({row.change})"
    yield f"  front: {front_words(found)}"
    yield f"  {found.causes}"
    for change in found.changes:
        yield f"  {change.group} {change.path}: {change.before} → {change.after}"


def front_words(found: Comparison) -> str:
    """`31 designs before, 40 after, 12 in both; the new front reaches 97 % of the old one, ...`"""
    fronts = found.fronts
    words = f"{fronts.before:,} designs before, {fronts.after:,} after, {fronts.shared:,} in both"
    if fronts.covered_before is not None and fronts.covered_after is not None:
        words += f"; the new one equals or beats {100 * fronts.covered_before:.0f}{theme.SPACE}% of the old"
        words += f", the old one {100 * fronts.covered_after:.0f}{theme.SPACE}% of the new"
    if fronts.volume_before is not None and fronts.volume_after is not None:
        shares = [f"{100 * volume:.1f}{theme.SPACE}%" for volume in (fronts.volume_before, fronts.volume_after)]
        words += f"; of the hypervolume that both together enclose, the old one encloses {shares[0]}"
        words += f" and the new one {shares[1]}"
    return f"{words}."


def _data(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: columns_of(rows) for figure in figures.values() for name, rows in figure.data.items()}


def _page(found: Comparison, figures: dict[str, Figure]) -> dict[str, Any]:
    return {
        "name": f"{found.names[0]}_{found.names[1]}",
        "figures": {figure.id: figure.spec() for figure in figures.values()},
        "configs": {mode: theme.vega_config(mode) for mode in ("light", "dark")},
        "colours": {mode: theme.colours(mode) for mode in ("light", "dark")},
        "factors": {},
    }


def _fronts(before: Tables, after: Tables, names: tuple[str, str]) -> Iterator[Figure]:
    """Both studies' fronts of every back end: the old one thin and quiet, the new one in its family's colour."""
    old, new = pareto.facts(before), pareto.facts(after)
    steps = [_step(row, study) for study, facts in (("before", old), ("after", new)) for row in facts.fronts["energy"]]
    if not old.rows or not new.rows or not steps:
        return
    extent = Extent.of("energy", [*old.rows, *new.rows], steps, (), ())
    frame = Frame("energy", new.metrics, new.labels, extent)
    base = alt.Chart(alt.NamedData("fronts"))
    was = base.transform_filter("datum.study == 'before'").mark_line(
        interpolate="step-after", clip=True, strokeWidth=1.3, opacity=0.8
    )
    now = base.transform_filter("datum.study == 'after'").mark_line(
        interpolate="step-after", clip=True, strokeWidth=2.4
    )
    tooltip = [alt.Tooltip("study:N", title="Study"), alt.Tooltip("back_end:N", title="Back end")]
    points = base.mark_point(size=46, clip=True).encode(
        x=frame.x("x"), y=frame.y(), color=figure.family_colour(), shape=figure.family_shape(), tooltip=tooltip,
        fillOpacity=alt.condition("datum.study == 'after'", alt.value(1), alt.value(0)),
        fill=alt.Fill("family:N", scale=alt.Scale(domain=list(theme.FAMILIES)), legend=None),
    )  # fmt: skip
    labels = base.transform_filter("datum.study == 'after' && datum.label != ''").mark_text(
        align=alt.expr("datum.side"), dx=alt.expr("datum.side == 'left' ? 8 : -8"), dy=-8, fontSize=12, fontWeight=600
    )
    shared = {"x": frame.x("x"), "y": frame.y(), "color": figure.family_colour(), "detail": "back_end:N"}
    chart = figure.layered(
        was.encode(**shared, strokeDash=alt.value([3, 3])),
        now.encode(**shared),
        points,
        labels.encode(x=frame.x("x"), y=frame.y(), text=alt.Text("label:N")),
    )
    yield Figure(
        "fronts",
        "Fronts, before and after",
        f"Solid lines and filled marks: {names[1]}; dashed lines and hollow marks: {names[0]}.",
        chart.properties(width="container", height=380),
        {"fronts": steps},
        summary="Fronts of every back end in both studies.",
    )


def _step(row: Any, study: str) -> dict[str, Any]:
    return {"study": study, **{key: row[key] for key in ("back_end", "family", "x", "y", "label", "side", "id")}}


def _energy(found: Comparison) -> Iterator[Figure]:
    """Change of the energy of each component class, one back end at a time."""
    rows: Rows = [
        {
            "back_end": row.back_end, "component": row.component, "change": rounded(row.change * 1e-12),
            "before": theme.show(row.before, "inference_energy_pj"),
            "after": theme.show(row.after, "inference_energy_pj"),
        }
        for row in found.energy if row.change
    ]  # fmt: skip
    if not rows:
        return
    classes = max(Counter(row["back_end"] for row in rows).values())
    label = figure.tick_label("inference_energy_pj")
    chart = (
        alt.Chart(alt.NamedData("moved_energy"))
        .transform_filter("datum.back_end == only")
        .mark_bar(height=14, stroke=alt.expr("paper"))
        .encode(
            x=alt.X("change:Q", axis=alt.Axis(title="Change of energy per inference", labelExpr=label, tickCount=6)),
            y=alt.Y("component:N", sort=None, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190)),
            color=alt.Color(
                "component:N",
                scale=alt.Scale(domain=theme.component_names(), range="ordinal"),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("component:N", title="Kind"),
                alt.Tooltip("before:N", title="Before"),
                alt.Tooltip("after:N", title="After"),
            ],
        )
    )
    params = (alt.param(name="only", value=rows[0]["back_end"]), alt.param(name="paper", value="#ffffff"))
    yield Figure(
        "moved_energy",
        "Where the energy moved",
        "The design that each study shows for the back end, typical corner: left of zero is less than before.",
        figure.layered(chart).add_params(*params).properties(width="container", height=26 * classes + 30),
        {"moved_energy": rows},
        summary="Bars: change of energy per inference by component class.",
    )
