"""Designs of a question that are priced again and again, on machines whose constants were moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.errors import Infeasible
from joulescape.gap.levers import is_plain, moved
from joulescape.gap.states import state_name
from joulescape.network.operators import Phase
from joulescape.network.work import PhaseWork
from joulescape.pricing.design import all_works, refuse_misfits, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.metrics import Priced, area_mm2, at_node, inference_costs, metrics_of, price, scaled_phase
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import Machine
from joulescape.simulators._node import energy_factor
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import Scalar
from joulescape.spec.sourced import Corner

COSTS = ("inference_energy_pj", "inference_latency_ns", "inference_interval_ns")
"""What one price of a moved machine says."""


@dataclass(frozen=True)
class Design:
    """One candidate on one variant of its sweep, priced at nominal statistics at the question's boundary and node."""

    space: DesignSpace
    candidate: Candidate
    variant: Mapping[str, Scalar]
    known: Mapping[Corner, Mapping[str, Any]] = field(default_factory=dict)
    """Corners at which it was judged already: its state, the reason, every metric."""

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

    def costs(self, moves: Mapping[str, FloatArray], count: int) -> FloatArray:
        """COSTS of `count` machines whose sourced values are moved, one array a path: shape (count, costs). What enters
        a model as a plain number is priced one machine after the other, all else at once; so is all of an electronic
        machine, whose models choose a mapping for one machine at a time."""
        machine = self.typical
        if machine.family == "electronic" or any(is_plain(machine, path) for path in moves):
            each = ({path: float(found[index]) for path, found in moves.items()} for index in range(count))
            return np.concatenate([self._costs(moved(machine, one)) for one in each])
        many = tuple(self.variant for _ in range(count))
        return self._costs(moved(machine, moves).with_variants(many))

    def _costs(self, machine: Machine) -> FloatArray:
        """What an inference costs, and nothing else: no area, no programming, no training."""
        cost, node = machine.cost(self.network, self.works["inference"]), self.space.spec.node
        if isinstance(node, int):
            cost = scaled_phase(cost, energy_factor(machine.node_nm, node, self.space.spec.scaling_rule))
        found, count = inference_costs(cost), len(machine.variants)
        return np.stack([np.broadcast_to(found[name], (count,)) for name in COSTS], axis=1)

    @cached_property
    def typical(self) -> Machine:
        """The machine with today's typical values."""
        return self.machine()

    def at(self, metric: str, corner: Corner) -> float:
        """The metric at a corner of every sourced value; ask `refusal` first whether there is a design there."""
        known = self.known.get(corner, {}).get(metric)
        return float(self._at_corner(corner)[metric]) if known is None else float(known)

    def refusal(self, corner: Corner) -> str | None:
        """Why the design cannot exist at a corner; None where it can."""
        known = self.known.get(corner)
        if known is None:
            return self.misfit(self.machine(corner))
        return None if known["state"] == "valid" else str(known["reason"])

    def _at_corner(self, corner: Corner) -> Mapping[str, float]:
        if corner not in self._priced_corners:
            found = self.metrics(self.machine(corner))
            self._priced_corners[corner] = {key: float(one[0]) for key, one in found.items() if one is not None}
        return self._priced_corners[corner]

    @cached_property
    def _priced_corners(self) -> dict[Corner, Mapping[str, float]]:
        return {}

    @property
    def area_mm2(self) -> float:
        """Of the machine with today's typical values, inside the boundary and at the question's node."""
        found, spec = Priced({}, self.typical.area(), None, 0), self.space.spec
        if isinstance(spec.node, int):
            found = at_node(found, self.typical.node_nm, spec.node, spec.scaling_rule)
        return float(area_mm2(found, len(self.typical.variants))[0])

    @cached_property
    def plan(self) -> Any:
        return training_plan(self.space, self.candidate)

    def value(self, metric: str, machine: Machine) -> FloatArray:
        """One metric on this machine, shape (variants,); KeyError where the question asks for no phase that has it."""
        found = self.metrics(machine).get(metric)
        if found is None:
            raise KeyError(f"{metric} does not exist for {self.candidate.pair.name}")
        return np.broadcast_to(found, (len(machine.variants),))


def with_constants(space: DesignSpace, back_end: str, values: Mapping[str, float]) -> DesignSpace:
    """The question with sourced values of one machine set by path; its files stay as they are."""
    plan = space.hardware[back_end]
    station = plan.back_end.machine(space.spec.boundary)
    settings = moved(station, values).own.settings
    changed = replace(plan, back_end=replace(plan.back_end, settings=settings))
    return replace(space, hardware={**space.hardware, back_end: changed})
