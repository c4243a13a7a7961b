"""A training processor: forward products, input gradients, weight gradients and updates on one hierarchy of memories.

What its literature is about are switches: which loops run side by side in each phase; what waits for the backward pass,
in which form, or is made again; number format and width; in which phase zeros of which operand are skipped and how well
lanes are kept busy; transposed weights; direct feedback alignment; stochastic rounding.

Assumptions, visible in the counts: works run one after the other, direct feedback beside them where the chip has a core
for it; computing overlaps with transfers across the chip's edge; half of one memory is for what stays between works:
weights, if all fit, then activations that wait; zeros of two operands meet at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.build import DATA
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import ROLES, Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
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
from joulescape.simulators.training_core.figures import figures, units
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.simulators.training_core.matrix import matrix_cost, memory_component
from joulescape.simulators.training_core.settings import TrainingCoreSettings, instances
from joulescape.simulators.training_core.vector import vector_cost
from joulescape.units import FLOAT_BITS

CLOSE = 1e-9

GRADIENTS = frozenset({"input_gradient", "weight_gradient"})

FORMATS = {
    ("precision", 8): (4.0, 3.0, 448.0), ("range", 8): (5.0, 2.0, 57344.0),
    ("precision", 16): (5.0, 10.0, 65504.0), ("range", 16): (5.0, 10.0, 65504.0),
}  # fmt: skip
"""(exponent bits, mantissa bits, largest value): E4M3 and E5M2 (micikevicius2022), and half precision."""


class TrainingCore(Simulator[TrainingCoreSettings]):
    """All roles of everything that is arithmetic."""

    name = "training_core"
    Settings = TrainingCoreSettings
    changes_numbers = frozenset(
        f"arithmetic.{field}" for field in ("form", "bits", "edge_bits", "master_bits", "is_scaled")
    )
    searchable = changes_numbers | {
        "clock_ghz", "zeros.is_on", "zeros.is_balanced", "zeros.is_coded", "transpose.is_transposable",
        "stash.segment", "stash.is_coded", "feedback.matrices", "feedback.is_beside", "external_gbps", "weights_stay",
        "supply_factor",
    }  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: TrainingCoreSettings) -> bool:  # noqa: ARG002
        """Everything but what a host must compute and the forward pass of a physical system."""
        return operator.kind != "foreign" and not operator.is_physical

    def errors(
        self,
        graph: Graph,
        formats: Mapping[str, OperandFormat],  # noqa: ARG002
        settings: TrainingCoreSettings,
    ) -> Errors:
        """Low-precision numbers at the machine's widths, without noise."""
        edges = _edges(graph)
        kind = "small_float" if settings.arithmetic.form == "float" else "dynamic_fixed_point"
        specs = (
            ErrorSpec(kind, operator.name, role, _numbers(operator.name in edges, role, settings))
            for operator in graph.matrix_operators
            for role in ROLES
        )
        return {(spec.operator, spec.role): spec for spec in specs}

    def cost(self, works: Sequence[Work], settings: TrainingCoreSettings, context: Context) -> Sequence[LayerCost]:
        """One work after the other, each with the whole array."""
        machines = [TrainingMachine.of(works, one, context) for one in variants(settings, self.searchable)]
        return [stacked([_layer_cost(work, machine) for machine in machines]) for work in works]

    def area(self, settings: TrainingCoreSettings) -> Sequence[Area]:
        """Units, memories, lanes."""
        logic, vector = settings.logic, settings.vector
        found = [
            Area(Component.of("units", "core", logic.unit_mm2, scales=True), units(settings) * logic.unit_mm2.value)
        ]
        for name, memory in settings.memories.items():
            component = Component.of(name, memory_component(settings, name).scope, memory.area_mm2, scales=True)
            found.append(Area(component, instances(settings, name) * memory.area_mm2.value))
        lanes = Component.of("vector_unit", "chip", vector.lane_mm2, scales=True)
        return [*found, Area(lanes, vector.lanes * vector.lane_mm2.value)]

    def static_power(self, settings: TrainingCoreSettings) -> Sequence[StaticPower]:
        """Leakage of units and memories, and the clock tree."""
        logic, supply = settings.logic, np.asarray(settings.supply_factor)
        leaking = Component.resting_on("unit_leakage", "core", logic.unit_mm2, logic.leakage_mw_per_mm2, scales=True)
        clock = units(settings) * logic.clock_mw_per_unit.value * np.asarray(settings.clock_ghz) * supply**2
        found = [
            StaticPower(leaking, units(settings) * logic.unit_mm2.value * logic.leakage_mw_per_mm2.value * supply),
            StaticPower(Component.of("clock_tree", "core", logic.clock_mw_per_unit, scales=True), clock),
        ]
        for name, memory in settings.memories.items():
            scope = memory_component(settings, name).scope
            component = Component.of(f"{name}_leakage", scope, memory.leakage_mw, scales=True)
            found.append(StaticPower(component, instances(settings, name) * memory.leakage_mw.value * supply))
        return found

    def limits(self, works: Sequence[Work], settings: TrainingCoreSettings, context: Context) -> Sequence[Limit]:
        """A clock above what the supply allows; layers that no mapping can hold, with the memory and its room."""
        supply = settings.fastest.least_supply(settings.clock_ghz) / np.asarray(settings.supply_factor) - 1.0 - CLOSE
        clock = Limit(f"the clock needs a higher supply: {settings.fastest}", supply)
        machines = [TrainingMachine.of(works, one, context) for one in variants(settings, self.searchable)]
        misfits = stacked_limits([
            [Limit(f"{layer}: {error.reason}", error.violation) for layer, error in machine.misfits(works).items()]
            for machine in machines
        ])  # fmt: skip
        return [clock, *misfits]

    def explain(self, work: Work, settings: TrainingCoreSettings, context: Context) -> str | None:
        """The loop nest of one role, what lies where, words by memory."""
        if not isinstance(work, MatrixWork):
            return None
        return explain(TrainingMachine.of([work], settings, context).mapped(work))

    def off_chip_gbps(self, settings: TrainingCoreSettings, off_chip: OffChip) -> Quantity:
        """What its pins carry of what the memory gives."""
        return min(settings.external_gbps, off_chip.bandwidth_gbps.value)

    def published(self, settings: TrainingCoreSettings) -> Mapping[str, float]:
        """Rates, area, and power and efficiency in the rated state."""
        return figures(settings, self.area(settings), self.static_power(settings))


def _layer_cost(work: Work, machine: TrainingMachine) -> LayerCost:
    if isinstance(work, MatrixWork):
        return matrix_cost(work, machine)
    if isinstance(work, VectorWork):
        return vector_cost(work, machine)
    raise SimulatorError(f"training_core was given {work.layer}, {work.role}: a physical system is not arithmetic")


def _edges(graph: Graph) -> frozenset[str]:
    """Layers that read data or give the network's answer."""
    reading = {operator.name for operator in graph.operators if DATA in operator.inputs}
    return frozenset({graph.output.name, *reading})


def _numbers(is_edge: bool, role: Role, settings: TrainingCoreSettings) -> dict[str, float]:
    arithmetic: Any = settings.arithmetic
    bits = arithmetic.edge_bits if is_edge and arithmetic.edge_bits is not None else arithmetic.bits
    if role == "update":
        bits = arithmetic.master_bits
    if arithmetic.form == "dynamic_fixed":
        return {"bits": float(bits)}
    if bits == FLOAT_BITS:
        return {}
    exponent, mantissa, largest = FORMATS["range" if role in GRADIENTS else "precision", bits]
    scaled = float(arithmetic.is_scaled)
    return {"exponent_bits": exponent, "mantissa_bits": mantissa, "largest": largest, "is_scaled": scaled}
