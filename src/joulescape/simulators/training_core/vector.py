"""Cost of element-wise work, and of updates: sums of stored weights and steps, rounded at random where asked."""

from __future__ import annotations

from joulescape.network.work import VectorWork
from joulescape.simulators._mapping.declared import OFF_CHIP
from joulescape.simulators.base import Component, Energy, LayerCost, Traffic, ceil_div
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.simulators.training_core.matrix import control_energy, memory_component
from joulescape.units import BITS_PER_BYTE


def vector_cost(work: VectorWork, machine: TrainingMachine) -> LayerCost:
    """Operands pass once through the memory in which tensors stay; those that do not stay cross the chip's edge."""
    settings = machine.settings
    read, written = (
        count * _bits(work, machine) / BITS_PER_BYTE for count in (work.read_elements, work.write_elements)
    )
    fetched, sent = _crossing(work, machine, read, written)
    on_chip = _store(read + sent, written + fetched, machine)
    parts = [_lanes(work, machine), _random(work, machine), on_chip]
    edge = [machine.context.off_chip.transfer(fetched, sent)] if machine.context.includes_off_chip else []
    lanes_ns = float(ceil_div(work.ops, settings.vector.lanes)) / settings.clock_ghz
    off_ns = machine.off_chip_ns(fetched + sent)
    latency_ns = max(lanes_ns, off_ns)
    slots = settings.vector.lanes * latency_ns * settings.clock_ghz
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=latency_ns,
        active_units=float(min(settings.vector.lanes, work.ops)),
        utilisation_fraction=work.ops / max(slots, 1.0),
        bound_by=OFF_CHIP if off_ns > lanes_ns else "vector_unit",
        energies=(*parts, control_energy(settings, parts), *edge),
        traffic=(
            Traffic(OFF_CHIP, "input", fetched, 0.0),
            Traffic(OFF_CHIP, "output", 0.0, sent),
            Traffic(settings.store, "input", read, fetched),
            Traffic(settings.store, "output", sent, written),
        ),
    )


def _bits(work: VectorWork, machine: TrainingMachine) -> int:
    return machine.settings.arithmetic.master_bits if work.role == "update" else machine.bits(work.layer)


def _crossing(work: VectorWork, machine: TrainingMachine, read: float, written: float) -> tuple[float, float]:
    """Bytes from and to off-chip memory: an update's weights and gradients where they are no tenants; backward, a bit
    an element says what waited there let through."""
    if work.role == "update":
        if not machine.kept.weights_stay:
            return read, written
        return read - written if work.layer in machine.spilt else 0.0, 0.0
    is_first = work.role == "forward" and work.layer in machine.context.first
    is_last = work.role == "forward" and work.layer in machine.context.last
    fetched = 0.0 if machine.stays(work.read_elements, work.layer, is_first) else read
    sent = 0.0 if machine.stays(work.write_elements, work.layer, is_last) else written
    mask = work.write_elements / BITS_PER_BYTE if machine.kept.is_training and not machine.kept.stash_stays else 0.0
    if work.role == "forward":
        return fetched, sent + mask
    return max(fetched, mask), sent


def _lanes(work: VectorWork, machine: TrainingMachine) -> Energy:
    settings = machine.settings
    energy = work.ops * settings.vector.op_pj.value * settings.supply_factor**2
    return Energy(Component.of("vector_unit", "chip", settings.vector.op_pj, scales=True), energy)


def _random(work: VectorWork, machine: TrainingMachine) -> Energy:
    """One random number for each weight that is written."""
    settings = machine.settings
    drawn = work.write_elements if work.role == "update" and machine.context.rounding == "stochastic" else 0
    rounding = settings.arithmetic.rounding_pj
    component = Component.of("random_numbers", "chip", rounding, scales=True)
    return Energy(component, drawn * rounding.value * settings.supply_factor**2)


def _store(read: float, written: float, machine: TrainingMachine) -> Energy:
    settings = machine.settings
    memory = settings.memories[settings.store]
    energy = (read * memory.read_pj.value + written * memory.write_pj.value) * BITS_PER_BYTE / memory.word_bits
    return Energy(memory_component(settings, settings.store), energy * settings.supply_factor**2)
