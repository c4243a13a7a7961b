"""Training and use together: what a machine spends from fresh weights to its last inference.

A split says which share of its lifecycle the baseline spends on inferences: 0.9 are so many inferences that they cost
it nine times its training. Every other machine trains once and is used just as often. Networks of the training question
are trained on each machine and measured; large ones that the study names are priced for one epoch, on as much of a chip
as it gives each machine. Factors are the baseline's energy over a design's: compression alone stands in the baseline's
compressed rows, the machine alone in the uncompressed rows of others, both in their compressed rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from joulescape.errors import SpecError
from joulescape.gap import lifecycle_findings
from joulescape.gap.designs import Design
from joulescape.gap.equals import answered, design_of, trials
from joulescape.gap.lifecycle_findings import DOUBTFUL
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.single import single
from joulescape.resolve.study import Study
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.spec.study import PricedTrainingSpec

Row = dict[str, Any]

ENERGIES = ("training_energy_pj", "inference_energy_pj")

SURE = 2.0
"""Standard errors of the difference of two means by which one must lie lower to be told as lower."""

FINDINGS = lifecycle_findings.FINDINGS


@dataclass(frozen=True)
class Life:
    """One design's energies at one corner: its whole training, one inference."""

    network: str
    compression: str
    back_end: str
    corner: Corner
    training_pj: float
    inference_pj: float
    trained_accuracy: float | None
    steps_count: int | None
    steps_basis: str | None
    reason: str | None = None
    area_mm2: float | None = None
    trained_sd: float | None = None
    """Spread of the accuracy over trainings; None of one alone."""
    trainings_count: int | None = None

    def energy(self, inferences: float) -> float:
        """pJ of training once and so many inferences."""
        return self.training_pj + inferences * self.inference_pj


def rows(study: Study) -> Mapping[str, list[Row]]:
    """Rows of gap_tables.LIFECYCLE."""
    found = list[Row]()
    training = study.spaces.get("training")
    if training is not None:
        baseline, splits = study.baseline("training"), study.spec.lifecycle.splits
        measured = list(_measured(training, study))
        lives = [one for one in measured if isinstance(one, Life)]
        found += _split(lives, baseline, splits, study.spec.equal_accuracy.rivals_fraction)
        found += [one for one in measured if not isinstance(one, Life)]
        found += _untrained(training, study)
        for asked in study.spec.lifecycle.priced:
            lives, refused = _priced(training, asked)
            found += _split(lives, baseline, splits, None) + refused
    return {"lifecycle": found}


def _measured(space: DesignSpace, study: Study) -> Iterator[Life | Row]:
    """Every trained design of the question: measured at the typical corner, carried over to the others by prices; a row
    with the reason for a corner at which it cannot exist."""
    for row in trials(study.results("training")).to_dicts():
        design = design_of(space, row)
        nominal = {corner: [design.at(name, corner) for name in ENERGIES] for corner in CORNERS}
        for corner in CORNERS:
            refusal = None if corner == "typical" else design.refusal(corner)
            if refusal is not None:
                yield {**_refused(row["network"], row["back_end"], refusal), "corner": corner,
                       "compression": design.compression}  # fmt: skip
                continue
            ratios = [at / typical for at, typical in zip(nominal[corner], nominal["typical"], strict=True)]
            once, use = (row[name] * ratio for name, ratio in zip(ENERGIES, ratios, strict=True))
            reason = (
                None if corner == "typical" else "carried over from the typical corner by the ratio of nominal prices"
            )
            facts = (row["trained_accuracy_fraction"], row["training_steps_count"], row["steps_basis"], reason)
            scatter = (row.get("trained_accuracy_sd_fraction"), row.get("trained_accuracy_draws_count"))
            named = (row["network"], design.compression, row["back_end"], corner)
            yield Life(*named, once, use, *facts, row["area_mm2"], *scatter)


def _untrained(space: DesignSpace, study: Study) -> Iterator[Row]:
    """A row for every design of the question that could not be trained, with the reason."""
    lost = answered(study.results("training")).filter(pl.col("state") != "valid")
    for row in lost.to_dicts():
        told = {"state": row["state"], "compression": design_of(space, row).compression}
        yield {**_refused(row["network"], row["back_end"], row["reason"]), **told}


def _refused(network: str, back_end: str, reason: str | None) -> Row:
    """A row without numbers: at the typical corner and training alone, where nothing else is said."""
    return {
        "network": network, "back_end": back_end, "family": back_end.partition("/")[0], "corner": "typical",
        "split": split_name(0.0), "state": "infeasible", "reason": reason,
    }  # fmt: skip


def _priced(space: DesignSpace, asked: PricedTrainingSpec) -> tuple[list[Life], list[Row]]:
    """One epoch on every machine that takes all of a training step, at nominal statistics; a row for each other one."""
    found, refused = list[Life](), list[Row]()
    for name in space.back_ends:
        design = _epoch(space, asked, name)
        if isinstance(design, str):
            refused.append(_refused(asked.network, name, design))
            continue
        reason = design.misfit(design.typical)
        if reason is not None:
            refused.append({**_refused(asked.network, name, reason), "area_mm2": design.area_mm2})
            continue
        steps = int(design.plan.steps)
        metrics = design.metrics(design.typical)
        names = (*ENERGIES, "area_mm2")
        once, use, area = (float(value[0]) for key in names if (value := metrics[key]) is not None)
        facts = (None, steps, "nominal", _epoch_said(asked, name, steps), area)
        found.append(Life(asked.network, design.compression, name, "typical", once, use, *facts))
    return found, refused


def _epoch_said(asked: PricedTrainingSpec, back_end: str, steps: int) -> str:
    told = f"one epoch of {steps:,} steps of {asked.batch} samples, priced and not trained"
    given = ", ".join(f"{path} {value}" for path, value in asked.hardware.get(back_end, {}).items())
    return f"{told}; with {given}, as the study gives it" if given else told


def _epoch(space: DesignSpace, asked: PricedTrainingSpec, back_end: str) -> Design | str:
    """The design of an epoch, or why the machine cannot train the network."""
    given = {f"hardware.{path}": value for path, value in asked.hardware.get(back_end, {}).items()}
    sets = {"training.batch": asked.batch, "training.epochs": 1, **given}
    try:
        found, candidate = single(
            asked.network, back_end, space.root, sets, phases=("inference", "training"), boundary=space.spec.boundary
        )
    except SpecError as error:
        return f"{error.faults[0].value}: {error.faults[0].expected}"
    ground = {name: getattr(space.spec, name) for name in ("node", "scaling_rule")}
    return Design(replace(found, spec=found.spec.model_copy(update=ground)), candidate, {})


def _split(lives: Sequence[Life], baseline: str, splits: Sequence[float], within: float | None) -> list[Row]:
    """Every design at every split, against its own network, uncompressed, on the baseline at the same corner; a network
    that the baseline does not have (of a machine that is its own) stands against the first that it has. `within` says
    which measured accuracies are equal; None where none was measured."""
    found = list[Row]()
    for corner in CORNERS:
        here = [life for life in lives if life.corner == corner]
        bases = {life.network: life for life in here if life.back_end == baseline and life.compression == "none"}
        for network, base in bases.items():
            is_first = network == next(iter(bases))
            mine = [life for life in here if life.network == network or (is_first and life.network not in bases)]
            found += [row for share in (0.0, *splits) for row in _at_share(mine, base, share, within)]
    return found


def _at_share(lives: Sequence[Life], base: Life, share: float, within: float | None) -> Iterator[Row]:
    inferences = inferences_for(base.training_pj, base.inference_pj, share)
    equal = [life for life in lives if within is None or _is_equal(life, base, within)]
    order = sorted(equal, key=lambda life: life.energy(inferences))
    for life in lives:
        energy = life.energy(inferences)
        yield {
            "network": life.network, "compression": life.compression, "back_end": life.back_end,
            "family": life.back_end.partition("/")[0], "corner": life.corner, "split": split_name(share),
            "inference_share_fraction": share, "inferences": inferences, "training_energy_pj": life.training_pj,
            "inference_energy_pj": life.inference_pj, "lifecycle_energy_pj": energy,
            "factor": base.energy(inferences) / energy, "baseline": base.back_end,
            "rank": order.index(life) + 1 if life in order else None,
            "trained_accuracy_fraction": life.trained_accuracy, "training_steps_count": life.steps_count,
            "steps_basis": life.steps_basis, "state": "valid", "reason": _reason(life, base, within),
            "area_mm2": life.area_mm2, "trained_accuracy_sd_fraction": life.trained_sd,
            "trainings_count": life.trainings_count, "equal_within_fraction": within,
        }  # fmt: skip


def inferences_for(training_pj: float, inference_pj: float, share: float) -> float:
    """So many that they are `share` of the whole: share / (1 - share) of the training's energy."""
    return share / (1 - share) * training_pj / inference_pj


def split_name(share: float) -> str:
    """Training against inference, in percent: `10/90`; `100/0` is training alone."""
    return f"{100 * (1 - share):.4g}/{100 * share:.4g}"


def _is_equal(life: Life, base: Life, within: float) -> bool:
    """Whether both accuracies are known and this one's mean is no further below the baseline's than `within`, as far as
    the trainings' scatter lets that be told: a mean that lies lower by less than SURE standard errors is equal too."""
    short = _shortfall(life, base, within)
    return short is not None and short <= SURE * _error(life, base)


def _shortfall(life: Life, base: Life, within: float) -> float | None:
    """How far a mean lies below what is still equal; None where one was not measured."""
    if life.trained_accuracy is None or base.trained_accuracy is None:
        return None
    return base.trained_accuracy - within - life.trained_accuracy


def _error(life: Life, base: Life) -> float:
    """Standard error of the difference of two means."""
    return 0.0 if life is base else math.hypot(_standard_error(life), _standard_error(base))


def _reason(life: Life, base: Life, within: float | None) -> str | None:
    """Why it is not equal, or equal only as far as its trainings let that be told, and what else is to be known."""
    if within is None:
        return life.reason
    told = [] if _is_equal(life, base, within) else [_learns_less(life, base)]
    told += [found for found in (_doubt(life, base, within), life.reason) if found is not None]
    return "; ".join(told) or None


def _learns_less(life: Life, base: Life) -> str:
    learnt, asked = (
        "nothing that was measured" if one.trained_accuracy is None else f"{one.trained_accuracy:.3f}"
        for one in (life, base)
    )
    return f"learns {learnt}, not the baseline's {asked}"


def _doubt(life: Life, base: Life, within: float) -> str | None:
    """That the mean alone would not be equal; None where it is, or where the trainings' scatter does not explain it."""
    short = _shortfall(life, base, within)
    if short is None or short <= 0 or not _is_equal(life, base, within):
        return None
    ends = " against ".join(f"{one.trained_accuracy:.3f} +- {one.trained_sd or 0:.3f}" for one in (life, base))
    return f"{DOUBTFUL}: {ends} over {base.trainings_count or 1} trainings"


def _standard_error(life: Life) -> float:
    """Of the mean of the trainings; 0 where there is one alone, which says nothing of its scatter."""
    if life.trained_sd is None or not life.trainings_count:
        return 0.0
    return life.trained_sd / math.sqrt(life.trainings_count)
