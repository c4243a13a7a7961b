"""Training in place: what writing the cells costs, serially or by pulse coincidence."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import Component, Energy, LayerCost, Quantity, Traffic, ceil_div
from joulescape.simulators.crossbar.converters import conversion_energy
from joulescape.simulators.crossbar.events import fetch_energy, moved_energy
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import columns_per_weight, operand_width, step_ns
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.writes import pulse_energy, write_energy
from joulescape.spec.sourced import Sourced
from joulescape.units import BITS_PER_BYTE

Crossbars = MappingOf[str, Quantity]
"""Crossbars that hold each layer's weights, copies included."""


def crossbars_by_layer(works: Sequence[Work], settings: CrossbarSettings) -> Crossbars:
    """Crossbars of every layer that is run forward among `works`."""
    mapped = {w.layer: map_product(w, settings) for w in works if isinstance(w, MatrixWork) and w.role == "forward"}
    return {layer: mapping.arrays * mapping.copies for layer, mapping in mapped.items()}


def outer_product_cost(work: MatrixWork, found: Parts, crossbars: Crossbars, settings: CrossbarSettings) -> LayerCost:
    """Weight gradient and update in one event: every input vector pulses every array of the layer once.

    Both vectors of each pulse, activations along the rows and errors along the columns, come from the tile buffer.
    """
    training = settings.training
    arrays = crossbars.get(work.layer, _laid_out(work, settings))
    latency = np.maximum(training.outer_product_ns.value, settings.cell.writing.pulse_ns.value) * work.loops.reduction
    pulse = pulse_energy("crossbar_pulse", arrays * _cells(settings) * work.loops.reduction, settings)
    capacity = arrays * settings.array.rows * settings.array.columns * work.loops.reduction
    bits = _pulse_bits(work, settings)
    read = (
        fetch_energy(bits, found, settings),
        moved_energy(found["bus"], settings.bus, bits),
    )
    traffic = (Traffic(settings.buffer, "input", bits / BITS_PER_BYTE, 0.0),)
    return LayerCost(
        work.layer, work.role, work.macs, latency, arrays, work.macs / capacity, "pulses", (pulse, *read), traffic,
    )  # fmt: skip


def _pulse_bits(work: MatrixWork, settings: CrossbarSettings) -> float:
    """Bits of all activation vectors (one value a row of the weight matrix) and error vectors (one a column)."""
    loops = work.loops
    rows = loops.positions * operand_width(work.input.bits, settings)
    columns = loops.K * operand_width(work.weight.bits, settings)
    return float(loops.G * loops.reduction * (rows + columns))


def update_cost(
    work: VectorWork, crossbars: Crossbars, found: Parts, forward: MatrixWork | None, settings: CrossbarSettings
) -> LayerCost:
    """Update of one step, all arrays at once: nothing after an outer product, pulses row by row, or each row read and
    rewritten; then what is transferred out of a hidden array, where there is one."""
    arrays = crossbars.get(work.layer, _packed(work, settings))
    latency, energies, limit = _own_update(arrays, settings)
    if settings.training.is_hidden and forward is not None:
        transfer_ns, transfer = _transfer(forward, found, settings)
        latency, energies = latency + transfer_ns, (*energies, *transfer)
    return LayerCost(work.layer, work.role, 0, latency, arrays, 1.0, limit, energies)


def _own_update(arrays: Quantity, settings: CrossbarSettings) -> tuple[Quantity, tuple[Energy, ...], str]:
    training, writing = settings.training, settings.cell.writing
    if training.update_scheme == "outer_product":
        return 0.0, (), "pulses"
    cells = arrays * _cells(settings)
    if training.update_scheme == "pulses":
        pulses = pulse_energy("crossbar_pulse", cells, settings)
        return settings.array.rows * writing.pulse_ns.value, (pulses,), "pulses"
    share = settings.array.rows / training.reference_rows
    latency = share * training.serial_read_ns.value + settings.array.rows * writing.write_ns
    per_cell = training.serial_read_pj.value / (training.reference_rows * training.reference_columns)
    read = Energy(_write_component("crossbar_read_back", training.serial_read_pj), cells * per_cell)
    return latency, (read, write_energy("crossbar_write", cells, settings)), "serial write"


def _transfer(forward: MatrixWork, found: Parts, settings: CrossbarSettings) -> tuple[Quantity, tuple[Energy, ...]]:
    """Columns of the hidden array, one input of the layer each: one read of all its outputs, then a pulse into each of
    their cells. Mean over steps."""
    loops, training = forward.loops, settings.training
    columns = min(training.transfer_columns, loops.reduction) / training.transfer_every
    values = columns * loops.G * loops.K
    conversion, pulse = conversion_energy(settings.adc), settings.cell.writing.energy_pj
    cells = values * columns_per_weight(operand_width(forward.weight.bits, settings), settings)
    energies = (
        Energy(found["adc"].component(conversion), values * conversion.value),
        Energy(Component.of("transfer_pulse", "core", pulse), cells * pulse.value),
    )
    return columns * (step_ns(settings) + settings.cell.writing.pulse_ns.value), energies


def _cells(settings: CrossbarSettings) -> Quantity:
    """Cells of one array."""
    return np.asarray(settings.array.rows) * settings.array.columns


def _laid_out(work: MatrixWork, settings: CrossbarSettings) -> Quantity:
    """Crossbars of one copy of a weight matrix whose gradient is asked for: positions are its rows, K its columns."""
    columns = work.loops.K * columns_per_weight(operand_width(work.output.bits, settings), settings)
    tiles = ceil_div(work.loops.positions, settings.array.rows) * ceil_div(columns, settings.array.columns)
    return np.asarray(work.loops.G * tiles)


def _packed(work: VectorWork, settings: CrossbarSettings) -> Quantity:
    """Fewest crossbars that hold as many weights as the update writes."""
    columns = columns_per_weight(operand_width(work.bits, settings), settings)
    return np.asarray(ceil_div(work.write_elements * columns, settings.array.rows * settings.array.columns))


def _write_component(name: str, constant: Sourced) -> Component:
    return Component.of(name, "core", constant)
