"""Training in place: what writing the cells costs, serially or by pulse coincidence."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import Component, Energy, LayerCost, Quantity, Traffic, ceil_div
from joulescape.simulators.crossbar.events import fetch_energy, moved_energy
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import columns_per_weight, operand_width
from joulescape.simulators.crossbar.settings import CrossbarSettings
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
    training, scale = settings.training, _scale(settings)
    arrays = crossbars.get(work.layer, _laid_out(work, settings))
    energy = training.outer_product_mw.value * training.outer_product_ns.value * scale * arrays * work.loops.reduction
    latency = training.outer_product_ns.value * work.loops.reduction
    pulse = Energy(_write_component("crossbar_pulse", training.outer_product_mw), energy)
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


def update_cost(work: VectorWork, crossbars: Crossbars, settings: CrossbarSettings) -> LayerCost:
    """Update of one step: nothing after an outer product; else each array is read and rewritten, all arrays at once."""
    training, scale = settings.training, _scale(settings)
    arrays = crossbars.get(work.layer, _packed(work, settings))
    if training.update_scheme == "outer_product":
        return LayerCost(work.layer, work.role, 0, 0.0, arrays, 1.0, "pulses", ())
    rows = settings.array.rows / training.reference_rows
    latency = rows * (training.serial_read_ns.value + training.serial_write_ns.value)
    energies = (
        Energy(_write_component("crossbar_read_back", training.serial_read_pj),
               arrays * scale * training.serial_read_pj.value),
        Energy(_write_component("crossbar_write", training.serial_write_pj),
               arrays * scale * training.serial_write_pj.value),
    )  # fmt: skip
    return LayerCost(work.layer, work.role, 0, latency, arrays, 1.0, "serial write", energies)


def _scale(settings: CrossbarSettings) -> Quantity:
    cells = settings.training.reference_rows * settings.training.reference_columns
    return settings.array.rows * settings.array.columns / cells


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
