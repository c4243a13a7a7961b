"""A small in-order core with float32 SIMD lanes, one on-chip memory, and off-chip memory behind it.

Every operation is one SIMD instruction over `simd_lanes` values and `instructions_per_op - 1` others (loads, loop
control); each instruction costs `instruction_pj`. A multiply-accumulate reads one weight a lane and one input that the
lanes share; all values are float32 in memory, whatever width the network stores elsewhere.

A program may compute a layer by the fast algorithm of its format (Winograd, Fourier, Strassen), where that takes fewer
operations: a multiplication with an addition is one operation, so is every further addition or product by a power of
two; its weights lie transformed in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from joulescape.errors import SimulatorError
from joulescape.network.arithmetic import operations_of
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._sram import SramTable
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    Energy,
    LayerCost,
    Limit,
    Simulator,
    StaticPower,
    Traffic,
    ceil_div,
)
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter
from joulescape.units import FLOAT_BITS, FLOAT_BYTES, OPS_PER_MAC

REGISTER_OPERANDS = 3
"""Registers that one operation reads or writes."""

BOUNDS = np.array(["instructions", "off_chip_memory"])


class ScalarSettings(Shape):
    """What a scalar back end's `parameters` say."""

    simd_lanes: Annotated[int, Field(ge=1)]
    clock_ghz: Annotated[float, Field(gt=0)]
    memory_bytes: Annotated[int, Field(ge=256)]
    multiply_pj: LowerIsBetter
    add_pj: LowerIsBetter
    instruction_pj: LowerIsBetter
    register_pj_per_bit: LowerIsBetter
    instructions_per_op: LowerIsBetter
    core_mm2: LowerIsBetter
    lane_mm2: LowerIsBetter
    leakage_mw_per_mm2: LowerIsBetter
    max_clock_ghz: HigherIsBetter
    sram: SramTable


class Scalar(Simulator[ScalarSettings]):
    """Float32 host core; takes every operator and role except a physical system's own evolution."""

    name = "scalar"
    Settings = ScalarSettings
    changes_numbers = frozenset[str]()
    searchable = frozenset({"simd_lanes", "clock_ghz", "memory_bytes"})

    def takes(self, operator: Operator, role: Role, settings: ScalarSettings) -> bool:  # noqa: ARG002
        """Everything but the forward pass of a physical system, whose twin it trains, and gradients nobody knows."""
        is_host_s = operator.kind != "foreign" or role == "forward"
        return is_host_s and (not operator.is_physical or role != "forward")

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: ScalarSettings) -> Errors:  # noqa: ARG002
        """None: it computes in float32."""
        return {}

    def cost(self, works: Sequence[Work], settings: ScalarSettings, context: Context) -> Sequence[LayerCost]:
        """One work after the other."""
        return [_work_cost(work, settings, context) for work in works]

    def area(self, settings: ScalarSettings) -> Sequence[Area]:
        """Core, lanes, memory."""
        core, lane = settings.core_mm2, settings.lane_mm2
        return [
            Area(Component.of("core", "core", core, scales=True), core.value),
            Area(Component.of("simd_lanes", "core", lane, scales=True), np.asarray(settings.simd_lanes) * lane.value),
            Area(settings.sram.component("memory"), settings.sram.area(settings.memory_bytes)),
        ]

    def static_power(self, settings: ScalarSettings) -> Sequence[StaticPower]:
        """Leakage; the clock is gated while nothing runs, and is part of `instruction_pj` while something does."""
        constant = settings.leakage_mw_per_mm2
        logic = self.area(settings)[:-1]
        area_mm2 = sum(np.asarray(area.area_mm2) for area in logic)
        basis = "assumed" if "assumed" in {area.component.basis for area in logic} else constant.basis
        component = Component("logic_leakage", "core", basis, constant.source, scales=True)
        return [
            StaticPower(component, area_mm2 * constant.value),
            StaticPower(settings.sram.component("memory_leakage"), settings.sram.leakage(settings.memory_bytes)),
        ]

    def limits(self, works: Sequence[Work], settings: ScalarSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """A clock above the process's."""
        return [clock_limit(settings.clock_ghz, settings.max_clock_ghz)]

    def published(self, settings: ScalarSettings) -> Mapping[str, float]:
        """Peak rate: one multiply-accumulate a lane and cycle."""
        return {"peak_tops": OPS_PER_MAC * settings.simd_lanes * settings.clock_ghz / 1e3}


def _work_cost(work: Work, settings: ScalarSettings, context: Context) -> LayerCost:
    if isinstance(work, MatrixWork):
        ops, compute_pj, work = _computed(work, settings)
        reads = FLOAT_BYTES * ops * (1 + 1 / np.asarray(settings.simd_lanes))
        traffic = _matrix_traffic(work, reads, settings, context)
    elif isinstance(work, VectorWork):
        # An element-wise operation is an addition or a multiplication as often as not.
        ops, compute_pj = work.ops, work.ops * (settings.multiply_pj.value + settings.add_pj.value) / 2
        traffic = _vector_traffic(work, settings, context)
    else:
        raise SimulatorError(f"scalar was given {work.layer}, {work.role}: a physical system is not arithmetic")
    instructions = np.ceil(ops / np.asarray(settings.simd_lanes)) * settings.instructions_per_op.value
    busy = instructions / np.asarray(settings.clock_ghz)
    off_chip = context.off_chip_ns(sum(t.read_bytes + t.write_bytes for t in traffic[2:]))
    times = np.stack(np.broadcast_arrays(busy, off_chip))
    latency = times.max(axis=0)
    used = ops / np.maximum(np.asarray(settings.simd_lanes) * latency * np.asarray(settings.clock_ghz), 1.0)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=_plain(latency),
        active_units=_plain(np.minimum(settings.simd_lanes, ops)),
        utilisation_fraction=_plain(used),
        bound_by=_plain(BOUNDS[times.argmax(axis=0)]),
        energies=tuple(_energies(ops, compute_pj, instructions, traffic, settings, context)),
        traffic=tuple(traffic),
    )


def _computed(work: MatrixWork, settings: ScalarSettings) -> tuple[float, float, MatrixWork]:
    """Operations of a product, the energy of their arithmetic, and the work with the weights that it reads."""
    multiply, add = settings.multiply_pj.value, settings.add_pj.value
    plain = float(work.macs), work.macs * (multiply + add), work
    if work.role != "forward" or work.format.transform == "none":
        return plain
    counted = operations_of(work)
    ops = max(counted.multiplications, counted.additions) + counted.shifts
    if ops >= work.macs:
        return plain
    compute_pj = (counted.multiplications + counted.shifts) * multiply + counted.additions * add
    weight = replace(work.weight, elements=round(counted.transformed_weights))
    return ops, compute_pj, replace(work, weight=weight)


def _energies(
    ops: float, compute_pj: float, instructions: Any, traffic: list[Traffic], settings: ScalarSettings, context: Context
) -> list[Energy]:
    register_pj = REGISTER_OPERANDS * FLOAT_BITS * settings.register_pj_per_bit.value
    read, write = (sum(getattr(t, f"{way}_bytes") for t in traffic[:2]) for way in ("read", "write"))
    sram, size = settings.sram, settings.memory_bytes
    memory = read * sram.read_pj_per_byte(size) + write * sram.write_pj_per_byte(size)
    control = instructions * settings.instruction_pj.value
    found = [
        Energy(Component.of("arithmetic", "core", settings.multiply_pj, scales=True), compute_pj),
        Energy(Component.of("registers", "core", settings.register_pj_per_bit, scales=True), ops * register_pj),
        Energy(Component.of("instructions", "core", settings.instruction_pj, scales=True), control),
        Energy(sram.component("memory"), memory),
    ]
    if context.includes_off_chip:
        moved = (sum(getattr(t, f"{way}_bytes") for t in traffic[2:]) for way in ("read", "write"))
        found.append(context.off_chip.transfer(*moved))
    return found


def _matrix_traffic(work: MatrixWork, reads: Any, settings: ScalarSettings, context: Context) -> list[Traffic]:
    """On-chip first, then off-chip: the smaller input is fetched again for each half memory of the larger one.

    Groups share nothing, so each is met by itself.
    """
    half = np.asarray(settings.memory_bytes) / 2
    weight, inputs, output = (FLOAT_BYTES * o.elements for o in (work.weight, work.input, work.output))
    small, large = min(weight, inputs), max(weight, inputs)
    groups = work.loops.G
    again = np.where(small <= groups * half, 1, ceil_div(large, groups * half)) * small
    times = (again, inputs) if weight <= inputs else (weight, again)
    is_first = work.role != "input_gradient" and work.layer in context.first
    input_stays = (inputs <= half) & (not is_first)
    weight_stays = (weight <= half) & (not work.is_weight_stored)
    output_stays = (output <= half) & (work.layer not in context.last) & (work.role != "weight_gradient")
    fetched = np.where(weight_stays, 0.0, times[0]) + np.where(input_stays, 0.0, times[1])
    sent = np.where(output_stays, 0.0, output)
    return [
        Traffic("memory", "input", reads, fetched),
        Traffic("memory", "output", sent, output),
        Traffic("off_chip_memory", "weight", np.where(weight_stays, 0.0, times[0]), 0.0),
        Traffic("off_chip_memory", "input", np.where(input_stays, 0.0, times[1]), 0.0),
        Traffic("off_chip_memory", "output", 0.0, sent),
    ]


def _vector_traffic(work: VectorWork, settings: ScalarSettings, context: Context) -> list[Traffic]:
    """Tensors beyond half the memory cross the chip's edge once; so do the weights that an update rewrites."""
    half = np.asarray(settings.memory_bytes) / 2
    read, write = FLOAT_BYTES * work.read_elements, FLOAT_BYTES * work.write_elements
    enters = work.role == "update" or (work.role == "forward" and work.layer in context.first)
    leaves = work.role == "update" or (work.role == "forward" and work.layer in context.last)
    fetched = np.where((read <= half) & (not enters), 0.0, read)
    sent = np.where((write <= half) & (not leaves), 0.0, write)
    return [
        Traffic("memory", "input", float(read), fetched),
        Traffic("memory", "output", sent, float(write)),
        Traffic("off_chip_memory", "input", fetched, 0.0),
        Traffic("off_chip_memory", "output", 0.0, sent),
    ]


def _plain(quantity: Any) -> Any:
    array = np.asarray(quantity)
    return array.item() if array.ndim == 0 else array
