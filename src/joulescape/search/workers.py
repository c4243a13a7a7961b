"""Where candidates are judged: in this process, or in Ray workers. Both take jobs and give results as they end."""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

from joulescape.search.in_hand import InHand
from joulescape.search.judging import GRACE_S, Result, Ticket, Work, judge_of
from joulescape.search.outcome import Job
from joulescape.search.own_process import OwnProcess

log = logging.getLogger("joulescape.search")

Executor = Literal["auto", "serial", "ray"]

GUARD_S = 0.5
"""So long may one guard serve jobs that follow each other; it is far less than GRACE_S."""

LASTING_GUARD_S = 300.0
"""Under shorter limits every job has a guard of its own: between jobs the driver writes, and may wait for a disk."""

__all__ = ["Executor", "InProcess", "Pool", "Result", "Ticket", "Work", "on_cluster", "open_pool"]


class Pool(Protocol):
    """What the driver needs of its workers."""

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""

    def collect(self) -> Sequence[Result]:
        """Wait until something has finished and return it; needs at least one unfinished job."""

    def close(self) -> None:
        """End the workers."""


class InProcess:
    """The twin without Ray: judges in this process, one job per `collect`.

    Native code that does not return cannot be interrupted here: it ends this process with a traceback. The next run
    judges that candidate in a process of its own, as it does with one over which a process died; if that has to be
    killed too, all others follow it there. Outside the main thread no alarm can be set: there every candidate is
    judged in a process of its own.
    """

    def __init__(self, work: Work) -> None:
        self._judge = judge_of(work)
        self._limit_s = work.time_out_s + GRACE_S
        self._queue: deque[tuple[Ticket, Job]] = deque()
        self._in_hand = InHand(work.cache)
        self._own_process = OwnProcess(work)
        self._guarded: float | None = None
        """When the guard over this process was set, which is not lifted yet."""
        self._is_wary = threading.current_thread() is not threading.main_thread()

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""
        self._queue.extend(jobs)

    def collect(self) -> Sequence[Result]:
        """Judge the next job."""
        ticket, job = self._queue.popleft()
        if self._in_hand.is_suspect(job):
            return [self._apart(ticket, job)]
        if self._is_wary:
            return [self._own_process.judge(ticket, job)]
        self._in_hand.note(job)
        self._guard()
        try:
            found = self._judge([(ticket, job)])
        except BaseException:
            self._unguard()
            raise
        if not self._queue or self._limit_s < LASTING_GUARD_S or self._is_guard_old:
            self._unguard()
        return found

    def _guard(self) -> None:
        """End this process some time after the limit. To set and to lift a guard takes longer than a small job: where
        the limit is long, one that was set just now serves the jobs behind as well."""
        if self._guarded is None or self._is_guard_old:
            faulthandler.dump_traceback_later(self._limit_s, exit=True)
            self._guarded = time.monotonic()

    def _unguard(self) -> None:
        if self._guarded is not None:
            faulthandler.cancel_dump_traceback_later()
            self._guarded = None

    @property
    def _is_guard_old(self) -> bool:
        return self._guarded is not None and time.monotonic() - self._guarded > GUARD_S

    def _apart(self, ticket: Ticket, job: Job) -> Result:
        log.info("candidate %s is judged in a process of its own: one ended over it", job.candidate.candidate_id)
        self._unguard()
        result = self._own_process.judge(ticket, job)
        self._is_wary |= result.outcome.is_failed and result.outcome.is_lasting
        self._in_hand.acquit(job)
        return result

    def close(self) -> None:
        """Leave no trace."""
        self._unguard()
        self._own_process.close()
        self._in_hand.close()


def on_cluster() -> bool:
    """Whether the user named a Ray cluster."""
    return bool(os.environ.get("RAY_ADDRESS"))


def open_pool(work: Work, workers: int | None, executor: Executor) -> Pool:
    """The workers of a run: Ray only when asked for by name. `workers` None is one, or all CPUs of a cluster."""
    if executor == "ray":
        from joulescape.search.ray_pool import RayPool

        return RayPool(work, workers)
    return InProcess(work)
