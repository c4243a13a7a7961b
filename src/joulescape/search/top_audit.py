"""Where the top rung is not the full simulation, that is asked at the end, of designs of every rank: do they agree?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from joulescape.search.audit import Sight, agreement
from joulescape.search.fidelities import are_one, is_own, rung_fidelity
from joulescape.search.outcome import Job, Outcome
from joulescape.search.ranking import accuracy_of, points, promises

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.search.driver import Driver
    from joulescape.search.study import Ask

Judged = tuple["Ask", Outcome]


def audit_top(space: DesignSpace, judged: Sequence[Judged], driver: Driver) -> list[dict[str, Any]]:
    """One row of tables.AUDIT, the top rung against `full` on validation; none where they cannot differ."""
    top = space.spec.rungs[-1]
    if top in ("closed_form", "full"):
        return []
    chosen = _spread(space, [one for one in judged if _may_differ(space, one)])
    if not chosen:
        return []
    fidelity = replace(rung_fidelity(space.spec, top), rung="full")
    outcomes = driver.run([Job(ask.candidate, fidelity) for ask, _ in chosen])
    seen = [
        {top: _sight(space, 0, before), "full": _sight(space, 1, after)}
        for (_, before), after in zip(chosen, outcomes, strict=True)
        if accuracy_of(after.evaluations) is not None
    ]
    return [agreement(seen, top, "full").row(None)]


def _may_differ(space: DesignSpace, one: Judged) -> bool:
    """Whether the full simulation of a design that was measured at the top can be another measurement."""
    candidate, state = one[0].candidate, one[1].evaluations[0].state
    is_same = is_own(space, candidate) or are_one(space, candidate, space.spec.rungs[-1], "full")
    return state == "valid" and not is_same


def _spread(space: DesignSpace, measured: Sequence[Judged]) -> list[Judged]:
    """`budget.audit` of the measured designs, evenly over their ranks."""
    count = min(space.spec.budget.audit, len(measured))
    if not count:
        return []
    found = [points(space.spec, rung_fidelity(space.spec, space.spec.rungs[-1]), o.evaluations) for _, o in measured]
    ordered = [promise.order for promise in sorted(promises(np.empty((0, 0)), found))]
    return [measured[ordered[int(place)]] for place in np.linspace(0, len(ordered) - 1, count).round()]


def _sight(space: DesignSpace, step: int, outcome: Outcome) -> Sight:
    fidelity = rung_fidelity(space.spec, space.spec.rungs[-1])
    accuracy = accuracy_of(outcome.evaluations)
    if accuracy is None:
        raise ValueError(f"{outcome.evaluations[0].candidate_id} was to be audited and has no accuracy")
    return Sight(step, accuracy, points(space.spec, fidelity, outcome.evaluations), outcome.seconds)
