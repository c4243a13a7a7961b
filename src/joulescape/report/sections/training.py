"""Training beside inference: what it costs to train each back end, and to which accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import DRAWN, design_columns
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables

MEASURED = "trained on this machine"
NOMINAL = "nominal steps"


@dataclass(frozen=True)
class TrainingFacts:
    """Designs with a training energy, and the chosen design of each back end beside its inference."""

    rows: Rows
    beside: Rows
    nominal_count: int
    total: int


def facts(given: Tables) -> TrainingFacts:
    """Every design with a training energy; `nominal` where training was costed at the reference recipe's steps."""
    costed = given.valid.filter(given.valid["training_energy_pj"].is_not_null())
    rows = [_point(row) for row in costed.iter_rows(named=True)]
    return TrainingFacts(
        rows=rows[:: max(1, -(-len(rows) // DRAWN))],
        beside=_beside(given),
        nominal_count=sum(row["steps"] == NOMINAL for row in rows),
        total=len(rows),
    )


def _point(row: dict[str, Any]) -> dict[str, Any]:
    is_measured = row["trained_accuracy_fraction"] is not None and row["steps_basis"] != "nominal"
    accuracy = row["trained_accuracy_fraction"] if is_measured else row["accuracy_fraction"]
    return {
        "back_end": row["back_end"],
        "family": row["family"],
        "x": rounded(row["training_energy_pj"] * 1e-12),
        "accuracy": rounded(accuracy),
        "steps": MEASURED if is_measured else NOMINAL,
    }


def _beside(given: Tables) -> Rows:
    """One row a back end: training and inference of the design it would be chosen by."""
    columns = design_columns(given)
    best = decide(columns, Limits(accuracy=default_limit(columns))).best
    rest = decide(columns, Limits(prefer="energy" if given.is_cost_only else "accuracy")).best
    rows = []
    for name, family in given.back_ends:
        index = best.get(name, rest.get(name))
        if index is None:
            continue
        row = given.valid.row(index, named=True)
        inference, training = row["inference_energy_pj"], row["training_energy_pj"]
        shown = {metric: theme.show(row[metric], metric) for metric in ("inference_energy_pj", "training_energy_pj")}
        times = {metric: theme.show(row[metric], metric) for metric in ("inference_latency_ns", "training_time_ns")}
        rows.append(
            {
                **shown,
                **times,
                "back_end": name,
                "family": family,
                "trained": theme.show(row["trained_accuracy_fraction"], "trained_accuracy_fraction"),
                "accuracy": theme.show(row["accuracy_fraction"], "accuracy_fraction"),
                "steps": row["steps_basis"] or "–",
                "inferences": f"{training / inference:,.0f}" if training and inference else "–",
            }
        )
    return rows


def figures(found: TrainingFacts) -> tuple[Figure, ...]:
    """Training energy against the accuracy it reaches; none without a training energy."""
    rows = [row for row in found.rows if figure.is_positive(row["x"]) and row["accuracy"] is not None]
    if not rows:
        return ()
    x = figure.cost_axis("x", "training_energy_pj", [row["x"] for row in rows])
    y = figure.accuracy_axis("accuracy", [row["accuracy"] for row in rows], "Accuracy")
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
        alt.Tooltip("energy_text:N", title="Training energy"),
        alt.Tooltip("steps:N", title="Steps"),
    ]
    text = figure.tick_label("training_energy_pj").replace("datum.value", "datum.x").replace("'~s'", "'.3s'")
    base = alt.Chart(alt.NamedData("training")).transform_calculate(energy_text=text)
    encoded: dict[str, Any] = {"x": x, "y": y, "color": figure.family_colour(), "shape": figure.family_shape()}
    nominal = base.transform_filter(f"datum.steps == '{NOMINAL}'").mark_point(filled=False, size=26, opacity=0.45)
    measured = base.transform_filter(f"datum.steps != '{NOMINAL}'").mark_point(filled=True, size=30, opacity=0.6)
    chart = figure.layered(nominal.encode(**encoded, tooltip=tooltip), measured.encode(**encoded, tooltip=tooltip))
    caption = (
        "Filled: trained on the machine, accuracy after that training. "
        f"Hollow: {found.nominal_count:,} of {found.total:,} designs whose training is costed at the reference "
        "recipe's steps (nominal); their accuracy is that of weights trained elsewhere."
    )
    made = chart.properties(width="container", height=300)
    return (Figure("training", "Accuracy against training energy", caption, made, {"training": rows}),)
