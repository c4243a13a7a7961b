"""Which pair each ask of a batch goes to, before its parameters are drawn.

The first asks are spread over all pairs; then every back end gets its reserve (`budget.per_back_end`); what is left is
free, and goes where the elite lives. The rule never looks at the length of the search, so a shorter search is a prefix
of a longer one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from joulescape.resolve.candidate import Pair


class Allocation:
    """Counts the asks of each pair and back end."""

    def __init__(self, pairs: Sequence[Pair], reserve: Callable[[str], int], stratified: int) -> None:
        self._pairs = {pair.name: pair for pair in pairs}
        self._reserve = reserve
        self._stratified = max(stratified, len(pairs))
        self._asked: Counter[str] = Counter()
        self._exhausted: set[str] = set()

    @property
    def open_pairs(self) -> tuple[str, ...]:
        """Pairs that may still have a candidate that was never asked."""
        return tuple(name for name in self._pairs if name not in self._exhausted)

    def next(self) -> str | None:
        """The pair that the next ask is reserved for; None when it is free."""
        open_pairs = self.open_pairs
        if self._asked.total() < self._stratified:
            return min(open_pairs, key=lambda name: self._asked[name])
        counts = self._by_back_end()
        short = [name for name in open_pairs if self._is_short(name, counts)]
        if not short:
            return None
        return min(short, key=lambda name: (counts[self._pairs[name].back_end], self._asked[name]))

    def _is_short(self, pair: str, counts: Counter[str]) -> bool:
        back_end = self._pairs[pair].back_end
        return counts[back_end] < self._reserve(back_end)

    def count(self, pair: str) -> None:
        """Note that the pair got an ask."""
        self._asked[pair] += 1

    def exhaust(self, pair: str) -> None:
        """Note that the pair has nothing new, and give the ask back."""
        self._exhausted.add(pair)
        self._asked[pair] -= 1

    def _by_back_end(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for name, asked in self._asked.items():
            counts[self._pairs[name].back_end] += asked
        return counts
