"""An engine for dense layers as a back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._streams import Unit, least_limits
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Quantity, Simulator, StaticPower
from joulescape.simulators.mlp_engine.cost import matrix_cost, memory_component, rooms
from joulescape.simulators.mlp_engine.settings import MlpEngineSettings
from joulescape.simulators.mlp_engine.supply import fault_fraction, leakage_factor
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

KIB = 1024
MASKING_INDEX = {"none": 0.0, "word": 1.0, "bit": 2.0}
"""As `numerics._memory_faults` counts them."""


class MlpEngine(Simulator[MlpEngineSettings]):
    """Dense layers from on-chip weights; inference only."""

    name = "mlp_engine"
    Settings = MlpEngineSettings
    changes_numbers = frozenset({
        "widths.weight", "widths.activity", "widths.product", "widths.sum", "skipping", "threshold_fraction",
        "supply.v", "supply.masking", "supply.faults.reference_v", "supply.faults.fraction",
        "supply.faults.decades_per_v",
    })  # fmt: skip
    searchable = frozenset({
        "lanes", "clock_ghz", "widths.weight", "widths.activity", "widths.product", "widths.sum", "skipping",
        "threshold_fraction", "stored_weights", "stored_activities", "supply.v", "supply.masking",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: MlpEngineSettings) -> bool:  # noqa: ARG002
        """Dense layers in their forward pass."""
        return role == "forward" and operator.kind == "dense"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: MlpEngineSettings) -> Errors:
        """Fixed point with truncated products, small inputs left out, and failed cells."""
        return {
            (operator.name, "forward"): ErrorSpec(
                "fixed_point", operator.name, "forward", _numbers(formats.get(operator.name), settings)
            )
            for operator in graph.operators
            if self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: MlpEngineSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other on all lanes."""
        matrix = [_matrix(work) for work in works]
        costs = [_costs(matrix, machine, context) for machine in variants(settings, self.searchable)]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: MlpEngineSettings) -> Sequence[Area]:
        """Lanes, memories, control."""
        machines = variants(settings, self.searchable)
        return [
            Area(Component.of("lanes", "core", settings.lane.multiplier_mm2, scales=True), _each(machines, _lanes_mm2)),
            Area(memory_component(settings.weights, "weight_sram"), _each(machines, _weights_mm2)),
            Area(memory_component(settings.activities, "activity_sram"), _each(machines, _activities_mm2)),
            Area(Component.of("control", "chip", settings.control_mm2, scales=True), settings.control_mm2.value),
        ]

    def static_power(self, settings: MlpEngineSettings) -> Sequence[StaticPower]:
        """Leakage; that of the weight memory at its own supply."""
        machines = variants(settings, self.searchable)
        weights, activities, lane = settings.weights, settings.activities, settings.lane
        return [
            StaticPower(
                Component.of("weight_sram_leakage", "chip", weights.leakage_mw_per_kib, scales=True),
                _each(machines, _weights_mw),
            ),
            StaticPower(
                Component.of("activity_sram_leakage", "chip", activities.leakage_mw_per_kib, scales=True),
                _each(machines, lambda m: activities_kib(m) * m.activities.leakage_mw_per_kib.value),
            ),
            StaticPower(
                Component.of("lane_leakage", "core", lane.leakage_mw_per_mm2, scales=True),
                _each(machines, lambda m: _lanes_mm2(m) * m.lane.leakage_mw_per_mm2.value),
            ),
        ]

    def limits(self, works: Sequence[Work], settings: MlpEngineSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """A clock above its ceiling, and memories too small for what the lanes take at once."""
        matrix = [_matrix(work) for work in works]
        rooms_ = stacked_limits([_limits(matrix, machine) for machine in variants(settings, self.searchable)])
        return [*rooms_, clock_limit(settings.clock_ghz, settings.max_clock_ghz)]

    def published(self, settings: MlpEngineSettings) -> Mapping[str, float]:
        """Peak rate, capacity, faults, area."""
        return {
            "peak_gops": OPS_PER_MAC * settings.lanes * settings.clock_ghz,
            "weight_kib": weights_kib(settings),
            "fault_fraction": fault_fraction(settings.supply.faults, settings.supply.v),
            "area_mm2": sum(float(part.area_mm2) for part in self.area(settings)),
        }


def weights_kib(settings: MlpEngineSettings) -> float:
    """Weight memory: as many words as it holds, at the width that the engine was built for."""
    return settings.stored_weights * settings.widths.weight / BITS_PER_BYTE / KIB


def activities_kib(settings: MlpEngineSettings) -> float:
    """Activity memory."""
    return settings.stored_activities * settings.widths.activity / BITS_PER_BYTE / KIB


def _weights_mw(settings: MlpEngineSettings) -> float:
    return weights_kib(settings) * settings.weights.leakage_mw_per_kib.value * leakage_factor(settings.supply)


def _weights_mm2(settings: MlpEngineSettings) -> float:
    return weights_kib(settings) * settings.weights.area_mm2_per_kib.value


def _activities_mm2(settings: MlpEngineSettings) -> float:
    return activities_kib(settings) * settings.activities.area_mm2_per_kib.value


def _lanes_mm2(settings: MlpEngineSettings) -> float:
    share = settings.widths.weight * settings.widths.activity / settings.lane.table_bits**2
    return settings.lanes * settings.lane.multiplier_mm2.value * share


def _costs(works: Sequence[MatrixWork], settings: MlpEngineSettings, context: Context) -> list[LayerCost]:
    is_stored = sum(work.weight.elements for work in works) <= settings.stored_weights
    return [matrix_cost(work, settings, context, is_stored) for work in works]


def _limits(works: Sequence[MatrixWork], settings: MlpEngineSettings) -> list[Limit]:
    found = [(work, rooms(work, settings)) for work in works]
    return least_limits(found, Unit("stored_weights"), Unit("stored_activities"))


def _each(machines: Sequence[MlpEngineSettings], figure: Callable[[MlpEngineSettings], float]) -> Quantity:
    """A figure of one machine, or of every variant."""
    found = [figure(machine) for machine in machines]
    return found[0] if len(found) == 1 else np.asarray(found)


def _matrix(work: Work) -> MatrixWork:
    if not isinstance(work, MatrixWork):
        raise SimulatorError(f"an engine for dense layers was given {work.layer}, {work.role}: no matrix product")
    return work


def _numbers(form: OperandFormat | None, settings: MlpEngineSettings) -> dict[str, float]:
    form, widths = form or OperandFormat(), settings.widths
    weight_bits, input_bits = min(widths.weight, form.weight_bits), min(widths.activity, form.activation_bits)
    return {
        "weight_bits": float(weight_bits),
        "input_bits": float(input_bits),
        "accumulator_bits": float(widths.sum),
        "product_drop_bits": float(max(0, weight_bits + input_bits - widths.product)),
        "input_threshold_fraction": 0.0 if settings.skipping == "off" else settings.threshold_fraction,
        "weight_fault_fraction": fault_fraction(settings.supply.faults, settings.supply.v),
        "weight_fault_masking": MASKING_INDEX[settings.supply.masking],
    }
