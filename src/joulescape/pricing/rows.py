"""The additive parts and the schedule of one variant as plain rows: what JSON, Parquet and tables show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Phase
from joulescape.network.work import PhaseWork
from joulescape.pricing.metrics import Priced
from joulescape.pricing.roof import Roof, layer_peak, off_chip_bytes
from joulescape.resolve.machine import Machine, PhaseCost
from joulescape.simulators.base import MappingGap
from joulescape.spec.back_end import MAPPING_OBJECTIVES

Row = dict[str, Any]


def energy_rows(priced: Priced, variant: int) -> list[Row]:
    """Energy by (phase, layer, role, component): per inference, and per whole training run."""
    return [row for name, cost in priced.phases.items() for row in _energies(cost, variant, _uses(priced, name, cost))]


def area_rows(priced: Priced, variant: int) -> list[Row]:
    """Area by component."""
    return [
        {
            "component": area.component.name,
            "scope": area.component.scope,
            "area_mm2": _at(area.area_mm2, variant),
            "basis": area.component.basis,
            "source": area.component.source,
        }
        for area in priced.areas
    ]


def layer_rows(priced: Priced, variant: int, roofs: Mapping[str, Roof]) -> list[Row]:
    """The schedule: one row a (phase, layer, role), for the whole batch (training: one step), with what bounds it from
    above; `roofs` by station."""
    return [row for name, cost in priced.phases.items() for row in _layers(name, cost, variant, roofs)]


def traffic_rows(priced: Priced, variant: int) -> list[Row]:
    """Bytes by (phase, layer, role, memory, operand), for the whole batch (training: one step)."""
    return [
        {
            "phase": name,
            "layer": run.cost.layer,
            "role": run.cost.role,
            "memory": move.memory,
            "operand": move.operand,
            "read_bytes": _at(move.read_bytes, variant),
            "write_bytes": _at(move.write_bytes, variant),
        }
        for name, cost in priced.phases.items()
        for run in cost.layers
        for move in run.cost.traffic
    ]


def error_rows(errors: Errors, works: Mapping[Phase, PhaseWork]) -> list[Row]:
    """The numbers of every operator's error model in the roles that the phases have, one row each, in network order."""
    roles = {one.role for work in works.values() for one in work.works}
    return [
        {"layer": layer, "role": role, "kind": found.kind, "number": name, "value": float(value)}
        for (layer, role), found in errors.items()
        if role in roles
        for name, value in found.numbers.items()
    ]


def mapping_rows(machine: Machine, network: Described, works: Mapping[Phase, PhaseWork]) -> list[Row]:
    """The mapping of every layer and role as text, where the machine chooses one; of a machine of one variant."""
    return [
        {"phase": phase, "layer": layer, "role": role, "text": text}
        for phase, work in works.items()
        for (layer, role), text in machine.explain(network, work).items()
    ]


def mapping_notes(layers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of the rows of a schedule: whose mapping is not proven the best, and how far from it, at most."""
    left = sorted((row for row in layers if row["mapping_gap_fraction"]), key=lambda row: -row["mapping_gap_fraction"])
    groups: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    for row in left:
        groups.setdefault((row["mapping_objective"], row["mapping_gap_fraction"] < 1), []).append(row)
    return tuple(
        f"mapping of {', '.join(map(_named, found))}: search ended before a proof; {_left(objective, is_known, found)}"
        for (objective, is_known), found in groups.items()
    )


def _left(objective: str, is_known: bool, rows: Iterable[Mapping[str, Any]]) -> str:
    what = MAPPING_OBJECTIVES[objective]
    if not is_known:
        return f"how far from the least {what} is not known"
    gaps = (f"{100 * row['mapping_gap_fraction']:.2g} %" for row in rows)
    return f"{what} at most {', '.join(gaps)} from the best"


def _named(row: Mapping[str, Any]) -> str:
    return str(row["layer"]) if row["role"] == "forward" else f"{row['layer']} ({row['role']})"


def _uses(priced: Priced, phase: str, cost: PhaseCost) -> float:
    """What a batch's energy is multiplied by: 1 / batch for an inference, the steps for a training run."""
    return 1 / cost.batch if phase == "inference" or priced.plan is None else float(priced.plan.steps)


def _energies(cost: PhaseCost, variant: int, uses: float) -> Iterator[Row]:
    for run in cost.layers:
        for energy in run.energies:
            yield {
                "phase": cost.phase,
                "layer": run.cost.layer,
                "role": run.cost.role,
                "component": energy.component.name,
                "scope": energy.component.scope,
                "energy_pj": _at(energy.energy_pj, variant) * uses,
                "basis": energy.component.basis,
                "source": energy.component.source,
            }


def _layers(phase: str, cost: PhaseCost, variant: int, roofs: Mapping[str, Roof]) -> Iterator[Row]:
    for run in cost.layers:
        roof, moved = roofs[run.station], off_chip_bytes(run)
        latency, used = _at(run.cost.latency_ns, variant), _at(run.cost.utilisation_fraction, variant)
        yield {
            "phase": phase,
            "layer": run.cost.layer,
            "role": run.cost.role,
            "station": run.station,
            "macs": run.cost.macs,
            "batch_latency_ns": latency,
            "start_ns": _at(run.start_ns, variant),
            "end_ns": _at(run.end_ns, variant),
            "active_units": _at(run.cost.active_units, variant),
            "utilisation_fraction": used,
            "bound_by": str(_pick(run.cost.bound_by, variant)),
            "off_chip_bytes": None if moved is None else _at(moved, variant),
            "peak_gops": layer_peak(run, roof, latency, used),
            "off_chip_gbps": None if moved is None else roof.off_chip_gbps,
            **_gap(run.cost.mapping_gap, variant),
        }


def _gap(gap: MappingGap | None, variant: int) -> Row:
    """What the mapping was searched for, and how far it may be from the best; null where none was searched for."""
    if gap is None:
        return {"mapping_objective": None, "mapping_gap_fraction": None}
    return {
        "mapping_objective": str(_pick(gap.objective, variant)),
        "mapping_gap_fraction": _at(gap.fraction, variant),
    }


def _at(quantity: Any, variant: int) -> float:
    return float(_pick(quantity, variant))


def _pick(quantity: Any, variant: int) -> Any:
    array = np.asarray(quantity)
    return array.flat[variant if array.size > 1 else 0]
