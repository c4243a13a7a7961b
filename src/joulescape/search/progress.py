"""One line a batch: how far the search is, what the front looks like, when it will end."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from joulescape.evaluation import Evaluation

log = logging.getLogger("joulescape.search")

_UNITS = {"pj": ("J", -12), "ns": ("s", -9), "mw": ("W", -3)}
"""SI unit of a suffix, and the power of ten that leads to it."""


def show_progress() -> None:
    """Write the lines of `joulescape.*` loggers to standard error, one time stamp each; a second call does nothing."""
    root = logging.getLogger("joulescape")
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)


@contextmanager
def stoppable() -> Iterator[None]:
    """Say on an interrupt from the keyboard that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        log.warning("stopped; what was finished is remembered: the same command goes on from there")
        raise


class Progress:
    """Keeps the best value of each objective, and the history of the search."""

    def __init__(self, objectives: Mapping[Any, str], trials: int) -> None:
        self._objectives = dict(objectives)
        self._trials = trials
        self._began = time.monotonic()
        self._best: dict[str, float] = {}
        self._judged_before = 0
        self.counts = {"valid": 0, "infeasible": 0, "failed": 0, "screened": 0}
        self.history: list[dict[str, Any]] = []

    @property
    def told(self) -> int:
        """Candidates told so far."""
        return sum(self.counts.values())

    def add(
        self,
        batch: int,
        told: Sequence[Sequence[Evaluation]],
        front_size: int,
        hypervolume: float | None,
        judged: int,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one told batch and log its line; `judged` counts evaluations of this run that were not remembered.

        `more` are further columns of tables.HISTORY.
        """
        for evaluations in told:
            self.counts[evaluations[0].state] += 1
            self._improve(evaluations)
        counts = {f"{state}_count": count for state, count in self.counts.items()}
        row = {"batch": batch, "trials_told": self.told, **counts, "front_size": front_size, "hypervolume": hypervolume}
        self.history.append({**row, **(more or {})})
        log.info("%s", self._line(front_size, judged))

    def _improve(self, evaluations: Sequence[Evaluation]) -> None:
        for item in evaluations:
            for name, direction in self._objectives.items():
                value = item.metrics.get(name)
                if item.state == "valid" and value is not None:
                    better = max if direction == "maximize" else min
                    self._best[name] = better(value, self._best.get(name, value))

    def _line(self, front_size: int, judged: int) -> str:
        best = ", ".join(shown(name, value) for name, value in self._best.items()) or "nothing feasible yet"
        kinds = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n or state != "screened")
        return (
            f"{self.told}/{self._trials} candidates ({kinds}); {front_size} designs on the front; "
            f"best so far: {best}; {self._remaining(judged)}"
        )

    def _remaining(self, judged: int) -> str:
        left, elapsed = self._trials - self.told, time.monotonic() - self._began
        if left <= 0:
            return f"done in {duration(elapsed)}"
        if judged == 0:
            return "replaying what is remembered"
        return f"about {duration(left * elapsed / judged)} left"


def shown(metric: str, value: float) -> str:
    """A metric as a line shows it: its name without the unit, then at most four digits and an SI prefix."""
    name, _, suffix = metric.rpartition("_")
    if suffix not in _UNITS or value <= 0:
        return f"{metric} {value:.4g}"
    unit, power = _UNITS[suffix]
    exponent = math.log10(value) + power
    steps = min(max(math.floor(exponent / 3), -5), 4)
    return f"{name} {10 ** (exponent - 3 * steps):.4g} {'fpnµm kMGT'[steps + 5].strip()}{unit}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
