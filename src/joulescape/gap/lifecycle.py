"""Training and use together: what a machine spends from fresh weights to its last inference.

A split says which share of its lifecycle the baseline spends on inferences: 0.9 are so many inferences that they cost
it nine times its training. Every other machine trains once and is used just as often. Networks of the training question
are trained on each machine and measured; large ones that the study names are priced for one epoch, on as much of a chip
as it gives each machine. Factors are the baseline's energy over a design's: compression alone stands in the baseline's
compressed rows, the machine alone in the uncompressed rows of others, both in their compressed rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from joulescape.gap import lifecycle_findings
from joulescape.gap.learnt import told, verdict
from joulescape.gap.lives import TRAINING_ALONE, Found, Life, Row, lives, untrained
from joulescape.gap.shared import workers
from joulescape.resolve.study import Study
from joulescape.spec.sourced import CORNERS

FINDINGS = lifecycle_findings.FINDINGS


def rows(study: Study) -> Mapping[str, list[Row]]:
    """Rows of gap_tables.LIFECYCLE."""
    space, spec = study.spaces.get("training"), study.spec
    if space is None:
        return {"lifecycle": []}
    baseline, folder = study.baseline("training"), study.results("training")
    measured, *priced = lives(space, folder, spec.lifecycle.priced, workers())
    found = _told(measured, baseline, spec.lifecycle.splits, spec.equal_accuracy.rivals_fraction)
    found += untrained(space, folder)
    for some in priced:
        found += _told(some, baseline, spec.lifecycle.splits, None)
    return {"lifecycle": found}


def _told(found: Sequence[Found], baseline: str, splits: Sequence[float], within: float | None) -> list[Row]:
    """Rows of the lives at every split, then of what has none."""
    alive = [one for one in found if isinstance(one, Life)]
    return _split(alive, baseline, splits, within) + [one for one in found if not isinstance(one, Life)]


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
    verdicts = {life: None if within is None else verdict(life, base, within) for life in lives}
    order = sorted(
        (life for life in lives if within is None or verdicts[life] == "equal"),
        key=lambda life: life.energy(inferences),
    )
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
            "accuracy_verdict": verdicts[life],
        }  # fmt: skip


def inferences_for(training_pj: float, inference_pj: float, share: float) -> float:
    """So many that they are `share` of the whole: share / (1 - share) of the training's energy."""
    return share / (1 - share) * training_pj / inference_pj


def split_name(share: float) -> str:
    """Training against inference, in percent: `10/90`; `100/0` is training alone."""
    return f"{100 * (1 - share):.4g}/{100 * share:.4g}" if share else TRAINING_ALONE


def _reason(life: Life, base: Life, within: float | None) -> str | None:
    """Why it is not equal, and what else is to be known."""
    said = (None if within is None else told(life, base, within), life.reason)
    return "; ".join(one for one in said if one is not None) or None
