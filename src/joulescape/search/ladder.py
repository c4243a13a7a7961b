"""The rungs of a search over all its batches: what was seen on each, whether they agree, and so who climbs.

Every candidate of a batch is judged on the lowest rung; a share of them climbs, by the non-dominated rank of their
best variant among all designs measured there (crowding parts equals). All rungs of a batch happen within the batch, on
a view taken when it was asked, so that neither workers nor the batch beside it change who climbs: the ladder is a pure
function of the question and of what was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from joulescape.front import FloatArray
from joulescape.search.audit import Audited, Sight, agreement, pairs, sentence
from joulescape.search.climb import Climb, Climber, View
from joulescape.search.progress import log
from joulescape.search.ranking import accuracy_of, best_points
from joulescape.search.study import Ask
from joulescape.spec.space import AGREEMENT, RungName

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

RECENT = 120
"""So many of the designs audited last decide how large a share climbs; the table at the end is over all of them."""


class Ladder:
    """What was told of every rung."""

    def __init__(self, space: DesignSpace) -> None:
        self.rungs = space.spec.rungs
        self.audited: list[Audited] = []
        self.measured = 0
        """Accuracy measurements, on all rungs."""
        self.designs_judged = 0
        """Variants costed, each once, however many rungs its candidate climbed."""
        self._space = space
        count = len(self.rungs)
        self._best: float | None = None
        self.view = View((_NOTHING,) * count, (space.spec.budget.promote,) * count, (0,) * count, _NOTHING)

    def climb(self, asks: Sequence[Ask]) -> Climb:
        """A batch that was just asked, at the foot of the ladder."""
        return Climb(self._space, self.view, asks)

    def tell(self, batch: Climb) -> None:
        """Hear of a whole batch, in the order of asking; a share that changes is said."""
        audited = list(self.view.audited)
        for climber in batch.climbers:
            self._count(climber)
            seen = self._audit_of(climber)
            if len({sight.step for sight in seen.values()}) > 1:  # else one measurement that stands for several rungs
                self.audited.append(seen)
                for rung in range(len(self.rungs) - 1):
                    audited[rung] += self._climbed(seen, rung)
        self.view = replace(
            self.view,
            points=tuple(self._points(rung, batch.climbers) for rung in range(len(self.rungs))),
            audited=tuple(audited),
            leaders=self._leaders(batch.climbers),
        )
        self.view = replace(self.view, shares=tuple(self._shares()))

    @property
    def promote_fraction(self) -> float | None:
        """Share that climbs from the lowest rung that sees data, as it stands; None where there is but one."""
        seen = [rung for rung in self.rungs if rung != "closed_form"]
        return self.view.shares[self.rungs.index(seen[0])] if len(seen) > 1 else None

    def share(self, rung: RungName) -> float | None:
        """Share that climbs from a rung; None for the top one and for rungs that are not climbed."""
        return self.view.shares[self.rungs.index(rung)] if rung in self.rungs[:-1] else None

    def _count(self, climber: Climber) -> None:
        self.measured += sum(accuracy_of(one.evaluations) is not None for one in climber.outcomes)
        counts = [one.evaluations[0].facts.get("variants_count") or 0 for one in climber.outcomes]
        self.designs_judged += max(counts, default=0)

    def _audit_of(self, climber: Climber) -> Audited:
        """What was seen of a candidate on the rungs that it climbed whatever it promised, and on the one after."""
        seen: dict[RungName, Sight] = {}
        for number, (step, outcome) in enumerate(zip(climber.steps, climber.outcomes, strict=False)):
            accuracy = accuracy_of(outcome.evaluations)
            if accuracy is None:
                continue
            own = climber.points(self._space.spec, number)
            seen.update({self.rungs[rung]: Sight(number, accuracy, own, outcome.seconds) for rung in step.rungs})
            if step.rungs[-1] not in climber.audited:
                break
        return seen

    def _climbed(self, seen: Audited, rung: int) -> bool:
        """Whether a candidate was seen on this rung and, by another measurement, on the next."""
        low, high = self.rungs[rung : rung + 2]
        return low in seen and high in seen and seen[low].step < seen[high].step

    def _points(self, rung: int, climbers: Sequence[Climber]) -> FloatArray:
        found = [
            climber.points(self._space.spec, number)
            for climber in climbers
            for number, (step, outcome) in enumerate(zip(climber.steps, climber.outcomes, strict=False))
            if rung in step.rungs and outcome.evaluations[0].state == "valid"
        ]
        known = [self.view.points[rung]] if len(self.view.points[rung]) else []
        every = [*known, *found]
        return best_points(np.concatenate(every)) if every else _NOTHING

    def _shares(self) -> Iterator[float]:
        """Twice the share while a rung and the top one disagree near the front; back, step by step, once they agree."""
        budget = self._space.spec.budget
        for rung, share in zip(self.rungs, self.view.shares, strict=True):
            if rung in ("closed_form", self.rungs[-1]) or not budget.audit:
                yield share
                continue
            found = agreement(self._latest(rung), rung, self.rungs[-1])
            if found.designs_count < min(budget.audit, RECENT) or found.near_front_spearman is None:
                yield share
                continue
            is_wide = found.near_front_spearman < AGREEMENT
            wanted = min(1.0, 2 * share) if is_wide else max(budget.promote, share / 2)
            if wanted != share:
                log.info("%s", sentence(found.row(wanted)))
            yield wanted

    def _latest(self, rung: RungName) -> list[Audited]:
        """The latest designs that were audited on this rung and on the top one, by two measurements."""
        top = self.rungs[-1]
        both = (one for one in reversed(self.audited) if rung in one and top in one and one[rung].step < one[top].step)
        return [*islice(both, RECENT)][::-1]

    def _leaders(self, climbers: Sequence[Climber]) -> FloatArray:
        """Closed-form costs of the most accurate designs measured at the top; of all, where accuracy only limits."""
        leaders = self.view.leaders
        if self.rungs[0] != "closed_form" or len(self.rungs) == 1:
            return leaders
        for climber in climbers:
            if climber.final is None or climber.final.evaluations[0].state != "valid":
                continue
            accuracy = accuracy_of(climber.final.evaluations) if self._wants_accuracy else None
            if accuracy is not None and self._best is not None and accuracy < self._best:
                continue
            own = climber.points(self._space.spec, 0)
            is_alone = not len(leaders) or (accuracy is not None and accuracy != self._best)
            leaders, self._best = own if is_alone else best_points(np.concatenate([leaders, own])), accuracy
        return leaders

    @property
    def _wants_accuracy(self) -> bool:
        return "accuracy_fraction" in self._space.spec.objectives

    def rows(self) -> list[dict[str, Any]]:
        """The audit, one row a pair of rungs."""
        return [agreement(self.audited, low, high).row(self.share(low)) for low, high in pairs(self.rungs)]


_NOTHING = np.empty((0, 0))
