"""Where the energy goes, by component and by layer, in inference and in training; and at a common node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.standing import static_parts

LAYERS_SHOWN = 9
"""Rows of the chart by layer: the layers of most energy, and one for all the others."""

MOSTLY, SMALL, NAMED = 0.5, 0.005, 4
"""A machine is mostly static from such a share of its inference energy on; components of less than SMALL, or beyond the
NAMED largest, are not named."""

BAR_PX = 19

JOULES = " : ".join(
    f"{test}'{figure.cost_title(theme.LABELS[metric])}'"
    for test, metric in (("phase == 'training' ? ", "training_energy_pj"), ("", "inference_energy_pj"))
)
"""Vega expression of the axis title where bars are of joules."""

PUBLISHED_NODE = "as_published"


@dataclass(frozen=True)
class BreakdownFacts:
    """Energy parts of one confirmed design of each back end."""

    designs: Mapping[str, str]
    """Design by back end."""
    components: Rows
    layers: Rows
    phases: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Mapping[str, str]
    """`back end · network` of each shown design, by back end."""
    static: Rows = ()
    """Back ends most of whose inference energy is static: share, and the largest components by name."""


def facts(given: Tables) -> BreakdownFacts:
    """Parts as published, summed by component class and by layer."""
    designs = shown_designs(given)
    parts = _energy_parts(given, designs).filter(pl.col("node") == PUBLISHED_NODE)
    classes = set(parts["class"].to_list())
    labels = {
        name: " · ".join(filter(None, (name.split("/")[-1], network)))
        for name, network in networks_of(given, designs).items()
    }
    components = _summed(parts, ["back_end", "family", "phase", "class"], designs)
    return BreakdownFacts(
        designs=designs,
        labels=labels,
        components=[{**row, "label": labels[row["back_end"]]} for row in components],
        layers=_summed(_folded(parts), ["back_end", "family", "phase", "layer", "class"], designs),
        phases=tuple(phase for phase in ("inference", "training") if phase in set(parts["phase"].to_list())),
        classes=tuple(name for name in theme.component_names() if name in classes),
        static=_mostly_static(given, designs),
    )


@lru_cache(maxsize=2)
def shown_designs(given: Tables) -> dict[str, str]:
    """One design with parts for each back end: the panel's choice, made again among the confirmed designs.

    Test accuracies count, where any were measured; a back end without a confirmed design within the limit shows its
    most accurate one.
    """
    columns = design_columns(given)
    known = given.parts["design_id"].drop_nulls().unique()
    typical = given.confirmed.filter((pl.col("corner") == "typical") & pl.col("design_id").is_in(known.implode()))
    judged = given.axes.accuracy or given.axes.energy
    rows = sorted(
        (row for row in typical.iter_rows(named=True) if row[judged] is not None), key=lambda row: row["design_id"]
    )
    table = {role: [row[metric] for row in rows] for role, metric in given.axes.items()}
    table["back_end"] = [row["back_end"] for row in rows]
    within = decide(table, Limits(accuracy=default_limit(columns))).best
    chosen = {**decide(table, Limits(prefer="energy" if given.is_cost_only else "accuracy")).best, **within}
    panel = {columns["id"][row] for row in decide(columns, Limits(accuracy=default_limit(columns))).best.values()}
    found = {name: rows[row]["design_id"] for name, row in chosen.items()}
    found.update({row["back_end"]: row["design_id"] for row in rows if row["design_id"] in panel})
    return {name: found[name] for name, _ in given.back_ends if name in found}


def networks_of(given: Tables, designs: Mapping[str, str]) -> dict[str, str]:
    """The network of each shown design, by back end: bars of different networks are not to be compared blindly."""
    known = dict(given.confirmed.select("design_id", "network").rows())
    return {name: known.get(design) or "" for name, design in designs.items()}


def _mostly_static(given: Tables, designs: Mapping[str, str]) -> Rows:
    """What one bar `static 100 %` hides: each such back end with its largest components."""
    found = []
    for name, design in designs.items():
        parts = static_parts(given, design) or {}
        if sum(parts.values()) > MOSTLY:
            named = [f"{part.replace('_', ' ')} {100 * share:.0f} %" for part, share in parts.items() if share >= SMALL]
            share = f"{100 * min(1.0, sum(parts.values())):.0f} %"
            found.append({"back_end": name, "share": share, "parts": ", ".join(named[:NAMED])})
    return found


def _energy_parts(given: Tables, designs: Mapping[str, str]) -> pl.DataFrame:
    families = dict(given.back_ends)
    names = {design: name for name, design in designs.items()}
    parts = given.parts.filter((pl.col("quantity") == "energy") & pl.col("design_id").is_in(list(names)))
    return parts.with_columns(
        pl.col("design_id").replace_strict(names, return_dtype=pl.String).alias("back_end"),
        pl.col("design_id")
        .replace_strict({design: families[name] for design, name in names.items()}, return_dtype=pl.String)
        .alias("family"),
        pl.col("component").map_elements(theme.component_class, return_dtype=pl.String).alias("class"),
    )


def _folded(parts: pl.DataFrame) -> pl.DataFrame:
    """The same parts with all but the layers of most energy of each back end and phase under one name, put last."""
    keys = ["back_end", "phase"]
    layers = parts.group_by([*keys, "layer"], maintain_order=True).agg(pl.col("energy_pj").sum())
    place = pl.col("energy_pj").rank("ordinal", descending=True).over(keys)
    count = pl.len().over(keys)
    layers = layers.with_columns(is_small=(place >= LAYERS_SHOWN) & (count > LAYERS_SHOWN))
    rest = pl.format("{} other layers", pl.col("is_small").sum().over(keys))
    layers = layers.with_columns(shown=pl.when("is_small").then(rest).otherwise(pl.col("layer")))
    joined = parts.join(
        layers.drop("energy_pj"), on=[*keys, "layer"], how="left", maintain_order="left", nulls_equal=True
    )
    return joined.sort("is_small", maintain_order=True).with_columns(layer=pl.col("shown"))


def _summed(parts: pl.DataFrame, keys: list[str], designs: Mapping[str, str]) -> Rows:
    """Energy by `keys`, with its share of the back end's total in that phase; back ends in the order of `designs`."""
    summed = parts.group_by(keys, maintain_order=True).agg(
        pl.col("energy_pj").sum(), pl.col("component").unique(maintain_order=True).str.join(", ").alias("components")
    )
    total = pl.col("energy_pj").sum().over("back_end", "phase")
    shared = summed.with_columns(share=pl.when(total > 0).then(pl.col("energy_pj") / total).otherwise(0.0), total=total)
    order = {name: place for place, name in enumerate(theme.component_names())}
    place = {name: index for index, name in enumerate(designs)}
    ordered = sorted(shared.iter_rows(named=True), key=lambda row: place[row["back_end"]])
    return [
        {
            **{key: row[key] for key in keys},
            "components": row["components"],
            "order": order[row["class"]],
            "energy": rounded(row["energy_pj"] * 1e-12),
            "share": rounded(row["share"]),
            "text": theme.show(row["energy_pj"], "inference_energy_pj"),
            "total": theme.show(row["total"], "inference_energy_pj"),
        }
        for row in ordered
    ]


def figures(found: BreakdownFacts) -> tuple[Figure, ...]:
    """Stacked bars by component class for all back ends, then by layer for one; none without parts."""
    if not found.components:
        return ()
    phase = found.phases[0]
    first = next(iter(found.designs))
    return (
        Figure(
            "components",
            "Energy by component",
            "One confirmed design of each back end: the choice made again among those, as published, every constant "
            "typical. Bars of different networks do different work. At the right: the total; training is a whole run.",
            _stack("components", "label", phase, None, (40, len(found.designs))),
            {"components": found.components},
            summary="Stacked bars: share of each component class in the energy of each back end.",
        ),
        Figure(
            "layers",
            "Energy by layer and component",
            f"The same designs, one at a time, layers in the order of the network; at most {LAYERS_SHOWN - 1} by name.",
            _stack(
                "layers", "layer", phase, first, (26, figure.most_rows(found.layers, ("back_end", "phase"), "layer"))
            ),
            {"layers": found.layers},
            summary="Stacked bars: energy of each layer of one back end by component class.",
        ),
    )


def _stack(name: str, row: str, phase: str, only: str | None, size: tuple[int, int]) -> alt.LayerChart:
    """Bars of `value`, which is a share or joules by the signal `shares`; `size`: pixels a row, most rows."""
    unit = figure.tick_label("inference_energy_pj")
    base = alt.Chart(alt.NamedData(name)).transform_filter("datum.phase == phase")
    if only is not None:
        base = base.transform_filter("datum.back_end == only")
    base = base.transform_calculate(value="shares ? datum.share : datum.energy")
    y = alt.Y(f"{row}:N", sort=None, axis=alt.Axis(title=None, labelLimit=210, ticks=False, domain=False))
    label = f"shares ? format(datum.value, '.0%') : {unit}"
    x = alt.X("value:Q", stack="zero", axis=alt.Axis(labelExpr=label, tickCount=6))
    x = figure.titled(x, f"shares ? 'Share of the energy' : {JOULES}")
    bars = base.mark_bar(stroke=alt.expr("paper"), strokeWidth=0.6, height=BAR_PX).encode(
        x=x,
        y=y,
        color=figure.component_colour(),
        order=alt.Order("order:Q"),
        tooltip=[
            alt.Tooltip(f"{row}:N", title="Layer" if only else "Design"),
            alt.Tooltip("class:N", title="Kind"),
            alt.Tooltip("components:N", title="Components"),
            alt.Tooltip("text:N", title="Energy"),
            alt.Tooltip("share:Q", title="Share of the total", format=".1%"),
        ],
    )
    keys: list[Any] = [row] if only is None else [row, "phase"]
    total = "total:N" if only is None else "sum_text:N"
    ends = base.transform_aggregate(value="sum(value)", joules="sum(energy)", total="max(total)", groupby=keys)
    ends = ends.transform_calculate(sum_text=unit.replace("datum.value", "datum.joules").replace("'~s'", "'.3s'"))
    texts = ends.mark_text(align="left", dx=6, fontSize=11).encode(x=alt.X("value:Q"), y=y, text=total)
    params = [
        alt.param(name="phase", value=phase),
        alt.param(name="shares", value=only is None),
        alt.param(name="only", value=only or ""),
        alt.param(name="paper", value="#ffffff"),
    ]
    return figure.layered(bars, texts, params=params, **figure.rows_high(*size, 60))
