"""As published beside normalised: the same designs with CMOS parts scaled to one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure, theme
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import PUBLISHED_NODE, shown_designs


@dataclass(frozen=True)
class NormalisedFacts:
    """Totals of one design of each back end, at its published node and at the common one."""

    node: str | None
    """The common node, such as `28 nm`; None when the parts know none."""
    rows: Rows
    table: Rows
    rule: str = ""
    """What the ratios in brackets are; empty without any."""


RULES = {"stillmaker": "the measured scaling of Stillmaker and Baas 2017", "tpuv4i": "the table of the TPUv4i's paper"}
"""What each rule of scaling rests on, in words."""

QUANTITIES = (
    ("inference energy", "inference", "energy_pj", "inference_energy_pj"),
    ("training energy", "training", "energy_pj", "training_energy_pj"),
    ("area", None, "area_mm2", "area_mm2"),
)


def facts(given: Tables) -> NormalisedFacts:
    """Sums of the parts by node."""
    others = sorted(set(given.parts["node"].drop_nulls().to_list()) - {PUBLISHED_NODE})
    if not others:
        return NormalisedFacts(None, (), ())
    rows = []
    for name, design in shown_designs(given).items():
        parts = given.parts.filter(pl.col("design_id") == design)
        for what, phase, column, metric in QUANTITIES:
            published = _total(parts, PUBLISHED_NODE, phase, column)
            scaled = _total(parts, others[0], phase, column)
            if published and scaled:
                row = _row(dict(given.back_ends)[name], name, what, metric, published, scaled)
                rows.append(row | _by_other_rules(parts, others, phase, column, published))
    named = [RULES.get(rule, rule) for node in others[1:] if (rule := node.partition(", ")[2])]
    words = f"In brackets: the ratio by another rule of scaling, {' and '.join(named)}." if named else ""
    first = tuple(row for row in rows if row["what"] == "inference energy")
    return NormalisedFacts(others[0], first, tuple(rows), words)


def _total(parts: pl.DataFrame, node: str, phase: str | None, column: str) -> float:
    chosen = parts.filter((pl.col("node") == node) & (pl.col("quantity") == column.split("_", maxsplit=1)[0]))
    if phase is not None:
        chosen = chosen.filter(pl.col("phase") == phase)
    return float(chosen[column].sum())


def _by_other_rules(
    parts: pl.DataFrame, others: list[str], phase: str | None, column: str, published: float
) -> dict[str, Any]:
    """The ratio under each rule of scaling that the first node's name does not stand for."""
    ratios = {
        node.partition(", ")[2]: _total(parts, node, phase, column) / published for node in others[1:] if ", " in node
    }
    return {"other_rules": ", ".join(f"{theme.significant(ratio, 2)}× by {rule}" for rule, ratio in ratios.items())}


def _row(family: str, name: str, what: str, metric: str, published: float, scaled: float) -> dict[str, Any]:
    factor, _ = theme.unit_of(metric)
    return {
        "back_end": name,
        "family": family,
        "what": what,
        "published": published * factor,
        "scaled": scaled * factor,
        "published_text": theme.show(published, metric),
        "scaled_text": theme.show(scaled, metric),
        "ratio": f"{theme.significant(scaled / published, 2)}×",
    }


def figures(found: NormalisedFacts) -> tuple[Figure, ...]:
    """Inference energy at both nodes, one line a back end."""
    if not found.rows:
        return ()
    values = [row[key] for row in found.rows for key in ("published", "scaled")]
    x = figure.cost_axis("published", "inference_energy_pj", values)
    other = x.copy(deep=True)
    other.shorthand = "scaled:Q"
    y = alt.Y("back_end:N", sort=None, axis=alt.Axis(title=None, labelLimit=180, ticks=False, domain=False))
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("published_text:N", title="As published"),
        alt.Tooltip("scaled_text:N", title=f"At {found.node}"),
    ]
    base = alt.Chart(alt.NamedData("normalised")).encode(y=y, color=figure.family_colour(), tooltip=tooltip)
    line = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("scaled"))
    hollow = base.mark_point(filled=True, size=90, strokeWidth=2).encode(x=other, shape=figure.family_shape())
    dots = base.mark_point(filled=False, size=90, strokeWidth=2).encode(x=x, shape=figure.family_shape())
    chart = figure.layered(line, dots, hollow, width="container", height=60 + 40 * len(found.rows))
    caption = (
        f"Hollow: as published. Filled: CMOS parts scaled to {found.node}; optics, devices and apparatus do not scale."
    )
    return (Figure("normalised", "Energy per inference at a common node", caption, chart, {"normalised": found.rows}),)
