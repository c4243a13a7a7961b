"""Cost of one matrix work from its mapping: accesses by memory, units, wires, control; time and what bounds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OFF_CHIP, OPERAND, OperandName
from joulescape.simulators._mapping.hierarchy import READS, Memory
from joulescape.simulators._mapping.mapper import Mapped
from joulescape.simulators._mapping.own_cost import Movement
from joulescape.simulators._mapping.unrolling_search import Unrolled
from joulescape.simulators.base import Component, Energy, LayerCost, MappingGap, Scope, Traffic
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.skipping import is_skipping, moved_share, multiplied, skipped
from joulescape.units import BITS_PER_BYTE

NAMES: Mapping[str, OperandName] = {letter: name for name, letter in OPERAND.items()}

Moved = dict[tuple[str, OperandName], tuple[float, float]]
"""Bytes read and written, by memory and operand."""


def matrix_cost(work: MatrixWork, machine: SpatialMachine, found: Unrolled) -> LayerCost:
    """One work on its mapping."""
    mapped = found.mapped
    moved = _moved(work, machine, mapped)
    parts = [*_unit_energies(work, machine, mapped), *_memory_energies(moved, machine, mapped)]
    cost = LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=mapped.cycles / machine.settings.clock_ghz,
        active_units=mapped.spatial.used_units / machine.lanes,
        utilisation_fraction=mapped.utilisation_fraction,
        bound_by=mapped.bound_by,
        energies=(*parts, control_energy(machine.settings, parts)),
        traffic=tuple(Traffic(memory, operand, *both) for (memory, operand), both in moved.items()),
        mapping_gap=MappingGap(mapped.objective, found.gap_fraction),
    )
    return skipped(cost, work, machine.settings, mapped)


def memory_component(settings: SpatialSettings, name: str) -> Component:
    """A memory of the chip, as every table names it: inside the units it belongs to the core."""
    memory = settings.memories[name]
    scope: Scope = "chip" if memory.serves else "core"
    return Component.resting_on(name, scope, memory.read_pj, memory.write_pj, scales=True)


def control_energy(settings: SpatialSettings, steered: list[Energy]) -> Energy:
    """Sequencer and networks' control, as a share of what they steer on the chip."""
    fraction = settings.logic.control_fraction
    energy = sum(part.energy_pj for part in steered if part.component.scope != "system")
    return Energy(Component.of("control", "chip", fraction, scales=True), fraction.value * energy)


def _moved(work: MatrixWork, machine: SpatialMachine, mapped: Mapped) -> Moved:
    """Bytes that memories move: less what gated units do not ask for, and in coded form off the chip."""
    found: Moved = {}
    for move in mapped.cost.movements:
        memory, operand = mapped.spatial.hierarchy.memories[move.memory], NAMES[move.operand]
        moved = _bytes(move, memory) * _share(work, machine, move, memory.name)
        read, written = found.get((memory.name, operand), (0.0, 0.0))
        is_read = move.direction in READS
        found[memory.name, operand] = (read + moved * is_read, written + moved * (not is_read))
    return found


def _bytes(move: Movement, memory: Memory) -> float:
    return move.words * memory.port(move.operand, move.direction).bits / BITS_PER_BYTE


def _share(work: MatrixWork, machine: SpatialMachine, move: Movement, memory: str) -> float:
    gating = machine.settings.gating
    if is_skipping(machine.settings):
        return moved_share(work, machine.settings, move, memory)
    if memory == OFF_CHIP:
        return machine.coded(work, NAMES[move.operand])
    is_gated = gating is not None and memory in gating.memories and move.link == 0
    return gating.share(work.input.density, work.weight.density) if gating and is_gated else 1.0


def _memory_energies(moved: Moved, machine: SpatialMachine, mapped: Mapped) -> Iterator[Energy]:
    for memory in mapped.spatial.hierarchy.memories:
        read, written = (sum(both[side] for (name, _), both in moved.items() if name == memory.name) for side in (0, 1))
        if memory.name != OFF_CHIP:
            accesses = read * memory.read_pj + written * memory.write_pj
            bits = memory.ports[0].bits
            yield Energy(memory_component(machine.settings, memory.name), accesses * BITS_PER_BYTE / bits)
        elif machine.context.includes_off_chip:
            yield machine.context.off_chip.transfer(read, written)


def _unit_energies(work: MatrixWork, machine: SpatialMachine, mapped: Mapped) -> Iterator[Energy]:
    settings = machine.settings
    gating = settings.gating
    multiplies = work.macs * multiplied(work, settings)
    multiplies *= gating.share(work.input.density, work.weight.density) if gating else 1.0
    yield Energy(
        Component.of("mac_array", "core", settings.array.mac_pj, scales=True), multiplies * settings.array.mac_pj.value
    )
    if settings.sensor is not None and settings.sensor.is_on:
        link = settings.sensor.link_pj_per_bit
        sensed = work.input.elements * settings.widths.input if machine.is_sensed(work) else 0
        yield Energy(Component.of("sensor_link", "system", link), sensed * link.value)
    wires = [memory.wire_pj_per_bit for memory in settings.memories.values() if memory.wire_pj_per_bit is not None]
    if wires:
        yield Energy(Component.resting_on("wires", "chip", *wires, scales=True), mapped.cost.wire_pj)
