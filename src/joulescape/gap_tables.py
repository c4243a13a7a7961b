"""Column names and dtypes of the gap study's tables: the contract between `gap` and the page that draws it.

Units stand in the names or beside the value (`x_unit`, `unit`). A missing value is null: never -1, never inf.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from joulescape.spec.study import Part
from joulescape.tables import METRICS, Schema

_PLACE = {"source": pl.String, "where": pl.String, "confidence": pl.String}
"""Key of references.bib or a source's own name; the place in it; high, medium, low or derived."""

SHORES = {
    "series": pl.String, "group": pl.String, "name": pl.String, "year": pl.Int64, "node_nm": pl.Float64,
    "x": pl.Float64, "x_name": pl.String, "x_unit": pl.String,
    "y": pl.Float64, "y_name": pl.String, "y_unit": pl.String,
    "is_later": pl.Boolean, "is_fitted": pl.Boolean, "note": pl.String, **_PLACE,
}  # fmt: skip
"""shores.parquet: one row a published point. A `group` is what may be fitted together: error variants and memory
kinds never mix. `is_later` marks points after the study's first span, `is_fitted` those that the first fit saw."""

FITS = {
    "series": pl.String, "group": pl.String, "span": pl.String, "law": pl.String, "points_count": pl.Int64,
    "x_low": pl.Float64, "x_high": pl.Float64, "centre_x": pl.Float64, "centre_log10_y": pl.Float64,
    "centre_se": pl.Float64, "slope_log10": pl.Float64, "slope_se": pl.Float64, "t_factor": pl.Float64,
    "residual_sd_log10": pl.Float64, "growth_factor": pl.Float64, "growth_low": pl.Float64, "growth_high": pl.Float64,
    "doubling": pl.Float64, "doubling_low": pl.Float64, "doubling_high": pl.Float64,
    "later_count": pl.Int64, "later_inside_count": pl.Int64, "later_above_count": pl.Int64,
    "later_below_count": pl.Int64, "sentence": pl.String, "reason": pl.String,
}  # fmt: skip
"""fits.parquet: one row a fit; `span` is `first` or `all`. log10(y) = centre_log10_y + slope_log10 (x - centre_x), x in
years (law `exponential`) or log10 (law `power`); its band is +- t_factor sqrt(centre_se^2 + (x - centre_x)^2
slope_se^2). `x_low` and `x_high` are the fitted points' ends in x's own unit, never a logarithm. `growth_factor` is a
year's (or a decade of x's) factor with its interval of 95 %. `doubling` is the years in which y doubles, or halves
where it falls; null where neither can be told, and for power laws. The `later` counts hold points after the first span
against the first fit's prediction interval of 95 %. `reason` says why nothing could be fitted; numbers are then
null."""

BRIDGE = {
    "question": pl.String, "network": pl.String, "compression": pl.String, "is_compressed": pl.Boolean,
    "compression_basis": pl.String, "compression_source": pl.String,
    "back_end": pl.String, "family": pl.String, "corner": pl.String, "boundary": pl.String, "batch": pl.Int64,
    "node": pl.String, "state": pl.String, "reason": pl.String, **dict.fromkeys(METRICS, pl.Float64),
    "macs": pl.Int64, "file_bytes": pl.Int64, "accuracy_sd_fraction": pl.Float64,
    "largest_component": pl.String, "largest_share_fraction": pl.Float64, "assumed_energy_fraction": pl.Float64,
}  # fmt: skip
"""bridge.parquet: one row a (network, state of compression, back end, corner), priced or, with accuracy, measured."""

FACTORS = {
    "question": pl.String, "network": pl.String, "metric": pl.String, "baseline": pl.String, "back_end": pl.String,
    "family": pl.String, "compression": pl.String,
    "compression_alone": pl.Float64, "machine_alone": pl.Float64, "both": pl.Float64, "product": pl.Float64,
    "interaction": pl.Float64,
    "compression_alone_low": pl.Float64, "compression_alone_high": pl.Float64, "machine_alone_low": pl.Float64,
    "machine_alone_high": pl.Float64, "both_low": pl.Float64, "both_high": pl.Float64,
    "accuracy_loss_fraction": pl.Float64, "is_best_of_family": pl.Boolean, "why": pl.String, "reason": pl.String,
    "equal_within_fraction": pl.Float64,
}  # fmt: skip
"""factors.parquet: how much of the gap is closed, as factors over 1 (baseline / design; for efficiencies design /
baseline). `interaction` is both / product. Low and high: the back end's corners against the baseline's opposite.
`equal_within_fraction` is the largest measured loss that counts as none; null where no accuracy is measured."""

OVERTAKE = {
    "network": pl.String, "compression": pl.String, "metric": pl.String, "back_end": pl.String, "family": pl.String,
    "moved": pl.String, "kind": pl.String, "quantity": pl.String,
    "parameters": pl.String, "unit": pl.String, "today": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "needed": pl.Float64, "needed_low": pl.Float64, "needed_high": pl.Float64, "improvement_needed": pl.Float64,
    "best_reach": pl.Float64, "verdict": pl.String,
    "rival": pl.String, "rival_value": pl.Float64, "own_value": pl.Float64, "equal_accuracy": pl.String,
    "evaluations_count": pl.Int64, "basis": pl.String, "reason": pl.String, **_PLACE,
}  # fmt: skip
"""overtake.parquet: one row a (back end, parameter or set of parameters): the value at which it equals the best
electronic design. `moved` says what is moved: `one` value, all of a `kind` (converters, laser, host ...), the best
`pair`, `all` costs of the machine by one common factor, `variation` (accuracy against the spread of devices: metric
`accuracy_fraction`), or `none`. `quantity` is the device quantity that a row answers: converter energy, laser
efficiency, variation, write energy, source power; null for other constants. `verdict`: already, within_corner,
beyond_corner, never_alone, infeasible, or absent: the machine has no such quantity, said once a machine. `best_reach`
is the metric's value with the parameters at their physical or free limit (0 energy), `today` their typical value;
several parameters together are told in parts of today's costs. `needed_low` and `needed_high` are the ends over the
rival's corners; one that no improvement reaches is left out. `equal_accuracy` says why both are equally accurate."""

LIFECYCLE = {
    "network": pl.String, "compression": pl.String, "back_end": pl.String, "family": pl.String, "corner": pl.String,
    "split": pl.String, "inference_share_fraction": pl.Float64, "inferences": pl.Float64,
    "training_energy_pj": pl.Float64, "inference_energy_pj": pl.Float64, "lifecycle_energy_pj": pl.Float64,
    "factor": pl.Float64, "baseline": pl.String, "rank": pl.Int64,
    "trained_accuracy_fraction": pl.Float64, "training_steps_count": pl.Int64, "steps_basis": pl.String,
    "state": pl.String, "reason": pl.String, "area_mm2": pl.Float64,
    "trained_accuracy_sd_fraction": pl.Float64, "trainings_count": pl.Int64, "equal_within_fraction": pl.Float64,
    "accuracy_verdict": pl.String,
}  # fmt: skip
"""lifecycle.parquet: training once and so many inferences that the baseline spends `inference_share_fraction` of its
energy on them; the same count of inferences holds for every other machine. Split `100/0` is training alone (no
inference), whose `factor` is that of training energy. `rank` orders designs of equal trained accuracy by energy, 1 is
the least; null for the others. `trained_accuracy_fraction` is the mean of `trainings_count` trainings, each with its
own draw. `accuracy_verdict` holds it against the baseline's: `equal` is a mean no more than `equal_within_fraction`
below; `less` one that lies lower and is told from that (Welch, 95 %); `undecided` one that lies lower and is not; null
where nothing was measured."""

UNDECIDED = "undecided"
"""The verdict on a mean that lies below what is still equal, by less than its trainings tell from chance."""

MACHINES = {
    "back_end": pl.String, "family": pl.String, "equivalence": pl.String, "published_predictions_count": pl.Int64,
    "constants_count": pl.Int64, "fixed_constants_count": pl.Int64, "endurance_writes": pl.Float64,
    "endurance_low": pl.Float64, "endurance_high": pl.Float64, "endurance_basis": pl.String,
    "endurance_source": pl.String,
}  # fmt: skip
"""machines.parquet: one row a machine of the study's questions. `equivalence`: exact, approximate or own. Without a
published figure that is a prediction it is not validated. `fixed_constants_count` of its `constants_count` sourced
constants have no range, and no corner moves them. The endurance is that of its cells, where it writes any."""

FINDINGS = {"id": pl.String, "sentence": pl.String, "uncertainty": pl.String, "command": pl.String,
            "contradicts": pl.String}  # fmt: skip
"""findings.parquet: sentences with numbers, the command that prints each again, and the claim it contradicts if any."""

TABLES: Mapping[str, Schema] = {
    "shores": SHORES, "fits": FITS, "bridge": BRIDGE, "factors": FACTORS, "overtake": OVERTAKE, "lifecycle": LIFECYCLE,
    "machines": MACHINES, "findings": FINDINGS,
}  # fmt: skip
"""Every table of results/<study>/ by the name of its file."""

OF_PART: Mapping[Part, tuple[str, ...]] = {
    "shores": ("shores", "fits"),
    "bridge": ("bridge", "factors"),
    "overtake": ("overtake",),
    "lifecycle": ("lifecycle",),
}
"""The tables that each part of the study makes; the findings follow from all of them, and
from `machines`, which stands beside them whichever part is worked out."""
