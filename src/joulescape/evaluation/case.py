"""One candidate at one fidelity, with its machine and its compressed network: what is measured and what is priced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from joulescape.compression.base import Described
from joulescape.compression.pipeline import describe
from joulescape.network.digest import digest
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.network.operators import Phase
from joulescape.network.work import PhaseWork, TrainingPlan
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.metrics import Priced, at_node, phase_work, price
from joulescape.resolve.machine import Machine

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace


class Memory(Protocol):
    """Remembers accuracy measurements by key: the one part of an evaluation that is dear."""

    def get(self, key: str) -> Measured | None:
        """The measurement stored under `key`, if any."""

    def put(self, key: str, measured: Measured) -> None:
        """Store a measurement."""


@dataclass(frozen=True)
class Case:
    """A candidate about to be judged; `memory` may answer instead of a measurement."""

    candidate: Candidate
    space: DesignSpace
    fidelity: Fidelity
    seed: int
    memory: Memory | None
    machine: Machine
    network: Described

    @classmethod
    def of(cls, candidate: Candidate, space: DesignSpace, fidelity: Fidelity, seed: int, memory: Memory | None) -> Case:
        """Resolve the candidate's machine at the fidelity's corner and describe its network."""
        machine = space.machine(candidate, fidelity.corner)
        return cls(candidate, space, fidelity, seed, memory, machine, described_for(space, candidate))

    def measured(self) -> Measured | None:
        """The candidate's accuracy with its machine's errors; None where the fidelity sees no data."""
        if not self.fidelity.measures:
            return None
        return self._remembered(self.network, self.machine.errors(self.network), self.fidelity)

    def paired_loss(self, measured: Measured | None) -> float | None:
        """Reference accuracy minus this design's on the same test images; None in the search and for own machines."""
        if measured is None or self.fidelity.split != "test" or self.machine.equivalence == "own":
            return None
        plain = describe(self.space.graphs[self.candidate.network], ())
        reference = self._remembered(plain, {}, replace(self.fidelity, draws=1, trains_on_machine=False))
        return fmean(reference.accuracy_fraction) - fmean(measured.accuracy_fraction)

    def published(self, measured: Measured | None) -> Priced:
        """Costs with the statistics that the measurement saw, or nominal ones, every part at the node of its source."""
        plan = _measured_plan(training_plan(self.space, self.candidate), measured)
        batch, seen = self.space.spec.batch, {} if measured is None else measured.statistics
        works = {phase: phase_work(self.network, phase, batch, plan, seen) for phase in self.space.spec.phases}
        return price(self.machine, self.network, works, plan)

    def priced(self, measured: Measured | None) -> Priced:
        """Costs at the node that the question asks for."""
        node, published = self.space.spec.node, self.published(measured)
        if not isinstance(node, int):
            return published
        return at_node(published, self.machine.node_nm, node, self.space.spec.scaling_rule)

    def alone(self, variant_id: int) -> Machine:
        """The machine of one variant: every swept setting is a plain value."""
        return self.space.machine(self.candidate, self.fidelity.corner, (self.machine.variants[variant_id],))

    def nominal_works(self) -> dict[Phase, PhaseWork]:
        """What the machine is given in every phase, before anything was measured."""
        return all_works(self.space, self.network, training_plan(self.space, self.candidate))

    def design_id(self, variant_id: int) -> str:
        """Digest of the candidate and one variant's values."""
        return digest(self.candidate.candidate_id, self.machine.variants[variant_id])

    def swept(self, variant_id: int) -> Mapping[str, bool | int | float | str]:
        """One variant's values under their column names."""
        values = self.machine.variants[variant_id]
        return {f"hardware.{self.machine.name}.{path}": value for path, value in values.items()}

    def _remembered(self, network: Described, errors: Errors, fidelity: Fidelity) -> Measured:
        from joulescape.accuracy.measure import accuracy_key, measure  # PyTorch: not where only costs are asked for

        asked = (network, errors, self.space.recipe(self.candidate), fidelity, self.seed, self.space.networks_dir)
        if self.memory is None:
            return measure(*asked)
        key = accuracy_key(*asked)
        known = self.memory.get(key)
        if known is None:
            known = measure(*asked)
            self.memory.put(key, known)
        return known


def _measured_plan(plan: TrainingPlan | None, measured: Measured | None) -> TrainingPlan | None:
    if plan is None or measured is None or measured.training_steps is None:
        return plan
    return replace(plan, steps=measured.training_steps, steps_basis="measured")
