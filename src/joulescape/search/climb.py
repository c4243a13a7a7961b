"""One batch on its way up the ladder: who is measured next, who stays behind, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from joulescape.front import FloatArray
from joulescape.search.fidelities import Step, steps
from joulescape.search.outcome import Job, Outcome
from joulescape.search.ranking import Promise, points, promises
from joulescape.search.study import Ask

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.spec.space import SpaceSpec

LOT_SHARE = 1 / 12
"""Share of every later batch that climbs by lot, so that the audit goes on seeing what promises little."""

SCREENED = 1e-6
"""Violations of screened candidates lie below this: they order them, and any overshoot that counts is larger."""

_LOTS = 77
"""Names the stream of lots among the streams of a batch."""

Started = tuple[Job, Callable[[Outcome], None]]


@dataclass(frozen=True)
class View:
    """What a batch may know of the batches before it. Tuples have one entry a rung."""

    points: tuple[FloatArray, ...]
    """The best points measured there so far, objectives turned so that smaller is better."""
    shares: tuple[float, ...]
    """Share of a batch that climbs from there."""
    audited: tuple[int, ...]
    """How many candidates climbed from there whatever they promised."""
    leaders: FloatArray
    """Closed-form costs of the designs that no design measured at the top beats in accuracy."""


@dataclass
class Climber:
    """One candidate of the batch."""

    ask: Ask
    steps: tuple[Step, ...]
    outcomes: list[Outcome] = field(default_factory=list)
    started: int = 0
    audited: set[int] = field(default_factory=set)
    """Rungs from which it climbed whatever it promised."""
    final: Outcome | None = None
    _seen: dict[int, FloatArray] = field(default_factory=dict)

    def points(self, spec: SpaceSpec, number: int = -1) -> FloatArray:
        """Points of its how-manieth measurement, the last by default; worked out once."""
        place = number % len(self.outcomes)
        if place not in self._seen:
            self._seen[place] = points(spec, self.steps[place].fidelity, self.outcomes[place].evaluations)
        return self._seen[place]

    @property
    def step(self) -> Step:
        """What it was measured with last."""
        return self.steps[len(self.outcomes) - 1]

    @property
    def is_valid(self) -> bool:
        """Whether the last measurement leaves it in the race."""
        return self.outcomes[-1].evaluations[0].state == "valid"

    def waits_below(self, rung: int) -> bool:
        """Whether a measurement for this rung, or a lower one, is under way."""
        return self.started > len(self.outcomes) and self.steps[self.started - 1].rungs[0] <= rung

    def stands_on(self, rung: int) -> bool:
        """Whether it is in the race and its last measurement stands for this rung."""
        return self.final is None and self.started == len(self.outcomes) and rung in self.step.rungs

    def job(self) -> Started:
        """Its next measurement."""
        self.started += 1
        return Job(self.ask.candidate, self.steps[self.started - 1].fidelity), self.outcomes.append

    def end(self, outcome: Outcome) -> None:
        """Be told as `outcome`, with the time of all measurements."""
        self.final = replace(outcome, seconds=sum(one.seconds for one in self.outcomes))


class Climb:
    """The batch. Ask `due` for jobs after every outcome, until it is complete."""

    def __init__(self, space: DesignSpace, view: View, asks: Sequence[Ask]) -> None:
        self.number = asks[0].batch
        self._spec, self._view = space.spec, view
        ways: dict[tuple[str, bool], tuple[Step, ...]] = {}
        self.climbers = [Climber(ask, self._worth_while(ask, _steps(space, ask, ways))) for ask in asks]
        self._top = len(space.spec.rungs) - 1
        self._rung = 0

    @property
    def is_complete(self) -> bool:
        """Whether every candidate has been judged as well as it will be."""
        return self._rung > self._top

    def due(self) -> list[Started]:
        """Jobs to start now: first measurements, later those of the candidates that climb; none while a rung waits."""
        if not any(climber.started for climber in self.climbers):
            return [climber.job() for climber in self.climbers]
        while not self.is_complete and not any(climber.waits_below(self._rung) for climber in self.climbers):
            climbing = self._decide(self._rung)
            self._rung += 1
            if climbing:
                return [climber.job() for climber in climbing]
        return []

    def in_order(self) -> list[tuple[Ask, Outcome]]:
        """Every candidate with its outcome, in ask order."""
        return [(climber.ask, climber.final) for climber in self.climbers if climber.final is not None]

    def _worth_while(self, ask: Ask, every: Sequence[Step]) -> tuple[Step, ...]:
        """All measurements but those on rungs from which all climb: they decide nothing; the lot goes on watching."""
        *lower, top = every
        return (*(step for step in lower if self._decides(step.rungs[-1]) or self._audits(step.rungs[-1], ask)), top)

    def _decides(self, rung: int) -> bool:
        return self._spec.rungs[rung] == "closed_form" or self._view.shares[rung] < 1

    def _audits(self, rung: int, ask: Ask) -> bool:
        """Whether a candidate climbs from a rung whatever it promises: all while few have, then whom the lot falls on.

        One lot holds for all rungs, so that what it falls on is seen on every one; a pure function of (seed, trial).
        """
        budget = self._spec.budget
        if self._view.audited[rung] < budget.audit:
            return True
        stream = np.random.default_rng([budget.seed, ask.trial, _LOTS])
        return budget.audit > 0 and bool(stream.random() < LOT_SHARE)

    def _decide(self, rung: int) -> list[Climber]:
        """Who climbs from this rung; all others that stand on it as their last are told what they are."""
        standing = [climber for climber in self.climbers if climber.stands_on(rung)]
        for climber in standing:
            if not climber.is_valid or rung == self._top:
                climber.end(climber.outcomes[-1])
        valid = [climber for climber in standing if climber.final is None]
        if not valid:
            return []
        return self._admitted(rung, valid) if self._spec.rungs[rung] == "closed_form" else self._promoted(rung, valid)

    def _admitted(self, rung: int, valid: Sequence[Climber]) -> list[Climber]:
        """The closed form knows no accuracy: it stops only what costs more than the most accurate in every respect."""
        for climber in valid:
            own, leaders = climber.points(self._spec), self._view.leaders
            beaten = [bool(np.any(np.all(leaders < one, axis=1))) for one in own] if leaders.size else []
            if beaten and all(beaten):
                reason = "closed form: one of the most accurate designs costs less in every objective"
                self._screen(climber, rung, reason, rank=1, variant=0)
        return [climber for climber in valid if climber.final is None]

    def _promoted(self, rung: int, valid: Sequence[Climber]) -> list[Climber]:
        found = promises(self._view.points[rung], [climber.points(self._spec) for climber in valid])
        contenders = sorted(p for p in found if valid[p.order].step.rungs[-1] == rung)
        climbing = self._chosen(rung, [valid[p.order] for p in contenders])
        for place, promise in enumerate(contenders, start=1):
            climber = valid[promise.order]
            if climber.ask.trial not in climbing:
                reason = f"not promising enough on rung {self._spec.rungs[rung]}: rank {place} of {len(contenders)}"
                self._screen(climber, rung, reason, promise.rank, promise.variant)
        return [valid[p.order] for p in sorted(contenders, key=_in_order) if valid[p.order].final is None]

    def _chosen(self, rung: int, best_first: Sequence[Climber]) -> set[int]:
        """Trials that climb: the promising share, whoever the lot falls on, one a pair at first; all while few have."""
        lots = [climber for climber in best_first if self._audits(rung, climber.ask)]
        for climber in lots:
            climber.audited.add(rung)
        quota = math.ceil(self._view.shares[rung] * len(best_first))
        firsts = {climber.ask.pair: climber for climber in reversed(best_first)} if self.number == 0 else {}
        return {climber.ask.trial for climber in (*best_first[:quota], *lots, *firsts.values())}

    def _screen(self, climber: Climber, rung: int, reason: str, rank: int, variant: int) -> None:
        """Told as screened: after all that was measured at the top, before all that is infeasible."""
        outcome = climber.outcomes[-1]
        below = (self._top - rung - 1) + (rank + 1) / (rank + 2)
        seen = replace(
            outcome.evaluations[variant], state="screened", reason=reason, violation=SCREENED * below / self._top
        )
        climber.end(replace(outcome, evaluations=(seen,)))


def _steps(space: DesignSpace, ask: Ask, ways: dict[tuple[str, bool], tuple[Step, ...]]) -> tuple[Step, ...]:
    """The candidate's steps: the same for all of a back end that are compressed, and for all that are not."""
    kind = ask.candidate.back_end, bool(ask.candidate.compression)
    if kind not in ways:
        ways[kind] = steps(space, ask.candidate)
    return ways[kind]


def _in_order(promise: Promise) -> int:
    return promise.order
