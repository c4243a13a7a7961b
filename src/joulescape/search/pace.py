"""How fast a search goes, and how long it will take: what was remembered does not count as work."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RECENT = 8
"""So many batches tell the pace: designs grow dearer or cheaper as the search closes in."""


@dataclass(frozen=True)
class Stretch:
    """One batch: its candidates, how many evaluations were made and how many remembered for it, and its time."""

    candidates: int
    judged: int
    reused: int
    seconds: float

    @property
    def fresh(self) -> float:
        """Candidates that work was done for: in proportion to the evaluations that were not remembered."""
        every = self.judged + self.reused
        return self.candidates * self.judged / every if every else 0.0


@dataclass
class Pace:
    """Rates over the last batches."""

    recent: deque[Stretch] = field(default_factory=lambda: deque(maxlen=RECENT))
    worked: deque[Stretch] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Batches in which something was judged."""

    def add(self, batch: Stretch) -> None:
        """Note a finished batch."""
        self.recent.append(batch)
        if batch.judged:
            self.worked.append(batch)

    @property
    def candidates_per_s(self) -> float | None:
        """Candidates a second, remembered ones among them; None while no time has passed."""
        seconds = sum(batch.seconds for batch in self.recent)
        return sum(batch.candidates for batch in self.recent) / seconds if seconds > 0 else None

    @property
    def evaluations_per_s(self) -> float | None:
        """Evaluations a second, on all rungs, remembered ones among them."""
        seconds = sum(batch.seconds for batch in self.recent)
        return sum(batch.judged + batch.reused for batch in self.recent) / seconds if seconds > 0 else None

    def left_s(self, candidates: int) -> float | None:
        """Seconds that so many new candidates will take on all their rungs; None while nothing was judged."""
        fresh = sum(batch.fresh for batch in self.worked)
        return candidates * sum(batch.seconds for batch in self.worked) / fresh if fresh else None
