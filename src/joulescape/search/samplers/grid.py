"""Every candidate, one after the other; of a real-valued parameter its `points`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from joulescape.search.grid import grid
from joulescape.search.sampler import Genes, Ground, Told


class Exhaustive:
    """Goes through the pair's candidates in the order of its parameters."""

    redraws = 4096
    is_exhaustive = True

    def __init__(self, ground: Ground) -> None:
        self._left = grid(ground.parameters, lambda domain: domain.values())

    def tell(self, told: Sequence[Told]) -> None:
        """Nothing is learnt."""

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """What is left."""
        return self._left


sampler = Exhaustive
