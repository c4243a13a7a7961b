"""A study that remembers what it asked: a replay reads the asks back, and the sampler sleeps until something is new.

Every batch is stored under a digest of all that the sampler could know when it was asked: the question, the code that
asks, and everything told before. So what is read back is what would be asked, or it is not found. Then the study itself
is brought up to date, by asking and telling it all again, and goes on.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from joulescape.errors import ResultsError, SpecError
from joulescape.evaluation import Evaluation
from joulescape.network.digest import digest
from joulescape.search.archive import Archive
from joulescape.search.digests import workflow_digest
from joulescape.search.sampler import PAIR, Genes, active
from joulescape.search.study import Ask, Study

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.search.cache import Cache

_REMEDY = "`joulescape cache --clear evaluations` forgets them, then search again"

Told = Sequence[tuple[Ask, Sequence[Evaluation]]]


class RememberedStudy:
    """Asks and is told like a `Study`, and gives the same candidates."""

    def __init__(self, space: DesignSpace, cache: Cache, once: frozenset[str] = frozenset()) -> None:
        self._space, self._cache, self._once = space, cache, once
        self._parameters = {pair.name: tuple(space.parameters(pair)) for pair in space.pairs}
        self._objectives = tuple(space.spec.objectives)
        self._code = workflow_digest()
        drawn = {name: [one.name for one in parameters] for name, parameters in self._parameters.items()}
        self._known = hashlib.sha256(digest(space.digest(), self._objectives, drawn, sorted(once), self._code).encode())
        self._past: list[Sequence[str] | Told] = []
        """What happened so far: identities of an asked batch, or a told one."""
        self._study: Study | None = None
        self._archive = Archive(space.spec.objectives)
        self._trials = self._batches = 0
        self._is_exhausted = False

    @property
    def is_exhausted(self) -> bool:
        """Whether every candidate of every pair has been asked."""
        return self._is_exhausted if self._study is None else self._study.is_exhausted

    @property
    def is_spent(self) -> bool:
        """Whether the budget of trials has been asked."""
        return self._trials >= self._space.spec.budget.trials

    @property
    def archive(self) -> Archive:
        """What was seen so far."""
        return self._archive if self._study is None else self._study.archive

    def ask(self) -> list[Ask]:
        """The next batch: read back where it was asked before after the same things were told, else asked."""
        self._known.update(b"asked")
        key = f"{self._known.hexdigest()[:32]}@{self._code}"
        asks = self._read(key) if self._study is None else None
        if asks is None:
            self._study = self._study or self._caught_up()
            asks = self._study.ask()
            self._cache.store_asks(key, _packed(asks, self._study.is_exhausted))
        else:
            self._past.append(_identities(asks))
        self._trials, self._batches = self._trials + len(asks), self._batches + 1
        return asks

    def tell(self, batch: Told) -> None:
        """Tell one whole batch, in ask order."""
        seen = [(item.state, item.violation, *map(item.metrics.get, self._objectives)) for _, i in batch for item in i]
        sizes = [len(evaluations) for _, evaluations in batch]
        self._known.update(repr((sizes, seen)).encode())
        if self._study is not None:
            self._study.tell(batch)
            return
        self._past.append(batch)
        self._archive.tell([evaluations for _, evaluations in batch])

    def _caught_up(self) -> Study:
        """The study as if it had been asked and told all along."""
        study, asked = Study(self._space, self._once), dict[str, Ask]()
        for part in self._past:
            told = [one for one in part if not isinstance(one, str)]
            if told:
                study.tell([(asked[ask.candidate.candidate_id], found) for ask, found in told])
                continue
            again = study.ask()
            if _identities(again) != part:
                raise ResultsError(f"{self._cache.path} remembers other candidates than are asked now: {_REMEDY}")
            asked.update(zip(part, again, strict=True))
        self._past.clear()
        return study

    def _read(self, key: str) -> list[Ask] | None:
        blob = self._cache.asks(key)
        if blob is None:
            return None
        try:
            kept = json.loads(zlib.decompress(blob))
            drawn, self._is_exhausted = kept["asks"], kept["is_exhausted"]
            return [self._ask_of(number, pair, genes) for number, (pair, genes) in enumerate(drawn)]
        except (zlib.error, ValueError, KeyError, TypeError, SpecError) as error:
            raise ResultsError(f"the cache {self._cache.path} is damaged ({error}): {_REMEDY}") from error

    def _ask_of(self, number: int, pair: str, genes: Genes) -> Ask:
        candidate = self._space.candidate({PAIR: pair, **active(genes, self._parameters[pair])})
        return Ask(self._trials + number, self._batches, pair, genes, candidate)


def _packed(asks: Sequence[Ask], is_exhausted: bool) -> bytes:
    kept = {"asks": [(ask.pair, dict(ask.genes)) for ask in asks], "is_exhausted": is_exhausted}
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), level=1)


def _identities(asks: Sequence[Ask]) -> list[str]:
    return [ask.candidate.candidate_id for ask in asks]
