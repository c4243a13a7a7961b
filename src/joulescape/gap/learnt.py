"""Whether a machine learns as well as the baseline: three verdicts on the means of a few trainings.

`equal` is a mean no further below the baseline's than the tolerance. A lower one is `less` where Welch's interval of
95 % of the difference lies beyond the tolerance altogether, and `undecided` where the trainings' scatter leaves that
open. Whoever scatters widely is thereby never called equal, and never called less too soon.
"""

from __future__ import annotations

import math
from typing import Literal

from joulescape.gap.fits import Difference, welch
from joulescape.gap.lives import Life
from joulescape.gap_tables import UNDECIDED

Verdict = Literal["equal", "undecided", "less"]

ROUNDING = 1e-9
"""What sums of floating-point accuracies may be off by."""


def verdict(life: Life, base: Life, within: float) -> Verdict | None:
    """On this life's accuracy; None where one of both was not measured. One training alone has no scatter: its mean
    decides."""
    if life.trained_accuracy is None or base.trained_accuracy is None:
        return None
    if base.trained_accuracy - life.trained_accuracy <= within + ROUNDING:
        return "equal"
    found = shortfall(life, base)
    return "less" if found is None or found.low > within + ROUNDING else "undecided"


def shortfall(life: Life, base: Life) -> Difference | None:
    """The baseline's mean less this one's, with its interval of 95 %; None where either was trained only once."""
    parts = [_mean(one) for one in (base, life)]
    first, second = parts
    return None if first is None or second is None else welch(first, second)


def told(life: Life, base: Life, within: float) -> str | None:
    """Why it is not equal, in words; None where it is."""
    found = verdict(life, base, within)
    if found == "equal":
        return None
    if found != UNDECIDED:
        learnt, asked = (
            "nothing that was measured" if one.trained_accuracy is None else f"{one.trained_accuracy:.3f}"
            for one in (life, base)
        )
        return f"learns {learnt}, not the baseline's {asked}"
    ends = " against ".join(f"{one.trained_accuracy:.3f} ± {one.trained_sd:.3f}" for one in (life, base))
    apart = shortfall(life, base)
    assert apart is not None  # what was trained once is decided by its mean
    return (
        f"{UNDECIDED}: {ends} over {life.trainings_count} trainings, {100 * apart.value:.1f} points below "
        f"(95 %: {100 * apart.low:.1f} to {100 * apart.high:.1f}) where {100 * within:g} is equal"
    )


def _mean(life: Life) -> tuple[float, float, float] | None:
    """The mean of the trainings, its standard error and its degrees of freedom."""
    count = life.trainings_count
    if life.trained_accuracy is None or life.trained_sd is None or count is None or count < 2:
        return None
    return life.trained_accuracy, life.trained_sd / math.sqrt(count), count - 1
