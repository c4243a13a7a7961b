"""What a machine spends from fresh weights on: its whole training and one inference, of every design that is trained.

Networks of the training question were trained on each machine and measured; large ones that the study names are priced
for one epoch. Each is priced by itself, shared among processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from joulescape.errors import SpecError
from joulescape.gap.designs import Design
from joulescape.gap.equals import answered, design_of, trials
from joulescape.gap.shared import in_shares
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.single import single
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.spec.study import PricedTrainingSpec

Row = dict[str, Any]

TRAINING_ALONE = "100/0"
"""The split without any inference."""

ENERGIES = ("training_energy_pj", "inference_energy_pj")


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


Found = Life | Row
"""A life, or a row of gap_tables.LIFECYCLE without numbers that says why there is none."""

_Asked = Callable[[DesignSpace], list[Found]]


def lives(
    space: DesignSpace, folder: Path, priced: Sequence[PricedTrainingSpec], count: int = 1
) -> tuple[list[Found], ...]:
    """Of the designs that were trained and measured, at every corner, then of each network that is priced; the same
    whoever prices them, and in the question's order."""
    groups: list[list[_Asked]] = [[partial(_of_trial, row) for row in trials(folder).to_dicts()]]
    groups += [[partial(_of_epoch, asked, name) for name in space.back_ends] for asked in priced]
    answers = iter(in_shares(partial(_share, space), [one for group in groups for one in group], count))
    return tuple([one for _ in group for one in next(answers)] for group in groups)


def _share(space: DesignSpace, asked: Sequence[_Asked]) -> list[list[Found]]:
    return [one(space) for one in asked]


def untrained(space: DesignSpace, folder: Path) -> Iterator[Row]:
    """A row for every design of the question that could not be trained, with the reason."""
    lost = answered(folder).filter(pl.col("state") != "valid")
    for row in lost.to_dicts():
        told = {"state": row["state"], "compression": design_of(space, row).compression}
        yield {**refused(row["network"], row["back_end"], row["reason"]), **told}


def refused(network: str, back_end: str, reason: str | None) -> Row:
    """A row without numbers: at the typical corner and training alone, where nothing else is said."""
    return {
        "network": network, "back_end": back_end, "family": back_end.partition("/")[0], "corner": "typical",
        "split": TRAINING_ALONE, "state": "infeasible", "reason": reason,
    }  # fmt: skip


def _of_epoch(asked: PricedTrainingSpec, back_end: str, space: DesignSpace) -> list[Found]:
    """One epoch on a machine that takes all of a training step, at nominal statistics; a row where it does not."""
    design = epoch(space, asked, back_end)
    if isinstance(design, str):
        return [refused(asked.network, back_end, design)]
    reason = design.misfit(design.typical)
    if reason is not None:
        return [{**refused(asked.network, back_end, reason), "area_mm2": design.area_mm2}]
    steps = int(design.plan.steps)
    metrics = design.metrics(design.typical)
    names = (*ENERGIES, "area_mm2")
    once, use, area = (float(value[0]) for key in names if (value := metrics[key]) is not None)
    facts = (None, steps, "nominal", _epoch_said(asked, back_end, steps), area)
    return [Life(asked.network, design.compression, back_end, "typical", once, use, *facts)]


def _of_trial(row: Row, space: DesignSpace) -> list[Found]:
    """A trained design of the question at every corner."""
    return list(_at_corners(row, space))


def _at_corners(row: Row, space: DesignSpace) -> Iterator[Found]:
    """Measured at the typical corner, carried over to the others by prices; a row with the reason for a corner at which
    it cannot exist."""
    design = design_of(space, row)
    nominal = {corner: [design.at(name, corner) for name in ENERGIES] for corner in CORNERS}
    for corner in CORNERS:
        refusal = None if corner == "typical" else design.refusal(corner)
        if refusal is not None:
            yield {**refused(row["network"], row["back_end"], refusal), "corner": corner,
                   "compression": design.compression}  # fmt: skip
            continue
        ratios = [at / typical for at, typical in zip(nominal[corner], nominal["typical"], strict=True)]
        once, use = (row[name] * ratio for name, ratio in zip(ENERGIES, ratios, strict=True))
        reason = None if corner == "typical" else "carried over from the typical corner by the ratio of nominal prices"
        facts = (row["trained_accuracy_fraction"], row["training_steps_count"], row["steps_basis"], reason)
        scatter = (row.get("trained_accuracy_sd_fraction"), row.get("trained_accuracy_draws_count"))
        named = (row["network"], design.compression, row["back_end"], corner)
        yield Life(*named, once, use, *facts, row["area_mm2"], *scatter)


def _epoch_said(asked: PricedTrainingSpec, back_end: str, steps: int) -> str:
    told = f"one epoch of {steps:,} steps of {asked.batch} samples, priced and not trained"
    given = ", ".join(f"{path} {value}" for path, value in asked.hardware.get(back_end, {}).items())
    return f"{told}; with {given}, as the study gives it" if given else told


def epoch(space: DesignSpace, asked: PricedTrainingSpec, back_end: str) -> Design | str:
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
