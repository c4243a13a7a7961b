"""Brings jobs to workers and results home: what is remembered is not judged again, what is new is stored at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from joulescape.accuracy.reference import ensure
from joulescape.errors import ResultsError
from joulescape.evaluation import evaluate
from joulescape.network.digest import digest
from joulescape.search.cache import PLACE, Cache
from joulescape.search.digests import code_digest, evaluator_digest, space_digest, weights_digest
from joulescape.search.outcome import Evaluate, Job, Outcome
from joulescape.search.workers import Executor, Pool, Ticket, Work, open_pool

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

log = logging.getLogger("joulescape.search")

TIME_OUT_S = 900.0
"""Longest time that one evaluation may take."""

RAY_START_S = 15.0
"""What Ray costs before its workers judge: its own start, and their imports."""

PROBE = 6
"""Jobs that tell how long the others may take."""


@dataclass(frozen=True)
class Means:
    """By what means a run is made; none of it may change a result."""

    workers: int = 1
    executor: Executor = "auto"
    """`auto` begins in this process, and takes Ray between batches once that is sure to pay."""
    time_out_s: float = TIME_OUT_S
    cache: Path | None = None
    """The cache file; by default results/.cache/evaluations.sqlite of the project."""

    def cache_of(self, space: DesignSpace) -> Path:
        """The cache file of a run on `space`."""
        return self.cache if self.cache is not None else space.root / PLACE


@dataclass
class Driver:
    """One run's cache and workers. Workers start when the first job is not remembered. Close it when done."""

    space: DesignSpace
    means: Means
    evaluate: Evaluate
    reused: int = 0
    judged: int = 0
    expected: int = 0
    """Jobs that the whole run will bring, as far as its owner knows."""
    seconds: float = 0.0
    """Time of all judged jobs together."""
    _waiting: dict[Ticket, tuple[Job, Callable[[Outcome], None]]] = field(default_factory=dict)
    _pool: Pool | None = None
    _is_settled: bool = False
    """Whether Ray was tried: a run asks only once."""

    def __post_init__(self) -> None:
        if self.evaluate is evaluate:
            _ready_weights(self.space)
        self._cache = Cache(self.means.cache_of(self.space))
        self._version = digest(
            space_digest(self.space),
            code_digest(),
            weights_digest(self.space),
            evaluator_digest(self.evaluate),
            self.space.spec.budget.seed,
        )

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()
        self._cache.close()

    def start(self, jobs: Iterable[tuple[Job, Callable[[Outcome], None]]]) -> None:
        """Answer from memory what is remembered and queue the rest; each callback gets its job's outcome."""
        self._consider_ray()
        fresh: list[tuple[Ticket, Job, Callable[[Outcome], None]]] = []
        for job, done in jobs:
            known = self._remembered(job)
            if known is not None:
                self.reused += 1
                done(known)
                continue
            ticket = self.judged + len(self._waiting) + len(fresh)
            fresh.append((ticket, job, done))
        self._waiting.update({ticket: (job, done) for ticket, job, done in fresh})
        if fresh:
            self._workers().submit([(ticket, job) for ticket, job, _ in fresh])

    def wait(self) -> None:
        """Wait until something has finished, store it and call back; needs a job under way."""
        for result in self._workers().collect():
            job, done = self._waiting.pop(result.ticket)
            text = result.outcome.encoded()
            self._cache.store(self._key(job) if result.outcome.is_lasting else None, text, result.measurements)
            self.judged += 1
            self.seconds += result.outcome.seconds
            if result.outcome.log:
                log.warning("candidate %s failed:\n%s", job.candidate.candidate_id, result.outcome.log)
            done(Outcome.decoded(text))

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """The outcomes of `jobs`, in their order."""
        found: dict[int, Outcome] = {}
        self.expected = len(jobs)
        queue = [(job, _keep(found, index)) for index, job in enumerate(jobs)]
        for part in (queue[:PROBE], queue[PROBE:]):
            self.start(part)
            while self._waiting:
                self.wait()
        self.flush()
        return [found[index] for index in range(len(jobs))]

    def flush(self) -> None:
        """Bring what was stored safely to disk."""
        self._cache.flush()

    def _workers(self) -> Pool:
        """With lag 2 (clusters) there is hardly a pause in which to change, so that `auto` is Ray at once."""
        if self._pool is None and self._may_take_ray and self.space.spec.budget.lag == 2:
            self._take_ray()
        if self._pool is None:
            self._pool = self._open("ray" if self.means.executor == "ray" else "serial")
        return self._pool

    @property
    def _may_take_ray(self) -> bool:
        return self.means.executor == "auto" and self.means.workers > 1 and not self._is_settled

    def _take_ray(self) -> None:
        """Change to Ray; where it does not start, the run goes on in this process: the same results, only later."""
        self._is_settled = True
        try:
            self._pool = self._open("ray")
        except ResultsError as error:
            log.warning("%s; the run goes on with one worker, in this process", error)

    def _open(self, executor: Executor) -> Pool:
        work = Work(self.space, self.space.spec.budget.seed, self.evaluate, self._cache.path, self.means.time_out_s)
        return open_pool(work, self.means.workers, executor)

    def _consider_ray(self) -> None:
        """Change to Ray when the rest of the run is so long that sharing it saves more than Ray's start costs."""
        if not self._may_take_ray or self._waiting or not self.judged:
            return
        left_s = (self.expected - self.judged - self.reused) * self.seconds / self.judged
        if left_s * (1 - 1 / self.means.workers) > RAY_START_S:
            log.info("about %.0f s of work left: starting %d workers", left_s, self.means.workers)
            self._take_ray()

    def _key(self, job: Job) -> str:
        return digest(job.candidate.candidate_id, job.fidelity, job.variants, self._version)

    def _remembered(self, job: Job) -> Outcome | None:
        text = self._cache.outcome(self._key(job))
        if text is None:
            return None
        try:
            return Outcome.decoded(text)
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"the cache {self._cache.path} is damaged ({error}); delete it and run again") from error


def _ready_weights(space: DesignSpace) -> None:
    """Train reference weights that are absent or belong to another recipe, before their digest names an evaluation."""
    try:
        for name, network in space.networks.items():
            ensure(space.graphs[name], network.training.model_dump(), space.spec.task, space.networks_dir)
    except OSError as error:
        raise ResultsError(
            f"{space.networks_dir} cannot be used ({error}); make it writable, then run again"
        ) from error


def _keep(found: dict[int, Outcome], index: int) -> Callable[[Outcome], None]:
    def done(outcome: Outcome) -> None:
        found[index] = outcome

    return done
