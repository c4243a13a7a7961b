"""Questions that are unlike the ordinary one: of costs alone, on one rung, or measured once."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.report.inputs import Tables

COSTS = {"inference_energy_pj": "minimize", "inference_latency_ns": "minimize", "area_mm2": "minimize"}
ACCURACIES = [name for name in tables.TRIALS if "accuracy" in name]


def asked(given: Tables, **spec: Any) -> Tables:
    """The same tables under another question."""
    return dataclasses.replace(given, resolved={**given.resolved, "spec": {**given.spec, **spec}})


def ran(given: Tables, **run: Any) -> Tables:
    """The same tables with other facts of the run; None takes a fact away."""
    kept = {name: value for name, value in {**given.run, **run}.items() if value is not None}
    return dataclasses.replace(given, resolved={**given.resolved, "run": kept})


def on_rungs(given: Tables, *rungs: str) -> Tables:
    """The same tables of a question with this ladder."""
    return asked(given, budget={**given.spec["budget"], "rungs": list(rungs)})


def cost_only(given: Tables, **objectives: str) -> Tables:
    """The same designs of a question about costs alone: every accuracy is null, and nothing was measured."""
    bare = {name: nulled(getattr(given, name)) for name in ("trials", "front", "confirmed")}
    closed = pl.lit("closed_form").alias("fidelity")
    priced = bare["trials"].filter(pl.col("state") != "screened").with_columns(closed)
    made = dataclasses.replace(given, **{**bare, "trials": priced}, audit=given.audit.clear())
    made = asked(made, objectives=objectives or COSTS, constraints={"area_mm2": {"at_most": 100}})
    return ran(made, measurements_count=0, designs_per_measurement=None)


def nulled(table: pl.DataFrame) -> pl.DataFrame:
    """A table without an accuracy in it."""
    names = [name for name in table.columns if "accuracy" in name or name == "paired_loss_fraction"]
    return table.with_columns(pl.lit(None, table.schema[name]).alias(name) for name in names)


def measured_once(given: Tables, back_end: str) -> Tables:
    """The same with one run of every confirmed design of one back end: no spread is known."""
    is_its = pl.col("back_end") == back_end
    once = given.confirmed.with_columns(
        accuracy_sd_fraction=pl.when(is_its).then(None).otherwise(pl.col("accuracy_sd_fraction")),
        accuracy_draws_count=pl.when(is_its).then(1).otherwise(pl.col("accuracy_draws_count")),
    )
    return dataclasses.replace(given, confirmed=once)
