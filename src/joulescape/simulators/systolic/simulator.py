"""An int8 systolic array: weight- or output-stationary, three SRAM buffers, off-chip memory, a vector unit.

Assumptions, all of them visible in the counts: off-chip transfers overlap with computing (double buffering takes half
of each buffer) unless `double_buffering` is off; weights are read from off-chip memory once a batch or oftener, unless
`weights_stay`; a tensor between two layers stays on chip when it fits half of the activation buffer, in a training step
only when everything kept for the backward pass does; zeros are stored and multiplied like any value (`zero_gating`
saves a multiplier's energy); overlaps between neighbouring input tiles of a convolution are not fetched twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import ROLES, Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._beside import exposed
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._node import area_factor
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    LayerCost,
    Limit,
    Quantity,
    Simulator,
    StaticPower,
)
from joulescape.simulators.systolic.machine import SystolicMachine
from joulescape.simulators.systolic.matrix import ADDER_BITS, matrix_cost, multiply_add_pj
from joulescape.simulators.systolic.product import NATIVE_BITS, Product, product_of
from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.simulators.systolic.supply import SupplySettings
from joulescape.simulators.systolic.vector import vector_cost
from joulescape.units import OPS_PER_MAC

GRADIENT_ROLES = frozenset({"input_gradient", "weight_gradient"})


class Systolic(Simulator[SystolicSettings]):
    """Int8 systolic array with buffers and vector unit; takes everything except a physical system's own evolution."""

    name = "systolic"
    Settings = SystolicSettings
    changes_numbers = frozenset({
        "accumulator_bits", "winograd", "training.gradient_bits", "training.update_bits", "supply.voltage_v",
        "supply.recovery",
    })  # fmt: skip
    searchable = changes_numbers | {
        "array.rows", "array.columns", "dataflow", "clock_ghz", "zero_gating", "weights_stay", "vector.lanes",
        "double_buffering", "buffers.weight_bytes", "buffers.activation_bytes", "buffers.accumulator_bytes",
    }  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: SystolicSettings) -> bool:
        """Everything but what a host must compute and the forward pass of a physical system, whose twin it trains.

        One that does not train takes the forward pass alone.
        """
        if not settings.trains and role != "forward":
            return False
        return operator.kind != "foreign" and (not operator.is_physical or role != "forward")

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SystolicSettings) -> Errors:
        """Fixed point at this machine's widths: operands wider than 8 bits are rounded to 8; late products below the
        nominal supply."""
        kind = "fixed_point" if settings.supply is None else "timing_faults"
        specs = (
            ErrorSpec(kind, operator.name, role, _numbers(role, formats.get(operator.name), settings))
            for operator in graph.matrix_operators
            for role in ROLES
            if settings.trains or role == "forward"
        )
        return {(spec.operator, spec.role): spec for spec in specs}

    def cost(self, works: Sequence[Work], settings: SystolicSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other, each with the whole array."""
        works = _as_they_stand(works)
        machine = SystolicMachine.of(works, settings, context)
        return list(exposed([_layer_cost(work, machine) for work in works]))

    def area(self, settings: SystolicSettings) -> Sequence[Area]:
        """Array, buffers, vector unit, control."""
        parts = _areas(settings)
        fraction = settings.control.area_fraction
        steered = parts[0].area_mm2 + parts[-1].area_mm2
        return [*parts, Area(Component.of("control", "chip", fraction, scales=True), fraction.value * steered)]

    def static_power(self, settings: SystolicSettings) -> Sequence[StaticPower]:
        """Leakage of every part, and the clock tree of the array, gated or not."""
        cell = settings.cell
        supply = settings.supply
        leaks, clocked = (1.0, 1.0) if supply is None else (supply.ratio, supply.energy_factor)
        logic = [
            StaticPower(
                _leaking(a.component, settings),
                np.asarray(a.area_mm2)
                * cell.leakage_mw_per_mm2.value
                * (leaks if a.component.name == "mac_array" else 1.0),
            )
            for a in self.area(settings)
            if not a.component.name.endswith("_sram")
        ]
        sram = [
            StaticPower(settings.sram.component(f"{name}_leakage"), settings.sram.leakage(capacity))
            for name, capacity in _buffers(settings).items()
        ]
        cells = np.asarray(settings.array.rows) * np.asarray(settings.array.columns)
        clock = StaticPower(
            Component.of("clock_tree", "core", cell.clock_pj, True),
            clocked * cells * cell.clock_pj.value * settings.clock_ghz,
        )
        return [*logic, *sram, clock]

    def limits(self, works: Sequence[Work], settings: SystolicSettings, context: Context) -> Sequence[Limit]:
        """A clock above the process's, a supply below its least, buffers too small for one array tile of any work."""
        clock = clock_limit(settings.clock_ghz, settings.cell.max_clock_ghz, "cell.max_clock_ghz")
        lowered = () if settings.supply is None else (settings.supply.limit,)
        works = _as_they_stand(works)
        machine = SystolicMachine.of(works, settings, context)
        products = [product_of(work, settings) for work in works if isinstance(work, MatrixWork)]
        return [clock, *lowered] + [
            Limit(f"{name} buffer holds no array tile", overshoot)
            for product in products
            for name, overshoot in _overshoots(product, machine).items()
        ]

    def published(self, settings: SystolicSettings) -> Mapping[str, float]:
        """Peak rate, energy of a multiply-accumulate and of SRAM words, areas, also at 28 nm (`stillmaker_baas`)."""
        cells = settings.array.rows * settings.array.columns
        peak_tops = OPS_PER_MAC * cells * settings.clock_ghz / 1e3
        area = sum(float(a.area_mm2) for a in self.area(settings))
        shrink = area_factor(settings.sram.node_nm, 28)
        supply = settings.supply
        lowered = {} if supply is None else {
            "fault_fraction": supply.faults, "cell_energy_saving_fraction": 1 - supply.energy_factor,
        }  # fmt: skip
        return lowered | {
            "idle_power_mw": sum(float(power.power_mw) for power in self.static_power(settings)),
            "peak_tops": peak_tops,
            "mac_pj": sum(multiply_add_pj(settings)),
            "area_mm2": area,
            "sram_8kib_read_pj": float(settings.sram.word_read_pj(8 << 10)),
            "sram_1mib_read_pj": float(settings.sram.word_read_pj(1 << 20)),
            "peak_gops_per_mm2": 1e3 * peak_tops / area,
            **{f"{a.component.name}_area_mm2": float(a.area_mm2) for a in self.area(settings)},
            **{f"{a.component.name}_area_at_28nm_mm2": float(a.area_mm2) * shrink for a in self.area(settings)},
        }


def _layer_cost(work: Work, machine: SystolicMachine) -> LayerCost:
    if isinstance(work, MatrixWork):
        return matrix_cost(work, machine)
    if isinstance(work, VectorWork):
        return vector_cost(work, machine)
    raise SimulatorError(f"systolic was given {work.layer}, {work.role}: a physical system is not arithmetic")


def _as_they_stand(works: Sequence[Work]) -> Sequence[Work]:
    """The works of a training step without transforms, those of an inference as they are."""
    if all(work.role == "forward" for work in works):
        return works
    plain = (replace(w, format=w.format.with_(transform="none")) if isinstance(w, MatrixWork) else w for w in works)
    return list(plain)


def _numbers(role: Role, form: OperandFormat | None, settings: SystolicSettings) -> dict[str, float]:
    form = form or OperandFormat()
    if role == "update":
        return {"update_bits": float(settings.training.update_bits)}
    accumulator = {"accumulator_bits": float(settings.accumulator_bits)}
    if role in GRADIENT_ROLES:
        return {"gradient_bits": float(settings.training.gradient_bits), **accumulator}
    widths = {"weight_bits": form.weight_bits, "input_bits": form.activation_bits}
    tile = {"winograd_tile": float(form.tile)} if settings.winograd and form.transform == "winograd" else {}
    late = _late(settings.supply) if settings.supply is not None else {}
    return {name: min(float(NATIVE_BITS), bits) for name, bits in widths.items()} | accumulator | tile | late


def _late(supply: SupplySettings) -> dict[str, float]:
    return {"fault_fraction": supply.faults, "is_dropped": float(supply.notices), "fault_bit": float(supply.fault_bit)}


def _leaking(component: Component, settings: SystolicSettings) -> Component:
    """Leakage rests on the area too: it is assumed when either is."""
    constant = settings.cell.leakage_mw_per_mm2
    basis = "assumed" if component.basis == "assumed" else constant.basis
    return Component(f"{component.name}_leakage", component.scope, basis, constant.source, scales=True)


def _areas(settings: SystolicSettings) -> list[Area]:
    """Cells with the registers of both dataflows (two operands, one spare weight, one sum), buffers, lanes."""
    cell = settings.cell
    bits = 3 * NATIVE_BITS + settings.accumulator_bits
    adder = cell.adder_mm2.value * settings.accumulator_bits / ADDER_BITS
    one = (cell.multiplier_mm2.value + adder + bits * cell.register_mm2_per_bit.value) * cell.wiring_area_factor.value
    one *= 1.0 if settings.supply is None else settings.supply.area_factor
    cells = np.asarray(settings.array.rows) * np.asarray(settings.array.columns)
    lanes = np.asarray(settings.vector.lanes) * settings.vector.lane_mm2.value
    return [
        Area(Component.of("mac_array", "core", cell.wiring_area_factor, True), cells * one),
        *(Area(settings.sram.component(name), settings.sram.area(size)) for name, size in _buffers(settings).items()),
        Area(Component.of("vector_unit", "chip", settings.vector.lane_mm2, True), lanes),
    ]


def _buffers(settings: SystolicSettings) -> dict[str, Quantity]:
    buffers = settings.buffers
    return {
        "weight_sram": buffers.weight_bytes,
        "activation_sram": buffers.activation_bytes,
        "accumulator_sram": buffers.accumulator_bytes,
    }


def _overshoots(product: Product, machine: SystolicMachine) -> dict[str, Any]:
    """How far the smallest tile (one array tile) exceeds half of each buffer."""
    stationary = machine.is_output_stationary
    outputs = np.minimum(machine.columns, product.outputs)
    reduction = np.minimum(machine.rows, product.reduction)
    positions = np.where(stationary, np.minimum(machine.rows, product.positions), 1)
    weight = product.weight_bytes / (product.outputs * product.reduction)
    inputs = product.input_bytes / (product.positions * product.reduction)
    return {
        "weight": 2 * outputs * reduction * weight / machine.weight_bytes - 1,
        "activation": 2 * positions * reduction * inputs / machine.activation_bytes - 1,
        "accumulator": 2 * positions * outputs * product.sum_bytes / machine.accumulator_bytes - 1,
    }
