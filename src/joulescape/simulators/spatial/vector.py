"""Cost of element-wise work on the lanes of a spatial machine."""

from __future__ import annotations

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.work import VectorWork
from joulescape.simulators._mapping.declared import OFF_CHIP
from joulescape.simulators.base import Component, Energy, LayerCost, Traffic, ceil_div
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.matrix import control_energy, memory_component
from joulescape.units import BITS_PER_BYTE


def vector_cost(work: VectorWork, machine: SpatialMachine) -> LayerCost:
    """Operands pass once through the memory of the hand-over, or come from and go off chip where none holds them."""
    settings, vector = machine.settings, machine.settings.vector
    if vector is None:
        raise SimulatorError(f"{work.layer} was given to an array without lanes")
    width = settings.widths.output / BITS_PER_BYTE
    read, written = work.read_elements * width, work.write_elements * width
    fetched = 0.0 if machine.keeps(work.read_elements, work.layer, "first") else read
    sent = 0.0 if machine.keeps(work.write_elements, work.layer, "last") else written
    traffic = [Traffic(OFF_CHIP, "input", fetched, 0.0), Traffic(OFF_CHIP, "output", 0.0, sent)]
    lanes = Energy(Component.of("vector_unit", "chip", vector.op_pj, scales=True), work.ops * vector.op_pj.value)
    parts = [lanes]
    if settings.hand_over is not None:
        traffic += [
            Traffic(settings.hand_over, "input", read, fetched), Traffic(settings.hand_over, "output", sent, written)
        ]  # fmt: skip
        parts.append(_buffer(settings.hand_over, read + sent, written + fetched, machine))
    if machine.context.includes_off_chip:
        parts.append(machine.context.off_chip.transfer(fetched, sent))
    lanes_ns = float(ceil_div(work.ops, vector.lanes)) / settings.clock_ghz
    off_ns = float(machine.context.off_chip_ns(fetched + sent))
    latency_ns = max(lanes_ns, off_ns)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=latency_ns,
        active_units=float(np.minimum(vector.lanes, work.ops)),
        utilisation_fraction=work.ops / max(vector.lanes * latency_ns * settings.clock_ghz, 1.0),
        bound_by=OFF_CHIP if off_ns > lanes_ns else "vector_unit",
        energies=(*parts, control_energy(settings, parts)),
        traffic=tuple(traffic),
    )


def _buffer(name: str, read: float, written: float, machine: SpatialMachine) -> Energy:
    memory = machine.settings.memories[name]
    per_byte = BITS_PER_BYTE / memory.word_bits
    energy = (read * memory.read_pj.value + written * memory.write_pj.value) * per_byte
    return Energy(memory_component(machine.settings, name), energy)
