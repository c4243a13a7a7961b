"""The search: ask a batch, judge it anywhere, tell it in ask order, until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from joulescape import tables
from joulescape.errors import SimulatorError
from joulescape.evaluation import evaluate as real_evaluate
from joulescape.search.cache import locked
from joulescape.search.driver import Driver, Means
from joulescape.search.fidelities import search_fidelity
from joulescape.search.outcome import Evaluate, Job, Outcome
from joulescape.search.progress import Progress, log
from joulescape.search.record import front_of, trials_table, write_resolved, writing
from joulescape.search.study import Ask, Study

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace


@dataclass
class _Batch:
    asks: list[Ask]
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return len(self.outcomes) == len(self.asks)

    def keep(self, ask: Ask) -> Callable[[Outcome], None]:
        def done(outcome: Outcome) -> None:
            self.outcomes[ask.trial] = outcome

        return done

    def in_order(self) -> list[tuple[Ask, Outcome]]:
        return [(ask, self.outcomes[ask.trial]) for ask in self.asks]


@dataclass(frozen=True)
class SearchResult:
    """The tables of one search, why it ended, and how many evaluations were remembered or made."""

    trials: pl.DataFrame
    front: pl.DataFrame
    history: pl.DataFrame
    ended: str
    reused: int
    judged: int


def search(
    space: DesignSpace, out: Path, means: Means | None = None, evaluate: Evaluate = real_evaluate
) -> SearchResult:
    """Search `space` and leave its tables in `out`.

    A pure function of the space: workers, executor, kills and reruns change no row. Raises ResultsError when another
    run works in `out` or the cache cannot be used; SimulatorError when too many candidates failed (tables are written).
    """
    with locked(out), Driver(space, means or Means(), evaluate) as driver:
        search_run = _Search(space, driver)
        ended = search_run.go()
        result = search_run.result(ended)
        with writing(out):
            _write(space, out, result, search_run.study)
    _refuse_failures(space, search_run)
    return result


class _Search:
    """The loop's state."""

    def __init__(self, space: DesignSpace, driver: Driver) -> None:
        self.space = space
        self.study = Study(space)
        self.progress = Progress(space.spec.objectives, space.spec.budget.trials)
        self.judged: list[tuple[Ask, Outcome]] = []
        self._driver = driver
        driver.expected = space.spec.budget.trials
        self._fidelity = search_fidelity(space.spec)
        self._open: list[_Batch] = []
        self._began = time.monotonic()

    def go(self) -> str:
        """Run to the end; returns why it ended."""
        budget = self.space.spec.budget
        while True:
            while len(self._open) < budget.lag and self._ask():
                pass
            if not self._open:
                return "the budget of trials is spent" if self.study.is_spent else "the space is exhausted"
            self._tell()
            if self.failed_share > budget.failed_share:
                return "too many candidates failed"
            if budget.seconds is not None and time.monotonic() - self._began > budget.seconds:
                return "the budget of seconds is spent"

    @property
    def failed_share(self) -> float:
        """Failed candidates as a fraction of all told."""
        return self.progress.counts["failed"] / max(self.progress.told, 1)

    def result(self, ended: str) -> SearchResult:
        """The tables."""
        trials = trials_table(self.space, self.judged)
        history = tables.make(self.progress.history, tables.HISTORY)
        return SearchResult(trials, front_of(trials), history, ended, self._driver.reused, self._driver.judged)

    def _ask(self) -> bool:
        asks = self.study.ask()
        if asks:
            batch = _Batch(asks)
            self._open.append(batch)
            self._driver.start((Job(ask.candidate, self._fidelity), batch.keep(ask)) for ask in asks)
        return bool(asks)

    def _tell(self) -> None:
        batch = self._open.pop(0)
        while not batch.is_complete:
            self._driver.wait()
        self._driver.flush()
        judged = batch.in_order()
        self.judged += judged
        told = [(ask, outcome.evaluations) for ask, outcome in judged]
        self.study.tell(told)
        archive = self.study.archive
        evaluations = [found for _, found in told]
        number = batch.asks[0].batch
        self.progress.add(number, evaluations, archive.front_size, archive.hypervolume(), self._driver.judged)


def _write(space: DesignSpace, out: Path, result: SearchResult, study: Study) -> None:
    reference = study.archive.reference
    names = list(space.spec.objectives)
    run: dict[str, Any] = {
        "ended": result.ended,
        "seed": space.spec.budget.seed,
        "fidelity": search_fidelity(space.spec).name,
        "reference_point": None if reference is None else dict(zip(names, reference.tolist(), strict=True)),
        "candidates_count": result.trials["candidate_id"].n_unique(),
        "designs_count": len(result.trials),
    }
    write_resolved(space, out / "resolved.json", run)
    tables.write(result.history, out / "history.parquet")
    tables.write(result.front, out / "front.parquet")
    tables.write(result.trials, out / "trials.parquet")
    if not len(result.front):
        log.warning("no design is feasible: the front of %s is empty; trials.parquet holds every reason", space.name)


def _refuse_failures(space: DesignSpace, found: _Search) -> None:
    share, allowed = found.failed_share, space.spec.budget.failed_share
    if share > allowed:
        first = next(outcome.evaluations[0] for _, outcome in found.judged if outcome.is_failed)
        raise SimulatorError(
            f"{found.progress.counts['failed']} of {found.progress.told} candidates failed ({share:.0%}, "
            f"budget.failed_share allows {allowed:.0%}); the first was {first.candidate_id}: {first.reason}"
        )
