"""How well designs are measured: on the rungs of the search, and when they are confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joulescape.network.fidelity import Fidelity
from joulescape.search.picks import Pick
from joulescape.spec.sourced import Corner
from joulescape.spec.space import RungName

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.spec.space import SpaceSpec


@dataclass(frozen=True)
class Step:
    """One measurement of a candidate, and the rungs that it stands for, by their place on the ladder."""

    fidelity: Fidelity
    rungs: tuple[int, ...]


def search_fidelity(spec: SpaceSpec) -> Fidelity:
    """The search's top fidelity: only designs measured so may be on the front."""
    return rung_fidelity(spec, spec.rungs[-1])


def rung_fidelity(spec: SpaceSpec, rung: RungName) -> Fidelity:
    """How one rung of the search measures; `merged` sees `screen_samples` where a dearer rung may follow.

    The closed form measures nothing, so samples and draws are no part of it.
    """
    is_screening, samples = rung != spec.rungs[-1], spec.budget.samples
    if rung == "closed_form":
        return Fidelity(rung=rung, corner=spec.corner, is_screening=is_screening)
    if is_screening and rung == "merged":
        samples = min(spec.budget.screen_samples, samples or spec.budget.screen_samples)
    return Fidelity(
        rung=rung,
        split="validation",
        samples=samples,
        draws=spec.budget.draws,
        trains_on_machine=spec.names_training,
        trainings=spec.budget.trainings,
        corner=spec.corner,
        is_screening=is_screening,
    )


def steps(space: DesignSpace, candidate: Candidate) -> tuple[Step, ...]:
    """The measurements that lead a candidate up the ladder, cheapest first.

    Neighbouring rungs that cannot differ for it are one measurement, taken as the higher rung has it; a machine that is
    its own network always trains, so that of all rungs that see data it has only the top one.
    """
    spec, top = space.spec, len(space.spec.rungs) - 1
    groups: list[tuple[int, ...]] = []
    for place, rung in enumerate(spec.rungs):
        if rung != "closed_form" and is_own(space, candidate) and place < top:
            continue
        if groups and are_one(space, candidate, spec.rungs[groups[-1][-1]], rung):
            groups[-1] = (*groups[-1], place)
        else:
            groups.append((place,))
    return tuple(Step(rung_fidelity(spec, spec.rungs[group[-1]]), group) for group in groups)


def is_own(space: DesignSpace, candidate: Candidate) -> bool:
    """Whether the candidate's machine is its own network, which always trains."""
    return space.back_ends[candidate.back_end].spec.equivalence == "own"


def are_one(space: DesignSpace, candidate: Candidate, low: RungName, high: RungName) -> bool:
    """Whether two rungs give this candidate one measurement: nothing to fine-tune, and nothing to simulate further."""
    tune, is_exact = space.spec.fine_tune, space.back_ends[candidate.back_end].spec.equivalence == "exact"
    is_left_alone = tune.epochs == 0 or not (candidate.compression or tune.noise_aware)
    return (
        low != "closed_form" and (is_left_alone or low == "tuned" or high == "merged") and (is_exact or high != "full")
    )


@dataclass(frozen=True)
class ConfirmPlan:
    """How each pick is confirmed: full numerics, the whole test split, `confirm.draws` draws; `confirm.chips` of them
    at the typical corner where a yield is asked for.

    A machine that is its own network is trained once a draw, and so is every design where the question names a training
    metric. Elsewhere `shown` candidates are trained `confirm.trainings` times at the typical corner. A question about
    costs alone has nothing to measure: its designs are costed at every corner.
    """

    space: DesignSpace
    shown: frozenset[str]

    @classmethod
    def of(cls, space: DesignSpace, picks: Sequence[Pick]) -> ConfirmPlan:
        """Choose which candidates to show trained: one a back end, its best where that is a pick, then more."""
        if "training" not in space.spec.phases or not space.spec.needs_accuracy:
            return cls(space, frozenset())
        ranked = sorted(picks, key=lambda one: one.reason != "best_of_back_end")
        first = {one.row["back_end"]: one.row["candidate_id"] for one in reversed(ranked)}
        ordered = dict.fromkeys([*first.values(), *(one.row["candidate_id"] for one in ranked)])
        return cls(space, frozenset([*ordered][: space.spec.confirm.trained_designs]))

    def fidelity(self, candidate: Candidate, corner: Corner) -> Fidelity:
        """How one candidate is confirmed at one corner."""
        spec, back_end = self.space.spec, self.space.back_ends[candidate.back_end]
        is_shown = candidate.candidate_id in self.shown and corner == "typical"
        is_full = spec.names_training or back_end.spec.equivalence == "own"
        if not spec.needs_accuracy:
            return Fidelity(rung="closed_form", corner=corner)
        return Fidelity(
            rung="full",
            split="test",
            draws=self._draws(corner, is_own=back_end.spec.equivalence == "own"),
            trains_on_machine=spec.names_training or is_shown,
            trainings=spec.confirm.draws if is_full else spec.confirm.trainings,
            corner=corner,
            yield_above=spec.confirm.yield_above,
        )

    def _draws(self, corner: Corner, *, is_own: bool) -> int:
        """More chips only where a share of them is read off and a chip costs no training."""
        asked = self.space.spec.confirm
        return asked.draws if asked.chips is None or corner != "typical" or is_own else asked.chips
