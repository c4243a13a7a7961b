"""One candidate judged, as it travels from a worker to the driver and into the cache."""

from __future__ import annotations

import json
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from joulescape.errors import Infeasible, ResultsError, SimulatorError
from joulescape.evaluation import Evaluation, Memory
from joulescape.front import is_comparable, nondominated, objective_matrix
from joulescape.network.fidelity import Fidelity
from joulescape.tables import CONFIRMED, METRICS, TRIALS

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace

Evaluate = Callable[..., Sequence[Evaluation]]
"""`joulescape.evaluation.evaluate`, or a stand-in with the same arguments."""

DEATHS = 2
"""So often may a worker die over one candidate alone: once may be chance, twice it is the candidate."""

_FACTS = frozenset({*TRIALS, *CONFIRMED}) - set(METRICS)


@dataclass(frozen=True)
class Job:
    """One candidate to be judged at one fidelity; `variants` names those to keep, None keeps the non-dominated ones."""

    candidate: Candidate
    fidelity: Fidelity
    variants: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a job gave: at least one evaluation; `log` holds the traceback of a failure.

    An outcome that `is_lasting` may be remembered: a pure function of its job, a candidate that kills every worker, or
    one that ran out of time, which says so in `limit_s` and is worth another try under a longer limit only.
    """

    evaluations: tuple[Evaluation, ...]
    seconds: float
    log: str | None = None
    is_lasting: bool = True
    limit_s: float | None = None
    """The limit in seconds that the evaluation ran out of."""

    @property
    def is_failed(self) -> bool:
        """Whether the evaluation failed."""
        return self.evaluations[0].state == "failed"

    def encoded(self) -> str:
        """As JSON: floats come back exactly as they went."""
        plain = {**vars(self), "evaluations": [vars(item) for item in self.evaluations]}
        return json.dumps(plain, default=_plain, allow_nan=False)

    @classmethod
    def decoded(cls, text: str) -> Outcome:
        """From `encoded`; ValueError, KeyError or TypeError when the text is damaged."""
        fields = json.loads(text)
        return cls(**{**fields, "evaluations": tuple(Evaluation(**item) for item in fields["evaluations"])})


def run_job(
    job: Job, space: DesignSpace, seed: int, evaluate: Evaluate, memory: Memory | None, time_out_s: float
) -> Outcome:
    """Judge one candidate; whatever goes wrong inside becomes an outcome with a reason, never a crash of the search."""
    began = time.perf_counter()
    try:
        with _time_limit(time_out_s):
            found = tuple(evaluate(job.candidate, space, job.fidelity, seed, memory))
        kept = _kept(found, job, job.fidelity.known(space.spec.objectives))
        outcome = Outcome(tuple(_slim(item) for item in kept), 0.0)
    except _TimeOut:
        outcome = out_of_time(job, time_out_s)
    except ResultsError:
        raise
    except Infeasible as error:
        refused = replace(_without_metrics(job, "infeasible", error.reason), violation=error.violation)
        outcome = Outcome((refused,), 0.0)
    except Exception as error:  # noqa: BLE001 - one failing design must not end the search; its traceback is kept
        reason, is_lasting = f"{type(error).__name__}: {error}", not _is_of_this_machine(error)
        outcome = failed(job, reason, traceback.format_exc(), is_lasting)
    return _storable(replace(outcome, seconds=time.perf_counter() - began), job)


def failed(job: Job, reason: str, log: str | None = None, is_lasting: bool = True) -> Outcome:
    """The outcome of a job that gave nothing."""
    return Outcome((_without_metrics(job, "failed", reason),), 0.0, log, is_lasting)


def died(job: Job) -> Outcome:
    """The outcome of a job that took its worker along each time: out of memory, or a crash in native code."""
    return failed(job, f"its worker died {DEATHS} times")


def out_of_time(job: Job, limit_s: float) -> Outcome:
    """The outcome of a job that took longer than `limit_s`: it lasts as long as the limit is no longer than that."""
    return replace(failed(job, f"took longer than {limit_s:g} s"), seconds=limit_s, limit_s=limit_s)


def _storable(outcome: Outcome, job: Job) -> Outcome:
    """The outcome, or a failure in its place where it holds what no cache and no table may hold (NaN, infinity ...)."""
    try:
        outcome.encoded()
    except (TypeError, ValueError) as error:
        return replace(failed(job, f"its result cannot be stored: {error}"), seconds=outcome.seconds)
    return outcome


def _is_of_this_machine(error: Exception) -> bool:
    """Whether a failure says more about memory, disk or network than about the design, so that it must not last.

    PyTorch tells a lack of main memory by a RuntimeError.
    """
    return isinstance(error, (MemoryError, OSError)) or "allocate memory" in str(error)


def _without_metrics(job: Job, state: Any, reason: str) -> Evaluation:
    name = job.candidate.candidate_id
    nothing: Mapping[str, float | None] = dict.fromkeys(METRICS)
    return Evaluation(name, name, 0, state, reason, 1.0, job.fidelity.name, {}, nothing, {})


def _kept(found: tuple[Evaluation, ...], job: Job, objectives: Mapping[Any, str]) -> tuple[Evaluation, ...]:
    """The variants asked for; else every non-dominated valid one; else the one that misses by least.

    Of variants that are equal in every metric only the first is kept: a knob that changed nothing is no other design.
    """
    if not found:
        raise SimulatorError("the evaluation gave no variant at all")
    if job.variants is not None:
        chosen = tuple(item for item in found if item.variant_id in job.variants)
        return chosen or found[:1]
    valid = [item for item in found if item.state == "valid"]
    if not valid:
        return (min(found, key=lambda item: (item.violation, item.variant_id)),)
    if not objectives:  # nothing to compare by: accuracy alone is asked, and the closed form does not know it
        return tuple(valid[:1])
    bad = next((item for item in valid if not is_comparable(item.metrics, objectives)), None)
    if bad is not None:
        values = {name: bad.metrics.get(name) for name in objectives}
        raise SimulatorError(f"design {bad.design_id} is called valid, but its objectives are {values}")
    if len(valid) == 1:
        return tuple(valid)
    mask = nondominated(objective_matrix([item.metrics for item in valid], objectives))
    best = [item for item, kept in zip(valid, mask, strict=True) if kept]
    return tuple({tuple(item.metrics.values()): item for item in reversed(best)}.values())[::-1]


def _slim(item: Evaluation) -> Evaluation:
    """Without the facts that no table has a column for (which samples were right ...)."""
    facts = {name: value for name, value in item.facts.items() if name in _FACTS}
    return replace(item, variant=dict(item.variant), metrics=dict(item.metrics), facts=facts)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be written to the cache")


class _TimeOut(BaseException):
    """Out of time: no `except Exception` inside an evaluation may swallow it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _TimeOut after so many seconds; only a process's main thread can be interrupted, others run on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def _ring(_number: int, _frame: FrameType | None) -> None:
        raise _TimeOut

    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
