"""Which knob matters: what each parameter explains of each metric, one back end at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from joulescape import tables
from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.importance import Importance, importance, moving
from joulescape.report.inputs import Tables

SHOWN = 8
"""At most so many knobs of a back end are drawn; the weakest are left out."""
ANALYSED = 4000
"""At most so many designs of a back end, evenly spread over the search."""
WEAK = 0.03
"""A share below it is not worth a sentence."""


@dataclass(frozen=True)
class KnobsFacts:
    """Shares of variance by back end, metric and knob, and what they say."""

    rows: Rows
    sentences: tuple[str, ...]
    back_ends: tuple[str, ...]
    """Back ends with enough designs to tell."""
    untold: tuple[str, ...]
    """Back ends with too few designs, or with no knob that moved."""
    roles: Mapping[str, str]
    """Heading of each metric, by role."""


def facts(given: Tables) -> KnobsFacts:
    """Shares of each back end's knobs, the strongest first, in one order for all metrics."""
    rows: list[dict[str, object]] = []
    sentences, told, untold = [], [], []
    for name, _ in given.back_ends:
        designs = _analysed(given, name)
        found = _importance(given, designs)
        if found is None:
            untold.append(name)
            continue
        told.append(name)
        rows += _rows(name, found)
        sentences.append(_sentence(given, name, found))
    roles = {role: given.labels[metric] for role, metric in given.axes.items()}
    return KnobsFacts(rows, tuple(filter(None, sentences)), tuple(told), tuple(untold), roles)


def _analysed(given: Tables, back_end: str) -> pl.DataFrame:
    """Valid designs of a back end whose costs are known, `ANALYSED` of them at most."""
    costs = [metric for role, metric in given.axes.items() if role != "accuracy"]
    known = [pl.col(metric).is_not_null() & (pl.col(metric) > 0) for metric in costs]
    mine = given.valid.filter(pl.col("back_end") == back_end, *known)
    return mine.gather_every(1 + (mine.height - 1) // ANALYSED) if mine.height else mine


def _importance(given: Tables, designs: pl.DataFrame) -> Importance | None:
    if designs.is_empty():
        return None
    metrics = designs.select(
        pl.col(metric).alias(role) if role == "accuracy" else pl.col(metric).log().alias(role)
        for role, metric in given.axes.items()
    )
    knobs = designs.select("network", *tables.parameter_columns(designs))
    return importance(moving(knobs), metrics, designs["candidate_id"].to_list(), seed=0)


def _order(found: Importance) -> list[str]:
    """Knobs by the sum of their shares over the metrics; the strongest first, ties by name."""
    sums: dict[str, float] = {}
    for (knob, _), share in found.shares.items():
        sums[knob] = sums.get(knob, 0.0) + share.value
    return sorted(sums, key=lambda knob: (-sums[knob], knob))[:SHOWN]


def knob_label(name: str) -> str:
    """A parameter without its group and its back end: `adc.bits`, `quantize.weight_bits`, `training.epochs`."""
    inner = re.sub(r"^hardware\.[^.]*\.", "", name)
    step = re.fullmatch(r"compression\.(\d+)", inner)
    return f"compression step {int(step[1]) + 1}" if step else re.sub(r"^compression\.\d+\.", "", inner)


def _labels(knobs: Sequence[str]) -> dict[str, str]:
    """Short labels where they are distinct, else full names."""
    short = [knob_label(knob) for knob in knobs]
    return {knob: label if short.count(label) == 1 else knob for knob, label in zip(knobs, short, strict=True)}


def _rows(back_end: str, found: Importance) -> list[dict[str, object]]:
    order = _order(found)
    labels = _labels(order)
    return [
        {
            "back_end": back_end, "role": role, "knob": labels[knob], "place": order.index(knob),
            "share": rounded(share.value), "low": rounded(share.low), "high": rounded(share.high),
            "explained": rounded(found.explained[role]),
        }
        for knob in order for (of, role), share in found.shares.items() if of == knob
    ]  # fmt: skip


def _sentence(given: Tables, back_end: str, found: Importance) -> str:
    """`memristive/isaac: accuracy moves most with cell.bits (19 %), energy with replication (17 %).`"""
    labels = _labels([knob for knob, role in found.shares if role == "energy"])
    told: list[str] = []
    for role, _ in given.axes.items():
        mine = {knob: share.value for (knob, of), share in found.shares.items() if of == role}
        best = max(mine, key=lambda knob: (mine[knob], knob))
        if mine[best] >= WEAK:
            most = "" if told else "moves most "
            told.append(f"{role} {most}with {labels[best]} ({100 * mine[best]:.0f}{theme.SPACE}%)")
    return f"{back_end}: {', '.join(told)}." if told else ""


def figures(found: KnobsFacts) -> tuple[Figure, ...]:
    """One chart a metric, all with the same knobs in the same order; none where nothing can be told."""
    if not found.rows:
        return ()
    most = max(int(str(row["place"])) for row in found.rows) + 1
    return tuple(
        Figure(
            f"knob_{role}",
            label,
            "Share of the variance of the valid designs that each knob explains; the rule is ± 2 sd over resampled "
            "candidates." + ("" if role == "accuracy" else " On the logarithm."),
            _chart(role, found.back_ends[0], 26 * most + 24),
            {"knobs": found.rows},
            summary=f"Bars: share of the variance of {label.lower()} that each parameter of one back end explains.",
        )
        for role, label in found.roles.items()
    )


def _chart(role: str, first: str, height: int) -> alt.LayerChart:
    mine = f"datum.role == '{role}' && datum.back_end == only"
    base = alt.Chart(alt.NamedData("knobs")).transform_filter(mine)
    y = alt.Y("knob:N", sort=None, axis=alt.Axis(title=None, labelLimit=190, ticks=False, domain=False))
    scale = alt.Scale(domain=[0, 1], clamp=True)
    x = alt.X("share:Q", scale=scale, axis=alt.Axis(title="Share of the variance", format=".0%", tickCount=5))
    tooltip = [
        alt.Tooltip("knob:N", title="Knob"),
        alt.Tooltip("share:Q", title="Share of the variance", format=".1%"),
        alt.Tooltip("low:Q", title="2 sd below", format=".1%"),
        alt.Tooltip("high:Q", title="2 sd above", format=".1%"),
        alt.Tooltip("explained:Q", title="All knobs together", format=".1%"),
    ]
    bars = base.mark_bar(height=13, color=alt.expr("quiet")).encode(x=x, y=y, tooltip=tooltip)
    rules = base.mark_rule(strokeWidth=1.6, color=alt.expr("ink")).encode(
        x=alt.X("low:Q", scale=scale), x2=alt.X2("high:Q"), y=y
    )
    params = (
        alt.param(name="only", value=first),
        alt.param(name="ink", value=theme.colours("light")["ink"]),
        alt.param(name="quiet", value=theme.colours("light")["quiet"]),
    )
    return figure.layered(bars, rules, params=params, width="container", height=height)
