"""Objectives and constraints: which phase each metric needs, and which way is better."""

from __future__ import annotations

from joulescape.errors import Fault
from joulescape.spec.document import Document, Keys
from joulescape.spec.space import TRAINING_METRICS, Bound, SpaceSpec

BIGGER_IS_BETTER = frozenset({"accuracy_fraction", "trained_accuracy_fraction", "tops_per_w", "gops_per_mm2"})
"""Every other metric is minimized."""

INFERENCE_METRICS = frozenset(
    {"inference_energy_pj", "inference_latency_ns", "inference_interval_ns", "lifecycle_energy_pj", "mean_power_mw",
     "tops_per_w", "gops_per_mm2"}
)  # fmt: skip
"""Metrics that exist only where the phase inference is asked."""


def check_metrics(document: Document, spec: SpaceSpec) -> list[Fault]:
    """Faults of `objectives:` and `constraints:` that a shape cannot see."""
    faults: list[Fault] = []
    if len(set(spec.phases)) < len(spec.phases):
        faults.append(document.fault(("phases",), "a phase a second time", "each phase once"))
    for metric, direction in spec.objectives.items():
        keys: Keys = ("objectives", metric)
        better = "maximize" if metric in BIGGER_IS_BETTER else "minimize"
        if direction != better:
            faults.append(document.fault(keys, f"'{direction}'", f"'{better}' for {metric}", better))
        faults.extend(_needs(document, spec, keys, metric))
    for metric, bound in spec.constraints.items():
        keys = ("constraints", metric)
        faults.extend(_needs(document, spec, keys, metric))
        faults.extend(_limits(document, keys, metric, bound))
        if bound.at_least is not None and bound.at_most is not None and bound.at_least > bound.at_most:
            value = f"at_least {bound.at_least:g} above at_most {bound.at_most:g}"
            faults.append(document.fault(keys, value, "limits that some design can meet"))
    return faults


def _limits(document: Document, keys: Keys, metric: str, bound: Bound) -> list[Fault]:
    """Limits that no machine can meet, or that mean another unit: a fraction lies in [0, 1], other metrics above 0."""
    faults: list[Fault] = []
    for end, limit in (("at_most", bound.at_most), ("at_least", bound.at_least)):
        if limit is None:
            continue
        if metric.endswith("_fraction") and not 0 <= limit <= 1:
            faults.append(document.fault((*keys, end), f"{limit:g}", f"a value in [0, 1], as {metric} is"))
        elif limit < 0 or (end == "at_most" and limit == 0):
            faults.append(document.fault((*keys, end), f"{limit:g}", f"a value > 0, as {metric} is"))
    return faults


def _needs(document: Document, spec: SpaceSpec, keys: Keys, metric: str) -> list[Fault]:
    missing: list[str] = []
    if metric in TRAINING_METRICS and "training" not in spec.phases:
        missing.append("'training' among the phases")
    if metric in INFERENCE_METRICS and "inference" not in spec.phases:
        missing.append("'inference' among the phases")
    if metric == "lifecycle_energy_pj" and spec.lifecycle is None:
        missing.append("lifecycle: {inferences: ...}")
    expected = f"{' and '.join(missing)}, which {metric} needs"
    return [document.fault(keys, f"'{metric}'", expected)] if missing else []
