"""SRAM arrays that compute, as a back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._moved import buffer_component
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Quantity, Simulator, StaticPower
from joulescape.simulators.sram_in_memory.analog import converter_factor, converters
from joulescape.simulators.sram_in_memory.cost import computed, macros_taken, matrix_cost
from joulescape.simulators.sram_in_memory.figures import figures
from joulescape.simulators.sram_in_memory.moves import least_limit
from joulescape.simulators.sram_in_memory.serial import VECTOR_KINDS, vector_cost
from joulescape.simulators.sram_in_memory.settings import Analog, SramInMemorySettings

PRODUCTS_BITS = 32
"""Sums of serial logic and of conversions, as numerics sees them."""


class SramInMemory(Simulator[SramInMemorySettings]):
    """Products with weights in SRAM cells; inference only."""

    name = "sram_in_memory"
    Settings = SramInMemorySettings
    changes_numbers = frozenset(
        {"array.rows", "widths.weight", "widths.input", "serial.sum_bits"}
        | {
            f"analog.{name}"
            for name in (
                "dac_bits", "is_joined", "adc.bits", "range_rows", "clip_fraction", "mismatch_sigma_fraction",
                "bend_fraction", "read_sigma_fraction",
            )
        }
    )  # fmt: skip
    searchable = frozenset({
        "macros", "array.rows", "array.columns", "array.weight_sets", "widths.weight", "widths.input",
        "analog.dac_bits", "analog.is_joined", "analog.adc.bits", "analog.range_rows", "analog.clip_fraction",
        "analog.supply_v", "analog.activity", "serial.sum_bits", "buffer.kib",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: SramInMemorySettings) -> bool:
        """Forward products with stored weights; serial logic also adds, compares and scales element by element."""
        if role != "forward":
            return False
        is_product = operator.is_matrix and operator.kind != "matmul"
        return is_product or (settings.serial is not None and operator.kind in VECTOR_KINDS)

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SramInMemorySettings) -> Errors:
        """Analog columns by their own numerics, serial logic in whole numbers."""
        return {
            (operator.name, "forward"): _error(operator.name, formats.get(operator.name) or OperandFormat(), settings)
            for operator in graph.operators
            if operator.is_matrix and self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: SramInMemorySettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other on all macros."""
        costs = [_costs(works, machine, context) for machine in variants(settings, self.searchable)]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: SramInMemorySettings) -> Sequence[Area]:
        """Macros, converters, the logic beside them, the buffer."""
        machines = variants(settings, self.searchable)
        parts = [
            Area(Component.of("macros", "core", settings.macro_mm2, scales=True), _each(machines, _macros_mm2)),
            Area(
                Component.of("near_memory", "chip", settings.near_mm2, scales=True),
                _each(machines, lambda machine: machine.macros * machine.near_mm2.value),
            ),
            Area(
                buffer_component(settings.buffer),
                _each(machines, lambda machine: machine.buffer.kib * machine.buffer.area_mm2_per_kib.value),
            ),
        ]
        if settings.analog is None:
            return parts
        adc = Component.of("adc", "core", settings.analog.adc.area_mm2, scales=True)
        return [*parts, Area(adc, _each(machines, _converters_mm2))]

    def static_power(self, settings: SramInMemorySettings) -> Sequence[StaticPower]:
        """Leakage of macros and buffer."""
        machines = variants(settings, self.searchable)
        leakage = settings.buffer.leakage_mw_per_kib
        return [
            StaticPower(
                Component.of("macro_leakage", "core", settings.leakage_mw, scales=True),
                _each(machines, lambda machine: machine.macros * machine.leakage_mw.value),
            ),
            StaticPower(
                Component.of("sram_leakage", "chip", leakage, scales=True),
                _each(machines, lambda machine: machine.buffer.kib * leakage.value),
            ),
        ]

    def limits(self, works: Sequence[Work], settings: SramInMemorySettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """A buffer too small for what the arrays take at once."""
        return stacked_limits([_limits(works, machine) for machine in variants(settings, self.searchable)])

    def published(self, settings: SramInMemorySettings) -> Mapping[str, float]:
        """Peak rates and efficiencies of the arrays, areas."""
        areas = {part.component.name: float(part.area_mm2) for part in self.area(settings)}
        return figures(settings, areas)


def _costs(works: Sequence[Work], settings: SramInMemorySettings, context: Context) -> list[LayerCost]:
    products = [work for work in works if isinstance(work, MatrixWork)]
    is_resident = sum(macros_taken(work, settings) for work in products) <= settings.macros
    return [_cost(work, settings, context, is_resident) for work in works]


def _cost(work: Work, settings: SramInMemorySettings, context: Context, is_resident: bool) -> LayerCost:
    if isinstance(work, MatrixWork):
        return matrix_cost(work, settings, context, is_resident)
    if settings.serial is None or not isinstance(work, VectorWork):
        raise SimulatorError(f"SRAM arrays were given {work.layer}, {work.role}: no matrix product")
    return vector_cost(work, settings, settings.serial)


def _limits(works: Sequence[Work], settings: SramInMemorySettings) -> list[Limit]:
    """Of the layer that needs most."""
    products = [work for work in works if isinstance(work, MatrixWork)]
    found = [least_limit(work, settings, computed(work, settings).passing) for work in products]
    return sorted((limit for limit in found if limit), key=lambda limit: float(limit.overshoot), reverse=True)[:1]


def _each(machines: Sequence[SramInMemorySettings], figure: Callable[[SramInMemorySettings], float]) -> Quantity:
    """A figure of one machine, or of every variant."""
    found = [figure(machine) for machine in machines]
    return found[0] if len(found) == 1 else np.asarray(found)


def _macros_mm2(settings: SramInMemorySettings) -> float:
    return settings.macros * settings.macro_mm2.value


def _converters_mm2(settings: SramInMemorySettings) -> float:
    analog = settings.analog
    if analog is None:
        return 0.0
    return settings.macros * converters(settings, analog) * converter_factor(analog.adc) * analog.adc.area_mm2.value


def _error(operator: str, form: OperandFormat, settings: SramInMemorySettings) -> ErrorSpec:
    bits = {
        "weight_bits": float(min(settings.widths.weight, form.weight_bits)),
        "input_bits": float(min(settings.widths.input, form.activation_bits)),
    }
    if settings.analog is None:
        wide = float(PRODUCTS_BITS if settings.serial is None else settings.serial.sum_bits)
        return ErrorSpec("fixed_point", operator, "forward", {**bits, "accumulator_bits": wide})
    return ErrorSpec("sram_in_memory", operator, "forward", {**bits, **_analog_numbers(settings, settings.analog)})


def _analog_numbers(settings: SramInMemorySettings, analog: Analog) -> dict[str, float]:
    return {
        "rows": float(settings.array.rows),
        "dac_bits": float(analog.dac_bits),
        "is_joined": float(analog.is_joined),
        "adc_bits": float(analog.adc.bits),
        "range_rows": float(analog.range_rows),
        "clip_fraction": analog.clip_fraction,
        "mismatch_sigma_fraction": analog.mismatch_sigma_fraction.value,
        "bend_fraction": analog.bend_fraction.value,
        "read_sigma_fraction": analog.read_sigma_fraction.value,
    }
