"""Column names and dtypes of every Parquet file: the contract between search and report.

Units stand in the names. A missing value is null: never -1, never inf.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import polars as pl

METRICS: tuple[str, ...] = (
    "accuracy_fraction", "trained_accuracy_fraction",
    "inference_energy_pj", "inference_latency_ns", "inference_interval_ns",
    "training_energy_pj", "training_time_ns", "lifecycle_energy_pj",
    "area_mm2", "mean_power_mw", "tops_per_w", "gops_per_mm2",
)  # fmt: skip
"""Every metric, in the order in which they are always shown."""

State = Literal["valid", "infeasible", "failed", "screened"]
"""`screened`: promised too little on a cheaper rung to be measured on the top one; never on a front."""

_IDENTITY = {
    "design_id": pl.String, "candidate_id": pl.String, "variant_id": pl.Int64,
    "trial": pl.Int64, "batch": pl.Int64, "pair": pl.String, "network": pl.String, "back_end": pl.String,
    "family": pl.String, "equivalence": pl.String,
    "state": pl.String, "reason": pl.String, "violation": pl.Float64, "fidelity": pl.String,
}  # fmt: skip
_MEASUREMENT = {
    "accuracy_sd_fraction": pl.Float64, "accuracy_draws_count": pl.Int64,
    "steps_basis": pl.String, "training_steps_count": pl.Int64,
    "assumed_energy_fraction": pl.Float64, "mapping_gap_fraction": pl.Float64,
    "parameter_count": pl.Int64, "file_bytes": pl.Int64,
    "weight_bytes": pl.Float64, "index_bytes": pl.Float64, "activation_bytes": pl.Float64, "macs": pl.Int64,
    "multiplications": pl.Float64, "additions": pl.Float64, "shifts": pl.Float64, "gates": pl.Float64,
    "variants_count": pl.Int64, "is_front": pl.Boolean, "seconds": pl.Float64,
    "trained_accuracy_sd_fraction": pl.Float64, "trained_accuracy_draws_count": pl.Int64,
}  # fmt: skip

TRIALS = {**_IDENTITY, **dict.fromkeys(METRICS, pl.Float64), **_MEASUREMENT}
"""trials.parquet and front.parquet: one row a design. Parameters follow as columns (see `parameter_columns`)."""

CONFIRMED = {
    "design_id": pl.String, "candidate_id": pl.String, "back_end": pl.String, "family": pl.String, "network": pl.String,
    "pick": pl.String, "corner": pl.String, "split": pl.String,
    **dict.fromkeys(METRICS, pl.Float64),
    "accuracy_sd_fraction": pl.Float64, "accuracy_draws_count": pl.Int64,
    "trained_accuracy_sd_fraction": pl.Float64, "trained_accuracy_draws_count": pl.Int64,
    "yield_above_fraction": pl.Float64, "yield_fraction": pl.Float64,
    "yield_low_fraction": pl.Float64, "yield_high_fraction": pl.Float64,
    "search_accuracy_fraction": pl.Float64, "paired_loss_fraction": pl.Float64, "state": pl.String, "reason": pl.String,
}  # fmt: skip
"""confirmed.parquet: one row a (design, corner). `pick` says why: front, near_front or best_of_back_end;
`paired_loss_fraction` is the reference's accuracy minus this design's, on the same test images. `yield_fraction` is the
share of drawn chips whose accuracy is at least `yield_above_fraction`, with its interval of 95 %."""

PARTS = {
    "design_id": pl.String, "node": pl.String, "quantity": pl.String, "phase": pl.String, "layer": pl.String,
    "role": pl.String, "component": pl.String, "scope": pl.String, "energy_pj": pl.Float64, "area_mm2": pl.Float64,
    "basis": pl.String, "source": pl.String,
}  # fmt: skip
"""parts.parquet: additive parts of confirmed designs at the typical corner. `quantity` is energy or area; `node` is
as_published, e.g. 28 nm, or that by another rule (28 nm, tpuv4i). Inference parts are per inference; training parts are
per whole training run."""

LAYERS = {
    "design_id": pl.String, "phase": pl.String, "layer": pl.String, "role": pl.String, "station": pl.String,
    "macs": pl.Int64, "batch_latency_ns": pl.Float64, "start_ns": pl.Float64, "end_ns": pl.Float64,
    "active_units": pl.Float64, "utilisation_fraction": pl.Float64, "bound_by": pl.String,
    "off_chip_bytes": pl.Float64, "peak_gops": pl.Float64, "off_chip_gbps": pl.Float64,
    "mapping_objective": pl.String, "mapping_gap_fraction": pl.Float64,
}  # fmt: skip
"""layers.parquet: the schedule of confirmed designs at the typical corner, and what bounds each layer from above."""

_TRAININGS = frozenset({"trained_accuracy_sd_fraction", "trained_accuracy_draws_count"})

LATER = {
    "layers": frozenset({"station", "off_chip_bytes", "peak_gops", "off_chip_gbps"}),
    "trials": _TRAININGS, "front": _TRAININGS,
    "factors": frozenset({"equal_within_fraction"}), "overtake": frozenset({"quantity"}),
    "lifecycle": frozenset({
        "area_mm2", "trained_accuracy_sd_fraction", "trainings_count", "equal_within_fraction",
        "accuracy_verdict",
    }),
}  # fmt: skip
"""By table: columns that an older file lacks. They are read as null, which is what is known of them there."""

ERRORS = {
    "design_id": pl.String, "layer": pl.String, "role": pl.String, "kind": pl.String, "number": pl.String,
    "value": pl.Float64,
}  # fmt: skip
"""errors.parquet: how the machine computes each layer of confirmed designs at the typical corner, one row a number of
its error model; a layer or role without a row computes in float32 without error."""

MAPPINGS = {
    "design_id": pl.String, "phase": pl.String, "layer": pl.String, "role": pl.String, "text": pl.String,
}  # fmt: skip
"""mappings.parquet: how each layer of confirmed designs is laid out on the machine, at nominal statistics, as text; no
row where nothing is chosen."""

CONSTANTS = {
    "back_end": pl.String, "station": pl.String, "path": pl.String, "value": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "basis": pl.String, "source": pl.String, "where": pl.String, "text": pl.String,
}  # fmt: skip
"""constants.parquet: every number and setting of the machines as the search took them from the shelf, one row a value;
`value` is null and `text` says it where it is no number."""

HISTORY = {
    "batch": pl.Int64, "trials_told": pl.Int64, "valid_count": pl.Int64, "infeasible_count": pl.Int64,
    "failed_count": pl.Int64, "screened_count": pl.Int64, "front_size": pl.Int64, "hypervolume": pl.Float64,
    "measured_count": pl.Int64, "designs_judged_count": pl.Int64, "promote_fraction": pl.Float64,
}  # fmt: skip
"""history.parquet: one row a batch. Hypervolume is on (log10 costs, linear fractions) against a fixed reference."""

AUDIT = {
    "low_rung": pl.String, "high_rung": pl.String, "designs_count": pl.Int64, "spearman": pl.Float64,
    "near_front_count": pl.Int64, "near_front_spearman": pl.Float64, "mean_abs_error": pl.Float64,
    "promote_fraction": pl.Float64, "low_seconds": pl.Float64, "high_seconds": pl.Float64,
}  # fmt: skip
"""audit.parquet: one row an ordered pair of rungs that the same designs were measured on. `mean_abs_error` is of
accuracy, a fraction; null where a figure cannot be computed, as the correlation of constant values."""

PUBLISHED = {
    "back_end": pl.String, "family": pl.String, "simulator": pl.String, "what": pl.String, "class": pl.String,
    "workload": pl.String, "role": pl.String,
    "published": pl.Float64, "model": pl.Float64, "error_fraction": pl.Float64, "tolerance_fraction": pl.Float64,
    "pass": pl.Boolean, "expected": pl.String, "reason": pl.String, "source": pl.String, "where": pl.String,
    "kind": pl.String, "confidence": pl.String, "against": pl.String, "model_low": pl.Float64, "model_high": pl.Float64,
}  # fmt: skip
"""published.parquet: one row a published figure, with the model's."""

Schema = Mapping[str, Any]

PARAMETER_PREFIXES = ("compression.", "hardware.", "training.")


def parameter_columns(table: pl.DataFrame) -> tuple[str, ...]:
    """Columns of `table` that hold a drawn or swept parameter, in table order."""
    return tuple(name for name in table.columns if name.startswith(PARAMETER_PREFIXES))


def make(rows: Iterable[Mapping[str, Any]], schema: Schema, parameters: Schema | None = None) -> pl.DataFrame:
    """A table of exactly these columns; a key that no column names is an error, a missing key is null."""
    columns = {**schema, **(parameters or {})}
    listed = list(rows)
    unknown = {key for row in listed for key in row} - set(columns)
    if unknown:
        raise KeyError(f"no such column: {', '.join(sorted(unknown))}")
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in listed], schema=dict(columns))


def write(table: pl.DataFrame, path: Path) -> None:
    """Write atomically: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    table.write_parquet(draft)
    draft.replace(path)
