"""The search: ask a batch, judge it anywhere, tell it in ask order, until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from joulescape import tables
from joulescape.errors import SimulatorError
from joulescape.evaluation import evaluate as real_evaluate
from joulescape.resolve.samplers import sampler_notes
from joulescape.search.audit import sentences
from joulescape.search.barred import asked_once
from joulescape.search.cache import locked
from joulescape.search.climb import Climb
from joulescape.search.constants import constants_table
from joulescape.search.driver import Driver, Means
from joulescape.search.endings import ending, is_failing
from joulescape.search.fidelities import search_fidelity
from joulescape.search.ladder import Ladder
from joulescape.search.outcome import Evaluate, Outcome
from joulescape.search.progress import Progress, log
from joulescape.search.record import front_of, trials_table, write_csv, write_resolved, writing
from joulescape.search.remembered import RememberedStudy
from joulescape.search.study import Ask
from joulescape.search.top_audit import audit_top

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace


@dataclass(frozen=True)
class SearchResult:
    """The tables of one search, why it ended, and what it took: evaluations remembered or made, on all rungs."""

    trials: pl.DataFrame
    front: pl.DataFrame
    history: pl.DataFrame
    audit: pl.DataFrame
    ended: str
    reused: int
    judged: int
    measurements: int
    designs_judged: int

    @property
    def designs_per_measurement(self) -> float | None:
        """Variants costed for each accuracy measurement; None where nothing was measured."""
        return self.designs_judged / self.measurements if self.measurements else None


def search(
    space: DesignSpace, out: Path, means: Means | None = None, evaluate: Evaluate = real_evaluate
) -> SearchResult:
    """Search `space` and leave its tables in `out`.

    A pure function of the space: workers, executor, kills and reruns change no row. Raises ResultsError when another
    run works in `out` or the cache cannot be used; SimulatorError when too many candidates failed (tables are written).
    """
    for note in sampler_notes(space):
        log.info("%s", note)
    with locked(out), Driver(space, means or Means(), evaluate) as driver:
        # What is proven holds for the evaluation: a stand-in has limits of its own.
        once = asked_once(space) if evaluate is real_evaluate else frozenset()
        search_run = _Search(space, driver, once)
        ended = search_run.go()
        result = search_run.result(ended)
        with writing(out):
            _write(space, out, result, search_run.study)
    _refuse_failures(space, search_run)
    return result


class _Search:
    """The loop's state."""

    def __init__(self, space: DesignSpace, driver: Driver, once: frozenset[str]) -> None:
        self.space = space
        self.study = RememberedStudy(space, driver.cache, once)
        self.ladder = Ladder(space)
        budget = space.spec.budget
        self.progress = Progress(space.spec.objectives, budget.trials, budget.seconds)
        self.judged: list[tuple[Ask, Outcome]] = []
        self._driver = driver
        driver.expected, driver.left_s = space.spec.budget.trials, lambda: self.progress.left_s
        self._open: list[Climb] = []
        self._volumes: list[float | None] = []
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
            seconds = time.monotonic() - self._began
            why = ending(budget, self.progress.told, self.progress.counts["failed"], self._volumes, seconds)
            if why is not None:
                return why

    def result(self, ended: str) -> SearchResult:
        """The tables."""
        trials = trials_table(self.space, self.judged)
        audit = [*self.ladder.rows(), *audit_top(self.space, self.judged, self._driver)]
        for sentence in sentences(self.ladder.rungs, audit):
            log.info("%s", sentence)
        return SearchResult(
            trials=trials,
            front=front_of(trials),
            history=tables.make(self.progress.history, tables.HISTORY),
            audit=tables.make(audit, tables.AUDIT),
            ended=ended,
            reused=self._driver.reused,
            judged=self._driver.judged,
            measurements=self.ladder.measured,
            designs_judged=self.ladder.designs_judged,
        )

    def _ask(self) -> bool:
        asks = self.study.ask()
        if asks:
            self._open.append(self.ladder.climb(asks))
            self._climb(self._open[-1])
        return bool(asks)

    def _climb(self, batch: Climb) -> None:
        """Start what is due; what is remembered answers at once, so that the next rung may be due as well."""
        while jobs := batch.due():
            self._driver.start(jobs)

    def _tell(self) -> None:
        batch = self._open[0]
        while not batch.is_complete:
            self._driver.wait()
            for one in self._open:
                self._climb(one)
        self._open.pop(0)
        self._driver.flush()
        self.ladder.tell(batch)
        judged = batch.in_order()
        self.judged += judged
        self.study.tell([(ask, outcome.evaluations) for ask, outcome in judged])
        self._note(batch.number, judged)

    def _note(self, number: int, judged: Sequence[tuple[Ask, Outcome]]) -> None:
        archive, ladder = self.study.archive, self.ladder
        self._volumes.append(archive.hypervolume())
        more = {
            "measured_count": ladder.measured,
            "designs_judged_count": ladder.designs_judged,
            "promote_fraction": ladder.promote_fraction,
        }
        evaluations = [outcome.evaluations for _, outcome in judged]
        made = self._driver.judged, self._driver.reused
        self.progress.add(number, evaluations, archive.front_size, self._volumes[-1], *made, more)


def _write(space: DesignSpace, out: Path, result: SearchResult, study: RememberedStudy) -> None:
    reference = study.archive.reference
    names = list(space.spec.objectives)
    run: dict[str, Any] = {
        "ended": result.ended,
        "seed": space.spec.budget.seed,
        "sampler": space.spec.budget.sampler,
        "sampler_notes": list(sampler_notes(space)),
        "fidelity": search_fidelity(space.spec).name,
        "reference_point": None if reference is None else dict(zip(names, reference.tolist(), strict=True)),
        "candidates_count": result.trials["candidate_id"].n_unique(),
        "designs_count": len(result.trials),
        "measurements_count": result.measurements,
        "designs_judged_count": result.designs_judged,
        "designs_per_measurement": result.designs_per_measurement,
        "audit": result.audit.to_dicts(),
    }
    write_resolved(space, out / "resolved.json", run)
    tables.write(result.history, out / "history.parquet")
    tables.write(result.audit, out / "audit.parquet")
    tables.write(constants_table(space), out / "constants.parquet")
    write_csv(result.front, out / "front.csv")
    write_csv(result.trials, out / "trials.csv")
    tables.write(result.front, out / "front.parquet")
    tables.write(result.trials, out / "trials.parquet")
    if not len(result.front):
        log.warning("no design is feasible: the front of %s is empty; trials.parquet holds every reason", space.name)


def _refuse_failures(space: DesignSpace, found: _Search) -> None:
    """A search that failed too often, or that has nothing but failures to show, ends with an error."""
    told, failed = found.progress.told, found.progress.counts["failed"]
    allowed = space.spec.budget.failed_share
    if is_failing(allowed, told, failed) or (failed == told > 0 and allowed < 1):
        first = next(outcome.evaluations[0] for _, outcome in found.judged if outcome.is_failed)
        raise SimulatorError(
            f"{failed} of {told} candidates failed ({failed / told:.0%}, budget.failed_share allows {allowed:.0%}); "
            f"the first was {first.candidate_id}: {first.reason}"
        )
