"""Which variants may exist: limits before anything is measured, constraints after everything is costed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from joulescape.errors import Infeasible
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.metrics import Metrics
from joulescape.simulators.base import FloatArray, Quantity
from joulescape.spec.space import ACCURACY_METRICS, Bound, SpaceSpec

if TYPE_CHECKING:
    from joulescape.evaluation.case import Case

Overshoot = tuple[Quantity, str]
"""Overshoot divided by the limit (> 0 breaks it), by variant, and the reason."""


@dataclass(frozen=True)
class Verdict:
    """The worst overshoot of each variant (0 = none) and its reason."""

    violation: FloatArray
    reasons: tuple[str | None, ...]

    def then(self, later: Verdict) -> Verdict:
        """Both verdicts: the larger violation, the earlier reason."""
        pairs = zip(self.reasons, later.reasons, strict=True)
        return Verdict(np.maximum(self.violation, later.violation), tuple(a or b for a, b in pairs))


def admit(case: Case) -> Verdict:
    """Rule out variants before anything is measured: does the network fit, is the area allowed?

    Raises Infeasible, with the reason of the variant that misses by least, when none is left.
    """
    machine, spec = case.machine, case.space.spec
    works = all_works(case.space, case.network, training_plan(case.space, case.candidate))
    limits = [limit for work in works.values() for limit in machine.limits(case.network, work)]
    found: list[Overshoot] = [(limit.overshoot, limit.reason) for limit in limits]
    if "area_mm2" in spec.constraints and spec.node == "as_published":
        area = sum((np.asarray(a.area_mm2, dtype=float) for a in machine.area()), start=np.zeros(len(machine.variants)))
        found.append(_broken("area_mm2", area, spec.constraints["area_mm2"]))
    verdict = worst(found, len(machine.variants))
    if np.all(verdict.violation > 0):
        least = int(np.argmin(verdict.violation))
        raise Infeasible(str(verdict.reasons[least]), float(verdict.violation[least]))
    return verdict


def judged(metrics: Metrics, spec: SpaceSpec, measured: Measured | None, fidelity: Fidelity, count: int) -> Verdict:
    """Constraints on metrics, metrics that do not exist, and training that missed its target.

    What the fidelity cannot know is not asked, and while it only screens, limits on accuracy refuse nothing.
    """
    found: list[Overshoot] = []
    for name in fidelity.known({**dict.fromkeys(spec.objectives), **dict.fromkeys(spec.constraints)}):
        value, bound = metrics.get(name), spec.constraints.get(name)
        is_soft = fidelity.is_screening and name in ACCURACY_METRICS
        if value is None:
            found.append((1.0, f"{name} does not exist for this design"))
        elif bound is not None and not is_soft:
            found.append(_broken(name, value, bound))
    if spec.names_training and measured is not None and measured.reached_target is False:
        found.append((1.0, "training on the machine did not reach training.target"))
    return worst(found, count)


def worst(found: Sequence[Overshoot], count: int) -> Verdict:
    """The largest overshoot of each variant; none found means nothing is broken."""
    if not found:
        return Verdict(np.zeros(count), (None,) * count)
    table = np.stack([np.broadcast_to(np.asarray(over, dtype=float), (count,)) for over, _ in found])
    index = np.argmax(table, axis=0)
    violation = np.maximum(table[index, np.arange(count)], 0.0)
    reasons = tuple(found[i][1] if v > 0 else None for i, v in zip(index, violation, strict=True))
    return Verdict(violation, reasons)


def _broken(name: str, value: FloatArray, bound: Bound) -> Overshoot:
    over = np.zeros_like(np.asarray(value, dtype=float))
    limits = []
    if bound.at_most is not None:
        over = np.maximum(over, (value - bound.at_most) / (abs(bound.at_most) or 1.0))
        limits.append(f"at most {bound.at_most:g}")
    if bound.at_least is not None:
        over = np.maximum(over, (bound.at_least - value) / (abs(bound.at_least) or 1.0))
        limits.append(f"at least {bound.at_least:g}")
    return over, f"{name} must be {' and '.join(limits)}"
