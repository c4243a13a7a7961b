"""Costs every phase of a machine and turns the parts into the house's metrics. Arrays have shape (variants,)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from joulescape.compression.base import Described
from joulescape.network.lower import lower
from joulescape.network.operators import Phase
from joulescape.network.task import Task
from joulescape.network.work import PhaseWork, Statistics, TrainingPlan
from joulescape.resolve.machine import Machine, PhaseCost
from joulescape.simulators._node import ScalingRule, area_factor, energy_factor
from joulescape.simulators.base import Area, Energy, FloatArray
from joulescape.units import OPS_PER_MAC

Metrics = Mapping[str, FloatArray | None]
"""By metric name; None where the metric does not exist for this design (never a sentinel)."""


@dataclass(frozen=True)
class Priced:
    """One network on one machine, costed: the phases that were asked for, the area, and the training plan."""

    phases: Mapping[Phase, PhaseCost]
    areas: tuple[Area, ...]
    plan: TrainingPlan | None
    macs: int
    """Multiply-accumulates of one inference."""
    programming_pj: FloatArray | None = None
    """Energy of writing the weights once, before the first inference; None where no inference was asked for."""


def phase_work(
    network: Described, phase: Phase, batch: int, plan: TrainingPlan | None, statistics: Statistics
) -> PhaseWork:
    """The works of one phase: inference at the space's batch, training at the plan's (one step)."""
    if phase == "inference" or plan is None:
        return lower(network.graph, network.formats, phase, batch, statistics)
    step = lower(network.graph, network.formats, phase, plan.batch, statistics, plan.algorithm)
    return replace(step, steps=plan.steps, feedback=plan.feedback, rounding=plan.rounding)


def nominal_plan(task: Task, batch: int, epochs: int) -> TrainingPlan:
    """A recipe's own steps: epochs * ceil(training samples / batch)."""
    return TrainingPlan(batch, epochs * math.ceil(task.train_count / batch), "nominal")


def price(machine: Machine, network: Described, works: Mapping[Phase, PhaseWork], plan: TrainingPlan | None) -> Priced:
    """Ask the machine for every phase."""
    costs = {phase: machine.cost(network, work) for phase, work in works.items()}
    first = works.get("inference")
    programming = None if first is None else machine.programming_pj(network, first)
    return Priced(costs, machine.area(), plan, network.graph.macs, programming)


def at_node(priced: Priced, from_nm: int, to_nm: int, rule: ScalingRule = "stillmaker") -> Priced:
    """The same design with its CMOS parts (logic and SRAM) scaled to another node; clocks, optics and devices stay."""
    energy, area = energy_factor(from_nm, to_nm, rule), area_factor(from_nm, to_nm)
    phases = {name: scaled_phase(cost, energy) for name, cost in priced.phases.items()}
    areas = tuple(replace(a, area_mm2=a.area_mm2 * area) if a.component.scales else a for a in priced.areas)
    return replace(priced, phases=phases, areas=areas)


def metrics_of(priced: Priced, variants: int, inferences: float | None) -> dict[str, FloatArray | None]:
    """Every cost metric of every variant; `inferences` is the stated life, for lifecycle energy: weights are written
    once, trained, and used so often."""
    area = area_mm2(priced, variants)
    metrics = {**_inference(priced, area), **_training(priced), "area_mm2": area}
    once, per_use = metrics.get("training_energy_pj"), metrics.get("inference_energy_pj")
    if inferences is None or once is None or per_use is None:
        return {**metrics, "lifecycle_energy_pj": None}
    written = 0.0 if priced.programming_pj is None else priced.programming_pj
    return {**metrics, "lifecycle_energy_pj": written + once + inferences * per_use}


def inference_costs(cost: PhaseCost) -> dict[str, FloatArray]:
    """Energy of one inference, latency of the batch, time between inferences: what needs no area."""
    return {
        "inference_energy_pj": np.asarray(cost.energy_pj(), dtype=float) / cost.batch,
        "inference_latency_ns": cost.makespan_ns,
        "inference_interval_ns": cost.interval_ns / cost.batch,
    }


def area_mm2(priced: Priced, variants: int) -> FloatArray:
    """Area inside the boundary, summed over components."""
    total = sum((np.asarray(area.area_mm2, dtype=float) for area in priced.areas), start=np.zeros(variants))
    return np.broadcast_to(total, (variants,))


def assumed_fraction(cost: PhaseCost) -> FloatArray:
    """Share of a phase's energy that rests on assumed numbers."""
    assumed = (e.energy_pj for run in cost.layers for e in run.energies if e.component.basis == "assumed")
    total = np.asarray(cost.energy_pj(), dtype=float)
    share = np.divide(sum(assumed, start=np.zeros_like(total)), total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(share, dtype=float)


def worst_gap(priced: Priced, variants: int) -> FloatArray | None:
    """The greatest gap that a layer's mapping may leave; None where no layer's mapping was searched for."""
    known = [run.cost.mapping_gap for cost in priced.phases.values() for run in cost.layers]
    gaps = [np.broadcast_to(np.asarray(gap.fraction, dtype=float), (variants,)) for gap in known if gap is not None]
    return np.asarray(np.max(gaps, axis=0)) if gaps else None


def _inference(priced: Priced, area: FloatArray) -> dict[str, FloatArray | None]:
    if "inference" not in priced.phases:
        return {}
    cost = priced.phases["inference"]
    found = inference_costs(cost)
    energy, interval, ops = found["inference_energy_pj"], found["inference_interval_ns"], OPS_PER_MAC * priced.macs
    return {
        **found,
        "mean_power_mw": energy * cost.batch / cost.makespan_ns,
        "tops_per_w": ops / energy if ops else None,
        "gops_per_mm2": ops / interval / area if ops else None,
    }


def _training(priced: Priced) -> dict[str, FloatArray | None]:
    if "training" not in priced.phases or priced.plan is None:
        return {}
    cost, steps = priced.phases["training"], priced.plan.steps
    return {
        "training_energy_pj": np.asarray(cost.energy_pj(), dtype=float) * steps,
        "training_time_ns": cost.makespan_ns * steps,
    }


def scaled_phase(cost: PhaseCost, factor: float) -> PhaseCost:
    """A phase whose CMOS parts spend `factor` times as much."""
    layers = tuple(replace(run, energies=tuple(_scaled(e, factor) for e in run.energies)) for run in cost.layers)
    return replace(cost, layers=layers)


def _scaled(energy: Energy, factor: float) -> Energy:
    """Made anew by hand: this is asked of every part of every layer, and `replace` takes four times as long."""
    return Energy(energy.component, energy.energy_pj * factor) if energy.component.scales else energy
