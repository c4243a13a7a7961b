"""How busy two workers are while evaluations last between 0.03 and 10 s, log-uniformly.

    python benchmarks/busy.py [--trials 150]

An evaluation here sleeps and costs no CPU: the figure is about scheduling alone. It is the sum of all evaluation times
over (workers x time from the first start to the last end), for lag 1 and 2 and populations of 24 and 50, beside a
bound: the same durations, dealt to the same workers by a scheduler without any cost, batch by batch.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import os
import tempfile
from collections import deque
from pathlib import Path

from busy_space import BUSY_LOG, make_busy_space, sleeping_judge

from joulescape.search.driver import Means
from joulescape.search.run import search

WORKERS = 2


def measured(population: int, lag: int, trials: int, scale: float) -> tuple[float, list[float]]:
    """Share of the workers' time spent in evaluation, and the durations in the order in which they were asked."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[BUSY_LOG] = str(Path(folder) / "busy.log")
        os.environ["BUSY_SCALE"] = str(scale)
        space = make_busy_space(folder, population, lag, trials)
        found = search(space, Path(folder) / "out", Means(WORKERS, "ray"), sleeping_judge)
        lines = [json.loads(line) for line in Path(os.environ[BUSY_LOG]).read_text().splitlines()]
    spent = sum(line["end"] - line["begin"] for line in lines)
    whole = max(line["end"] for line in lines) - min(line["begin"] for line in lines)
    by_name = {line["candidate"]: line["end"] - line["begin"] for line in lines}
    asked = found.trials.unique("candidate_id", maintain_order=True).sort("trial")["candidate_id"]
    return spent / (WORKERS * whole), [by_name[name] for name in asked]


def bound(durations: list[float], population: int, lag: int) -> float:
    """The same share under a scheduler that costs nothing: batch k is there once batch k - lag is told."""
    free, told, batches = (
        [0.0] * WORKERS,
        deque([0.0] * lag),
        [durations[start : start + population] for start in range(0, len(durations), population)],
    )
    for batch in batches:
        ready, ends = told.popleft(), []
        for duration in batch:
            begin = max(heapq.heappop(free), ready)
            heapq.heappush(free, begin + duration)
            ends.append(begin + duration)
        told.append(max([*ends, *told]))
    return sum(durations) / (WORKERS * max(free))


def main() -> None:
    """Print one line a setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--scale", type=float, default=1.0, help="All durations times this.")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    for population in (24, 50):
        for lag in (1, 2):
            share, durations = measured(population, lag, chosen.trials, chosen.scale)
            best = bound(durations, population, lag)
            print(
                f"population {population}, lag {lag}: {share:.1%} busy; a scheduler without cost {best:.1%}", flush=True
            )


if __name__ == "__main__":
    main()
