"""How far an accuracy may be off because so few samples were asked: the standard error that their number leaves.

It stands beside the spread over device draws, which says nothing of the samples: every draw meets the same ones.
"""

from __future__ import annotations

import math
from typing import Literal

from joulescape.report import theme
from joulescape.report.inputs import Tables

Split = Literal["validation", "test"]


def standard_error(accuracy: float, samples: int) -> float:
    """Standard error of a share p of n samples, a fraction: sqrt(p (1 - p) / n + 1 / (4 n^2)) / (1 + 1 / n).

    The half width of Wilson's score interval at one standard deviation: the binomial sqrt(p (1 - p) / n) up to terms of
    1 / n, and above 0 where every sample was right. It is of one design: two measured on the same samples differ by
    less than two drawn apart would, but by how much less only their single answers would say (`certainty.reach`).
    """
    return math.sqrt(accuracy * (1 - accuracy) / samples + 0.25 / samples**2) / (1 + 1 / samples)


def samples_of(given: Tables, split: Split = "validation") -> int | None:
    """Samples behind an accuracy on `split`: the task's, of validation no more than the budget's.

    None where resolved.json does not say, as of searches before it did.
    """
    there = (given.resolved.get("samples") or {}).get(split)
    asked = (given.spec.get("budget") or {}).get("samples") if split == "validation" else None
    return None if not there else int(there if asked is None else min(asked, there))


def scope_words(given: Tables) -> str:
    """For the scope: the standard error at the best accuracy on validation; empty where nothing was measured."""
    accuracy, samples = given.axes.accuracy, samples_of(given)
    best = None if accuracy is None else given.valid[accuracy].max()
    if not isinstance(best, float):
        return ""
    if samples is None:
        return "its standard error is not known: the number of samples was not kept"
    points = 100 * standard_error(best, samples)
    error = f"its standard error {theme.significant(points, 2)} points at {100 * best:.1f} %"
    return f"{error}: designs less than about twice that apart count as equally accurate"


def tested_words(given: Tables, accuracy: float) -> str:
    """Behind an accuracy on test: `, standard error 1.1 points over 360 samples`; empty where that is not known."""
    samples = samples_of(given, "test")
    if samples is None:
        return ""
    points = 100 * standard_error(accuracy, samples)
    return f", standard error {theme.significant(points, 2)} points over {samples:,} samples"
