"""The confirmed designs as they were evaluated with their machine's constants at a corner: nothing is extrapolated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from joulescape.report import sampling
from joulescape.report.inputs import Tables

Corner = Literal["optimistic", "typical", "pessimistic"]


def confirmed_at(given: Tables, at: Mapping[str, Corner]) -> dict[str, list[Any]]:
    """Columns of the confirmed designs that are valid at the corner of their machine, as `decide` reads them.

    Accuracies are of the test split; a machine that `at` does not name is left out.
    """
    accuracy = given.axes.accuracy
    spread = [] if accuracy is None else [accuracy.replace("_fraction", "_sd_fraction")]
    read = (
        "design_id",
        "back_end",
        "family",
        "corner",
        "state",
        *(metric for _, metric in given.axes.items()),
        *spread,
    )
    confirmed = given.confirmed.select(*dict.fromkeys(read)).sort("design_id")
    kept = [
        row
        for row in confirmed.iter_rows(named=True)
        if at.get(row["back_end"]) == row["corner"] and row["state"] not in {"infeasible", "failed"}
    ]
    mine = pl.col("design_id").is_in([row["design_id"] for row in kept])
    exact = set(given.trials.filter(mine, pl.col("equivalence") == "exact")["design_id"])
    is_trained = accuracy == "trained_accuracy_fraction"  # an exact machine repeats its runs, not its trainings
    if accuracy is not None:
        kept = [row for row in kept if row[accuracy] is not None]
    columns: dict[str, list[Any]] = {
        "id": [row["design_id"] for row in kept],
        "back_end": [row["back_end"] for row in kept],
        "family": [row["family"] for row in kept],
        "exact": [row["design_id"] in exact and not is_trained for row in kept],
    }
    for role, metric in given.axes.items():
        values = [row[metric] for row in kept]
        columns[role] = values if role == "accuracy" else [value or None for value in values]
    if accuracy is not None:
        columns["sd"] = [row[spread[0]] for row in kept]
        columns["samples"] = [sampling.samples_of(given, "test")] * len(kept)
    return columns
