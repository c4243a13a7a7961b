"""Training and lifecycle: how much less energy than the baseline a machine spends, by how much of it is inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.gap.inputs import StudyTables, factor_words, interval, short
from joulescape.report.inputs import family_rank

TYPICAL = "typical"


@dataclass(frozen=True)
class LifecycleFacts:
    """Factors over the baseline by network, machine and split."""

    networks: tuple[str, ...]
    baseline: str
    rows: Rows
    table: Rows
    splits: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


def facts(given: StudyTables) -> LifecycleFacts:
    """The typical corner with the others as its range."""
    valid = given.lifecycle.filter((pl.col("state") == "valid") & (pl.col("factor") > 0))
    rows = _rows(valid)
    missing = given.lifecycle.filter((pl.col("state") != "valid") | pl.col("factor").is_null())
    reasons = {
        (f"{row['network']} on {row['back_end']}", row["reason"] or f"{row['state']}, no reason given")
        for row in missing.iter_rows(named=True)
    }
    return LifecycleFacts(
        networks=tuple(dict.fromkeys(row["case"] for row in rows)),
        baseline=next(iter(valid["baseline"].drop_nulls().to_list()), "–"),
        rows=rows,
        table=_table(rows),
        splits=tuple(dict.fromkeys(row["split"] for row in sorted(rows, key=lambda row: row["share"]))),
        missing=tuple(sorted(reasons)),
        sentences=tuple(_sentences(rows)),
    )


def _rows(valid: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a (network, compression, machine, split): the factor at the typical corner, its range over all."""
    found = []
    keys = ("network", "compression", "back_end", "family", "split", "inference_share_fraction")
    for key, group in valid.group_by(keys, maintain_order=True):
        told = dict(zip(keys, key, strict=True))
        typical = group.filter(pl.col("corner") == TYPICAL)["factor"].to_list()
        if not typical:
            continue
        ends = group["factor"].to_list()
        found.append(_row(told, typical[0], min(ends), max(ends), group.to_dicts()[0]))
    return sorted(found, key=lambda row: (row["case"], family_rank(row["family"]), row["back_end"], row["share"]))


def _row(told: Mapping[str, Any], value: float, low: float, high: float, first: Mapping[str, Any]) -> dict[str, Any]:
    state = f", {told['compression']}" if told["compression"] else ""
    return {
        "case": f"{told['network']}{state}", "back_end": told["back_end"], "family": told["family"] or "",
        "label": short(told["back_end"]), "split": told["split"], "share": told["inference_share_fraction"],
        "factor": rounded(value), "low": rounded(low), "high": rounded(high),
        "text": interval(value, low, high) if low != high else factor_words(value),
        "inferences": first["inferences"],
    }  # fmt: skip


def _table(rows: Rows) -> Rows:
    """A row a (network, machine), a column a split."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        found.setdefault((row["case"], row["back_end"], row["family"]), {})[row["split"]] = row["text"]
    return [
        {"case": case, "back_end": back_end, "family": family, "factors": factors}
        for (case, back_end, family), factors in found.items()
    ]


def _sentences(rows: Rows) -> list[str]:
    """For every split, the machine that saves most."""
    said = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        best = []
        for share in sorted({row["share"] for row in mine}):
            row = max((row for row in mine if row["share"] == share), key=lambda row: row["factor"])
            best.append(f"{row['text']} on {row['back_end']} at {row['split']}")
        said.append(f"{case}: at most {'; '.join(best)}.")
    return said


def figures(found: LifecycleFacts) -> tuple[Figure, ...]:
    """Factor over the share of inference, a line a machine; a switch chooses the network."""
    if not found.rows:
        return ()
    values = [row[name] for row in found.rows for name in ("factor", "low", "high")]
    domain = figure.log_domain([0.8, 1.25, *values])
    label = "datum.value >= 1 ? '×' + format(datum.value, '~s') : '÷' + format(1 / datum.value, '~s')"
    axis = alt.Axis(values=figure.log_ticks(*domain), labelExpr=label, title="Lifecycle energy saved (better ↑)")
    y = alt.Y("factor:Q", scale=alt.Scale(type="log", domain=list(domain), nice=False), axis=axis)
    low = y.copy(deep=False)
    low.shorthand = "low:Q"
    shares = sorted({row["share"] for row in found.rows})
    x = alt.X(
        "share:Q",
        scale=alt.Scale(domain=[max(0.0, shares[0] - 0.05), min(1.12, shares[-1] + 0.13)], nice=False),
        axis=alt.Axis(values=shares, format="~%", title="Share of inference in the baseline's lifecycle energy"),
    )
    base = alt.Chart(alt.NamedData("lifecycle")).transform_filter("datum.case == chosen")
    base = base.encode(x=x, color=figure.family_colour(), detail="back_end:N")
    tooltip = [
        alt.Tooltip(f"{name}:N", title=title)
        for name, title in (("back_end", "Back end"), ("split", "Split"), ("text", "Factor"))
    ]
    bars = base.mark_rule(strokeWidth=4, opacity=0.22).encode(y=low, y2=alt.Y2("high"))
    lines = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=figure.family_dash())
    points = base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=figure.family_shape(), tooltip=tooltip)
    names = (
        base.transform_filter(f"datum.share == {shares[-1]!r}")
        .mark_text(align="left", dx=8, fontSize=11)
        .encode(y=y, text="label:N")
    )
    one = alt.Chart(alt.NamedData("one")).transform_calculate(factor="1").mark_rule(strokeDash=[3, 3]).encode(y=y)
    drawn = figure.layered(one, bars, lines, points, names).add_params(
        alt.param(name="chosen", value=found.networks[0])
    )
    caption = (
        "Training once, then as many inferences as make the baseline spend the share on them; every machine does the "
        "same number. Upright bars: the corners of all sourced constants. Above 1 the machine spends less."
    )
    return (
        Figure(
            "lifecycle", f"Lifecycle energy against {found.baseline}", caption,
            drawn.properties(width="container", height=340), {"lifecycle": found.rows},
            summary=" ".join(found.sentences),
        ),
    )  # fmt: skip
