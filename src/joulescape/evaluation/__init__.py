"""The heart: judge one candidate on every hardware variant of its sweep."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from joulescape.accuracy.chips import yield_fraction
from joulescape.errors import Infeasible
from joulescape.evaluation.case import Case, Memory
from joulescape.evaluation.verdicts import Verdict, admit, judged
from joulescape.network.arithmetic import layer_rows as layer_counts
from joulescape.network.digest import digest
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.network.work import Statistics, weight_bytes
from joulescape.pricing.metrics import Metrics, Priced, assumed_fraction, at_node, metrics_of, worst_gap
from joulescape.pricing.roof import roofs
from joulescape.pricing.rows import area_rows, energy_rows, error_rows, layer_rows, mapping_rows
from joulescape.simulators._node import SCALING_RULES
from joulescape.simulators.base import FloatArray
from joulescape.spec.domain import Scalar
from joulescape.tables import LAYERS, METRICS, State

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace

__all__ = ["Breakdown", "Evaluation", "Memory", "breakdown", "evaluate"]


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
class Breakdown:
    """Rows of tables.PARTS, LAYERS, ERRORS and MAPPINGS of one design."""

    parts: tuple[Mapping[str, Any], ...]
    layers: tuple[Mapping[str, Any], ...]
    errors: tuple[Mapping[str, Any], ...] = ()
    mappings: tuple[Mapping[str, Any], ...] = ()


def evaluate(
    candidate: Candidate, space: DesignSpace, fidelity: Fidelity, seed: int, memory: Memory | None = None
) -> tuple[Evaluation, ...]:
    """Judge one candidate on every hardware variant: cheap questions first, so a hopeless design never trains.

    A fidelity that measures nothing gives costs at nominal statistics and null accuracies. What a measurement finds
    infeasible (dynamics that are not stable) is one row without metrics.
    """
    return evaluate_and_price(candidate, space, fidelity, seed, memory)[0]


def evaluate_and_price(
    candidate: Candidate, space: DesignSpace, fidelity: Fidelity, seed: int, memory: Memory | None = None
) -> tuple[tuple[Evaluation, ...], Priced | None]:
    """The same, and the prices that it was judged by, with all variants; None where there are none to judge."""
    began = time.perf_counter()
    case = Case.of(candidate, space, fidelity, seed, memory)
    try:
        admitted = admit(case)
        measured = case.measured()
    except Infeasible as error:  # nothing that can be built, or a system that runs away once it is driven
        return (_refused(case, error),), None
    priced = case.priced(measured)
    facts = {"paired_loss_fraction": case.paired_loss(measured)}
    return _judge(case, measured, priced, admitted, {**facts, "seconds": time.perf_counter() - began}), priced


def breakdown(
    candidate: Candidate,
    space: DesignSpace,
    variant_id: int,
    fidelity: Fidelity,
    seed: int,
    memory: Memory | None = None,
) -> Breakdown:
    """Where one design's energy, area and time go, as published and with CMOS parts at the space's common node; how
    its layers are mapped (at nominal statistics), and how the machine computes them."""
    case = Case.of(candidate, space, fidelity, seed, memory)
    published, common, chosen = case.published(case.measured()), space.spec.normalise_to_nm, space.spec.scaling_rule
    nodes = {"as_published": published} | {
        f"{common} nm" if rule == chosen else f"{common} nm, {rule}": at_node(
            published, case.machine.node_nm, common, rule
        )
        for rule in SCALING_RULES
    }
    design_id = case.design_id(variant_id)
    parts = [row for node, priced in nodes.items() for row in _parts(design_id, node, priced, variant_id)]
    alone, works = case.alone(variant_id), case.nominal_works()
    scheduled = layer_rows(published, variant_id, roofs(alone))
    layers = [{name: {**row, "design_id": design_id}[name] for name in LAYERS} for row in scheduled]
    errors, mappings = error_rows(alone.errors(case.network), works), mapping_rows(alone, case.network, works)
    named = [tuple({"design_id": design_id, **row} for row in rows) for rows in (errors, mappings)]
    return Breakdown(tuple(parts), tuple(layers), *named)


def _judge(
    case: Case, measured: Measured | None, priced: Priced, admitted: Verdict, facts: Mapping[str, Any]
) -> tuple[Evaluation, ...]:
    """Every variant with its metrics; what breaks a constraint is infeasible and keeps its metrics."""
    spec, count = case.space.spec, len(case.machine.variants)
    life = spec.lifecycle.inferences if spec.lifecycle else None
    metrics: Metrics = {**_accuracies(measured, count), **metrics_of(priced, count, life)}
    verdict = admitted.then(judged(metrics, spec, measured, case.fidelity, count))
    known = {**_network_facts(case, measured, priced), **_measured_facts(measured, case.fidelity), **facts}
    shared, share = {**known, "variants_count": count}, _assumed(priced, count)
    gap = worst_gap(priced, count)
    return tuple(
        Evaluation(
            design_id=case.design_id(index),
            candidate_id=case.candidate.candidate_id,
            variant_id=index,
            state="infeasible" if verdict.violation[index] > 0 else "valid",
            reason=verdict.reasons[index],
            violation=float(verdict.violation[index]),
            fidelity=case.fidelity.name,
            variant=case.swept(index),
            metrics={name: _value(metrics.get(name), index) for name in METRICS},
            facts={
                **shared,
                "assumed_energy_fraction": float(share[index]),
                "mapping_gap_fraction": _value(gap, index),
            },
        )
        for index in range(count)
    )


def _refused(case: Case, error: Infeasible) -> Evaluation:
    """One row for a candidate that no variant can carry: no metrics."""
    candidate_id = case.candidate.candidate_id
    return Evaluation(
        design_id=digest(candidate_id, None),
        candidate_id=candidate_id,
        variant_id=0,
        state="infeasible",
        reason=error.reason,
        violation=error.violation,
        fidelity=case.fidelity.name,
        variant={},
        metrics=dict.fromkeys(METRICS),
        facts={"variants_count": len(case.machine.variants)},
    )


def _accuracies(measured: Measured | None, count: int) -> dict[str, FloatArray | None]:
    if measured is None:
        return {}
    trained = measured.trained_accuracy_fraction
    return {
        "accuracy_fraction": np.full(count, fmean(measured.accuracy_fraction)),
        "trained_accuracy_fraction": None if trained is None else np.full(count, fmean(trained)),
    }


def _measured_facts(measured: Measured | None, fidelity: Fidelity) -> dict[str, Any]:
    if measured is None:
        return {}
    draws, trained = measured.accuracy_fraction, measured.trained_accuracy_fraction or ()
    return {
        "accuracy_sd_fraction": _sd(draws),
        "accuracy_draws_count": len(draws),
        "trained_accuracy_sd_fraction": _sd(trained),
        "trained_accuracy_draws_count": len(trained) or None,
        "correct": measured.correct,
        "extras": dict(measured.extras),
        **_yield_facts(draws, fidelity.yield_above),
    }


def _yield_facts(chips: tuple[float, ...], at_least: float | None) -> dict[str, float]:
    """The share of good chips; a machine whose chips are all alike (one draw) has none."""
    if at_least is None or len(chips) < 2:
        return {}
    share = yield_fraction(chips, at_least)
    return {
        "yield_above_fraction": at_least,
        "yield_fraction": share.value,
        "yield_low_fraction": share.low,
        "yield_high_fraction": share.high,
    }


def _network_facts(case: Case, measured: Measured | None, priced: Priced) -> dict[str, Any]:
    graph, formats = case.network.graph, case.network.formats
    statistics = {} if measured is None else measured.statistics
    return {
        "steps_basis": priced.plan.steps_basis if priced.plan else None,
        "training_steps_count": priced.plan.steps if priced.plan else None,
        "parameter_count": graph.parameter_count,
        "file_bytes": _file_bytes(measured),
        "weight_bytes": weight_bytes(formats, statistics),
        "macs": graph.macs,
        **_counts(case, statistics),
    }


COUNTS = ("index_bytes", "activation_bytes", "multiplications", "additions", "shifts", "gates")
"""What the rows of the network's layers add up to, per sample; a network without matrix operators has none of it."""


def _counts(case: Case, statistics: Statistics) -> dict[str, float]:
    rows = layer_counts(case.network.graph, case.network.formats, statistics)
    return {name: math.fsum(float(row[name]) for row in rows) for name in COUNTS} if rows else {}


def _file_bytes(measured: Measured | None) -> int | None:
    """Bytes of the written network, scales, biases and header included; None where nothing was written."""
    found = None if measured is None else measured.extras.get("file_bytes")
    return None if found is None else int(found)


def _parts(design_id: str, node: str, priced: Priced, variant_id: int) -> list[dict[str, Any]]:
    energies = [{"quantity": "energy", **row} for row in energy_rows(priced, variant_id)]
    areas = [{"quantity": "area", **row} for row in area_rows(priced, variant_id)]
    return [{"design_id": design_id, "node": node, **row} for row in (*energies, *areas)]


def _assumed(priced: Priced, count: int) -> FloatArray:
    cost = priced.phases.get("inference") or next(iter(priced.phases.values()))
    return np.broadcast_to(assumed_fraction(cost), (count,))


def _sd(draws: tuple[float, ...]) -> float | None:
    return stdev(draws) if len(draws) > 1 else None


def _value(values: FloatArray | None, index: int) -> float | None:
    return None if values is None else float(values[index])
