"""The search as a pure function of (space, seed) and of what it was told: batches out, results in, in ask order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
from optuna.distributions import CategoricalDistribution

from joulescape.evaluation import Evaluation
from joulescape.search.allocation import Allocation
from joulescape.search.archive import Archive
from joulescape.search.grid import grid
from joulescape.search.sampler import PAIR, SMALLEST_ELITE, Genes, Told, active, children, distributions, elite

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace

REDRAWS = 4
"""How often NSGA-II may replace a candidate that was asked before; then chance may, RANDOM_REDRAWS times; then all
that is left is gone through."""

RANDOM_REDRAWS = 24
GRID_STEPS = 4096
"""So many candidates are gone through for one ask; a pair where all of them were asked before counts as exhausted."""

PAIR_MUTATION = 0.1
"""Share of free asks whose pair is drawn from all pairs instead of being bred."""


@dataclass(frozen=True)
class Ask:
    """One candidate to be judged: `genes` are all drawn parameters of its pair, `candidate` has the active ones."""

    trial: int
    batch: int
    pair: str
    genes: Genes
    candidate: Candidate


class Study:
    """Asks whole batches. Batch k must be asked after batch k - lag was told, and not later."""

    def __init__(self, space: DesignSpace) -> None:
        self._space = space
        self._budget = space.spec.budget
        self._parameters = {pair.name: tuple(space.parameters(pair)) for pair in space.pairs}
        self._distributions = {name: distributions(found) for name, found in self._parameters.items()}
        self._allocation = Allocation(space.pairs, self._budget.reserve, self._budget.population)
        self._grids = {name: grid(found) for name, found in self._parameters.items()}
        self._told: list[Told] = []
        self._seen: set[str] = set()
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
        batch = _Batch(self, self._batches)
        asks: list[Ask] = []
        while len(asks) < self._budget.population and not self.is_exhausted:
            pair = self._allocation.next() or batch.free_pair()
            self._allocation.count(pair)
            drawn = batch.draw(pair)
            if drawn is None:
                self._allocation.exhaust(pair)
            else:
                asks.append(Ask(self._trials + len(asks), self._batches, pair, *drawn))
        self._batches += 1
        kept = asks[: self._budget.trials - self._trials]
        self._trials += len(kept)
        return kept

    def tell(self, batch: Sequence[tuple[Ask, Sequence[Evaluation]]]) -> None:
        """Tell one whole batch, in ask order."""
        points = self.archive.tell([evaluations for _, evaluations in batch])
        for (ask, evaluations), point in zip(batch, points, strict=True):
            if evaluations[0].state != "failed":
                violation = 0.0 if point is not None else min(e.violation for e in evaluations)
                self._told.append(Told(ask.pair, ask.genes, point, violation))

    def children(self, pair: str, batch: int, is_bred: bool) -> Iterator[Genes]:
        """New genes for one pair: bred from the better half of what was told of it, or drawn at random."""
        told = [item for item in self._told if item.pair == pair]
        size = max(SMALLEST_ELITE, min(self._budget.population, len(told) // 2))
        stream = list(self._distributions).index(pair) * 2 + is_bred
        parents = elite(told, size) if is_bred else []
        return children(parents, self._distributions[pair], self._objective_count, self._seed(batch, stream + 1))

    def pair_names(self, batch: int) -> Iterator[str]:
        """Pairs of free asks: bred from the elite of all told candidates."""
        size = max(SMALLEST_ELITE, self._budget.population)
        parents = [replace(item, genes={PAIR: item.pair}) for item in elite(self._told, size)]
        space = {PAIR: CategoricalDistribution(tuple(self._distributions))}
        for genes in children(parents, space, self._objective_count, self._seed(batch, 0), PAIR_MUTATION):
            yield str(genes[PAIR])

    def candidate(self, pair: str, genes: Genes) -> Candidate | None:
        """The candidate of these genes; None when it was asked before."""
        found = self._space.candidate({PAIR: pair, **active(genes, self._parameters[pair])})
        if found.candidate_id in self._seen:
            return None
        self._seen.add(found.candidate_id)
        return found

    def left_over(self, pair: str) -> Iterator[Genes]:
        """What the pair's grid has not come to yet: a generator that goes on where it was left."""
        return self._grids[pair]

    @property
    def open_pairs(self) -> tuple[str, ...]:
        """Pairs that may still have something new."""
        return self._allocation.open_pairs

    @property
    def _objective_count(self) -> int:
        return len(self._space.spec.objectives)

    def _seed(self, batch: int, stream: int) -> int:
        return int(np.random.SeedSequence([self._budget.seed, batch, stream]).generate_state(1)[0])


class _Batch:
    """The streams of one batch; each is started when it is first needed."""

    def __init__(self, study: Study, number: int) -> None:
        self._study = study
        self._number = number
        self._pairs = study.pair_names(number)
        self._streams: dict[tuple[str, bool], Iterator[Genes]] = {}

    def free_pair(self) -> str:
        """The pair of a free ask; where NSGA-II insists on exhausted ones, the first open one."""
        drawn = islice(self._pairs, RANDOM_REDRAWS)
        return next((pair for pair in drawn if pair in self._study.open_pairs), self._study.open_pairs[0])

    def draw(self, pair: str) -> tuple[Genes, Candidate] | None:
        """A candidate of the pair that was never asked; None when neither draws nor the grid have one."""
        bred = islice(self._stream(pair, True), 1 + REDRAWS)
        random = islice(self._stream(pair, False), RANDOM_REDRAWS)
        for genes in chain(bred, random, islice(self._study.left_over(pair), GRID_STEPS)):
            candidate = self._study.candidate(pair, genes)
            if candidate is not None:
                return genes, candidate
        return None

    def _stream(self, pair: str, is_bred: bool) -> Iterator[Genes]:
        key = (pair, is_bred)
        if key not in self._streams:
            self._streams[key] = self._study.children(pair, self._number, is_bred)
        return self._streams[key]
