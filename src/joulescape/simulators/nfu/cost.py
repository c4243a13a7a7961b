"""Cost of one product on the tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators._streams import Fetched, Rooms, fetched
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.nfu.cycles import bricks, copies, output_chips, product_cycles, steps
from joulescape.simulators.nfu.settings import EmbeddedDram, NfuSettings
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Moves:
    """Bits moved by one product, for the whole batch."""

    synapse_reads: float
    neuron_reads: float
    neuron_writes: float
    buffered: float
    off_inputs: float
    off_weights: float
    off_outputs: float
    off_sums: float
    """Partial sums that leave, and as many that come back."""
    input_bits: float
    """Of one stored input."""
    copies: int


@dataclass(frozen=True)
class Placement:
    """Where the weights of a network lie."""

    is_stored: bool
    """Whether all of them lie in the tiles."""
    most_copies: int
    """Of a layer on chips that share its positions: as many as fit."""


def matrix_cost(work: MatrixWork, settings: NfuSettings, context: Context, placement: Placement) -> LayerCost:
    """One product; where the network's weights exceed the tiles they come from off chip, at least once a batch."""
    density = input_density(work, settings, context)
    cycles = product_cycles(work, settings, placement.most_copies, work.layer in context.first)
    moves = _moves(work, settings, context, placement, density)
    off = (moves.off_inputs + moves.off_weights + moves.off_sums, moves.off_outputs + moves.off_sums)
    off_ns = float(context.off_chip_ns(sum(off) / BITS_PER_BYTE))
    times = {"units": cycles / settings.clock_ghz, "links": _link_ns(work, settings, moves), "off_chip_memory": off_ns}
    bound = max(times, key=lambda name: times[name])
    latency_ns = times[bound]
    peak = settings.chips * settings.tiles * settings.unit.filters * settings.unit.lanes * settings.clock_ghz
    energies = list(_energies(work, settings, moves, density))
    if context.includes_off_chip:
        energies.append(context.off_chip.transfer(off[0] / BITS_PER_BYTE, off[1] / BITS_PER_BYTE))
    used = min(1.0, work.macs / (peak * latency_ns))
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=used * settings.chips * settings.tiles * settings.unit.filters * settings.unit.lanes,
        utilisation_fraction=used,
        bound_by=bound,
        energies=tuple(energies),
        traffic=(
            Traffic("synapse_edram", "weight", moves.synapse_reads / BITS_PER_BYTE, moves.off_weights / BITS_PER_BYTE),
            Traffic("neuron_edram", "input", moves.neuron_reads / BITS_PER_BYTE, moves.off_inputs / BITS_PER_BYTE),
            Traffic(
                "neuron_edram",
                "output",
                (moves.off_outputs + 2 * moves.off_sums) / BITS_PER_BYTE,
                (moves.neuron_writes + 2 * moves.off_sums) / BITS_PER_BYTE,
            ),
            Traffic("off_chip_memory", "weight", moves.off_weights / BITS_PER_BYTE, 0.0),
            Traffic("off_chip_memory", "input", moves.off_inputs / BITS_PER_BYTE, 0.0),
            Traffic("off_chip_memory", "output", moves.off_sums / BITS_PER_BYTE, off[1] / BITS_PER_BYTE),
        ),
    )


def edram(part: EmbeddedDram, name: str) -> Component:
    """A memory of the chip, as every table names it."""
    return Component.resting_on(name, "chip", part.read_pj_per_bit, part.write_pj_per_bit, scales=True)


def input_bits(work: MatrixWork, settings: NfuSettings, density: float) -> float:
    """Bits of one stored input: with its offset where only non-zero ones are stored."""
    width = min(float(settings.unit.width), work.input.bits) if settings.inputs == "serial" else settings.unit.width
    return density * (width + settings.offset.bits) if density < 1 and settings.offset else float(width)


def _link_ns(work: MatrixWork, settings: NfuSettings, moves: Moves) -> float:
    """A chip fetches the inputs that lie on the chips with other outputs, while it computes; the last one over a square
    of chips."""
    links = settings.links
    chips = output_chips(work.loops, settings)
    if chips == 1 or links is None or links.bandwidth_gbps is None or links.hop_ns is None:
        return 0.0
    fetched = work.input.elements * moves.input_bits / moves.copies * (chips - 1) / chips
    return fetched / links.bandwidth_gbps.value + links.hop_ns.value * math.sqrt(settings.chips)


def _moves(work: MatrixWork, settings: NfuSettings, context: Context, placement: Placement, density: float) -> Moves:
    """Synapses are read for every brick; serial windows share them, skipping lanes read what they use."""
    loops, unit = work.loops, settings.unit
    width = input_bits(work, settings, density)
    chips, held = output_chips(loops, settings), min(copies(loops, settings), placement.most_copies)
    sends = chips * steps(loops, settings) * bricks(loops, settings) * unit.lanes * loops.positions
    used = min(-(-loops.K // chips), settings.tiles * unit.filters)
    together = unit.windows if settings.inputs == "serial" else 1
    windows = held * math.ceil(math.ceil(loops.positions / held) / together)
    turns = chips * steps(loops, settings) * bricks(loops, settings) * windows
    synapses = work.macs * density if settings.inputs == "non_zero" else turns * used * unit.lanes
    outputs = work.output.elements * unit.width
    spills = work.input.elements * width + outputs > settings.chips * settings.neurons.bytes * BITS_PER_BYTE
    crosses_out = spills or work.layer in context.last
    off = _fetched(work, settings, context, placement, density, spills)
    return Moves(
        synapse_reads=synapses * unit.width,
        neuron_reads=sends * width,
        neuron_writes=outputs,
        buffered=sends * width * min(settings.tiles, -(-used // unit.filters)) + 2 * outputs,
        off_inputs=off.inputs,
        off_weights=off.weights,
        off_outputs=float(outputs) if crosses_out else 0.0,
        off_sums=off.sums,
        input_bits=width,
        copies=held,
    )


def rooms(work: MatrixWork, settings: NfuSettings, density: float) -> Rooms:
    """What all tiles take at once, and their memories: the central one keeps room for the outputs of one round."""
    unit, tiles = settings.unit, settings.chips * settings.tiles
    outputs = output_chips(work.loops, settings) * settings.tiles * unit.filters
    together = min(unit.windows, work.loops.positions) if settings.inputs == "serial" else 1
    written = min(outputs, work.loops.K) * together * unit.width
    return Rooms(
        outputs=min(outputs, work.loops.K),
        inputs=min(unit.lanes, work.loops.C),
        positions=together,
        weight_bits=unit.width,
        input_bits=input_bits(work, settings, density),
        sum_bits=unit.sum_bits,
        weights=tiles * settings.synapses.bytes * BITS_PER_BYTE,
        activities=settings.chips * settings.neurons.bytes * BITS_PER_BYTE,
        written=written,
    )


def input_density(work: MatrixWork, settings: NfuSettings, context: Context) -> float:
    """Share of the inputs that are stored and worked off; the network's own data all are."""
    return work.input.density if settings.inputs == "non_zero" and work.layer not in context.first else 1.0


def _fetched(
    work: MatrixWork, settings: NfuSettings, context: Context, placement: Placement, density: float, spills: bool
) -> Fetched:
    sweeps = None if spills else int(work.layer in context.first)
    return fetched(work, rooms(work, settings, density), placement.is_stored, sweeps)


def _energies(work: MatrixWork, settings: NfuSettings, moves: Moves, density: float) -> tuple[Energy, ...]:
    unit = settings.unit
    products = work.macs * density
    share = 1.0
    if settings.inputs == "serial":
        share = unit.serial_overhead.value * min(work.input.bits, unit.width) / unit.width
    arithmetic = Component.resting_on("functional_units", "core", unit.multiply_pj, unit.add_pj, scales=True)
    sent = moves.neuron_reads + moves.neuron_writes
    return (
        Energy(arithmetic, products * share * (unit.multiply_pj.value + unit.add_pj.value)),
        Energy(Component.of("registers", "core", unit.register_pj, scales=True), products * unit.register_pj.value),
        Energy(
            edram(settings.synapses, "synapse_edram"),
            moves.synapse_reads * settings.synapses.read_pj_per_bit.value
            + moves.off_weights * settings.synapses.write_pj_per_bit.value,
        ),
        Energy(
            edram(settings.neurons, "neuron_edram"),
            (moves.neuron_reads + moves.off_outputs + 2 * moves.off_sums) * settings.neurons.read_pj_per_bit.value
            + (moves.neuron_writes + moves.off_inputs + 2 * moves.off_sums) * settings.neurons.write_pj_per_bit.value,
        ),
        Energy(
            Component.of("buffers", "core", settings.buffer_pj_per_bit, scales=True),
            moves.buffered * settings.buffer_pj_per_bit.value,
        ),
        Energy(Component.of("bus", "chip", settings.bus_pj_per_bit, scales=True), sent * settings.bus_pj_per_bit.value),
    )
