"""How well designs are measured: in the search, and when they are confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joulescape.network.fidelity import Fidelity
from joulescape.search.picks import Pick
from joulescape.spec.sourced import Corner

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.spec.space import SpaceSpec


def search_fidelity(spec: SpaceSpec) -> Fidelity:
    """How the search measures every candidate: its top, and only, fidelity."""
    return Fidelity(
        rung="merged",
        split="validation",
        samples=spec.budget.samples,
        draws=spec.budget.draws,
        trains_on_machine=spec.names_training,
        trainings=spec.budget.trainings,
        corner=spec.corner,
    )


@dataclass(frozen=True)
class ConfirmPlan:
    """How each pick is confirmed: full numerics, the whole test split, `confirm.draws` draws.

    A machine that is its own network is trained once a draw, and so is every design where the question names a training
    metric. Elsewhere `shown` candidates are trained `confirm.trainings` times at the typical corner.
    """

    space: DesignSpace
    shown: frozenset[str]

    @classmethod
    def of(cls, space: DesignSpace, picks: Sequence[Pick]) -> ConfirmPlan:
        """Choose which candidates to show trained: one a back end, its best where that is a pick, then more."""
        if "training" not in space.spec.phases:
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
        return Fidelity(
            rung="full",
            split="test",
            draws=spec.confirm.draws,
            trains_on_machine=spec.names_training or is_shown,
            trainings=spec.confirm.draws if is_full else spec.confirm.trainings,
            corner=corner,
        )
