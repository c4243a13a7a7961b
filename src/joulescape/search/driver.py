"""Brings jobs to workers and results home: what is remembered is not judged again, what is new is stored at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joulescape.accuracy.kept import is_kept
from joulescape.errors import ResultsError
from joulescape.evaluation import evaluate
from joulescape.network.digest import digest
from joulescape.search.cache import PLACE, Cache
from joulescape.search.digests import code_digest, evaluator_digest, space_digest, weights_digest
from joulescape.search.outcome import Evaluate, Job, Outcome
from joulescape.search.progress import log, pulse
from joulescape.search.workers import Executor, Pool, Ticket, Work, on_cluster, open_pool

if TYPE_CHECKING:
    from joulescape.network.fidelity import Fidelity
    from joulescape.network.operators import Graph
    from joulescape.resolve.design_space import DesignSpace

RAY_START_S = 15.0
"""What Ray costs before its workers judge: its own start, and their imports."""

PROBE = 6
"""Jobs that tell how long the others may take."""


@dataclass(frozen=True)
class Means:
    """By what means a run is made; none of it may change a result."""

    workers: int | None = None
    """None is one worker; on a Ray cluster (RAY_ADDRESS) as many as that has CPUs."""
    executor: Executor = "auto"
    """`auto` begins in this process, and takes Ray between batches once that is sure to pay."""
    cache: Path | None = None
    """The cache file; by default results/.cache/evaluations.sqlite of the project."""

    def cache_of(self, space: DesignSpace) -> Path:
        """The cache file of a run on `space`."""
        return self.cache if self.cache is not None else space.root / PLACE


@dataclass(frozen=True)
class _Waiting:
    job: Job
    key: str
    done: Callable[[Outcome], None]


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
    left_s: Callable[[], float | None] = lambda: None
    """What its owner knows of the time that is left: a search sees how many rungs its candidates climb."""
    seconds: float = 0.0
    """Time of all judged jobs together."""
    _waiting: dict[Ticket, _Waiting] = field(default_factory=dict)
    _pool: Pool | None = None
    _is_settled: bool = False
    """Whether Ray was tried: a run asks only once."""

    def __post_init__(self) -> None:
        if self.evaluate is evaluate:
            _ready_weights(self.space)
        self.cache = Cache(self.means.cache_of(self.space))
        asked = space_digest(self.space), weights_digest(self.space), evaluator_digest(self.evaluate)
        self._question = digest(*asked, self.space.spec.budget.seed)
        self._code = code_digest()
        self._fidelities: dict[Fidelity, str] = {}

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()
        self.cache.close()

    def start(self, jobs: Iterable[tuple[Job, Callable[[Outcome], None]]]) -> None:
        """Answer from memory what is remembered and queue the rest; each callback gets its job's outcome."""
        self._consider_ray()
        fresh: dict[Ticket, _Waiting] = {}
        for job, done in jobs:
            key = self._key(job)
            known = self._remembered(key)
            if known is not None:
                self.reused += 1
                pulse.debug("remembered")
                done(known)
                continue
            fresh[self.judged + len(self._waiting) + len(fresh)] = _Waiting(job, key, done)
        self._waiting.update(fresh)
        if fresh:
            self._workers().submit([(ticket, item.job) for ticket, item in fresh.items()])

    def wait(self) -> None:
        """Wait until something has finished, store it and call back; needs a job under way."""
        finished = [(self._waiting.pop(r.ticket), r.outcome, r.measurements) for r in self._workers().collect()]
        texts = [outcome.encoded() for _, outcome, _ in finished]
        lasting = [(item.key, t) for (item, outcome, _), t in zip(finished, texts, strict=True) if outcome.is_lasting]
        self.cache.store(lasting, [one for _, _, measurements in finished for one in measurements])
        for (item, outcome, _), text in zip(finished, texts, strict=True):
            self.judged += 1
            self.seconds += outcome.seconds
            pulse.debug("judged")
            if outcome.log:
                log.warning("candidate %s failed:\n%s", item.job.candidate.candidate_id, outcome.log)
            item.done(Outcome.decoded(text))

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
        self.cache.flush()

    def _workers(self) -> Pool:
        """With lag 2 there is hardly a pause in which to change, and a cluster is there to be used: Ray at once."""
        if self._pool is None and self._may_take_ray and (on_cluster() or self.space.spec.budget.lag == 2):
            self._take_ray()
        if self._pool is None:
            self._pool = self._open("ray" if self.means.executor == "ray" else "serial")
        return self._pool

    @property
    def _may_take_ray(self) -> bool:
        is_shared = on_cluster() or self._worker_count > 1
        return self.means.executor == "auto" and is_shared and not self._is_settled

    @property
    def _worker_count(self) -> int:
        return self.means.workers or 1

    def _take_ray(self) -> None:
        """Change to Ray; where it does not start, the run goes on in this process: the same results, only later."""
        self._is_settled = True
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        try:
            self._pool = self._open("ray")
        except ResultsError as error:
            if on_cluster():  # asked for by name
                raise
            log.warning("%s; the run goes on with one worker, in this process", error)

    def _open(self, executor: Executor) -> Pool:
        budget = self.space.spec.budget
        work = Work(self.space, budget.seed, self.evaluate, self.cache.path, budget.time_out_s)
        return open_pool(work, self.means.workers, executor)

    def _consider_ray(self) -> None:
        """Change to Ray when the rest of the run is so long that sharing it saves more than Ray's start costs."""
        if not self._may_take_ray or self._waiting or not self.judged:
            return
        left_s = self.left_s()
        if left_s is None:
            left_s = (self.expected - self.judged - self.reused) * self.seconds / self.judged
        if left_s * (1 - 1 / self._worker_count) > RAY_START_S:
            log.info("about %.0f s of work left: starting %d workers", left_s, self._worker_count)
            self._take_ray()

    def _key(self, job: Job) -> str:
        """Candidate, fidelity, wanted variants and question; behind the @ the code, so that stale rows can be told."""
        if job.fidelity not in self._fidelities:
            self._fidelities[job.fidelity] = digest(job.fidelity)
        name = digest(job.candidate.candidate_id, self._fidelities[job.fidelity], job.variants, self._question)
        return f"{name}@{self._code}"

    def _remembered(self, key: str) -> Outcome | None:
        """The stored outcome; one that ran out of time is worth another try under a longer limit."""
        text = self.cache.outcome(key)
        if text is None:
            return None
        try:
            found = Outcome.decoded(text)
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"the cache {self.cache.path} is damaged ({error}); delete it and run again") from error
        is_worth_a_try = found.limit_s is not None and found.limit_s < self.space.spec.budget.time_out_s
        return None if is_worth_a_try else found


def _ready_weights(space: DesignSpace) -> None:
    """Train reference weights that are absent or belong to another recipe, before their digest names an evaluation.

    A question about costs alone needs none, and no PyTorch.
    """
    if not space.spec.needs_accuracy:
        return
    try:
        for name in space.networks:
            _ready(space.graphs[name], space.reference(name), space.spec.task, space.networks_dir)
    except OSError as error:
        raise ResultsError(
            f"{space.networks_dir} cannot be used ({error}); make it writable, then run again"
        ) from error


def _ready(graph: Graph, training: Mapping[str, Any], task: str, networks_dir: Path) -> None:
    if not is_kept(graph, training, task, networks_dir):
        from joulescape.accuracy.reference import ensure

        ensure(graph, training, task, networks_dir)


def _keep(found: dict[int, Outcome], index: int) -> Callable[[Outcome], None]:
    def done(outcome: Outcome) -> None:
        found[index] = outcome

    return done
