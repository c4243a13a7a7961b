"""The heart: judge one candidate on every hardware variant of its sweep."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from joulescape.accuracy.measure import accuracy_key, measure
from joulescape.compression.base import Described
from joulescape.compression.pipeline import describe
from joulescape.errors import Infeasible
from joulescape.network.digest import digest
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Measured, Recipe
from joulescape.network.operators import Phase
from joulescape.network.work import TrainingPlan
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.metrics import Metrics, Priced, assumed_fraction, at_node, metrics_of, phase_work, price
from joulescape.pricing.rows import area_rows, energy_rows, layer_rows
from joulescape.resolve.machine import Machine
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import Scalar
from joulescape.spec.space import Bound
from joulescape.tables import METRICS, State

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
class Evaluation:
    """One design judged: a candidate on one variant. Metrics are None where the design has none."""

    design_id: str
    candidate_id: str
    variant_id: int
    state: State
    reason: str | None
    violation: float
    fidelity: str
    variant: Mapping[str, Scalar]
    """Swept values under their column names, `hardware.<back end>.<path>`."""
    metrics: Mapping[str, float | None]
    facts: Mapping[str, Any]
    """Further columns of tables.TRIALS and tables.CONFIRMED, and the samples that were right."""


@dataclass(frozen=True)
class Verdict:
    """Why variants are ruled out: the worst overshoot of each variant (0 = none) and its reason."""

    violation: FloatArray
    reasons: tuple[str | None, ...]


@dataclass(frozen=True)
class Breakdown:
    """Rows of tables.PARTS and tables.LAYERS of one design."""

    parts: tuple[Mapping[str, Any], ...]
    layers: tuple[Mapping[str, Any], ...]


def evaluate(
    candidate: Candidate, space: DesignSpace, fidelity: Fidelity, seed: int, memory: Memory | None = None
) -> tuple[Evaluation, ...]:
    """Judge one candidate on every hardware variant: cheap questions first, so a hopeless design never trains."""
    began = time.perf_counter()
    machine = space.machine(candidate, fidelity.corner)
    network = describe(space.graphs[candidate.network], candidate.compression)
    try:
        admitted = admit(machine, network, space, candidate)
    except Infeasible as error:
        return (_refused(candidate, fidelity, error),)
    measured = _measure(candidate, space, network, machine, fidelity, seed, memory)
    priced = _price(candidate, space, network, machine, measured)
    facts = {"paired_loss_fraction": _paired_loss(candidate, space, measured, fidelity, seed, memory)}
    facts["seconds"] = (time.perf_counter() - began) / len(machine.variants)
    return judge(candidate, space, machine, network, measured, priced, admitted, fidelity, facts)


def breakdown(
    candidate: Candidate,
    space: DesignSpace,
    variant_id: int,
    fidelity: Fidelity,
    seed: int,
    memory: Memory | None = None,
) -> Breakdown:
    """Where one design's energy, area and time go, as published and with CMOS parts at the space's common node."""
    machine = space.machine(candidate, fidelity.corner)
    network = describe(space.graphs[candidate.network], candidate.compression)
    measured = _measure(candidate, space, network, machine, fidelity, seed, memory)
    published = _price(candidate, space, network, machine, measured)
    common = space.spec.normalise_to_nm
    normalised = at_node(_unscaled(candidate, space, network, machine, measured), machine.node_nm, common)
    design_id = _design_id(candidate, machine, variant_id)
    nodes = {_node_name(space): published, f"{common} nm": normalised}
    parts = [row for node, priced in nodes.items() for row in _parts(design_id, node, priced, variant_id)]
    columns = ("phase", "layer", "role", "macs", "batch_latency_ns", "start_ns", "end_ns", "active_units")
    kept = (*columns, "utilisation_fraction", "bound_by")
    layers = [{"design_id": design_id, **{k: row[k] for k in kept}} for row in layer_rows(published, variant_id)]
    return Breakdown(tuple(parts), tuple(layers))


def admit(machine: Machine, network: Described, space: DesignSpace, candidate: Candidate) -> Verdict:
    """Rule out variants before anything is measured: does the network fit, is the area allowed?

    Raises Infeasible, with the reason of the variant that misses by least, when none is left.
    """
    count = len(machine.variants)
    works = all_works(space, network, training_plan(space, candidate))
    found = [(limit.overshoot, limit.reason) for work in works.values() for limit in machine.limits(network, work)]
    areas = sum((np.asarray(area.area_mm2, dtype=float) for area in machine.area()), start=np.zeros(count))
    if "area_mm2" in space.spec.constraints:
        found.append((_overshoot(areas, space.spec.constraints["area_mm2"]), "area_mm2 breaks its constraint"))
    verdict = _worst(found, count)
    if np.all(verdict.violation > 0):
        least = int(np.argmin(verdict.violation))
        raise Infeasible(str(verdict.reasons[least]), float(verdict.violation[least]))
    return verdict


def judge(
    candidate: Candidate,
    space: DesignSpace,
    machine: Machine,
    network: Described,
    measured: Measured,
    priced: Priced,
    admitted: Verdict,
    fidelity: Fidelity,
    facts: Mapping[str, Any],
) -> tuple[Evaluation, ...]:
    """Every variant with its metrics; a broken constraint or a missing objective makes it infeasible, metrics kept."""
    count = len(machine.variants)
    life = space.spec.lifecycle.inferences if space.spec.lifecycle else None
    metrics = {**_accuracies(measured, count), **metrics_of(priced, count, life)}
    wanted = {**dict.fromkeys(space.spec.objectives), **space.spec.constraints}
    verdict = _worst([*_judgements(metrics, wanted, measured, count)], count)
    shared = {**_measured_facts(measured, priced, network), **facts}
    share = _assumed(priced, count)
    return tuple(
        Evaluation(
            design_id=_design_id(candidate, machine, index),
            candidate_id=candidate.candidate_id,
            variant_id=index,
            state="infeasible" if admitted.violation[index] > 0 or verdict.violation[index] > 0 else "valid",
            reason=admitted.reasons[index] or verdict.reasons[index],
            violation=float(max(admitted.violation[index], verdict.violation[index])),
            fidelity=fidelity.name,
            variant={f"hardware.{machine.name}.{path}": value for path, value in machine.variants[index].items()},
            metrics={name: _value(metrics.get(name), index) for name in METRICS},
            facts={**shared, "assumed_energy_fraction": float(share[index])},
        )
        for index in range(count)
    )


def _measure(
    candidate: Candidate,
    space: DesignSpace,
    network: Described,
    machine: Machine,
    fidelity: Fidelity,
    seed: int,
    memory: Memory | None,
) -> Measured:
    return _remembered(network, machine.errors(network), space.recipe(candidate), fidelity, seed, space, memory)


def _remembered(
    network: Described,
    errors: Errors,
    recipe: Recipe,
    fidelity: Fidelity,
    seed: int,
    space: DesignSpace,
    memory: Memory | None,
) -> Measured:
    if memory is None:
        return measure(network, errors, recipe, fidelity, seed, space.networks_dir)
    key = accuracy_key(network, errors, recipe, fidelity, seed, space.networks_dir)
    known = memory.get(key)
    if known is None:
        known = measure(network, errors, recipe, fidelity, seed, space.networks_dir)
        memory.put(key, known)
    return known


def _paired_loss(
    candidate: Candidate,
    space: DesignSpace,
    measured: Measured,
    fidelity: Fidelity,
    seed: int,
    memory: Memory | None,
) -> float | None:
    """Reference accuracy minus this design's on the same test images; None in the search and for own machines."""
    recipe = space.recipe(candidate)
    if fidelity.split != "test" or recipe.equivalence == "own":
        return None
    plain = describe(space.graphs[candidate.network], ())
    once = replace(fidelity, draws=1, trains_on_machine=False)
    reference = _remembered(plain, {}, recipe, once, seed, space, memory)
    return fmean(reference.accuracy_fraction) - fmean(measured.accuracy_fraction)


def _price(
    candidate: Candidate, space: DesignSpace, network: Described, machine: Machine, measured: Measured
) -> Priced:
    priced = _unscaled(candidate, space, network, machine, measured)
    return at_node(priced, machine.node_nm, space.spec.node) if isinstance(space.spec.node, int) else priced


def _unscaled(
    candidate: Candidate, space: DesignSpace, network: Described, machine: Machine, measured: Measured
) -> Priced:
    plan = _measured_plan(training_plan(space, candidate), measured)
    phases: Sequence[Phase] = space.spec.phases
    works = {phase: phase_work(network, phase, space.spec.batch, plan, measured.statistics) for phase in phases}
    return price(machine, network, works, plan)


def _measured_plan(plan: TrainingPlan | None, measured: Measured) -> TrainingPlan | None:
    if plan is None or measured.training_steps is None:
        return plan
    return replace(plan, steps=measured.training_steps, steps_basis="measured")


def _accuracies(measured: Measured, count: int) -> dict[str, FloatArray | None]:
    trained = measured.trained_accuracy_fraction
    return {
        "accuracy_fraction": np.full(count, fmean(measured.accuracy_fraction)),
        "trained_accuracy_fraction": None if trained is None else np.full(count, fmean(trained)),
    }


def _judgements(
    metrics: Metrics, wanted: Mapping[str, Bound | None], measured: Measured, count: int
) -> list[tuple[FloatArray, str]]:
    found = []
    for name, bound in wanted.items():
        value = metrics.get(name)
        if value is None:
            found.append((np.ones(count), f"{name} does not exist for this design"))
        elif bound is not None:
            found.append((_overshoot(value, bound), f"{name} breaks its constraint"))
    names_training = any(name.startswith("train") for name in wanted)
    if names_training and measured.reached_target is False:
        found.append((np.ones(count), "training on the machine did not reach training.target"))
    return found


def _overshoot(value: FloatArray, bound: Bound) -> FloatArray:
    over = np.zeros_like(np.asarray(value, dtype=float))
    if bound.at_most is not None:
        over = np.maximum(over, (value - bound.at_most) / (abs(bound.at_most) or 1.0))
    if bound.at_least is not None:
        over = np.maximum(over, (bound.at_least - value) / (abs(bound.at_least) or 1.0))
    return over


def _worst(found: Sequence[tuple[Any, str]], count: int) -> Verdict:
    if not found:
        return Verdict(np.zeros(count), (None,) * count)
    table = np.stack([np.broadcast_to(np.asarray(over, dtype=float), (count,)) for over, _ in found])
    worst = np.argmax(table, axis=0)
    violation = np.maximum(table[worst, np.arange(count)], 0.0)
    reasons = tuple(found[w][1] if v > 0 else None for w, v in zip(worst, violation, strict=True))
    return Verdict(violation, reasons)


def _measured_facts(measured: Measured, priced: Priced, network: Described) -> dict[str, Any]:
    draws, trained = measured.accuracy_fraction, measured.trained_accuracy_fraction or ()
    stored = [f.weight_bytes for f in network.formats.values() if f.weight_bytes is not None]
    return {
        "accuracy_sd_fraction": stdev(draws) if len(draws) > 1 else None,
        "accuracy_draws_count": len(draws),
        "trained_accuracy_sd_fraction": stdev(trained) if len(trained) > 1 else None,
        "trained_accuracy_draws_count": len(trained) or None,
        "steps_basis": priced.plan.steps_basis if priced.plan else None,
        "training_steps_count": priced.plan.steps if priced.plan else None,
        "parameter_count": network.graph.parameter_count,
        "weight_bytes": float(sum(stored)),
        "macs": network.graph.macs,
        "correct": measured.correct,
        "extras": dict(measured.extras),
    }


def _assumed(priced: Priced, count: int) -> FloatArray:
    cost = priced.phases.get("inference") or next(iter(priced.phases.values()))
    return np.broadcast_to(assumed_fraction(cost), (count,))


def _refused(candidate: Candidate, fidelity: Fidelity, error: Infeasible) -> Evaluation:
    return Evaluation(
        design_id=digest(candidate.candidate_id, None),
        candidate_id=candidate.candidate_id,
        variant_id=0,
        state="infeasible",
        reason=error.reason,
        violation=error.violation,
        fidelity=fidelity.name,
        variant={},
        metrics=dict.fromkeys(METRICS),
        facts={},
    )


def _parts(design_id: str, node: str, priced: Priced, variant_id: int) -> list[dict[str, Any]]:
    energies = [{"quantity": "energy", **row} for row in energy_rows(priced, variant_id)]
    areas = [{"quantity": "area", **row} for row in area_rows(priced, variant_id)]
    return [{"design_id": design_id, "node": node, **row} for row in (*energies, *areas)]


def _design_id(candidate: Candidate, machine: Machine, variant_id: int) -> str:
    return digest(candidate.candidate_id, machine.variants[variant_id])


def _node_name(space: DesignSpace) -> str:
    return f"{space.spec.node} nm" if isinstance(space.spec.node, int) else "as_published"


def _value(values: Any, index: int) -> float | None:
    return None if values is None else float(values[index])
