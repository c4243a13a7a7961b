"""Weight gradients by matrix products in the arrays, averaged over a batch, and cells rewritten once a step.

PipeLayer (song2017): a sample's errors are written into arrays of their own, the layer's input is driven through them,
and the result is added to sums that stand in memory subarrays (xiao2020); at the end of the batch each array is read
back and rewritten. The order of the factors is the one of lowering: errors stand, activations are driven.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import LayerCost, Quantity, Traffic
from joulescape.simulators.crossbar.events import analog_energies, fetch_energy, input_bits, store_energy
from joulescape.simulators.crossbar.mapping import Mapping, analog_ns, map_product, utilisation
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import columns_per_weight, operand_width, step_ns
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.writes import write_energy
from joulescape.units import BITS_PER_BYTE

Cells = MappingOf[str, Quantity]
"""Cells that hold each layer's weights, forward and transposed, copies included."""


def gradient_work(work: MatrixWork) -> MatrixWork:
    """The weight gradient as products of one sample: its errors (positions x outputs) stand, C FY FX vectors of its
    activations are driven."""
    own = work.loops
    loops = Loops(B=own.C, G=own.G, K=own.K, C=1, OY=own.B * own.OY, OX=own.OX, FY=own.FY, FX=own.FX)
    return replace(work, role="forward", loops=loops)


def gradient_mapping(work: MatrixWork, settings: CrossbarSettings) -> Mapping:
    """Arrays of one weight gradient: ceil(positions / rows) * ceil(outputs * cells / columns), copies share vectors."""
    return map_product(gradient_work(work), settings)


def gradient_cost(work: MatrixWork, found: Parts, settings: CrossbarSettings, is_beside: bool) -> LayerCost:
    """Weight gradients of a batch, sample by sample; the sums of the last sample are written while the next is read."""
    mapping, driven = gradient_mapping(work, settings), gradient_work(work)
    own, batch, write_ns = mapping.loops, mapping.loops.B, settings.cell.writing.write_ns
    into_arrays = batch * np.minimum(own.reduction, settings.array.rows) * write_ns
    into_sums = batch * settings.array.rows * write_ns if settings.buffer == "subarrays" else 0.0
    busy = np.maximum(analog_ns(mapping, settings) + into_arrays, into_sums)
    fetched = input_bits(driven, own, settings)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=busy,
        active_units=mapping.arrays * mapping.copies,
        utilisation_fraction=utilisation(mapping, settings),
        bound_by=np.where(busy > into_sums, "array", "cell writes"),
        energies=(
            *analog_energies(driven, mapping, found, settings),
            write_energy("gradient_write", _error_cells(mapping), settings),
            store_energy(batch * work.output.elements, work.output.bits, found, settings),
            fetch_energy(fetched, found, settings),
        ),
        traffic=(Traffic(settings.buffer, "input", fetched / BITS_PER_BYTE, 0.0),),
        is_beside=is_beside,
    )


def cells_by_layer(works: Sequence[Work], settings: CrossbarSettings) -> Cells:
    """Cells of every layer's weights among `works`: what an update rewrites."""
    cells: dict[str, Quantity] = {}
    for work in works:
        if isinstance(work, MatrixWork) and work.role != "weight_gradient":
            mapping = map_product(work, settings)
            held = work.weight.elements * mapping.cells_per_weight * mapping.copies
            cells[work.layer] = cells.get(work.layer, 0.0) + held
    return cells


def rewrite_cost(
    work: VectorWork, cells: Cells, found: Parts, settings: CrossbarSettings, is_beside: bool
) -> LayerCost:
    """Once a step all arrays at once: every row is read back with its sums, then written, after the last sample."""
    width = operand_width(work.bits, settings)
    held = cells.get(work.layer, work.write_elements * columns_per_weight(width, settings))
    row_ns = step_ns(settings) + settings.cell.writing.write_ns
    sums = work.write_elements * width
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=settings.array.rows * row_ns,
        active_units=np.ceil(held / (settings.array.rows * settings.array.columns)),
        utilisation_fraction=1.0,
        bound_by="cell writes",
        energies=(write_energy("crossbar_write", held, settings), fetch_energy(2 * sums, found, settings)),
        occupancy_ns=0.0,
        is_beside=is_beside,
    )


def _error_cells(mapping: Mapping) -> Quantity:
    """Every sample's errors in every copy of the arrays."""
    own = mapping.loops
    return own.B * own.G * own.reduction * own.K * mapping.cells_per_weight * mapping.copies
