"""One line a batch: how far the search is, what the front looks like, when it will end."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from joulescape.evaluation import Evaluation
from joulescape.search.pace import Pace, Stretch

log = logging.getLogger("joulescape.search")

pulse = logging.getLogger("joulescape.pulse")
"""One record an evaluation, for the bar on a terminal; nobody else listens."""

_UNITS = {"pj": ("J", -12), "ns": ("s", -9), "mw": ("W", -3)}
"""SI unit of a suffix, and the power of ten that leads to it."""


class Progress:
    """Keeps the best value of each objective, and the history of the search."""

    def __init__(self, objectives: Mapping[Any, str], trials: int, seconds: float | None = None) -> None:
        self._objectives = dict(objectives)
        self._trials, self._seconds = trials, seconds
        self._began = self._last = time.monotonic()
        self._best: dict[str, float] = {}
        self._pace = Pace()
        self._judged = self._reused = 0
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
        reused: int = 0,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one told batch and log its line; `judged` counts evaluations made by this run, `reused` remembered ones.

        `more` are further columns of tables.HISTORY.
        """
        for evaluations in told:
            self.counts[evaluations[0].state] += 1
            self._improve(evaluations)
        now = time.monotonic()
        self._pace.add(Stretch(len(told), judged - self._judged, reused - self._reused, now - self._last))
        self._last, self._judged, self._reused = now, judged, reused
        counts = {f"{state}_count": count for state, count in self.counts.items()}
        row = {"batch": batch, "trials_told": self.told, **counts, "front_size": front_size, "hypervolume": hypervolume}
        self.history.append({**row, **(more or {})})
        seen = {"told": self.told, "trials": self._trials, "left_s": self.left_s}
        log.info("%s", self._line(self.history[-1]), extra=seen)

    @property
    def left_s(self) -> float | None:
        """Seconds to the end of the budget, whichever part of it ends first; None where that cannot be told yet."""
        ends = [self._pace.left_s(self._trials - self.told)]
        ends.append(None if self._seconds is None else max(self._began + self._seconds - time.monotonic(), 0.0))
        known = [end for end in ends if end is not None]
        return min(known) if known else None

    def _improve(self, evaluations: Sequence[Evaluation]) -> None:
        for item in evaluations:
            for name, direction in self._objectives.items():
                value = item.metrics.get(name)
                if item.state == "valid" and value is not None:
                    better = max if direction == "maximize" else min
                    self._best[name] = better(value, self._best.get(name, value))

    def _line(self, row: Mapping[str, Any]) -> str:
        best = ", ".join(shown(name, value) for name, value in self._best.items()) or "nothing feasible yet"
        kinds = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n or state != "screened")
        volume = "" if row["hypervolume"] is None else f", hypervolume {row['hypervolume']:.4g}"
        parts = [
            f"{self.told}/{self._trials} candidates ({kinds})",
            f"{row['front_size']} designs on the front{volume}",
            f"best of each so far: {best}",
            self._rates(row),
            self._remaining(),
        ]
        return "; ".join(part for part in parts if part)

    def _rates(self, row: Mapping[str, Any]) -> str:
        candidates, evaluations = self._pace.candidates_per_s, self._pace.evaluations_per_s
        found = [] if candidates is None else [f"{candidates:.3g} candidates/s, {evaluations:.3g} evaluations/s"]
        designs, measured = row.get("designs_judged_count"), row.get("measured_count")
        if designs and measured:
            found.append(f"{designs / measured:.3g} designs judged a measurement")
        return ", ".join(found)

    def _remaining(self) -> str:
        if self.told >= self._trials:
            return f"done in {duration(time.monotonic() - self._began)}"
        if self._pace.left_s(1) is None:
            return "replaying what is remembered"
        return f"about {duration(self.left_s or 0.0)} left"


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
