"""One pair's part of the search: its sampler, what it was asked, and what is left where the sampler has nothing new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from joulescape.search.grid import grid
from joulescape.search.sampler import PAIR, Genes, Ground, Told, active
from joulescape.search.samplers import sampler
from joulescape.search.samplers.random import drawn

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace

RANDOM_REDRAWS = 24
"""How often chance may replace a candidate where all of the sampler's own redraws were asked before."""

GRID_STEPS = 4096
"""So many candidates are gone through for one ask; a pair where all of them were asked before counts as exhausted."""


class PairSearch:
    """Asks candidates of one pair that were never asked before."""

    def __init__(self, space: DesignSpace, index: int) -> None:
        budget, pair = space.spec.budget, space.pairs[index]
        self._space, self._name = space, pair.name
        self._parameters = tuple(space.parameters(pair))
        self._ground = Ground(self._parameters, len(space.spec.objectives), budget.population, budget.seed, index + 1)
        self._sampler = sampler(budget.sampler, self._ground)
        self._left = grid(self._parameters)
        self._drawn: set[tuple[object, ...]] = set()
        self._asked: set[str] = set()
        self._pending: dict[str, Genes] = {}
        self.begin(0)

    def begin(self, batch: int) -> None:
        """Start a batch: its draws depend on what was told until now, and on its number."""
        self._bred = _late(lambda: self._sampler.draws(batch, tuple(self._pending.values())))
        self._random = _late(lambda: drawn(self._ground.space, self._ground.seed_of(batch, 1)))

    def ask(self) -> tuple[Genes, Candidate] | None:
        """Genes and their candidate; None when neither the sampler nor chance nor the grid has a new one."""
        for genes in self._draws():
            candidate = self._new(active(genes, self._parameters))
            if candidate is not None:
                self._pending[candidate.candidate_id] = genes
                return genes, candidate
        return None

    def tell(self, candidates: Sequence[str], told: Sequence[Told]) -> None:
        """Hear of a batch's candidates of this pair; of those that failed nothing is told."""
        for candidate_id in candidates:
            del self._pending[candidate_id]
        self._sampler.tell(told)

    def _draws(self) -> Iterator[Genes]:
        mine = islice(self._bred, 1 + self._sampler.redraws)
        if self._sampler.is_exhaustive:
            return mine
        return chain(mine, islice(self._random, RANDOM_REDRAWS), islice(self._left, GRID_STEPS))

    def _new(self, chosen: Genes) -> Candidate | None:
        """The candidate of these active genes; None when it was asked before, under whatever values."""
        values = tuple(chosen.values())  # parents stand before their children, so equal values are of equal names
        if values in self._drawn:
            return None
        self._drawn.add(values)
        found = self._space.candidate({PAIR: self._name, **chosen})
        if found.candidate_id in self._asked:
            return None
        self._asked.add(found.candidate_id)
        return found


def _late(make: Callable[[], Iterator[Genes]]) -> Iterator[Genes]:
    """An iterator that is made when its first item is asked for; to drop it does not end what it was made of."""
    return chain.from_iterable(each() for each in (make,))
