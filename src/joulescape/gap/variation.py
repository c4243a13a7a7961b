"""How much devices may differ: the spread at which a machine is still as accurate as the best electronic design.

A smaller spread saves no energy by itself, so it is never priced; it buys accuracy, and with it a cheaper design of the
same machine (more bits a cell, fewer copies). Accuracy is measured, at a handful of spreads, for the machine's design
of equal accuracy and for its cheapest one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from joulescape.errors import ResultsError
from joulescape.evaluation import evaluate
from joulescape.gap.designs import Design, with_constants
from joulescape.gap.equals import design_of, equals, trials
from joulescape.gap.in_words import number
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.settings import leaves
from joulescape.resolve.study import Study
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced

SPREADS = (
    "cell.programming_sigma_fraction", "shifter.sigma_rad", "ring.sigma_fwhm", "gain_sigma_fraction",
)  # fmt: skip
"""What differs from device to device: written conductances, phases, resonances, gains of channels."""

VARIATION = "variation"
"""The device quantity that is asked here."""

UNITS = {"fraction": "fraction", "rad": "rad", "fwhm": "line widths"}

FACTORS = (1e-3, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Spreads that are measured, in today's; the first stands for none."""

DRAWS = 5
METRIC = "inference_energy_pj"
Row = dict[str, Any]


@dataclass(frozen=True)
class Curve:
    """Mean accuracy at spreads that rise."""

    spreads: tuple[float, ...]
    accuracies: tuple[float, ...]

    def reaches(self, aim: float) -> tuple[float, float, float] | None:
        """The greatest spread with this accuracy and the measured spreads on both sides of it; None where none has it.

        Between them it is interpolated along a straight line.
        """
        good = [accuracy >= aim for accuracy in self.accuracies]
        if not good[0]:
            return None
        points = list(zip(self.spreads, self.accuracies, good, strict=True))
        for (low, above, _), (high, below, is_good) in pairwise(points):
            if not is_good:
                share = (above - aim) / (above - below)
                return low + share * (high - low), low, high
        return self.spreads[-1], self.spreads[-1], self.spreads[-1]


def rows(study: Study) -> Iterator[Row]:
    """Rows of gap_tables.OVERTAKE with metric `accuracy_fraction`, of machines that the study lets overtake."""
    space = study.spaces.get("measured")
    if space is None:
        return
    for name in dict.fromkeys(entry.back_end for entry in study.spec.overtake.machines):
        found = spread_of(space.back_ends[name].settings) if name in space.back_ends else None
        if found is not None:
            yield from _of_machine(study, name, *found)


def spread_of(settings: Shape) -> tuple[str, Sourced] | None:
    """The path and the value of what differs from device to device; None where a machine has no such constant, or none
    above 0."""
    known = leaves(settings)
    path = next((path for path in SPREADS if isinstance(known.get(path), Sourced)), None)
    return (path, known[path]) if path is not None and known[path].value > 0 else None


def _of_machine(study: Study, back_end: str, path: str, constant: Sourced) -> Iterator[Row]:
    space, folder = study.spaces["measured"], study.results("measured")
    found = trials(folder)
    within = study.spec.equal_accuracy.rivals_fraction
    against = equals(space, folder, back_end, METRIC, within)
    rival, aim = against.rival, against.rival_accuracy - within
    for row in _picked(found.filter(pl.col("back_end") == back_end), aim):
        design = design_of(space, row)
        curve = measured(design, row["variant_id"], path, constant)
        yield _identity(design, rival, path, constant, (aim, within)) | _judged(curve, constant, aim, row)


def _picked(own: pl.DataFrame, aim: float) -> list[Row]:
    """The cheapest design of equal accuracy, or the most accurate one; and the cheapest of all of the same network."""
    equal = own.filter(pl.col("accuracy_fraction") >= aim).sort(METRIC).to_dicts()
    best = equal[:1] or own.sort("accuracy_fraction", descending=True).to_dicts()[:1]
    cheapest = own.filter(pl.col("network") == best[0]["network"]).sort(METRIC).to_dicts()[:1] if best else []
    return best + [row for row in cheapest if row["candidate_id"] != best[0]["candidate_id"]]


def measured(design: Design, variant_id: int, path: str, constant: Sourced) -> Curve:
    """Accuracy on the validation split at every spread; the weights and the draws are the same at all of them.

    Raises ResultsError where a spread leaves the design without an accuracy.
    """
    fidelity, seed = Fidelity(rung="tuned", draws=DRAWS), design.space.spec.budget.seed
    spreads = tuple(constant.value * factor for factor in FACTORS)
    found = []
    for spread in spreads:
        space = with_constants(design.space, design.candidate.back_end, {path: spread})
        one = next(one for one in evaluate(design.candidate, space, fidelity, seed) if one.variant_id == variant_id)
        accuracy = one.metrics["accuracy_fraction"]
        if accuracy is None:
            raise ResultsError(f"{design.candidate.pair.name} at {path} {spread:g} has no accuracy: {one.reason}")
        found.append(float(accuracy))
    return Curve(spreads, tuple(found))


def _identity(design: Design, rival: Design, path: str, constant: Sourced, asked: tuple[float, float]) -> Row:
    """`asked` are the least accuracy, and how far below the rival's it lies."""
    name, (aim, within) = design.candidate.back_end, asked
    return {
        "network": design.candidate.network, "compression": design.compression, "metric": "accuracy_fraction",
        "back_end": name, "family": name.partition("/")[0], "moved": "variation", "kind": "variation",
        "quantity": VARIATION, "parameters": path, "unit": UNITS[path.rpartition("_")[2]], "today": constant.value,
        "low": constant.low, "high": constant.high, "rival_value": aim + within,
        "rival": f"{rival.candidate.network} on {rival.candidate.back_end}, {rival.compression}",
        "evaluations_count": len(FACTORS) * DRAWS, "basis": constant.basis,
        "equal_accuracy": f"measured on the validation split, {DRAWS} devices a spread; equal within {within:g}",
        "source": constant.source, "where": constant.where, "confidence": None,
    }  # fmt: skip


def _judged(curve: Curve, constant: Sourced, aim: float, row: Row) -> Row:
    own = curve.accuracies[FACTORS.index(1.0)]
    found = curve.reaches(aim)
    told = f"a design of {number(row[METRIC])} pJ an inference"
    facts = {"own_value": own, "best_reach": curve.accuracies[0]}
    if found is None:
        reason = f"{told}: without any spread {curve.accuracies[0]:.3f}; other errors hold it back"
        return {**facts, "verdict": "never_alone", "reason": reason}
    needed, low, high = found
    facts |= {"needed": needed, "needed_low": low, "needed_high": high, "improvement_needed": constant.value / needed}
    where = "at every measured spread" if low == high else "between measured spreads"
    return {**facts, "verdict": _verdict(needed, constant, own >= aim), "reason": f"{told}; {where}"}


def _verdict(needed: float, constant: Sourced, is_reached: bool) -> str:
    if is_reached:
        return "already"
    low = constant.value if constant.low is None else constant.low
    return "within_corner" if needed >= low else "beyond_corner"
