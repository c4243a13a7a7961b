"""Energy and time of one work on the meshes.

Every tile of a layer is written once a batch (unless all layers have meshes of their own), then the batch's vectors
stream through it, one a clock. Of a product of two activations every sample brings a matrix of its own: it is read,
decomposed by the digital side, its phases kept in the buffer and written, before that sample's vectors go. Meshes work
side by side on different tiles; partial sums are added digitally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators._photonics import BYTES_PER_KIB
from joulescape.simulators.base import Context, Energy, LayerCost, Quantity, Traffic, ceil_div
from joulescape.simulators.mzi_mesh import parts
from joulescape.simulators.mzi_mesh.geometry import matrix_shifters, transit_ns
from joulescape.simulators.mzi_mesh.mapping import Placement, Product, select, tile_bytes, write_ns
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.units import BITS_PER_BYTE

SVD_FLOPS_PER_CUBE = 21.0
"""Golub-Reinsch singular value decomposition with both factors of an N x N matrix: about 21 N^3 (golub2013)."""

MESH_FLOPS_PER_CUBE = 6.0
"""Two real unitaries, each cleared by N^2/2 rotations of two rows or columns: N pairs of 6 operations, 6 N^3 in all."""

UPDATE_BITS = 32
"""Widest weight that the digital side keeps beside its phases."""

CONVERTER_CLOCKS = 2
"""A sample spends one clock in the input's and one in the output's converter."""


def tile_dac_pj(settings: MeshSettings) -> Quantity:
    """Energy of converting the phases of one tile."""
    return matrix_shifters(settings.mesh.size) * settings.dac.dac_pj(settings.shifter.bits)


def writing(settings: MeshSettings, tiles: Quantity) -> tuple[Energy, ...]:
    """Energy of writing the phases of so many tiles: a conversion and a switch for every shifter."""
    switches = tiles * matrix_shifters(settings.mesh.size) * settings.shifter.device.switch_pj.value
    return (
        Energy(parts.phase_dac(settings), tiles * tile_dac_pj(settings)),
        Energy(parts.phase_writing(settings), switches),
    )


def decomposition_flops(tiles: int, size: int) -> float:
    """Operations that turn so many matrices into phases."""
    return tiles * (SVD_FLOPS_PER_CUBE + MESH_FLOPS_PER_CUBE) * size**3


@dataclass(frozen=True)
class Bytes:
    """What one work moves between the buffer and the meshes, and across the chip's edge."""

    input_read: Quantity
    output_read: Quantity
    output_write: Quantity
    phase_read: Quantity
    phase_write: Quantity
    """Phases decomposed in this work: of a product of two activations."""
    off_input: Quantity
    off_phases: Quantity
    off_output: Quantity

    @property
    def off_chip(self) -> Quantity:
        """All bytes across the chip's edge."""
        return self.off_input + self.off_phases + self.off_output

    def traffic(self) -> tuple[Traffic, ...]:
        """The same, by memory and operand."""
        return (
            Traffic("sram", "input", self.input_read, 0.0),
            Traffic("sram", "output", self.output_read, self.output_write),
            Traffic("sram", "weight", self.phase_read, self.phase_write),
            Traffic("off_chip_memory", "input", self.off_input, 0.0),
            Traffic("off_chip_memory", "weight", self.off_phases, 0.0),
            Traffic("off_chip_memory", "output", 0.0, self.off_output),
        )


def matrix_cost(work: MatrixWork, settings: MeshSettings, context: Context, placement: Placement) -> LayerCost:
    """Cost of one matrix work for the whole batch."""
    product, size = placement.product(work), settings.mesh.size
    writes = placement.writes(work, size)
    moved = _bytes(work, product, settings, context, placement, writes)
    flops = 0.0 if work.is_weight_stored else decomposition_flops(product.tiles(size), size)
    rounds = ceil_div(product.tiles(size), settings.mesh.count)
    load_ns = select(np.greater(writes, 0.0), rounds * write_ns(settings), 0.0)
    reload_ns = load_ns + flops / settings.digital.flops_per_ns.value
    stream_ns = rounds * product.positions / settings.clock_ghz
    fixed_ns = transit_ns(settings) + CONVERTER_CLOCKS / settings.clock_ghz
    compute_ns = reload_ns + stream_ns + fixed_ns
    off_ns = context.off_chip_ns(moved.off_chip)
    latency_ns = np.maximum(compute_ns, off_ns)
    peak = size**2 * settings.mesh.count * settings.clock_ghz
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=product.tiles(size) / rounds,
        utilisation_fraction=product.macs / (peak * latency_ns),
        bound_by=_bound_by(off_ns > compute_ns, reload_ns > stream_ns),
        energies=_energies(product, writes, flops, moved, settings, context),
        traffic=moved.traffic(),
    )


def update_cost(work: VectorWork, settings: MeshSettings, context: Context, placement: Placement) -> LayerCost:
    """Cost of a weight update: the step on stored weights, each tile's decomposition, phases written or stored."""
    tiles, size = placement.tiles(work, settings.mesh.size), settings.mesh.size
    flops = work.ops + decomposition_flops(tiles, size)
    rounds = ceil_div(tiles, settings.mesh.count)
    write = select(placement.is_resident, rounds * write_ns(settings), 0.0)
    bytes_stored = tiles * tile_bytes(settings)
    written_off = select(placement.is_stored, 0.0, bytes_stored)
    width = min(work.bits, UPDATE_BITS) / BITS_PER_BYTE
    read, written = work.read_elements * width, work.write_elements * width
    buffer = settings.buffer
    sram_pj = BITS_PER_BYTE * (
        read * buffer.read_pj_per_bit.value + (written + bytes_stored) * buffer.write_pj_per_bit.value
    )
    energies = (
        Energy(parts.decomposer(settings), flops * settings.digital.flop_pj.value),
        *writing(settings, select(placement.is_resident, float(tiles), 0.0)),
        Energy(parts.sram(settings), sram_pj),
        *_off_chip(context, 0.0, written_off),
    )
    latency_ns = flops / settings.digital.flops_per_ns.value + write
    return LayerCost(
        work.layer, work.role, 0, latency_ns, np.minimum(tiles, settings.mesh.count), 1.0, "decomposition", energies,
        (
            Traffic("sram", "weight", read, written + bytes_stored),
            Traffic("off_chip_memory", "weight", 0.0, written_off),
        ),
    )  # fmt: skip


def _bytes(
    work: MatrixWork, product: Product, settings: MeshSettings, context: Context, placement: Placement, writes: Quantity
) -> Bytes:
    size = settings.mesh.size
    outputs = product.groups * product.outputs * product.positions
    partial = (product.across(size) - 1) * outputs * settings.digital.partial_sum_bits / BITS_PER_BYTE
    sent = product.groups * product.reduction * product.positions * product.down(size)
    in_width, out_width = (settings.digital.stored_bytes(operand.bits) for operand in (work.input, work.output))
    in_bytes, out_bytes = work.input.elements * in_width, work.output.elements * out_width
    spills = np.greater(in_bytes + out_bytes, np.multiply(settings.buffer.kib, BYTES_PER_KIB))
    phases = writes * tile_bytes(settings)
    is_made = not work.is_weight_stored
    matrix = work.weight.elements * settings.digital.stored_bytes(work.weight.bits) if is_made else 0.0
    is_forward = work.role == "forward"
    return Bytes(
        input_read=sent * in_width,
        output_read=partial,
        output_write=partial + outputs * out_width,
        phase_read=phases + matrix,
        phase_write=phases if is_made else 0.0,
        off_input=select(np.logical_or(spills, is_forward and work.layer in context.first), in_bytes, 0.0),
        off_phases=select(np.logical_or(placement.is_stored, is_made), 0.0, phases),
        off_output=select(np.logical_or(spills, is_forward and work.layer in context.last), out_bytes, 0.0),
    )


def _energies(
    product: Product, writes: Quantity, flops: float, moved: Bytes, settings: MeshSettings, context: Context
) -> tuple[Energy, ...]:
    size, buffer = settings.mesh.size, settings.buffer
    sent = product.groups * product.reduction * product.positions * product.down(size)
    received = product.groups * product.outputs * product.positions * product.across(size)
    read = BITS_PER_BYTE * (moved.input_read + moved.output_read + moved.phase_read) * buffer.read_pj_per_bit.value
    write = BITS_PER_BYTE * (moved.output_write + moved.phase_write) * buffer.write_pj_per_bit.value
    added = received * (product.across(size) - 1) / product.across(size)
    return (
        Energy(parts.input_dac(settings), sent * settings.dac.dac_pj(settings.dac.bits)),
        Energy(parts.modulator(settings), sent * settings.modulator.energy_pj.value),
        Energy(parts.adc(settings), received * settings.adc.adc_pj()),
        *writing(settings, writes),
        *_decomposing(settings, flops),
        Energy(parts.sram(settings), read + write),
        Energy(parts.accumulator(settings), settings.digital.summing_pj(received, added)),
        *_off_chip(context, moved.off_input + moved.off_phases, moved.off_output),
    )


def _decomposing(settings: MeshSettings, flops: float) -> tuple[Energy, ...]:
    return (Energy(parts.decomposer(settings), flops * settings.digital.flop_pj.value),) if flops else ()


def _off_chip(context: Context, read_bytes: Quantity, write_bytes: Quantity) -> tuple[Energy, ...]:
    return (context.off_chip.transfer(read_bytes, write_bytes),) if context.includes_off_chip else ()


def _bound_by(is_off_chip: Quantity, is_reload: Quantity) -> str | np.ndarray[tuple[int, ...], np.dtype[np.str_]]:
    names = np.where(is_off_chip, "off_chip_memory", np.where(is_reload, "reload", "stream"))
    return str(names) if names.ndim == 0 else names
