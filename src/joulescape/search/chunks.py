"""How many jobs go to a worker in one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

CHUNK_S = 0.1
"""A call to a worker should take no longer than this, and not much less: Ray's own cost is about 1 ms a call."""

LARGEST_CHUNK = 16
RECENT = 32


@dataclass
class JobTimes:
    """How long jobs took lately. Chunks are sized by the longest of them: behind one long job others would wait while
    another worker has nothing to do."""

    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, seconds: Iterable[float]) -> None:
        """Note finished jobs."""
        self.recent_s.extend(seconds)

    def size(self, waiting: int, workers: int) -> int:
        """Jobs of the next call: as many as fill CHUNK_S, but no more than one worker's share; at first one."""
        if not self.recent_s:
            return 1
        fitting = int(CHUNK_S / max(*self.recent_s, 1e-6))
        return max(1, min(-(-waiting // workers), fitting, LARGEST_CHUNK))
