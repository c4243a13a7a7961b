"""How long elements take that share a broadcast and queue what they cannot take at once.

Input j is sent when the one before it has been and every queue has room; element p needs as many cycles for it as it
has entries in that column. With b_j the time of sending and f_pj that of finishing, queues of q places:

b_j = max(b_(j-1) + 1, max_p f_p,(j-q)), f_pj = max(f_p,(j-1), b_j) + entries_pj.

Entries are drawn from a binomial law: zeros anywhere. The draw has a seed of its own, so a cost is a pure function.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SEED = 1602
MOST_COLUMNS = 2048
"""Beyond so many the rest goes on at their pace."""

Counts = NDArray[np.int64]


def filled_density(density: float, index_bits: int) -> float:
    """Entries of a column over its rows, filling ones among them: density / (1 - (1 - density)^(2^index_bits))."""
    if density <= 0:
        return 0.5**index_bits
    return density / (1.0 - (1.0 - density) ** (1 << index_bits))


@lru_cache(maxsize=4096)
def cycles(columns: int, rows: int, elements: int, density: float, queue: int) -> float:
    """Cycles from the first input to the last entry; `density` is that of entries, filling ones included."""
    seen = min(columns, MOST_COLUMNS)
    shares = np.array([rows // elements + (p < rows % elements) for p in range(elements)])
    drawn = np.random.default_rng(SEED).binomial(shares, min(density, 1.0), size=(seen, elements))
    return makespan(drawn, queue) * columns / seen


def makespan(entries: Counts, queue: int) -> float:
    """Cycles for (columns, elements) entries, by the recurrence above."""
    columns, elements = entries.shape
    finished = np.zeros((columns + queue, elements), dtype=np.int64)
    sent = -1
    for j, needed in enumerate(entries):
        sent = max(sent + 1, int(finished[j].max()))
        finished[j + queue] = np.maximum(finished[j + queue - 1], sent) + needed
    return float(max(finished[-1].max(), sent + 1))
