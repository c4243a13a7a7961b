"""Designs of equal accuracy that were priced already: a machine's best, and the best electronic one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulescape.compression.base import Step
from joulescape.errors import SimulatorError
from joulescape.gap.bills import Bill, Row, Tried
from joulescape.gap.designs import Design
from joulescape.gap.states import WIDTHS, State
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.workloads import REPORTED
from joulescape.spec.sourced import Corner

SAFE_BITS = 8
"""Width of weights and inputs that is taken to lose no accuracy."""


def best(space: DesignSpace, bills: Sequence[Bill], metric: str) -> tuple[Design | None, str | None]:
    """The design with the least of a metric at typical values, of all swept variants in all states that keep the
    network's accuracy; the first of equal ones. Where none can exist the first's reason."""
    kept = [one for one in bills if keeps_accuracy(one.state)]
    valid = [(one, place) for one in kept for place, tried in enumerate(one.tried) if tried.state == "valid"]
    if not valid:
        return None, next((one.refusal for one in kept), "the question has no design of it")
    one, place = min(valid, key=lambda found: _metric(found[0].tried[found[1]], metric))
    tried = one.tried[place]
    alone: Mapping[Corner, Row] = {"typical": {**tried.metrics, "state": "valid", "reason": None}}
    known = one.corners if place == one.chosen else alone
    return Design(space, tried.candidate, tried.variant, known), None


def keeps_accuracy(state: State) -> bool:
    """Whether a state is taken to cost no accuracy where none is measured: as trained, as somebody published it with
    its loss, or by nothing but rounding to no fewer than eight bits."""
    return state.basis != "assumed" or all(_is_safe(step) for step in state.candidates[0].compression)


def _is_safe(step: Step) -> bool:
    if step.method == REPORTED:
        return True  # recalled figures are assumed ones, and yet of a state that somebody published with its loss
    widths = [int(step.settings[name]) for name in WIDTHS if name in step.settings]
    return bool(widths) and min(widths) >= SAFE_BITS


def _metric(tried: Tried, metric: str) -> float:
    value = tried.metrics[metric]
    if value is None:
        raise SimulatorError(f"a valid design on {tried.candidate.back_end} has no {metric}")
    return value
