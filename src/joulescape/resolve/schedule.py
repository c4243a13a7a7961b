"""When each layer of a batch starts and ends: one after the other, or samples following each other down a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulescape.simulators.base import FloatArray


@dataclass(frozen=True)
class Stage:
    """One layer for the whole batch: its latency alone, the time its hardware is busy, and hardware that it shares.

    `shared` names a station that runs all its layers on the same hardware; None means hardware of its own. A stage
    that is `beside` starts with the one before it, and whatever follows waits for both.
    """

    latency_ns: FloatArray
    busy_ns: FloatArray
    shared: str | None
    is_beside: bool = False


def schedule(stages: Sequence[Stage], samples: int) -> tuple[list[FloatArray], list[FloatArray]]:
    """(starts, ends) of every layer; `samples` 1 runs whole layers one after the other.

    With more, the flow shop of identical jobs: the first sample walks down alone, each further one follows at the pace
    of the slowest hardware met so far: end of layer l = sum of single latencies up to l + (samples - 1) * pace.
    """
    starts: list[FloatArray] = []
    ends: list[FloatArray] = []
    passed = np.zeros_like(stages[0].latency_ns)
    busiest = np.zeros_like(passed)
    busy: dict[str, FloatArray] = {}
    for stage in stages:
        each = stage.busy_ns / samples
        if stage.shared is not None:
            each = busy[stage.shared] = busy.get(stage.shared, np.zeros_like(passed)) + each
        busiest = np.maximum(busiest, each)
        starts.append(starts[-1] if stage.is_beside and starts else passed)
        passed = np.maximum(passed, starts[-1] + stage.latency_ns - stage.busy_ns * (1 - 1 / samples))
        ends.append(passed + (samples - 1) * busiest)
    return starts, ends
