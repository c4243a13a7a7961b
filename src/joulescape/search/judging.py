"""Judging jobs one after the other, in whatever process: this one, one of its own, or a Ray worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joulescape.errors import ResultsError
from joulescape.search.cache import Measurements, WorkerMemory
from joulescape.search.digests import measured_version
from joulescape.search.outcome import Evaluate, Job, Outcome, run_job

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

Ticket = int
"""The caller's number for a job: results come back under it, in any order."""

GRACE_S = 10.0
"""So much later than its limit a job is ended by force, where no alarm reaches it: native code that does not return."""

_READ_S = 30.0


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


Judge = Callable[[Sequence[tuple[Ticket, Job]]], list[Result]]


def judge_of(work: Work, root: Path | None = None, reader: Any = None) -> Judge:
    """What judges in this process, with one PyTorch thread and a memory of its own.

    `root` is where this node keeps the project's weights, if not at the place of the space; `reader` the actor that
    reads the cache, where this process cannot.
    """
    if work.space.spec.needs_accuracy:  # costs alone need no PyTorch
        from joulescape.accuracy.reference import single_thread

        single_thread()
    if root is not None:
        work = replace(work, space=replace(work.space, root=root / "project"))
    version = measured_version()
    memory = WorkerMemory(work.cache, version) if reader is None else FarMemory(work.cache, version, reader)

    def judge(jobs: Sequence[tuple[Ticket, Job]]) -> list[Result]:
        return [_judged(work, memory, ticket, job) for ticket, job in jobs]

    return judge


def _judged(work: Work, memory: WorkerMemory, ticket: Ticket, job: Job) -> Result:
    outcome = run_job(job, work.space, work.seed, work.evaluate, memory, work.time_out_s)
    return Result(ticket, outcome, memory.hand_over())


class FarMemory(WorkerMemory):
    """The same of a worker on another node: asks the node of the driver; goes on without where that does not answer."""

    def __init__(self, path: Path, version: str, reader: Any) -> None:
        super().__init__(path, version)
        self._reader = reader

    def _read(self, key: str) -> bytes | None:
        import ray

        try:
            found: bytes | None = ray.get(self._reader.read.remote(key), timeout=_READ_S)
        except ray.exceptions.RayTaskError as error:
            raise ResultsError(f"the cache {self._path} cannot be read ({error.cause}); run again") from error
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):  # to measure again is dear, but right
            return None
        return found
