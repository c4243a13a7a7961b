"""Ray workers: actors that judge chunks of jobs, replaced when they die, hang, or lose their node."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from joulescape.errors import JoulescapeError, ResultsError
from joulescape.search import on_nodes
from joulescape.search.chunks import JobTimes
from joulescape.search.digests import JUDGING_PACKAGES
from joulescape.search.judging import GRACE_S, Result, Ticket, Work
from joulescape.search.outcome import DEATHS, Job, died, out_of_time
from joulescape.search.ray_start import REMEDY, in_short, join, start
from joulescape.search.reaper import Reaper
from joulescape.search.shipment import packed

log = logging.getLogger("joulescape.search")

START_S = 120.0
"""Longest wait for the first worker, and for another one when all are lost."""

BAD_STARTS = 3
"""So many workers in a row that die before they stand are no accident: only those that stand go on."""


@dataclass(frozen=True)
class _Waiting:
    ticket: Ticket
    job: Job
    deaths: int = 0
    is_alone: bool = False


@dataclass(frozen=True)
class _Worker:
    actor: Any
    node: str


@dataclass(frozen=True)
class _Call:
    worker: _Worker
    chunk: tuple[_Waiting, ...]
    deadline: float


class RayPool:
    """So many actors, one chunk each at a time; the rest waits here, so that a dead actor takes little with it.

    An actor gets work once it stands: where a cluster has fewer CPUs than before, the others go on.
    """

    def __init__(self, work: Work, workers: int | None) -> None:
        import ray

        self._ray: Any = ray
        self._limit_s = work.time_out_s
        address = os.environ.get("RAY_ADDRESS")
        self._reaper: Reaper | None = None
        if address:
            join(ray, address)
            self._workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        else:
            self._workers = workers or 1
            self._reaper = Reaper()
            start(ray, self._workers)
        self._prepared_with = self._luggage(work, is_cluster=bool(address))
        self._idle: list[_Worker] = []
        self._calls: dict[Any, _Call] = {}
        self._queue: deque[_Waiting] = deque()
        self._judged_by: dict[str, _Worker] = {}
        self._times = JobTimes()
        self._bad_starts = 0
        self._starting = dict(self._spawn() for _ in range(self._workers))
        self._await_first()

    def submit(self, jobs: Sequence[tuple[Ticket, Job]]) -> None:
        """Queue jobs."""
        self._queue.extend(_Waiting(ticket, job) for ticket, job in jobs)
        self._feed()

    def collect(self) -> Sequence[Result]:
        """Wait until something has finished and return it."""
        results: list[Result] = []
        while not results:
            self._feed()
            results = self._next()
        self._feed()
        return results

    def close(self) -> None:
        """End the actors and, if this run started it, Ray."""
        self._ray.shutdown()
        if self._reaper is not None:
            self._reaper.close()

    def _luggage(self, work: Work, is_cluster: bool) -> tuple[Any, ...]:
        """What every worker is prepared with; the code and the weights travel only to a cluster."""
        ray, cloudpickle = self._ray, self._ray.cloudpickle
        cloudpickle.register_pickle_by_value(on_nodes)
        here = ray.get_runtime_context().get_node_id()
        reader = None
        if is_cluster:
            affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
            kept_here = ray.remote(on_nodes.CacheReader).options(num_cpus=0, scheduling_strategy=affinity)
            reader = kept_here.remote(str(work.cache.resolve()))
        shipment = ray.put(packed(work.space)) if is_cluster else None
        return ray.put(cloudpickle.dumps(work)), shipment, JUDGING_PACKAGES, (here, reader)

    def _await_first(self) -> None:
        """Wait for the first worker; one that cannot start would otherwise look like a deadly candidate."""
        try:
            while not self._idle:
                self._next()
        except ResultsError:
            self.close()
            raise

    def _spawn(self) -> tuple[Any, Any]:
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": 1}
        actor = self._ray.remote(on_nodes.NodeWorker).options(**options).remote()
        return actor.prepare.remote(*self._prepared_with), actor

    def _next(self) -> list[Result]:
        """Wait for one event, and give the jobs that ended with it."""
        under_way = [*self._calls, *self._starting]
        done, _ = self._ray.wait(under_way, num_returns=1, timeout=self._patience_s())
        if not done and not self._calls:
            raise ResultsError(f"no Ray worker stands after {START_S:g} s; what was finished is remembered; {REMEDY}")
        if not done:
            late = [reference for reference, call in self._calls.items() if call.deadline <= time.monotonic()]
            return [result for reference in late for result in self._drop(reference)]
        if done[0] in self._starting:
            self._admit(done[0])
            return []
        return self._take(done[0])

    def _patience_s(self) -> float:
        if not self._calls:
            return START_S
        return max(min(call.deadline for call in self._calls.values()) - time.monotonic(), 0.0)

    def _admit(self, reference: Any) -> None:
        """Give work to a worker that stands; replace one that died on its way."""
        actor, gone = self._starting.pop(reference), self._ray.exceptions
        try:
            place = self._ray.get(reference)
        except gone.RayTaskError as error:
            raise ResultsError(f"a Ray worker cannot start ({error.cause!r}); see docs/cluster.md; {REMEDY}") from error
        except gone.RayError as error:
            self._bad_starts += not _is_node_loss(error)
            if self._bad_starts < BAD_STARTS:
                self._starting.update([self._spawn()])
            elif not (self._starting or self._calls or self._idle):
                raise ResultsError(f"Ray's workers do not start ({in_short(error)}); {REMEDY}") from error
            return
        _refuse_other_versions(place)
        self._bad_starts = 0
        self._idle.append(_Worker(actor, place["node"]))

    def _feed(self) -> None:
        while self._idle and self._queue:
            worker = self._idle.pop()
            chunk = self._chunk(worker)
            reference = worker.actor.judge.remote([(item.ticket, item.job) for item in chunk])
            self._calls[reference] = _Call(worker, chunk, time.monotonic() + self._limit_s + GRACE_S)

    def _chunk(self, worker: _Worker) -> tuple[_Waiting, ...]:
        """The next jobs of this worker; one that was under way in a lost call goes alone.

        A candidate that climbs goes where it was judged before, if that is free: its fine-tuned weights are there.
        """
        size = self._times.size(len(self._queue), self._workers)
        nearest = min(self._distance(item, worker) for item in self._queue)
        fitting = [item for item in self._queue if self._distance(item, worker) == nearest]
        chunk = fitting[:1] if fitting[0].is_alone else [item for item in fitting if not item.is_alone][:size]
        taken = {item.ticket for item in chunk}
        self._queue = deque(item for item in self._queue if item.ticket not in taken)
        return tuple(chunk)

    def _distance(self, item: _Waiting, worker: _Worker) -> int:
        """0 for a candidate that this worker has judged before, 1 for a new one, 2 for another worker's."""
        known = self._judged_by.get(item.job.candidate.candidate_id)
        return 1 if known is None else 2 * (known != worker)

    def _take(self, reference: Any) -> list[Result]:
        call, gone = self._calls.pop(reference), self._ray.exceptions
        try:
            results: list[Result] = self._ray.get(reference)
        except gone.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, JoulescapeError) else error) from None
        except gone.RayError as error:
            return self._lost(call, is_blamed=not self._is_node_lost(call.worker, error))
        self._idle.append(call.worker)
        self._judged_by.update({item.job.candidate.candidate_id: call.worker for item in call.chunk})
        self._times.add(result.outcome.seconds for result in results)
        return results

    def _is_node_lost(self, worker: _Worker, error: Exception) -> bool:
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        return worker.node not in alive or _is_node_loss(error)

    def _lost(self, call: _Call, is_blamed: bool) -> list[Result]:
        """Replace a worker that died. Its jobs go again, each alone; one that was alone each time has failed for good.

        A job is not blamed for the loss of a node, nor for a death in company.
        """
        self._replace(call.worker)
        deaths = int(is_blamed and len(call.chunk) == 1)
        items = [replace(item, deaths=item.deaths + deaths, is_alone=True) for item in call.chunk]
        self._queue.extendleft(item for item in reversed(items) if item.deaths < DEATHS)
        return [Result(item.ticket, died(item.job), ()) for item in items if item.deaths >= DEATHS]

    def _drop(self, reference: Any) -> list[Result]:
        """Kill a worker that hangs where no alarm reaches it. A lone job has had its time; others go alone."""
        call = self._calls.pop(reference)
        self._ray.kill(call.worker.actor)
        if len(call.chunk) > 1:
            return self._lost(call, is_blamed=False)
        self._replace(call.worker)
        return [Result(item.ticket, out_of_time(item.job, self._limit_s), ()) for item in call.chunk]

    def _replace(self, worker: _Worker) -> None:
        log.debug("a worker on node %s is replaced", worker.node)
        self._starting.update([self._spawn()])


def _is_node_loss(error: Exception) -> bool:
    return "node has died" in str(error) or "node died" in str(error).lower()


def _refuse_other_versions(place: dict[str, Any]) -> None:
    """Raise ResultsError when a node's packages are not those of the driver: its numbers might not be the same."""
    here = on_nodes.versions(JUDGING_PACKAGES)
    other = [
        f"{name} {place['versions'][name]}, here {here[name]}" for name in here if place["versions"][name] != here[name]
    ]
    if other:
        raise ResultsError(
            f"node {place['host']} of the Ray cluster has {'; '.join(other)}: install the same versions on every node"
        )
