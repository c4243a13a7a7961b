"""Where the time goes: each layer's share of the time, what bounds it, and how much of the machine it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import LAYERS_SHOWN, shown_designs

Layer = Sequence[Mapping[str, Any]]
"""Rows of layers.parquet of one layer: its roles in one phase of one design."""


@dataclass(frozen=True)
class ScheduleFacts:
    """Layers of the design that the breakdown shows of each back end, in the order of the network."""

    rows: Rows
    first: str
    """The back end that the chart opens with; empty without rows."""


def facts(given: Tables) -> ScheduleFacts:
    """Times are summed over the roles of a layer; shares are of the sum over layers, which may overlap."""
    designs = shown_designs(given)
    rows = [
        row
        for name, design in designs.items()
        for (_,), phase in given.layers.filter(pl.col("design_id") == design).group_by("phase", maintain_order=True)
        for row in _phase(name, list(phase.iter_rows(named=True)))
    ]
    return ScheduleFacts(rows, str(rows[0]["back_end"]) if rows else "")


def _phase(back_end: str, rows: Layer) -> list[dict[str, Any]]:
    """The slowest layers by name, and one row for all the others, put last."""
    layers: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        layers.setdefault(row["layer"], []).append(row)
    slowest = sorted(layers, key=lambda name: -_time(layers[name]))
    named = slowest if len(slowest) <= LAYERS_SHOWN else slowest[: LAYERS_SHOWN - 1]
    shown: list[tuple[str, Layer]] = [(name, found) for name, found in layers.items() if name in named]
    rest = [row for name, found in layers.items() if name not in named for row in found]
    if rest:
        shown.append((f"{len(layers) - len(named)} other layers", rest))
    total = _time(rows)
    return [_row(back_end, name, found, total) for name, found in shown]


def _row(back_end: str, name: str, rows: Layer, total: float) -> dict[str, Any]:
    time, used = _time(rows), utilisation(rows)
    share = time / total if total else 0.0
    bounds = dict.fromkeys(row["bound_by"] for row in sorted(rows, key=lambda row: -(row["batch_latency_ns"] or 0.0)))
    slowest = next((bound.replace("_", " ") for bound in bounds if bound), "–")
    said = theme.show(used, "utilisation_fraction")
    return {
        "back_end": back_end,
        "phase": rows[0]["phase"],
        "layer": name,
        "share": rounded(share),
        "used": None if used is None else rounded(share * used),
        "time": theme.show(time, "batch_latency_ns"),
        "bound_by": slowest,
        "utilisation": said,
        "text": slowest if used is None else f"{slowest}, {100 * used:.0f}{theme.SPACE}%",
    }


def _time(rows: Layer) -> float:
    return sum(row["batch_latency_ns"] or 0.0 for row in rows)


def utilisation(rows: Layer) -> float | None:
    """Mean utilisation over the time in which it is known; None where it never is."""
    known = [(row["utilisation_fraction"], row["batch_latency_ns"] or 0.0) for row in rows]
    known = [(value, time) for value, time in known if value is not None]
    total = sum(time for _, time in known)
    return sum(value * time for value, time in known) / total if total else None


def figures(found: ScheduleFacts) -> tuple[Figure, ...]:
    """Bars of time by layer, one back end at a time; none without a schedule."""
    if not found.rows:
        return ()
    caption = (
        "Bar: share of the time, summed over layers, which may overlap; its strong part: the share in use "
        "(utilisation). Beside: what bounds the layer, and its utilisation."
    )
    chart = _chart(found).properties(
        **figure.rows_high(26, figure.most_rows(found.rows, ("back_end", "phase"), "layer"), 120)
    )
    summary = "Bars: share of the time of each layer of one back end, and how much of the machine it uses."
    return (Figure("schedule", "Time by layer, and what bounds it", caption, chart, {"schedule": found.rows}, summary),)


def _chart(found: ScheduleFacts) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("schedule")).transform_filter("datum.phase == phase && datum.back_end == only")
    y = alt.Y("layer:N", sort=None, axis=alt.Axis(title=None, labelLimit=210, ticks=False, domain=False))
    x = alt.X(
        "share:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title=figure.SHARE_OF_TIME, format="~%", tickCount=6)
    )
    tooltip = [
        alt.Tooltip("layer:N", title="Layer"),
        alt.Tooltip("time:N", title="Time of the batch"),
        alt.Tooltip("share:Q", title="Share of the time", format=".1%"),
        alt.Tooltip("bound_by:N", title="Bound by"),
        alt.Tooltip("utilisation:N", title="Utilisation"),
    ]
    bars = base.mark_bar(height=17, opacity=0.35, color=alt.expr("quiet")).encode(x=x, y=y, tooltip=tooltip)
    used = base.transform_filter("isValid(datum.used)").mark_bar(height=17, color=alt.expr("quiet"))
    texts = base.mark_text(align="left", dx=6, fontSize=11).encode(x=x, y=y, text=alt.Text("text:N"))
    params = [
        alt.param(name="phase", value=found.rows[0]["phase"]),
        alt.param(name="only", value=found.first),
        alt.param(name="quiet", value=theme.colours("light")["quiet"]),
    ]
    return figure.layered(bars, used.encode(x=alt.X("used:Q"), y=y, tooltip=tooltip), texts).add_params(*params)
