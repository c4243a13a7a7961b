"""Energy and time of one work on ring banks.

Every tile of a layer is set once a batch (unless all layers have banks of their own and no update changes them; of two
activations every sample brings a matrix of its own, set in its turn), then the batch's vectors stream through it, one a
clock; light has no sign, so signed inputs go twice, positive and negative parts. Banks work side by side on different
tiles, or on copies of one tile that share its vectors; partial sums are added digitally.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators._moved import MovedBytes, buffer_component
from joulescape.simulators._photonics import BYTES_PER_KIB, Comparator
from joulescape.simulators._tiling import Tiling
from joulescape.simulators.base import Context, Energy, LayerCost, Quantity, Traffic, ceil_div
from joulescape.simulators.ring_bank import parts
from joulescape.simulators.ring_bank.placement import (
    Load,
    Placement,
    conversions,
    passes,
    tiling,
    turns,
    vector_ns,
    weight_bytes,
)
from joulescape.simulators.ring_bank.settings import RingBankSettings
from joulescape.units import BITS_PER_BYTE

CONVERTER_CLOCKS = 2
"""A sample spends one clock in the input's and one in the output's converter."""

UPDATE_BITS = 32
"""Widest weight that the digital side keeps."""


def matrix_cost(work: MatrixWork, settings: RingBankSettings, context: Context, placement: Placement) -> LayerCost:
    """Cost of one matrix work for the whole batch."""
    cut, load = tiling(work, settings), Load.of(work, settings, placement)
    once = _bytes(work, cut, load, settings, context, placement)
    off_ns = context.off_chip_ns(once.off_chip)
    fixed_ns = CONVERTER_CLOCKS / settings.clock_ghz
    taken = turns(work, settings, load, placement, off_ns - fixed_ns)
    load_ns = taken.rounds * load.time_ns(settings)
    stream_ns = taken.rounds * taken.positions * vector_ns(work, settings)
    compute_ns = load_ns + stream_ns + fixed_ns
    moved = replace(once, weight_read=once.weight_read * taken.copies)
    latency_ns = np.maximum(compute_ns, off_ns)
    peak = settings.bank.rows * settings.bank.channels * settings.bank.count * settings.clock_ghz
    bound = np.where(off_ns > compute_ns, "off_chip_memory", np.where(load_ns > stream_ns, "reload", "stream"))
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=cut.tiles * taken.copies / taken.rounds,
        utilisation_fraction=work.macs / (peak * latency_ns),
        bound_by=str(bound) if bound.ndim == 0 else bound,
        energies=(
            *_streaming(work, cut, settings),
            *load.copied(taken.copies).energies(settings),
            *moved.energies(settings.buffer, context),
        ),
        traffic=moved.traffic(),
    )


def _streaming(work: MatrixWork, cut: Tiling, settings: RingBankSettings) -> tuple[Energy, ...]:
    sent = cut.sent * passes(work)
    outputs = cut.groups * cut.outputs * cut.positions
    converted = outputs * conversions(cut, settings)
    added = converted - outputs + (passes(work) - 1) * converted
    return (
        Energy(parts.input_dac(settings), sent * settings.dac.dac_pj(settings.dac.bits)),
        Energy(parts.modulator(settings), sent * settings.modulator.energy_pj.value),
        Energy(parts.adc(settings), converted * passes(work) * settings.adc.adc_pj()),
        Energy(parts.accumulator(settings), settings.digital.summing_pj(converted, added)),
    )


def _bytes(
    work: MatrixWork, cut: Tiling, load: Load, settings: RingBankSettings, context: Context, placement: Placement
) -> MovedBytes:
    in_width, out_width = (settings.digital.stored_bytes(o.bits) for o in (work.input, work.output))
    in_bytes, out_bytes = work.input.elements * in_width, work.output.elements * out_width
    outputs = cut.groups * cut.outputs * cut.positions
    partial = outputs * (conversions(cut, settings) - 1) * settings.digital.partial_sum_bits / BITS_PER_BYTE
    spills = np.greater(in_bytes + out_bytes, np.multiply(settings.buffer.kib, BYTES_PER_KIB))
    is_forward = work.role == "forward"
    is_loaded, stays = load.tiles > 0, not work.is_weight_stored
    weights = np.where(is_loaded, work.weight.elements * weight_bytes(work, settings), 0.0)
    return MovedBytes(
        input_read=cut.sent * in_width,
        output_read=partial,
        output_write=partial + outputs * out_width,
        weight_read=np.where(load.is_from_cells, 0.0, weights),
        off_input=np.where(np.logical_or(spills, is_forward and work.layer in context.first), in_bytes, 0.0),
        off_weight=np.where(np.logical_or(placement.is_stored, stays), 0.0, weights),
        off_output=np.where(np.logical_or(spills, is_forward and work.layer in context.last), out_bytes, 0.0),
    )


def update_cost(work: VectorWork, settings: RingBankSettings, context: Context, placement: Placement) -> LayerCost:
    """Cost of a weight update: the step, then the cells (or the buffer) are rewritten."""
    width = min(work.bits, UPDATE_BITS) / BITS_PER_BYTE
    read, written = work.read_elements * width, work.write_elements * width
    off = np.where(placement.is_stored, 0.0, written)
    energies = [
        Energy(parts.update_logic(settings), work.ops * settings.digital.flop_pj.value),
        Energy(buffer_component(settings.buffer), settings.buffer.transfer_pj(read, written)),
    ]
    write_ns: Quantity = 0.0
    if settings.weights.held_in is not None:
        cell, cells = settings.weights.held_in, settings.weights.cells_per_weight
        energies.append(Energy(parts.cell_write(cell), work.write_elements * cells * cell.write_pj.value))
        columns = np.multiply(settings.bank.count, settings.bank.channels)
        write_ns = ceil_div(work.write_elements, columns) * cell.write_ns.value
    if context.includes_off_chip:
        energies.append(context.off_chip.transfer(0.0, off))
    latency_ns = work.ops / settings.digital.flops_per_ns.value + write_ns
    traffic = (Traffic("sram", "weight", read, written), Traffic("off_chip_memory", "weight", 0.0, off))
    return LayerCost(
        work.layer, work.role, 0, latency_ns, settings.bank.count, 1.0, "weight update", tuple(energies), traffic
    )


def derivative_cost(work: VectorWork, settings: RingBankSettings, comparator: Comparator) -> LayerCost:
    """A rectifier's derivative: one decision an element, as many at once as there are receivers."""
    decisions = work.write_elements
    receivers = np.multiply(settings.bank.count, settings.bank.rows)
    latency_ns = ceil_div(decisions, receivers) / settings.clock_ghz
    energies = (Energy(parts.comparator(comparator), decisions * comparator.energy_pj.value),)
    return LayerCost(work.layer, work.role, 0, latency_ns, receivers, 1.0, "comparators", energies)
