"""Cost of one matrix product on the array."""

from __future__ import annotations

from typing import Any

import numpy as np

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Component, Energy, LayerCost, Traffic, ceil_div
from joulescape.simulators.systolic.choice import AccessEnergies, Chosen, Sources, choose
from joulescape.simulators.systolic.machine import SystolicMachine
from joulescape.simulators.systolic.product import NATIVE_BITS, Product, product_of
from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.units import BITS_PER_BYTE

ADDER_BITS = 32
"""Width of the tabulated adder."""

BOUNDS = np.array(["array", "off_chip_memory", "weight_sram", "activation_sram", "accumulator_sram", "vector_unit"])
OFF_CHIP = 1
"""Its place in BOUNDS."""


def matrix_cost(work: MatrixWork, machine: SystolicMachine) -> LayerCost:
    """Tile, count, and charge: latency is the longest of array, memory, SRAM ports and transforms, or a sum."""
    product = product_of(work, machine.settings)
    sources, energies = machine.sources(work), machine.energies
    chosen = choose(product, machine.room(sources), sources, energies)
    traffic = matrix_traffic(product, sources, chosen)
    times = _times_ns(machine, chosen, traffic, product.transform_ops)
    latency = machine.latency(np.delete(times, OFF_CHIP, axis=0), times[OFF_CHIP])
    cells = machine.rows * machine.columns
    used = product.macs * product.passes / (cells * latency * machine.clock_ghz)
    parts = (*_array_energies(work, product, chosen, machine), *memory_energies(machine, traffic, energies))
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=machine.plain(latency),
        active_units=machine.plain(_active_cells(product, machine)),
        utilisation_fraction=machine.plain(used),
        bound_by=machine.plain(BOUNDS[times.argmax(axis=0)]),
        energies=tuple(Energy(part.component, machine.plain(part.energy_pj)) for part in parts),
        traffic=tuple(
            Traffic(t.memory, t.operand, machine.plain(t.read_bytes), machine.plain(t.write_bytes)) for t in traffic
        ),
    )


def matrix_traffic(product: Product, sources: Sources, chosen: Chosen) -> list[Traffic]:
    """Bytes read from and written to every memory, by operand."""
    output = product.output_bytes * product.groups
    filled = np.where(sources.weights_resident, 0.0, chosen.weight_fetch_bytes)
    from_buffer = np.where(sources.weight_on_chip, filled, 0.0)
    fetched = np.where(sources.input_on_chip, 0.0, chosen.input_fetch_bytes)
    kept = np.where(sources.output_on_chip, output, 0.0)
    spill, sums, transformed = chosen.spill_bytes, chosen.sum_bytes, product.transformed_bytes
    return [
        Traffic("off_chip_memory", "weight", filled - from_buffer, 0.0),
        Traffic("off_chip_memory", "input", fetched, 0.0),
        Traffic("off_chip_memory", "output", spill, spill + output - kept),
        Traffic("weight_sram", "weight", chosen.weight_read_bytes, filled),
        Traffic("activation_sram", "weight", from_buffer, 0.0),
        Traffic("activation_sram", "input", chosen.input_read_bytes + transformed, fetched + transformed),
        Traffic("activation_sram", "output", 0.0, kept),
        Traffic("accumulator_sram", "output", sums + spill, sums + spill),
    ]


def memory_energies(machine: SystolicMachine, traffic: list[Traffic], energies: AccessEnergies) -> list[Energy]:
    """Energy of every memory that the traffic names."""
    sram = machine.settings.sram
    per_byte: dict[str, tuple[Any, Any]] = {
        "weight_sram": (energies.weight_read, energies.weight_write),
        "activation_sram": (energies.activation_read, energies.activation_write),
        "accumulator_sram": (energies.accumulator_read, energies.accumulator_write),
    }
    found = [
        Energy(sram.component(name), moved[0] * read + moved[1] * write)
        for name, (read, write) in per_byte.items()
        if (moved := moved_bytes(traffic, name)) is not None
    ]
    off_chip = moved_bytes(traffic, "off_chip_memory")
    if machine.context.includes_off_chip and off_chip is not None:
        found.append(machine.context.off_chip.transfer(*off_chip))
    return found


def moved_bytes(traffic: list[Traffic], memory: str) -> tuple[Any, Any] | None:
    """Bytes read from and written to one memory; None when nothing names it."""
    listed = [move for move in traffic if move.memory == memory]
    if not listed:
        return None
    return sum(move.read_bytes for move in listed), sum(move.write_bytes for move in listed)


def multiply_add_pj(settings: SystolicSettings) -> tuple[float, float]:
    """Energy of one 8-bit multiplication, and of one addition at the accumulator's width (rule `linear_bits`)."""
    return settings.cell.multiply_pj.value, settings.cell.add_pj.value * settings.accumulator_bits / ADDER_BITS


def control_energy(settings: SystolicSettings, energy_pj: Any) -> Energy:
    """Sequencer and address generators, as a share of what they steer."""
    fraction = settings.control.energy_fraction
    return Energy(Component.of("control", "chip", fraction, scales=True), fraction.value * energy_pj)


def _array_energies(work: MatrixWork, product: Product, chosen: Chosen, machine: SystolicMachine) -> list[Energy]:
    """Cells in use, registers that their operands pass through, control. Idle cells are clocked but do not switch."""
    settings, cell = machine.settings, machine.settings.cell
    multiply, add = multiply_add_pj(settings)
    is_plain = product.transform_ops == 0.0  # what is transformed has no zeros to speak of
    acting = np.where(machine.zero_gating & is_plain, work.weight.density * work.input.density, 1.0)
    steps = product.macs * product.passes
    lowered = 1.0 if settings.supply is None else settings.supply.energy_factor
    arithmetic = steps * (multiply * acting + add) * lowered * np.ones_like(machine.rows)
    operands = np.where(machine.is_output_stationary, 2, 1) * NATIVE_BITS
    moved = steps * (operands + settings.accumulator_bits) + chosen.shifted_bits
    registers = moved * cell.register_pj_per_bit.value * lowered
    return [
        Energy(Component.resting_on("mac_array", "core", cell.multiply_pj, cell.add_pj, scales=True), arithmetic),
        Energy(Component.of("pe_registers", "core", cell.register_pj_per_bit, scales=True), registers),
        *([] if is_plain else [_transforms(product, machine)]),
        control_energy(settings, arithmetic + registers + settings.vector.op_pj.value * product.transform_ops),
    ]


def _transforms(product: Product, machine: SystolicMachine) -> Energy:
    settings = machine.settings
    energy = settings.vector.op_pj.value * product.transform_ops * np.ones_like(machine.rows)
    return Energy(Component.of("vector_unit", "chip", settings.vector.op_pj, scales=True), energy)


def _times_ns(machine: SystolicMachine, chosen: Chosen, traffic: list[Traffic], transform_ops: float) -> Any:
    """Time that each resource is busy, (resources, variants) in the order of BOUNDS.

    Every buffer has one read and one write port, as wide as the array asks for in a cycle: `columns` bytes of weights,
    `rows` bytes of inputs, `columns` partial sums.
    """
    sum_bytes = machine.settings.accumulator_bits / BITS_PER_BYTE
    widths = {
        "weight_sram": machine.columns,
        "activation_sram": machine.rows,
        "accumulator_sram": machine.columns * sum_bytes,
    }
    ports = []
    for name, width in widths.items():
        moved = moved_bytes(traffic, name) or (0.0, 0.0)
        ports.append(np.maximum(*moved) / width / machine.clock_ghz)
    off_chip = moved_bytes(traffic, "off_chip_memory") or (0.0, 0.0)
    array = chosen.cycles / machine.clock_ghz
    vector = transform_ops / machine.lanes / machine.clock_ghz
    return np.stack(np.broadcast_arrays(array, machine.context.off_chip_ns(sum(off_chip)), *ports, vector))


def _active_cells(product: Product, machine: SystolicMachine) -> Any:
    """Cells in use, averaged over array tiles."""
    held = np.where(machine.is_output_stationary, product.positions, product.reduction)
    tiles = ceil_div(held, machine.rows) * ceil_div(product.outputs, machine.columns)
    return held * product.outputs / tiles
