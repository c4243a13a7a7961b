"""Designs of a question that are priced again and again, on machines whose constants were moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from joulescape.compression.base import Described, Step
from joulescape.errors import Infeasible
from joulescape.evaluation.verdicts import worst
from joulescape.gap.levers import is_plain, moved
from joulescape.gap.states import WIDTHS, State, state_name, states
from joulescape.network.operators import Phase
from joulescape.network.work import PhaseWork
from joulescape.pricing.design import all_works, refuse_misfits, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.metrics import Priced, at_node, metrics_of, price
from joulescape.resolve.candidate import Candidate, Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import Machine
from joulescape.resolve.workloads import REPORTED
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import Scalar
from joulescape.spec.sourced import CORNERS, Corner

SAFE_BITS = 8
"""Width of weights and inputs that is taken to lose no accuracy."""


@dataclass(frozen=True)
class Design:
    """One candidate on one variant of its sweep, priced at nominal statistics at the question's boundary and node."""

    space: DesignSpace
    candidate: Candidate
    variant: Mapping[str, Scalar]

    @cached_property
    def network(self) -> Described:
        """The candidate's network after its compression."""
        return described_for(self.space, self.candidate)

    @cached_property
    def works(self) -> dict[Phase, PhaseWork]:
        """The works of every phase of the question."""
        return all_works(self.space, self.network, training_plan(self.space, self.candidate))

    @property
    def compression(self) -> str:
        """The state of the network in words: its steps, with what they are set to."""
        return state_name(self.candidate.compression)

    def machine(self, corner: Corner = "typical") -> Machine:
        """The machine at a corner, this variant alone."""
        return self.space.machine(self.candidate, corner, (self.variant,))

    def misfit(self, machine: Machine) -> str | None:
        """Why the design cannot exist on this machine; None where it can."""
        try:
            refuse_misfits(machine, self.network, self.works)
        except Infeasible as error:
            return error.reason
        return None

    def metrics(self, machine: Machine) -> dict[str, FloatArray | None]:
        """Every cost metric on this machine, which may hold several variants."""
        return metrics_of(self.priced(machine), len(machine.variants), None)

    def priced(self, machine: Machine) -> Priced:
        """The same before it is summed."""
        spec, found = self.space.spec, price(machine, self.network, self.works, self.plan)
        return at_node(found, machine.node_nm, spec.node, spec.scaling_rule) if isinstance(spec.node, int) else found

    def values(self, metric: str, moves: Mapping[str, FloatArray], count: int) -> FloatArray:
        """The metric on `count` machines whose sourced values are moved, shape (count,): one array a path. What enters
        a model as a plain number is priced one machine after the other, all else at once; so is all of an electronic
        machine, whose models choose a mapping for one machine at a time."""
        machine = self.typical
        if machine.family == "electronic" or any(is_plain(machine, path) for path in moves):
            each = ({path: float(found[index]) for path, found in moves.items()} for index in range(count))
            return np.array([self.value(metric, moved(machine, one))[0] for one in each])
        many = tuple(self.variant for _ in range(count))
        return self.value(metric, moved(machine, moves).with_variants(many))

    @cached_property
    def typical(self) -> Machine:
        """The machine with today's typical values."""
        return self.machine()

    def at(self, metric: str, corner: Corner) -> float:
        """The metric at a corner of every sourced value; ask `refusal` first whether there is a design there."""
        return float(self._at_corners[corner][metric])

    def refusal(self, corner: Corner) -> str | None:
        """Why the design cannot exist at a corner; None where it can."""
        return self.misfit(self.machine(corner))

    @cached_property
    def _at_corners(self) -> Mapping[Corner, Mapping[str, float]]:
        every = ((corner, self.metrics(self.machine(corner))) for corner in CORNERS)
        return {
            corner: {key: float(found[0]) for key, found in one.items() if found is not None} for corner, one in every
        }

    @cached_property
    def plan(self) -> Any:
        return training_plan(self.space, self.candidate)

    def value(self, metric: str, machine: Machine) -> FloatArray:
        """One metric on this machine, shape (variants,); KeyError where the question asks for no phase that has it."""
        found = self.metrics(machine).get(metric)
        if found is None:
            raise KeyError(f"{metric} does not exist for {self.candidate.pair.name}")
        return np.broadcast_to(found, (len(machine.variants),))


def best(space: DesignSpace, pairs: Sequence[Pair], metric: str) -> tuple[Design | None, str | None]:
    """The design with the least of a metric at typical values, of all swept variants in all states that keep the
    network's accuracy; where none can exist the first's reason."""
    reasons, kept = list[str](), list[tuple[float, int, Design]]()
    for pair in pairs:
        for design in (
            Design(space, one, {}) for state in states(space, pair) if keeps_accuracy(state) for one in state.candidates
        ):
            try:
                kept.append(_least(design, metric, len(kept)))
            except Infeasible as error:
                reasons.append(error.reason)
    if kept:
        return min(kept, key=lambda found: found[:2])[2], None
    return None, reasons[0] if reasons else "the question has no design of it"


def _least(design: Design, metric: str, order: int) -> tuple[float, int, Design]:
    """The best variant of a candidate; Infeasible where every variant breaks a limit."""
    machine = design.space.machine(design.candidate)
    count = len(machine.variants)
    limits = [one for work in design.works.values() for one in machine.limits(design.network, work)]
    verdict = worst([(limit.overshoot, limit.reason) for limit in limits], count)
    if np.all(verdict.violation > 0):
        least = int(np.argmin(verdict.violation))
        raise Infeasible(str(verdict.reasons[least]), float(verdict.violation[least]))
    values = np.where(verdict.violation > 0, np.inf, design.value(metric, machine))
    return float(values.min()), order, replace(design, variant=machine.variants[int(np.argmin(values))])


def keeps_accuracy(state: State) -> bool:
    """Whether a state is taken to cost no accuracy where none is measured: as trained, as somebody published it with
    its loss, or by nothing but rounding to no fewer than eight bits."""
    return state.basis != "assumed" or all(_is_safe(step) for step in state.candidates[0].compression)


def _is_safe(step: Step) -> bool:
    if step.method == REPORTED:
        return True  # recalled figures are assumed ones, and yet of a state that somebody published with its loss
    widths = [int(step.settings[name]) for name in WIDTHS if name in step.settings]
    return bool(widths) and min(widths) >= SAFE_BITS


def with_constants(space: DesignSpace, back_end: str, values: Mapping[str, float]) -> DesignSpace:
    """The question with sourced values of one machine set by path; its files stay as they are."""
    plan = space.hardware[back_end]
    station = plan.back_end.machine(space.spec.boundary)
    settings = moved(station, values).own.settings
    changed = replace(plan, back_end=replace(plan.back_end, settings=settings))
    return replace(space, hardware={**space.hardware, back_end: changed})
