"""Cost of one vector work: activation functions, pooling, normalisation, sums, updates."""

from __future__ import annotations

import numpy as np

from joulescape.network.work import VectorWork
from joulescape.simulators.base import Component, Energy, LayerCost, Traffic
from joulescape.simulators.systolic.machine import SystolicMachine
from joulescape.simulators.systolic.matrix import control_energy, memory_energies, moved_bytes
from joulescape.simulators.systolic.product import kept_bits
from joulescape.units import BITS_PER_BYTE

BOUNDS = np.array(["vector_unit", "off_chip_memory", "activation_sram"])
"""In the order of the times below: the off-chip memory is the second."""


def vector_cost(work: VectorWork, machine: SystolicMachine) -> LayerCost:
    """Operands pass once through the activation buffer; one operation a lane and cycle."""
    settings = machine.settings
    traffic = vector_traffic(work, machine)
    compute = settings.vector.op_pj.value * work.ops * np.ones_like(machine.rows)
    unit = Component.of("vector_unit", "chip", settings.vector.op_pj, scales=True)
    parts = [
        Energy(unit, compute),
        control_energy(settings, compute),
        *memory_energies(machine, traffic, machine.energies),
    ]
    cycles = np.ceil(work.ops / machine.lanes)
    buffer = np.maximum(*(moved_bytes(traffic, "activation_sram") or (0.0, 0.0)))
    off_chip = machine.context.off_chip_ns(sum(moved_bytes(traffic, "off_chip_memory") or (0.0, 0.0)))
    clock = machine.clock_ghz
    times = np.stack(np.broadcast_arrays(cycles / clock, off_chip, buffer / machine.rows / clock))
    latency = machine.latency(times[[0, 2]], times[1])
    lanes = np.minimum(machine.lanes, work.ops)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=machine.plain(latency),
        active_units=machine.plain(lanes),
        utilisation_fraction=machine.plain(work.ops / np.maximum(machine.lanes * latency * clock, 1.0)),
        bound_by=machine.plain(BOUNDS[times.argmax(axis=0)]),
        energies=tuple(Energy(part.component, machine.plain(part.energy_pj)) for part in parts),
        traffic=tuple(
            Traffic(t.memory, t.operand, machine.plain(t.read_bytes), machine.plain(t.write_bytes)) for t in traffic
        ),
        is_beside=settings.vector.is_beside and work.role == "forward",
    )


def vector_traffic(work: VectorWork, machine: SystolicMachine) -> list[Traffic]:
    """Tensors that do not stay on chip are read from and written to off-chip memory; stored weights always are."""
    width = kept_bits(work, work.bits, machine.settings) / BITS_PER_BYTE
    read, write = work.read_elements * width, work.write_elements * width
    crosses_in = work.role == "update" or (work.role == "forward" and work.layer in machine.context.first)
    crosses_out = work.role == "update" or (work.role == "forward" and work.layer in machine.context.last)
    fetched = np.where(machine.stays(read) & (not crosses_in), 0.0, read)
    sent = np.where(machine.stays(write) & (not crosses_out), 0.0, write)
    return [
        Traffic("off_chip_memory", "input", fetched, 0.0),
        Traffic("off_chip_memory", "output", 0.0, sent),
        Traffic("activation_sram", "input", read, fetched),
        Traffic("activation_sram", "output", sent, write),
    ]
