"""The search as a pure function of (space, seed) and of what it was told: batches out, results in, in ask order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joulescape.evaluation import Evaluation
from joulescape.search.allocation import Allocation, FreePairs
from joulescape.search.archive import Archive
from joulescape.search.pair_search import PairSearch
from joulescape.search.sampler import Genes, Told
from joulescape.search.samplers import BREED_PAIRS

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace


@dataclass(frozen=True)
class Ask:
    """One candidate to be judged: `genes` are the drawn parameters of its pair, `candidate` has the active ones."""

    trial: int
    batch: int
    pair: str
    genes: Genes
    candidate: Candidate


class Study:
    """Asks whole batches. Batch k must be asked after batch k - lag was told, and not later.

    Pairs named in `once` get one ask.
    """

    def __init__(self, space: DesignSpace, once: Container[str] = ()) -> None:
        self._space = space
        self._budget = space.spec.budget
        self._pairs = {pair.name: PairSearch(space, index) for index, pair in enumerate(space.pairs)}
        self._allocation = Allocation(space.pairs, self._budget.reserve, self._budget.population, once)
        self._free = _free_pairs(space)
        self._batches = 0
        self._trials = 0
        self.archive = Archive(space.spec.objectives)

    @property
    def is_exhausted(self) -> bool:
        """Whether every candidate of every pair has been asked."""
        return not self._allocation.open_pairs

    @property
    def is_spent(self) -> bool:
        """Whether the budget of trials has been asked."""
        return self._trials >= self._budget.trials

    def ask(self) -> list[Ask]:
        """The next batch: `population` new candidates, fewer only at the end of the budget or of the space."""
        if self.is_spent:
            return []
        asks: list[Ask] = []
        for each in self._pairs.values():
            each.begin(self._batches)
        names = self._free.draws(self._batches) if self._free else iter(())
        while len(asks) < self._budget.population and not self.is_exhausted:
            name = self._allocation.next(names)
            self._allocation.count(name)
            found = self._pairs[name].ask()
            if found is None:
                self._allocation.exhaust(name)
            else:
                asks.append(Ask(self._trials + len(asks), self._batches, name, *found))
        kept = asks[: self._budget.trials - self._trials]
        self._batches, self._trials = self._batches + 1, self._trials + len(kept)
        return kept

    def tell(self, batch: Sequence[tuple[Ask, Sequence[Evaluation]]]) -> None:
        """Tell one whole batch, in ask order; a failed candidate teaches nothing."""
        points = self.archive.tell([evaluations for _, evaluations in batch])
        told = [_told(ask, found, point) for (ask, found), point in zip(batch, points, strict=True)]
        for name, pair in self._pairs.items():
            candidates = [ask.candidate.candidate_id for ask, _ in batch if ask.pair == name]
            pair.tell(candidates, [item for item in told if item is not None and item.pair == name])
        if self._free:
            self._free.tell([item for item in told if item is not None])


def _free_pairs(space: DesignSpace) -> FreePairs | None:
    """Who gets the free asks; None where they go round."""
    spec, names = space.spec, [pair.name for pair in space.pairs]
    if spec.budget.sampler not in BREED_PAIRS:
        return None
    return FreePairs(names, spec.budget.population, spec.budget.seed)


def _told(ask: Ask, found: Sequence[Evaluation], point: tuple[float, ...] | None) -> Told | None:
    if found[0].state == "failed":
        return None
    violation = 0.0 if point is not None else min(item.violation for item in found)
    return Told(ask.trial, ask.pair, ask.genes, point, violation)
