"""Work that is shared among processes: pure functions of a list, whose answers do not depend on who gives them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST_WORKERS = 2
"""The rule that works a study out is given so many cores."""


def workers() -> int:
    """As many processes as a study may use on this machine."""
    return min(MOST_WORKERS, os.cpu_count() or 1)


def in_shares(answer: Callable[[Sequence[A]], list[B]], asked: Sequence[A], count: int) -> list[B]:
    """One answer for each that is asked, in their order; every `count`-th goes to the same process."""
    if count < 2 or len(asked) < 2:
        return answer(asked)
    # Fresh processes: a fork would take the locks of Polars' threads along.
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        shares = list(pool.map(answer, [asked[first::count] for first in range(count)]))
    return [shares[place % count][place // count] for place in range(len(asked))]
