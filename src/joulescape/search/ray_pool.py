"""Ray workers: actors that judge chunks of jobs, replaced when they die or hang."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.accuracy.reference import single_thread
from joulescape.errors import JoulescapeError, ResultsError
from joulescape.search.cache import WorkerMemory
from joulescape.search.digests import measured_version
from joulescape.search.outcome import Job, failed
from joulescape.search.workers import Result, Ticket, Work, judge

ATTEMPTS = 2
"""A job whose worker dies is tried once more, alone."""

CHUNK_S = 0.1
"""A call to a worker should take about this long, so that Ray's own cost (about 1 ms a call) does not show."""

LARGEST_CHUNK = 16
_REMEDY = "--executor serial does without them"
_GRACE_S = 30.0
_START_S = 120.0
_OBJECT_STORE_BYTES = 150_000_000
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_ON_LOOPBACK = {"RAY_AUTH_MODE": "disabled"}
"""Tokens guard clusters that others can reach; a Ray that listens on this machine alone needs no token file."""


@dataclass(frozen=True)
class _Waiting:
    ticket: Ticket
    job: Job
    attempt: int = 1


@dataclass(frozen=True)
class _Call:
    actor: Any
    chunk: tuple[_Waiting, ...]
    deadline: float


class _Judge:
    """The actor: one process, one PyTorch thread, its own reader of the cache."""

    def __init__(self, work: Work) -> None:
        single_thread()
        self._work = work
        self._memory = WorkerMemory(work.cache, measured_version())

    def is_ready(self) -> bool:
        """Answers once the worker stands."""
        return True

    def judge(self, jobs: Sequence[tuple[Ticket, Job]]) -> list[Result]:
        """Judge a chunk."""
        return judge(self._work, self._memory, jobs)


class RayPool:
    """So many actors, one chunk each at a time; the rest waits here, so that a dead actor takes little with it."""

    def __init__(self, work: Work, workers: int) -> None:
        import ray

        self._ray = ray
        _start(ray, workers)
        self._time_out_s = work.time_out_s
        self._work = ray.put(work)
        self._actor = ray.remote(_Judge)
        self._workers = workers
        self._idle = [self._spawn() for _ in range(workers)]
        self._check()
        self._calls: dict[Any, _Call] = {}
        self._queue: deque[_Waiting] = deque()
        self._job_s: float | None = None

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""
        self._queue.extend(_Waiting(ticket, job) for ticket, job in jobs)
        self._feed()

    def collect(self) -> Sequence[Result]:
        """Wait until something has finished and return it."""
        while True:
            self._feed()
            left = min(call.deadline for call in self._calls.values()) - time.monotonic()
            done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=max(left, 0.0))
            finished = [result for reference in done for result in self._take(reference)]
            late = [] if done else [result for reference in self._overdue() for result in self._drop(reference)]
            if finished or late:
                self._feed()
                return finished or late

    def close(self) -> None:
        """End the actors and, if this run started it, Ray."""
        self._ray.shutdown()

    def _check(self) -> None:
        """Wait for the first workers; one that cannot start would otherwise look like a deadly candidate."""
        try:
            self._ray.get([actor.is_ready.remote() for actor in self._idle], timeout=_START_S)
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            self.close()
            raise ResultsError(f"Ray's workers do not start ({_in_short(error)}); {_REMEDY}") from error

    def _spawn(self) -> Any:
        return self._actor.options(max_restarts=0, max_task_retries=0, num_cpus=1).remote(self._work)

    def _feed(self) -> None:
        while self._idle and self._queue:
            actor, chunk = self._idle.pop(), self._chunk()
            reference = actor.judge.remote([(item.ticket, item.job) for item in chunk])
            deadline = time.monotonic() + len(chunk) * self._time_out_s + _GRACE_S
            self._calls[reference] = _Call(actor, chunk, deadline)

    def _chunk(self) -> tuple[_Waiting, ...]:
        """As many jobs as fill CHUNK_S, but no more than one worker's share; a second attempt goes alone."""
        share = -(-len(self._queue) // self._workers)
        fitting = 1 if self._job_s is None else int(CHUNK_S / max(self._job_s, 1e-6))
        size = max(1, min(share, fitting, LARGEST_CHUNK))
        chunk = [self._queue.popleft()]
        while chunk[0].attempt == 1 and len(chunk) < size and self._queue[0].attempt == 1:
            chunk.append(self._queue.popleft())
        return tuple(chunk)

    def _take(self, reference: Any) -> list[Result]:
        call, gone = self._calls.pop(reference), self._ray.exceptions
        try:
            results: list[Result] = self._ray.get(reference)
        except (gone.RayActorError, gone.OutOfMemoryError, gone.WorkerCrashedError):
            self._idle.append(self._spawn())
            return self._again(call, "its worker died")
        except gone.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, JoulescapeError) else error) from None
        self._idle.append(call.actor)
        self._job_s = sum(result.outcome.seconds for result in results) / len(results)
        return results

    def _overdue(self) -> list[Any]:
        now = time.monotonic()
        return [reference for reference, call in self._calls.items() if call.deadline <= now]

    def _drop(self, reference: Any) -> list[Result]:
        """Kill a worker that hangs where no alarm reaches it; a lone job has then had its time."""
        call = self._calls.pop(reference)
        self._ray.kill(call.actor)
        self._idle.append(self._spawn())
        return self._again(call, f"hung for longer than {self._time_out_s:g} s")

    def _again(self, call: _Call, reason: str) -> list[Result]:
        """Queue the jobs of a lost call once more, each alone; those that were lost before have failed."""
        lost = [item for item in call.chunk if item.attempt >= ATTEMPTS]
        again = [item for item in call.chunk if item.attempt < ATTEMPTS]
        self._queue.extendleft(_Waiting(item.ticket, item.job, item.attempt + 1) for item in reversed(again))
        reason = f"{reason} {ATTEMPTS} times"
        return [Result(item.ticket, failed(item.job, reason, is_lasting=False), ()) for item in lost]


def _start(ray: Any, workers: int) -> None:
    """Start Ray here, or join the cluster that RAY_ADDRESS names after a probe (a dead one would hang for a minute)."""
    address = os.environ.get("RAY_ADDRESS")
    wanted = _QUIET if address else {**_QUIET, **_ON_LOOPBACK}
    os.environ.update({name: value for name, value in wanted.items() if name not in os.environ})
    here = {
        "address": "local",
        "num_cpus": workers,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "object_store_memory": _OBJECT_STORE_BYTES,
    }
    if address:
        probe(address)
    try:
        ray.init(**({"address": address} if address else here), log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        ray.shutdown()
        raise ResultsError(f"Ray does not start ({_in_short(error)}); {_REMEDY}") from error


def _in_short(error: Exception) -> str:
    """The first line: Ray adds a page of remote tracebacks."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def probe(address: str, wait_s: float = 3.0) -> None:
    """Raise ResultsError when nothing listens at `address` (host:port, with or without ray://)."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=wait_s).close()
    except OSError as error:
        raise ResultsError(
            f"RAY_ADDRESS is {address}, but nothing answers there ({error}); unset it or start Ray"
        ) from error
