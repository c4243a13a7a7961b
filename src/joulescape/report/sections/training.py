"""Training beside inference: what it costs to train each back end, to which accuracy, and over how long a life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report import lifetimes, theme, training_charts
from joulescape.report.blob import rounded
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import DRAWN, design_columns
from joulescape.report.figure import Figure, Rows, evenly
from joulescape.report.inputs import Tables
from joulescape.report.lifetimes import Life
from joulescape.report.training_charts import MEASURED, NOMINAL


@dataclass(frozen=True)
class TrainingFacts:
    """Designs with a training energy, and the chosen design of each back end beside its inference."""

    rows: Rows
    beside: Rows
    nominal_count: int
    total: int
    why_none: str
    """Why no training is shown; empty where it is."""
    pairs: Rows
    """Energy and time of inference and of training of each chosen design that states them: two rows a design."""
    lives: tuple[Life, ...]
    families: Sequence[str]
    """Of each of the lives."""
    declared: float | None
    """Inferences of the life that the question declares."""
    sentence: str
    """Who needs the least energy over how long a life."""
    splits: Rows
    """By back end: after how many inferences inference is so much of the energy."""


def facts(given: Tables) -> TrainingFacts:
    """Every design with a training energy; `nominal` where training was costed at the reference recipe's steps."""
    costed = given.valid.filter(given.valid["training_energy_pj"].is_not_null())
    rows = [_point(row) for row in costed.iter_rows(named=True)]
    chosen = _chosen(given)
    declared = (given.spec.get("lifecycle") or {}).get("inferences")
    spent = [(row, life) for row in chosen if (life := _life(row, declared)) is not None]
    lives = tuple(life for _, life in spent)
    return TrainingFacts(
        rows=evenly(rows, DRAWN),
        beside=[_shown(row) for row in chosen],
        nominal_count=sum(row["steps"] == NOMINAL for row in rows),
        total=len(rows),
        why_none="" if rows else _why_none(given),
        pairs=[pair for row in chosen for pair in _pair(row)],
        lives=lives,
        families=[row["family"] for row, _ in spent],
        declared=declared,
        sentence=lifetimes.sentence(lives),
        splits=[_splits(row, life, declared) for row, life in spent],
    )


def _why_none(given: Tables) -> str:
    phases = given.spec.get("phases") or ("inference",)
    if "training" not in phases:
        return "This question asks for inference alone: no training was costed."
    return "Training was asked for, but no valid design states what it costs."


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


def _chosen(given: Tables) -> list[dict[str, Any]]:
    """The design by which each back end would be chosen, as its row of trials; none where it has no valid one."""
    columns = design_columns(given)
    best = decide(columns, Limits(accuracy=default_limit(columns))).best
    rest = decide(columns, Limits(prefer="energy" if given.is_cost_only else "accuracy")).best
    rows = [best.get(name, rest.get(name)) for name, _ in given.back_ends]
    return [given.valid.row(row, named=True) for row in rows if row is not None]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    names = ("inference_energy_pj", "training_energy_pj", "inference_latency_ns", "training_time_ns")
    return {
        **{metric: theme.show(row[metric], metric) for metric in names},
        "back_end": row["back_end"],
        "family": row["family"],
        "trained": theme.show(row["trained_accuracy_fraction"], "trained_accuracy_fraction"),
        "accuracy": theme.show(row["accuracy_fraction"], "accuracy_fraction"),
        "steps": row["steps_basis"] or "–",
    }


def _pair(row: dict[str, Any]) -> list[dict[str, Any]]:
    metrics = {
        "one inference": ("inference_energy_pj", "inference_latency_ns"),
        "whole training": ("training_energy_pj", "training_time_ns"),
    }
    found = [
        {
            "back_end": row["back_end"],
            "family": row["family"],
            "what": what,
            "x": rounded(row[energy] * 1e-12),
            "y": rounded(row[time] * 1e-9),
            "energy_text": theme.show(row[energy], energy),
            "time_text": theme.show(row[time], time),
        }
        for what, (energy, time) in metrics.items()
        if row[energy] and row[time]
    ]
    return found if len(found) == len(metrics) else []


def _life(row: dict[str, Any], declared: float | None) -> Life | None:
    """In J; what a declared life holds beyond training and its inferences was spent on writing the weights once."""
    once, each, whole = row["training_energy_pj"], row["inference_energy_pj"], row["lifecycle_energy_pj"]
    if not once or not each:
        return None
    written = max(0.0, whole - once - declared * each) if whole and declared else 0.0
    is_lost = whole is None or written < 1e-9 * whole  # what is so small is the rounding of the sum itself
    return Life(row["back_end"], (once if is_lost else once + written) * 1e-12, each * 1e-12)


def _splits(row: dict[str, Any], life: Life, declared: float | None) -> dict[str, Any]:
    return {
        "back_end": life.name,
        "family": row["family"],
        "counts": [lifetimes.count_text(life.inferences_at(share)) for share in lifetimes.SPLITS],
        "declared": "" if declared is None else f"{100 * life.share(declared):.1f}{theme.SPACE}%",
    }


def figures(found: TrainingFacts) -> tuple[Figure, ...]:
    """Training beside inference, energy over a life, and training energy against the accuracy it reaches."""
    return (
        *training_charts.beside(found.pairs),
        *training_charts.lifecycle(found.lives, found.families, found.declared),
        *training_charts.reached(found.rows, found.nominal_count, found.total),
    )
