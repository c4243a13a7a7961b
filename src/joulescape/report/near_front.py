"""Designs that the front of their machine does not beat by more than the uncertainty: they may be as good.

Constants are shared by the designs of one machine, so costs of two of them are told apart from TOLD_APART on;
accuracies differ when they lie more than one standard deviation of their difference apart.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from joulescape.report import theme
from joulescape.report.decide import Columns, energy_front, gains

MOST = 400
"""At most so many are drawn in a chart, evenly over all; the caption says how many there are."""


def near_front(columns: Columns, cost: str) -> list[int]:
    """Rows of designs near the front of their machine by `cost`, not on it, in table order."""
    found: list[int] = []
    for name in dict.fromkeys(columns["back_end"]):
        rows = [row for row, whose in enumerate(columns["back_end"]) if whose == name]
        found += _near(columns, rows, energy_front(columns, rows, cost), cost)
    return sorted(found)


def _near(columns: Columns, rows: Sequence[int], front: Sequence[int], cost: str) -> list[int]:
    """A design that some design of the front beats in both: by at most one standard deviation, and by less than
    TOLD_APART in cost, whichever of those is taken."""
    gained, known = gains(columns), set(front)
    costs, heights = [columns[cost][row] for row in front], [gain for row in front if (gain := gained[row]) is not None]
    found = []
    for row in rows:
        value, gain = columns[cost][row], gained[row]
        if row in known or not value or gain is None:
            continue
        best, cheapest = bisect_right(costs, value) - 1, bisect_left(heights, gain)
        if best < 0 or cheapest > best:
            continue  # nothing on the front beats it in both: it has no place on it for want of a cost
        spread = _spread(columns, row, front[best])
        if spread is not None and heights[best] - gain <= spread and value < theme.TOLD_APART * costs[cheapest]:
            found.append(row)
    return found


def _spread(columns: Columns, first: int, second: int) -> float | None:
    """One standard deviation of the difference of two gains; None where one run says nothing of its own."""
    if "accuracy" not in columns:
        return math.log10(theme.TOLD_APART)
    known = [0.0 if columns["exact"][row] else columns["sd"][row] for row in (first, second)]
    return None if None in known else math.hypot(*known)


def is_once(columns: Columns, row: int) -> bool:
    """Whether a design's accuracy is of one run of a machine that draws: its spread is not known."""
    return columns["draws"][row] == 1 and not columns["exact"][row]
