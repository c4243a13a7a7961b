"""Every parameter by chance, each on its own: the baseline that every other sampler has to beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.samplers import RandomSampler

from joulescape.search.optuna_studies import RUNNING, study_of
from joulescape.search.sampler import Genes, Ground, Space, Told
from joulescape.spec.domain import Scalar


class Chance:
    """Draws without memory; only `Study` sees that nothing is asked twice."""

    redraws = 24
    is_exhaustive = False

    def __init__(self, ground: Ground) -> None:
        self._ground, self._space = ground, ground.space

    def tell(self, told: Sequence[Told]) -> None:
        """Nothing is learnt."""

    def draws(self, batch: int, pending: Sequence[Genes]) -> Iterator[Genes]:  # noqa: ARG002
        """Draws without end."""
        return drawn(self._space, self._ground.seed_of(batch, 0))


def drawn(space: Space, seed: int) -> Iterator[dict[str, Scalar]]:
    """Random draws of all parameters without end."""
    source, study = RandomSampler(seed=seed), study_of(1)
    while True:
        yield {name: source.sample_independent(study, RUNNING, name, each) for name, each in space.items()}


sampler = Chance
