"""Energy of a matrix product by event: what each conversion, drive, cell read and moved bit costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._values import drive_square, pair_level
from joulescape.simulators.base import Component, Energy, LayerCost, Quantity, Traffic
from joulescape.simulators.crossbar.composing import conversion_shares
from joulescape.simulators.crossbar.converters import conversion_energy, conversion_ns
from joulescape.simulators.crossbar.mapping import Mapping
from joulescape.simulators.crossbar.programs import program_energies
from joulescape.simulators.crossbar.roll_up import Fitted, Parts
from joulescape.simulators.crossbar.rules import (
    columns_per_converter,
    input_width,
    is_counted,
    operand_width,
    step_ns,
)
from joulescape.simulators.crossbar.settings import CrossbarSettings, PerBit
from joulescape.simulators.crossbar.speculation import pulse_fraction
from joulescape.simulators.crossbar.spiking import cells_of, spike_energies, subarray_read, subarray_write
from joulescape.units import BITS_PER_BYTE

REGISTER_PORT_BITS = 256
"""Bits that the tile's output register moves a clock: the width of the tile's bus (shafiee2016, Table I)."""


def matrix_energies(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """Every part of one matrix product, for the whole batch."""
    return (
        *analog_energies(work, mapping, found, settings),
        *_buffer(work, mapping, found, settings),
        *_digital(work, mapping, found, settings),
        *_centres(work, mapping, found, settings),
        *program_energies(mapping, found, settings),
    )


def analog_energies(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """Reading the arrays: by spikes and counters, or by drivers and converters."""
    read = spike_energies if is_counted(settings) else _converted
    return read(work, mapping, found, settings)


def cell_read_pj(work: MatrixWork, settings: CrossbarSettings) -> Quantity:
    """Mean energy of one cell in one read: V^2 * mean drive square * mean conductance * pulse.

    Both means are of this network's measured values, digit by digit, where there are any (`_values`). Offset slices
    stand at half scale on average whatever the weights are; a differential pair holds |w| in one cell and nothing in
    the other. Multiplying: V^2 * mS * ns = pJ.
    """
    cell = settings.cell
    width = operand_width(work.weight.bits, settings)
    level = 0.5 if settings.array.encoding == "offset" else pair_level(work.weight, width, cell.bits)
    g_off = cell.g_on_msiemens.value / cell.on_off_ratio.value
    conductance = g_off + level * (cell.g_on_msiemens.value - g_off)
    drive = drive_square(work.input, operand_width(work.input.bits, settings), settings.dac.bits)
    return cell.read_v.value**2 * drive * conductance * cell.read_pulse_ns.value


def input_bits(work: MatrixWork, loops: Loops, settings: CrossbarSettings) -> Quantity:
    """Bits fetched from the tile buffer: the whole input vector of every position, as `loops` lay the product out."""
    return loops.positions * loops.G * loops.reduction * input_width(work.input.bits, settings)


def output_bits(work: MatrixWork, loops: Loops, settings: CrossbarSettings) -> Quantity:
    """Bits of the results that go back into a tile buffer."""
    return loops.positions * loops.G * loops.K * operand_width(work.output.bits, settings)


def io_bytes(work: MatrixWork, settings: CrossbarSettings) -> tuple[float, float]:
    """Bytes of the whole input tensor and of the whole output tensor, at the datapath's width."""
    widths = input_width(work.input.bits, settings), operand_width(work.output.bits, settings)
    return work.input.elements * widths[0] / BITS_PER_BYTE, work.output.elements * widths[1] / BITS_PER_BYTE


def buffer_traffic(work: MatrixWork, mapping: Mapping, settings: CrossbarSettings) -> tuple[Traffic, ...]:
    """Bytes through the buffer between layers."""
    fetched = input_bits(work, mapping.loops, settings) / BITS_PER_BYTE
    if settings.buffer == "subarrays":
        return (Traffic("subarrays", "input", fetched, io_bytes(work, settings)[0]),)
    stored = output_bits(work, mapping.loops, settings) / BITS_PER_BYTE
    return (Traffic("edram", "input", fetched, 0.0), Traffic("edram", "output", 0.0, stored))


def _converted(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    step, conversion = step_ns(settings), conversion_energy(settings.adc)
    pulse = settings.cell.g_on_msiemens
    cells = Component("crossbar", "core", pulse.basis, pulse.source)
    converting = conversion_ns(settings.adc)
    adding = np.minimum(converting, 1 / settings.clock_ghz.value)
    shares, pulses = conversion_shares(work, settings), _pulses(work, settings)
    conversions = mapping.conversions * shares.made
    return (
        Energy(found["adc"].component(conversion), mapping.conversions * shares.energy * conversion.value),
        *_ramps(mapping, found, settings, shares.energy),
        _use(found["dac"], mapping.drives * step),
        Energy(cells, mapping.cell_reads * pulses * cell_read_pj(work, settings)),
        _use(found["sample_hold"], conversions * step),
        _use(found["shift_add"], conversions * adding),
        _use(found["input_register"], mapping.drives * step),
        _use(found["output_register"], conversions * step),
    )


def _pulses(work: MatrixWork, settings: CrossbarSettings) -> Quantity:
    return pulse_fraction(input_width(work.input.bits, settings), work.input.is_signed, settings)


def _ramps(mapping: Mapping, found: Parts, settings: CrossbarSettings, share: Quantity) -> tuple[Energy, ...]:
    """Ramps of every array: one for as many columns as it has converters; `share` of them all rises."""
    if "ramp_generator" not in found:
        return ()
    ramps = mapping.array_reads * columns_per_converter(settings)
    return (_use(found["ramp_generator"], ramps * share * conversion_ns(settings.adc)),)


def _buffer(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """Every vector is fetched. Results go into a tile buffer; memory subarrays are written with what the layer reads,
    once a value, so that what pooling drops on the way is not written."""
    fetched = input_bits(work, mapping.loops, settings)
    if settings.buffer == "subarrays":
        written = store_energy(work.input.elements, work.input.bits, found, settings)
        return (written, fetch_energy(fetched, found, settings))
    return (fetch_energy(fetched + output_bits(work, mapping.loops, settings), found, settings),)


def fetch_energy(bits: Quantity, found: Parts, settings: CrossbarSettings) -> Energy:
    """Bits out of the buffer between layers."""
    if settings.buffer == "subarrays":
        return subarray_read(bits, settings)
    return moved_energy(found["edram"], settings.edram, bits)


def store_energy(elements: Quantity, bits: float, found: Parts, settings: CrossbarSettings) -> Energy:
    """Values into the buffer between layers."""
    if settings.buffer == "subarrays":
        return subarray_write(cells_of(elements, bits, settings), settings)
    return moved_energy(found["edram"], settings.edram, elements * operand_width(bits, settings))


def _digital(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """The bus carries inputs and outputs; partial sums of row tiles cross it to the tile's adder."""
    loops = mapping.loops
    fetched, stored = input_bits(work, loops, settings), output_bits(work, loops, settings)
    partial_sums = mapping.row_tiles * loops.positions * loops.G * loops.K
    partial_bits = partial_sums * settings.operand_bits
    clock_ns = 1 / settings.clock_ghz.value
    register_ns = (partial_bits + stored) / REGISTER_PORT_BITS * clock_ns
    return (
        moved_energy(found["bus"], settings.bus, fetched + stored + partial_bits),
        moved_energy(found["router"], settings.router, stored),
        _use(found["tile_shift_add"], partial_sums * clock_ns),
        _use(found["tile_output_register"], register_ns),
    )


def _centres(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """What centred weights leave to numbers: the sum of an array's inputs, once for all its columns, times the centre
    of each output (an addition a bit of it) and on to the output's sum; one clock of a shift-and-add unit each."""
    if not settings.array.is_centred:
        return ()
    loops = mapping.loops
    sums = loops.positions * loops.G * loops.reduction
    outputs = mapping.row_tiles * loops.positions * loops.G * loops.K
    added = sums + outputs * (operand_width(work.weight.bits, settings) + 1)
    adder = found["shift_add"]
    spent = adder.unit_power_mw.value * added / settings.clock_ghz.value
    return (Energy(replace(adder, name="centre_adder").component(adder.unit_power_mw), spent),)


def link_energy(found: Parts, settings: CrossbarSettings, moved_bytes: Quantity) -> Energy:
    """Chip-to-chip links: power of a link over its rate, for every bit; nothing without links."""
    link = found["hypertransport"]
    has_links = (settings.hypertransport.links > 0) * 1.0
    return _use(link, has_links * BITS_PER_BYTE * moved_bytes / settings.hypertransport.gbps_per_link.value)


def with_energies(cost: LayerCost, *more: Energy) -> tuple[Energy, ...]:
    """The energies of a cost and further ones, each component once."""
    found = {energy.component.name: energy for energy in cost.energies}
    for energy in more:
        old = found.get(energy.component.name)
        found[energy.component.name] = (
            energy if old is None else Energy(old.component, old.energy_pj + np.asarray(energy.energy_pj))
        )
    return tuple(found.values())


def link_ns(settings: CrossbarSettings, moved_bytes: Quantity) -> Quantity:
    """Shortest time over all links of a chip; none without links."""
    links = np.asarray(settings.hypertransport.links)
    rate = np.maximum(1, links) * settings.hypertransport.gbps_per_link.value
    return np.asarray((links > 0) * BITS_PER_BYTE * moved_bytes / rate)


def _use(part: Fitted, busy_unit_ns: Quantity) -> Energy:
    return Energy(part.component(part.unit_power_mw), part.unit_power_mw.value * busy_unit_ns)


def moved_energy(part: Fitted, memory: PerBit, bits: Quantity) -> Energy:
    """Energy of a memory or link that is charged by the bit."""
    return Energy(part.component(memory.energy_pj_per_bit), memory.energy_pj_per_bit.value * bits)
