"""Training and use together: what a machine spends from fresh weights to its last inference.

A split says which share of its lifecycle the baseline spends on inferences: 0.9 are so many inferences that they cost
it nine times its training. Every other machine trains once and is used just as often. Networks of the training question
are trained on each machine and measured; those of the bridge's question that a machine can train are priced for one
epoch of its recipe. Factors are the baseline's energy over a design's: compression alone stands in the baseline's
compressed rows, the machine alone in the uncompressed rows of others, both in their compressed rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from joulescape.errors import SpecError
from joulescape.gap import lifecycle_findings
from joulescape.gap.designs import Design
from joulescape.gap.equals import TOLERANCE, answered, design_of, trials
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.single import single
from joulescape.resolve.study import Study
from joulescape.spec.sourced import CORNERS, Corner

Row = dict[str, Any]

ENERGIES = ("training_energy_pj", "inference_energy_pj")

EPOCH_BATCH = 64
"""Samples a step of an epoch that is priced, not run."""
PRICED_NETWORKS = ("vgg16",)
"""Large networks whose training is priced, at the typical corner, where a machine says that it trains."""

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

    def energy(self, inferences: float) -> float:
        """pJ of training once and so many inferences."""
        return self.training_pj + inferences * self.inference_pj


def rows(study: Study) -> Mapping[str, list[Row]]:
    """Rows of gap_tables.LIFECYCLE."""
    found = list[Row]()
    training = study.spaces.get("training")
    if training is not None:
        baseline = study.baseline("training")
        measured = list(_measured(training, study))
        lives = [one for one in measured if isinstance(one, Life)]
        found += _split(lives, baseline, study.spec.lifecycle.splits, is_measured=True)
        found += [one for one in measured if not isinstance(one, Life)]
        found += _untrained(training, study)
        for network in PRICED_NETWORKS if "bridge" in study.spaces else ():
            lives, refused = _priced(training, network)
            found += _split(lives, baseline, study.spec.lifecycle.splits, is_measured=False) + refused
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
            yield Life(row["network"], design.compression, row["back_end"], corner, once, use, *facts)


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


def _priced(space: DesignSpace, network: str) -> tuple[list[Life], list[Row]]:
    """One epoch on every machine that takes all of a training step, at nominal statistics; a row for each other one."""
    found, refused = list[Life](), list[Row]()
    for name in space.back_ends:
        design = _epoch(space, network, name)
        reason = design if isinstance(design, str) else design.misfit(design.typical)
        if isinstance(design, str) or reason is not None:
            refused.append(_refused(network, name, reason))
            continue
        steps = int(design.plan.steps)
        metrics = design.metrics(design.typical)
        once, use = (float(value[0]) for energy in ENERGIES if (value := metrics[energy]) is not None)
        said = f"one epoch of {steps:,} steps of {EPOCH_BATCH} samples, priced and not trained"
        found.append(Life(network, design.compression, name, "typical", once, use, None, steps, "nominal", said))
    return found, refused


def _epoch(space: DesignSpace, network: str, back_end: str) -> Design | str:
    """The design of an epoch, or why the machine cannot train the network."""
    sets = {"training.batch": EPOCH_BATCH, "training.epochs": 1}
    try:
        found, candidate = single(
            network, back_end, space.root, sets, phases=("inference", "training"), boundary=space.spec.boundary
        )
    except SpecError as error:
        return f"{error.faults[0].value}: {error.faults[0].expected}"
    ground = {name: getattr(space.spec, name) for name in ("node", "scaling_rule")}
    return Design(replace(found, spec=found.spec.model_copy(update=ground)), candidate, {})


def _split(lives: Sequence[Life], baseline: str, splits: Sequence[float], is_measured: bool) -> list[Row]:
    """Every design at every split, against its own network, uncompressed, on the baseline at the same corner; a network
    that the baseline does not have (of a machine that is its own) stands against the first that it has."""
    found = list[Row]()
    for corner in CORNERS:
        here = [life for life in lives if life.corner == corner]
        bases = {life.network: life for life in here if life.back_end == baseline and life.compression == "none"}
        for network, base in bases.items():
            is_first = network == next(iter(bases))
            mine = [life for life in here if life.network == network or (is_first and life.network not in bases)]
            found += [row for share in (0.0, *splits) for row in _at_share(mine, base, share, is_measured)]
    return found


def _at_share(lives: Sequence[Life], base: Life, share: float, is_measured: bool) -> Iterator[Row]:
    inferences = inferences_for(base.training_pj, base.inference_pj, share)
    equal = [life for life in lives if not is_measured or _is_equal(life, base)]
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
            "steps_basis": life.steps_basis, "state": "valid", "reason": _reason(life, base, is_measured),
        }  # fmt: skip


def inferences_for(training_pj: float, inference_pj: float, share: float) -> float:
    """So many that they are `share` of the whole: share / (1 - share) of the training's energy."""
    return share / (1 - share) * training_pj / inference_pj


def split_name(share: float) -> str:
    """Training against inference, in percent: `10/90`; `100/0` is training alone."""
    return f"{100 * (1 - share):.4g}/{100 * share:.4g}"


def _is_equal(life: Life, base: Life) -> bool:
    """Whether both accuracies are known and this one is no worse than the tolerance allows."""
    if life.trained_accuracy is None or base.trained_accuracy is None:
        return False
    return life.trained_accuracy >= base.trained_accuracy - TOLERANCE


def _reason(life: Life, base: Life, is_measured: bool) -> str | None:
    if not is_measured or _is_equal(life, base):
        return life.reason
    learnt, asked = (
        "nothing that was measured" if one.trained_accuracy is None else f"{one.trained_accuracy:.3f}"
        for one in (life, base)
    )
    told = f"learns {learnt}, not the baseline's {asked}"
    return told if life.reason is None else f"{told}; {life.reason}"
