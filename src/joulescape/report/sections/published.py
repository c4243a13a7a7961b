"""Model against published: every figure of the back ends of this space, misses among them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import polars as pl

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.sections import own_record
from joulescape.validation.record import ClassRecord, class_records


@dataclass(frozen=True)
class PublishedFacts:
    """Published figures of the back ends in this space."""

    rows: Rows
    """Rows with both values positive: what the chart shows."""
    table: Rows
    prediction_count: int
    prediction_pass_count: int
    median_error_fraction: float | None
    """Median of |model / published - 1| over predictions."""
    expected_miss_count: int
    unmeasured_count: int
    """Figures that need training to be compared and were not."""
    classes: Rows
    """The record by class of figure, over predictions whose published value is sure."""
    not_validated: tuple[str, ...]
    """Back ends of this space of which nothing was predicted that anybody published."""
    claims: Rows
    """What sources claim of these machines against others, beside the model; in no count and no chart."""
    claims_sentence: str
    records: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """(predictions within tolerance, predictions) by back end."""
    answer: str = ""
    """How the answer's own back end is met, and on which side it is missed."""


def facts(given: Tables) -> PublishedFacts:
    """Counts and medians use predictions only: inputs and calibrations agree by construction."""
    names = [name for name, _ in given.back_ends]
    every = given.published.filter(pl.col("back_end").is_in(names))
    listed = every.filter(pl.col("role") != "claim")
    claims = [_claim(row) for row in every.filter(pl.col("role") == "claim").iter_rows(named=True)]
    known = listed.filter(pl.col("model").is_not_null())
    table = [_row(row) for row in known.sort("back_end", "what", maintain_order=True).iter_rows(named=True)]
    predicted = [row for row in table if row["role"] == "prediction"]
    errors = [abs(row["error"]) for row in predicted if row["error"] is not None]
    return PublishedFacts(
        rows=[row for row in table if figure.is_positive(row["published"]) and figure.is_positive(row["model"])],
        table=table,
        prediction_count=len(predicted),
        prediction_pass_count=sum(bool(row["passes"]) for row in predicted),
        median_error_fraction=statistics.median(errors) if errors else None,
        expected_miss_count=sum(row["expected"] == "miss" for row in predicted),
        unmeasured_count=listed.height - known.height,
        classes=[_class(record) for record in class_records(list(known.iter_rows(named=True)))],
        not_validated=tuple(name for name in names if name not in {row["back_end"] for row in predicted}),
        claims=claims,
        claims_sentence=_on_claims(claims),
        records=own_record.records(table),
        answer=own_record.sentence(given, table),
    )


def _class(record: ClassRecord) -> dict[str, Any]:
    whose = " (rooflines of processors)" if record.is_roofline else ""
    return {
        "text": record.figure_class + whose,
        "count": record.count,
        "pass_count": record.pass_count,
        "median_text": f"{100 * record.median_error_fraction:.1f}{theme.SPACE}%",
    }


def _claim(row: dict[str, Any]) -> dict[str, Any]:
    """One claim: `follows` says at which corners of all constants the model's ratio is as large."""
    kept = {
        name: row[name] for name in ("back_end", "family", "what", "workload", "against", "reason", "source", "where")
    }
    typical, low, high = row["model"], row["model_low"], row["model_high"]
    return {
        **kept,
        "text": " ".join(row["what"].removesuffix("_ratio").split("_")),
        "claimed": ratio(row["published"]),
        "model": ratio(typical),
        "corners": "–" if low is None or high is None else f"{ratio(low)} to {ratio(high)}",
        "follows": follows(row["published"], typical, low, high),
    }


def ratio(value: float | None) -> str:
    """A ratio of two figures with two digits."""
    if value is None:
        return "–"
    return f"{float(f'{value:.3g}'):,.10g}" if value >= 10 else f"{value:.2g}"


def follows(claimed: float, typical: float | None, low: float | None, high: float | None) -> str:
    """Whether a claimed ratio follows from the model, in words; without a model's ratio it was not compared."""
    if typical is None or low is None or high is None:
        return NOT_COMPARED
    if low >= claimed:
        return "follows at every corner"
    if typical >= claimed:
        return "follows at typical values"
    return "follows at the best corners only" if high >= claimed else "does not follow"


NOT_COMPARED = "not compared"


def _on_claims(claims: Rows) -> str:
    """Plainly how many follow, or nothing where there are none."""
    compared = [row for row in claims if row["follows"] != NOT_COMPARED]
    if not claims:
        return ""
    count = sum(row["follows"] in ("follows at every corner", "follows at typical values") for row in compared)
    best = sum(row["follows"] == "follows at the best corners only" for row in compared)
    said = f"{count} of {len(compared)} compared claims {'follows' if count == 1 else 'follow'} at typical values"
    more = f", {best} more only where constants are at their best" if best else ""
    left = len(claims) - len(compared)
    return f"{said}{more}." + (f" {left} could not be compared." if left else "")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: row[name]
        for name in (
            "back_end",
            "family",
            "what",
            "workload",
            "role",
            "confidence",
            "expected",
            "reason",
            "source",
            "where",
        )
    }
    error = row["error_fraction"]
    return {
        **kept,
        "published": row["published"],
        "model": row["model"],
        "published_text": shown(row["published"], str(row["what"])),
        "model_text": shown(row["model"], str(row["what"])),
        "error": error,
        "tolerance": row["tolerance_fraction"],
        "error_text": "–" if not isinstance(error, float) else f"{100 * error:+.1f}{theme.SPACE}%",
        "passes": row["pass"],
        "verdict": "within tolerance" if row["pass"] else "miss",
    }


def shown(value: object, what: str) -> str:
    """A published value with its unit where the name states one."""
    if not isinstance(value, int | float):
        return "–"
    number = rounded(float(value)) or 0.0
    known = theme.unit_of(what)[1] or what.endswith("_fraction")
    return theme.show(number, what) if known else f"{number:,.4g}"


def figures(found: PublishedFacts) -> tuple[Figure, ...]:
    """Model over published, one line a figure: a ratio has no unit, so misses show at their size."""
    rows = _charted(found.rows)
    if not rows:
        return ()
    ends = [end for row in rows for end in (row["ratio"], row["least"], row["most"])]
    low, high = figure.log_domain([0.5, 2.0, *ends])
    x = alt.X(
        "ratio:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False, clamp=True),
        axis=alt.Axis(values=figure.log_ticks(low, high), format="~g", title="Model ÷ published"),
    )
    axis = alt.Axis(title=None, ticks=False, domain=False, grid=True, labelLimit=figure.label_limit(330, 185))
    base = alt.Chart(alt.NamedData("published")).encode(
        y=alt.Y("label:N", sort=None, axis=axis), color=figure.family_colour()
    )
    tooltip = [alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()]
    tolerance = base.mark_rule(strokeWidth=7, opacity=0.22).encode(x=x.copy(deep=False), x2=alt.X2("most"))
    tolerance.encoding.x.shorthand = "least:Q"
    exact = alt.Chart(alt.NamedData("one")).transform_calculate(ratio="1")
    line = exact.mark_rule(strokeDash=[4, 3]).encode(x=x)
    marks = [
        base.transform_filter(f"datum.role {test} 'prediction'")
        .mark_point(filled=is_filled, size=70, opacity=0.95)
        .encode(x=x, shape=figure.family_shape(), tooltip=tooltip)
        for test, is_filled in (("!=", False), ("==", True))
    ]
    missed = (
        base.transform_filter("datum.verdict == 'miss'")
        .mark_point(shape="circle", size=240, filled=False, strokeWidth=1.8, stroke=alt.expr("ring"))
        .encode(x=x)
    )
    ring = alt.param(name="ring", value=theme.colours("light")["ring"])
    chart = figure.layered(tolerance, line, *marks, missed, params=(ring,), width="container", height=20 * len(rows))
    caption = (
        "Filled: predictions; 1 is exact. Pale bar: the tolerance that was set before. Ringed: outside it. Inputs and "
        "calibrations agree by construction: they stand in the table alone, unless they miss (hollow)."
    )
    return (Figure("parity", "Model against published", caption, chart, {"published": rows}, _summary(found)),)


TOOLTIP = {
    "back_end": "Back end",
    "what": "Figure",
    "published_text": "Published",
    "model_text": "Model",
    "error_text": "Error",
    "role": "Role",
    "verdict": "Verdict",
    "source": "Source",
}


def _charted(rows: Rows) -> Rows:
    """Predictions and what misses, the worst first, with the ratio, the tolerated ratios and a label of their own."""
    seen: dict[str, int] = {}
    charted, told = [], [row for row in rows if row["role"] == "prediction" or not row["passes"]]
    for row in sorted(told, key=lambda row: (row["role"] != "prediction", -abs(row["error"] or 0.0), row["what"])):
        quantity = f"{quantity_text(row['what'])} {row['published_text']}"
        text = " · ".join(filter(None, (row["back_end"].split("/")[-1], quantity, row["workload"])))
        seen[text] = seen.get(text, 0) + 1
        tolerance = min(row["tolerance"] or 0.0, 0.99)
        charted.append(
            {
                **row,
                "label": text if seen[text] == 1 else f"{text} ({seen[text]})",
                "ratio": rounded(row["model"] / row["published"]),
                "least": 1.0 - tolerance,
                "most": 1.0 + tolerance,
            }
        )
    return charted


ACRONYMS = ("adc", "dac", "sram", "dram", "edram", "ima", "mac", "mzi", "tops", "gops", "rom", "pe")


def quantity_text(what: str) -> str:
    """`adc_energy_pj` as `ADC energy`: the unit stands beside the value, and abbreviations are capitals."""
    if what in theme.LABELS:
        return theme.LABELS[what][0].lower() + theme.LABELS[what][1:]
    units = (*theme.UNITS, *theme.PLAIN_UNITS, "_fraction", "_count")
    bare = next((what.removesuffix(unit) for unit in units if theme.has_unit(what, unit)), what)
    words = (bare or what).strip("_").split("_")
    return " ".join(word.upper() if word in ACRONYMS else word for word in words)


def _summary(found: PublishedFacts) -> str:
    return f"{found.prediction_pass_count} of {found.prediction_count} predictions lie within their tolerance."
