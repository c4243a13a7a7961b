"""`cost`: one design, one price list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.errors import Infeasible
from joulescape.network.operators import Phase
from joulescape.network.task import TASKS
from joulescape.network.work import PhaseWork, TrainingPlan
from joulescape.pricing import rows
from joulescape.pricing.energy import described_for
from joulescape.pricing.metrics import Priced, at_node, metrics_of, nominal_plan, phase_work, price
from joulescape.pricing.roof import roofs
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import Machine
from joulescape.resolve.shelves import find_root
from joulescape.resolve.single import single
from joulescape.simulators._node import SCALING_RULES
from joulescape.spec.domain import Scalar
from joulescape.spec.sourced import Corner


@dataclass(frozen=True)
class CostReport:
    """One design's price list. `statistics` says where densities and values came from: nominal, no data was seen."""

    design: Mapping[str, Any]
    batch: int
    totals: Mapping[str, float | None]
    layers: Sequence[Mapping[str, Any]]
    traffic: Sequence[Mapping[str, Any]]
    energy: Sequence[Mapping[str, Any]]
    area: Sequence[Mapping[str, Any]]
    statistics: str = "nominal"
    steps: str | None = None
    energy_by_rule: Mapping[str, float] = field(default_factory=dict)
    """Where another node was asked for: pJ per sample under each rule of scaling to it."""
    explanations: Sequence[Mapping[str, str]] = ()
    """Where asked for: the mapping of each layer and role, as text."""
    errors: Sequence[Mapping[str, Any]] = ()
    """Where asked for: the numbers of each layer's error model."""
    notes: tuple[str, ...] = ()
    """What a person should know of the machine's settings: what rounds, what was not counted."""

    @property
    def mapping_notes(self) -> tuple[str, ...]:
        """Which layers' mappings are not proven the best, in words; nothing where all are."""
        return rows.mapping_notes(self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, in the documented order."""
        named = ("design", "batch", "statistics", "steps", "totals", "layers", "traffic", "energy", "area")
        found = {name: getattr(self, name) for name in named}
        found |= {"energy_by_rule": dict(self.energy_by_rule)} if self.energy_by_rule else {}
        asked = {"explanations": list(self.explanations), "errors": list(self.errors)}
        return found | {name: said for name, said in asked.items() if said}


def cost(
    network: str,
    back_end: str,
    sets: Mapping[str, Scalar] | None = None,
    *,
    phases: Sequence[Phase] = ("inference",),
    boundary: str = "system",
    corner: Corner = "typical",
    root: Path | None = None,
    explains: bool = False,
) -> CostReport:
    """Cost one design at nominal statistics: no data, no torch.

    `sets` changes values by name: `hardware.array.rows`, `compression.quantize.weight_bits`, `batch`,
    `training.batch`. Raises SpecError for a name or value that does not exist, Infeasible when the network does
    not fit the machine. `explains` adds each layer's mapping, where the machine chooses one. A life
    (`lifecycle.inferences`) is writing the weights once, training and each use: both phases are costed for it.
    """
    has_life = any(name.partition(".")[0] == "lifecycle" for name in sets or {})
    asked: tuple[Phase, ...] = ("inference", "training") if has_life else tuple(phases)
    space, candidate = single(
        network, back_end, root=find_root(root or Path.cwd()), sets=sets or {}, phases=asked, boundary=boundary
    )
    return report_on(space, candidate, corner, explains)


def report_on(space: DesignSpace, candidate: Candidate, corner: Corner, explains: bool = False) -> CostReport:
    """The price list of a resolved candidate on its first variant."""
    machine = space.machine(candidate, corner)
    described = described_for(space, candidate)
    plan = training_plan(space, candidate)
    works = all_works(space, described, plan)
    refuse_misfits(machine, described, works)
    priced = price(machine, described, works, plan)
    spread: Mapping[str, float] = {}
    if isinstance(space.spec.node, int):
        spread = _by_rule(priced, machine, space.spec.node)
        priced = at_node(priced, machine.node_nm, space.spec.node, space.spec.scaling_rule)
    report = replace(_report(space, candidate, machine, priced), energy_by_rule=spread)
    if not explains:
        return report
    mappings, errors = rows.mapping_rows(machine, described, works), rows.error_rows(machine.errors(described), works)
    return replace(report, explanations=tuple(mappings), errors=tuple(errors))


def _by_rule(priced: Priced, machine: Machine, node_nm: int) -> dict[str, float]:
    """Energy of all phases, per batch or training step, with CMOS parts at a node, under each published rule."""
    scaled = {rule: at_node(priced, machine.node_nm, node_nm, rule) for rule in SCALING_RULES}
    return {
        rule: float(sum(np.sum(cost.energy_pj()) / cost.batch for cost in found.phases.values()))
        for rule, found in scaled.items()
    }


def training_plan(space: DesignSpace, candidate: Candidate) -> TrainingPlan | None:
    """Nominal training steps of the candidate, or None when the question does not ask for training."""
    if "training" not in space.spec.phases:
        return None
    training = candidate.training
    plan = nominal_plan(TASKS[space.spec.task], int(training["batch"]), int(training["epochs"]))
    feedback, rounding, algorithm = (str(training[name]) for name in ("feedback", "rounding", "algorithm"))
    return replace(plan, feedback=feedback, rounding=rounding, algorithm=algorithm)


def all_works(space: DesignSpace, network: Described, plan: TrainingPlan | None) -> dict[Phase, PhaseWork]:
    """The works of every phase that the question asks for, at nominal statistics."""
    return {phase: phase_work(network, phase, space.spec.batch, plan, {}) for phase in space.spec.phases}


def refuse_misfits(machine: Machine, network: Described, works: Mapping[Phase, PhaseWork]) -> None:
    """Raise Infeasible when the only variant breaks a limit of the machine."""
    for work in works.values():
        for limit in machine.limits(network, work):
            overshoot = float(np.max(limit.overshoot))
            if overshoot > 0:
                raise Infeasible(limit.reason, overshoot)


def _report(space: DesignSpace, candidate: Candidate, machine: Machine, priced: Priced) -> CostReport:
    life = space.spec.lifecycle.inferences if space.spec.lifecycle else None
    totals = metrics_of(priced, len(machine.variants), life)
    return CostReport(
        design={
            "network": candidate.network,
            "back_end": candidate.back_end,
            "family": machine.family,
            "boundary": space.spec.boundary,
            "node": space.spec.node,
            "node_nm": machine.node_nm,
            "compression": [{"method": s.method, **s.settings, **s.per_layer} for s in candidate.compression],
            "hardware": {**space.hardware[candidate.back_end].opened, **candidate.hardware},
            "training": _training(candidate, machine) if priced.plan else None,
        },
        batch=space.spec.batch,
        totals={name: None if value is None else float(value[0]) for name, value in totals.items()} | _written(priced),
        layers=rows.layer_rows(priced, 0, roofs(machine)),
        traffic=rows.traffic_rows(priced, 0),
        energy=rows.energy_rows(priced, 0),
        area=rows.area_rows(priced, 0),
        steps=priced.plan.steps_basis if priced.plan else None,
        notes=machine.cautions(),
    )


def _written(priced: Priced) -> dict[str, float | None]:
    """Energy of writing the weights once, no part of an inference; None where nothing is written."""
    once = 0.0 if priced.programming_pj is None else float(priced.programming_pj[0])
    return {"programming_energy_pj": once or None}


def _training(candidate: Candidate, machine: Machine) -> dict[str, Any]:
    """The training values that mean something on this machine: only its own network has an algorithm to choose."""
    is_own = machine.equivalence == "own"
    return {name: value for name, value in candidate.training.items() if is_own or name != "algorithm"}
