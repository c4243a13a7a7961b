"""Where candidates are judged: in this process, or in Ray workers. Both take jobs and give results as they end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from joulescape.accuracy.reference import single_thread
from joulescape.search.cache import Measurements, WorkerMemory
from joulescape.search.digests import measured_version
from joulescape.search.outcome import Evaluate, Job, Outcome, run_job

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

Executor = Literal["auto", "serial", "ray"]
Ticket = int
"""The caller's number for a job: results come back under it, in any order."""


@dataclass(frozen=True)
class Work:
    """Everything that every job of one run shares."""

    space: DesignSpace
    seed: int
    evaluate: Evaluate
    cache: Path
    time_out_s: float


@dataclass(frozen=True)
class Result:
    """One finished job: its ticket, what it gave, and what it measured on the way (for the driver to store)."""

    ticket: Ticket
    outcome: Outcome
    measurements: Measurements


class Pool(Protocol):
    """What the driver needs of its workers."""

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""

    def collect(self) -> Sequence[Result]:
        """Wait until something has finished and return it; needs at least one unfinished job."""

    def close(self) -> None:
        """End the workers."""


def judge(work: Work, memory: WorkerMemory, jobs: Sequence[tuple[Ticket, Job]]) -> list[Result]:
    """Judge jobs one after the other."""
    results = []
    for ticket, job in jobs:
        outcome = run_job(job, work.space, work.seed, work.evaluate, memory, work.time_out_s)
        results.append(Result(ticket, outcome, memory.hand_over()))
    return results


class InProcess:
    """The twin without Ray: judges in this process, one job per `collect`."""

    def __init__(self, work: Work) -> None:
        single_thread()
        self._work = work
        self._memory = WorkerMemory(work.cache, measured_version())
        self._queue: deque[tuple[Ticket, Job]] = deque()

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""
        self._queue.extend(jobs)

    def collect(self) -> Sequence[Result]:
        """Judge the next job."""
        return judge(self._work, self._memory, [self._queue.popleft()])

    def close(self) -> None:
        """Nothing to end."""


def open_pool(work: Work, workers: int, executor: Executor) -> Pool:
    """The workers of a run: Ray only when it is asked for by name."""
    if executor == "ray":
        from joulescape.search.ray_pool import RayPool

        return RayPool(work, workers)
    return InProcess(work)
