"""An array of multipliers below a declared hierarchy of memories; every layer runs on the best mapping that is found.

Assumptions, visible in the counts: layers run one after the other; weights are read from off-chip memory for every
batch; transfers between two memories cost room for the tile to come where they are said to be hidden (the mapper's
accounting, docs/mapper.md); bits are stored at the machine's own widths; coding saves energy off the chip, no time.
A swept field makes one search of the mapper for each of its values, remembered by shape and hierarchy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._mapping.explain import explain
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    LayerCost,
    Limit,
    OffChip,
    Quantity,
    Simulator,
    StaticPower,
)
from joulescape.simulators.spatial.dataflow import dataflow_limit
from joulescape.simulators.spatial.lanes import sum_bits, supplied
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.matrix import matrix_cost, memory_component
from joulescape.simulators.spatial.precision import lane_bits, most_lanes
from joulescape.simulators.spatial.settings import SpatialSettings, VaultSettings
from joulescape.simulators.spatial.vaults import chosen, part_of, ranked, vault_cost, whole_memory
from joulescape.simulators.spatial.vector import vector_cost
from joulescape.units import OPS_PER_MAC


class Spatial(Simulator[SpatialSettings]):
    """A mapped array; inference only."""

    name = "spatial"
    Settings = SpatialSettings
    changes_numbers = frozenset({"widths.weight", "widths.input", "widths.sum", "precision.mode"})
    searchable = frozenset({
        "clock_ghz", "dataflow", "gating.is_on", "sliding.is_on", "skipping.is_on", "unit_registers",
        "run_length.is_on", "search.objective", "precision.mode", "precision.pace", "sensor.is_on",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: SpatialSettings) -> bool:
        """Forward matrix products, and with a vector unit everything else that is arithmetic."""
        if role != "forward" or operator.is_physical:
            return False
        return operator.is_matrix or settings.vector is not None

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SpatialSettings) -> Errors:
        """Fixed point at this machine's widths, without noise."""
        found: Errors = {
            (operator.name, "forward"): ErrorSpec(
                "fixed_point", operator.name, "forward", _numbers(formats.get(operator.name), settings)
            )
            for operator in graph.matrix_operators
        }
        return found

    def cost(self, works: Sequence[Work], settings: SpatialSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other, each with the whole array."""
        machines = [SpatialMachine.of(works, one, context) for one in variants(settings, self.searchable)]
        costs = [[_layer_cost(work, machine) for machine in machines] for work in works]
        return [stacked(found) for found in costs]

    def area(self, settings: SpatialSettings) -> Sequence[Area]:
        """Units, memories, lanes."""
        units, logic = _units(settings), settings.logic
        found = [Area(Component.of("units", "core", logic.unit_mm2, scales=True), units * logic.unit_mm2.value)]
        for name, memory in settings.memories.items():
            component = Component.of(name, memory_component(settings, name).scope, memory.area_mm2, scales=True)
            found.append(Area(component, instances(settings, name) * memory.area_mm2.value))
        if settings.vector is not None:
            lanes = _arrays(settings) * settings.vector.lanes * settings.vector.lane_mm2.value
            found.append(Area(Component.of("vector_unit", "chip", settings.vector.lane_mm2, scales=True), lanes))
        return found

    def static_power(self, settings: SpatialSettings) -> Sequence[StaticPower]:
        """Leakage of units and memories, and the clock tree."""
        units, logic = _units(settings), settings.logic
        leaking = Component.resting_on("unit_leakage", "core", logic.unit_mm2, logic.leakage_mw_per_mm2, scales=True)
        found = [
            StaticPower(leaking, units * logic.unit_mm2.value * logic.leakage_mw_per_mm2.value),
            StaticPower(
                Component.of("clock_tree", "core", logic.clock_mw_per_unit, scales=True),
                units * logic.clock_mw_per_unit.value * np.asarray(settings.clock_ghz),
            ),
        ]
        for name, memory in settings.memories.items():
            scope = memory_component(settings, name).scope
            component = Component.of(f"{name}_leakage", scope, memory.leakage_mw, scales=True)
            found.append(StaticPower(component, instances(settings, name) * memory.leakage_mw.value))
        return found

    def limits(self, works: Sequence[Work], settings: SpatialSettings, context: Context) -> Sequence[Limit]:
        """Layers that no mapping can hold or run, with the memory and the room that it would need; a clock too fast."""
        machines = [SpatialMachine.of(works, one, context) for one in variants(settings, self.searchable)]
        return stacked_limits([_limits(machine, works) for machine in machines])

    def explain(self, work: Work, settings: SpatialSettings, context: Context) -> str | None:
        """The chosen loop nest, what lies where, words by memory, and the cycles of every port."""
        if not isinstance(work, MatrixWork):
            return None
        machine, divided = SpatialMachine.of([work], settings, context), ""
        if settings.vaults is not None:
            partition, _ = chosen(work, machine, settings.vaults)
            divided, work = f"{partition}; the largest part:\n", part_of(work, partition)
        found = machine.at(work).mapped(work)
        note = "; the best of those tried, not of all" if found.is_truncated else ""
        return f"{divided}{explain(found.mapped)}\n{found.unrollings_count} unrollings tried{note}"

    def off_chip_gbps(self, settings: SpatialSettings, off_chip: OffChip) -> Quantity:
        """Of all vaults together, where there are several."""
        vaults = 1 if settings.vaults is None else settings.vaults.count
        return vaults * off_chip.bandwidth_gbps.value

    def published(self, settings: SpatialSettings) -> Mapping[str, float]:
        """Peak rates, area, and energy of an access beside that of a multiply.

        peak_gops is that of the full width, peak_tops that of the narrowest lanes.
        """
        peak_gops = OPS_PER_MAC * _units(settings) * settings.clock_ghz
        area = sum(float(part.area_mm2) for part in self.area(settings))
        mac_pj = settings.array.mac_pj.value
        ratios = {
            f"{name}_read_to_mac_ratio": memory.read_pj.value * settings.widths.input / memory.word_bits / mac_pj
            for name, memory in settings.memories.items()
        }
        return {
            "peak_gops": peak_gops,
            "peak_tops": peak_gops * most_lanes(settings.precision, settings.widths.input) / 1e3,
            "units_count": float(_units(settings)),
            "area_mm2": area,
            "peak_gops_per_mm2": peak_gops / area,
            **ratios,
        }


def instances(settings: SpatialSettings, name: str) -> int:
    """Copies of a memory: one for all units along the dimensions that it serves."""
    sizes = settings.array.dimensions
    served = settings.memories[name].serves
    each = np.prod([size for dimension, size in sizes.items() if dimension not in served], dtype=int)
    return _arrays(settings) * int(each)


def _arrays(settings: SpatialSettings) -> int:
    """Copies of the array with its memories."""
    return 1 if settings.vaults is None else settings.vaults.count


def _units(settings: SpatialSettings) -> int:
    return _arrays(settings) * int(np.prod(list(settings.array.dimensions.values()), dtype=int))


def _numbers(form: OperandFormat | None, settings: SpatialSettings) -> dict[str, float]:
    form, widths = form or OperandFormat(), settings.widths
    bits = lane_bits(settings.precision, widths.input, max(form.weight_bits, form.activation_bits))
    return {
        "weight_bits": min(float(widths.weight), form.weight_bits),
        "input_bits": min(float(widths.input), form.activation_bits),
        "accumulator_bits": float(sum_bits(settings, widths.input // bits)),
    }


def _layer_cost(work: Work, machine: SpatialMachine) -> LayerCost:
    vaults = machine.settings.vaults
    if isinstance(work, MatrixWork):
        return _product_cost(work, machine) if vaults is None else vault_cost(work, machine, vaults)
    if isinstance(work, VectorWork):
        return vector_cost(work, machine if vaults is None else whole_memory(machine, vaults))
    raise SimulatorError(f"spatial was given {work.layer}, {work.role}: a physical system is not arithmetic")


def _product_cost(work: MatrixWork, machine: SpatialMachine) -> LayerCost:
    """On lanes as narrow as the work; where the supply follows the pace, at that of the full width."""
    at = machine.at(work)
    found = at.best(work)
    whole = machine.settings.precision
    full_ns = found.mapped.cycles / machine.settings.clock_ghz
    if whole is not None and at.lanes > 1 and whole.pace == "throughput":
        wide = replace(
            work, **{part: replace(getattr(work, part), bits=32.0) for part in ("weight", "input", "output")}
        )
        full_ns = machine.at(wide).best(wide).mapped.cycles / machine.settings.clock_ghz
    return supplied(matrix_cost(work, at, found), work, machine.settings, full_ns, at.lanes)


def _part(work: Work, machine: SpatialMachine, vaults: VaultSettings) -> Work:
    """What one vault does of a work under the most promising partition: whether it fits is known from its cost."""
    return part_of(work, ranked(work, machine, vaults)[0]) if isinstance(work, MatrixWork) else work


def _limits(machine: SpatialMachine, works: Sequence[Work]) -> list[Limit]:
    vaults = machine.settings.vaults
    parts = works if vaults is None else [_part(work, machine, vaults) for work in works]
    found = [Limit(f"{layer}: {error.reason}", error.violation) for layer, error in machine.misfits(parts).items()]
    unfit = dataflow_limit(machine.settings)
    if np.any(unfit.overshoot):
        found.append(unfit)
    if machine.settings.max_clock_ghz is not None:
        found.append(clock_limit(machine.settings.clock_ghz, machine.settings.max_clock_ghz))
    supply = machine.settings.precision.supply if machine.settings.precision else None
    if supply is not None:
        overshoot = machine.settings.clock_ghz / supply.nominal_ghz - 1.0
        reason = f"clock_ghz above precision.supply at {supply.nominal_v:g} V: at most {supply.nominal_ghz:g} GHz"
        found.append(Limit(reason, overshoot))
    return found
