"""Which pair each ask of a batch goes to, before its parameters are drawn.

The first asks are spread over all pairs; then every back end gets its reserve (`budget.per_back_end`); what is left is
free: it goes where the front still moves, or round all pairs where the sampler learns nothing. The rule never looks at
the length of the search, so a shorter search is a prefix of a longer one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from joulescape.front import FloatArray
from joulescape.resolve.candidate import Pair
from joulescape.search.elite import Elite
from joulescape.search.sampler import Told

PAIR_MUTATION = 0.1
"""Share of free asks whose pair is drawn from all pairs, so that none dies out."""

PAIR_REDRAWS = 24
"""How often a pair that has nothing new may be drawn, before the least asked pair is taken."""


class FreePairs:
    """Draws the pair of each free ask: pairs that stand in the elite of all told, as often as they still bring news.

    News is a candidate that nothing told before it dominates or equals; a pair's rate of news is counted over its last
    `population` candidates (Laplace's rule of succession), so a pair whose front is found leaves its asks to others.
    """

    def __init__(self, pairs: Iterable[str], population: int, seed: int) -> None:
        self._seed, self._size = seed, population
        self._elite = Elite(population)
        self._front: FloatArray | None = None
        self._news = {name: deque[bool](maxlen=population) for name in pairs}

    def tell(self, told: Sequence[Told]) -> None:
        """Hear of judged candidates of any pair, in ask order."""
        self._elite.tell(told)
        for item in told:
            self._news[item.pair].append(self._is_news(item))

    def draws(self, batch: int) -> Iterator[str]:
        """Names without end."""
        chance, names = np.random.default_rng((self._seed, 0, batch)), tuple(self._news)
        living = {told.pair for told in self._elite.best(self._size)}
        rates = np.array([_rate(self._news[name]) if name in living or not living else 0.0 for name in names])
        shares = (1 - PAIR_MUTATION) * rates / rates.sum() + PAIR_MUTATION / len(names)
        while True:
            yield names[int(chance.choice(len(names), p=shares))]

    def _is_news(self, told: Told) -> bool:
        if told.point is None:
            return False
        point = np.array([told.point], dtype=float)
        if self._front is None:
            self._front = point
            return True
        is_news = not bool((self._front <= point).all(axis=1).any())
        if is_news:
            beaten = (point <= self._front).all(axis=1)
            self._front = np.concatenate([self._front[~beaten], point])
        return is_news


def _rate(news: Sequence[bool]) -> float:
    return (sum(news) + 1) / (len(news) + 2)


class Allocation:
    """Counts the asks of each pair and back end; pairs named in `once` get one."""

    def __init__(
        self, pairs: Sequence[Pair], reserve: Callable[[str], int], stratified: int, once: Container[str] = ()
    ) -> None:
        self._pairs = {pair.name: pair for pair in pairs}
        self._reserve = reserve
        self._stratified = max(stratified, len(pairs))
        self._asked: Counter[str] = Counter()
        self._exhausted: set[str] = set()
        self._once = once

    @property
    def open_pairs(self) -> tuple[str, ...]:
        """Pairs that may still have a candidate that was never asked."""
        return tuple(name for name in self._pairs if name not in self._exhausted)

    def next(self, free: Iterator[str]) -> str:
        """The pair of the next ask: one that it is reserved for; else an open one of `free`; else the least asked."""
        reserved = self.reserved()
        if reserved is not None:
            return reserved
        open_pairs = self.open_pairs
        return next((name for name in islice(free, PAIR_REDRAWS) if name in open_pairs), None) or self._least()

    def reserved(self) -> str | None:
        """The pair that the next ask is reserved for; None when it is free."""
        if self._asked.total() < self._stratified:
            return self._least()
        counts = self._by_back_end()
        short = [name for name in self.open_pairs if self._is_short(name, counts)]
        if not short:
            return None
        return min(short, key=lambda name: (counts[self._pairs[name].back_end], self._asked[name]))

    def _least(self) -> str:
        return min(self.open_pairs, key=lambda name: self._asked[name])

    def _is_short(self, pair: str, counts: Counter[str]) -> bool:
        back_end = self._pairs[pair].back_end
        return counts[back_end] < self._reserve(back_end)

    def count(self, pair: str) -> None:
        """Note that the pair got an ask; one that is asked `once` gets no other."""
        self._asked[pair] += 1
        if pair in self._once:
            self._exhausted.add(pair)

    def exhaust(self, pair: str) -> None:
        """Note that the pair has nothing new, and give the ask back."""
        self._exhausted.add(pair)
        self._asked[pair] -= 1

    def _by_back_end(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for name, asked in self._asked.items():
            counts[self._pairs[name].back_end] += asked
        return counts
