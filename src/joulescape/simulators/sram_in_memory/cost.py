"""Cost of one product: reads or cycles, weights that do not stay, and what crosses the chip's edge.

Assumptions: where all products of a phase fit into the macros together they were written once, at power-up, which is
charged to no machine; else every product is written anew for every batch, from the off-chip memory. A macro does not
compute while it is written. A tensor between two layers stays in the buffer where input and output fit. Where a product
has more rows than the macros hold at once its partial sums go to the buffer and back between them (`moves`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost
from joulescape.simulators.sram_in_memory.analog import Placed, read_energies, sum_bits
from joulescape.simulators.sram_in_memory.moves import Passing, Sums, moved_bytes
from joulescape.simulators.sram_in_memory.serial import fill_ns, operand_bits, plan, serial_energies
from joulescape.simulators.sram_in_memory.settings import Analog, Serial, SramInMemorySettings
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Computed:
    """What the arrays do for one product, whether weights move or not."""

    compute_ns: float
    energies: tuple[Energy, ...]
    written_bits: float
    """Cells written where the weights do not stay."""
    write_ns: float
    passing: Passing
    sums: Sums
    """Where the weights do not stay; else what adds up is in the macros at once."""
    used_fraction: float
    """Share of the arrays' cells (lanes) at work while they compute."""


def matrix_cost(work: MatrixWork, settings: SramInMemorySettings, context: Context, is_resident: bool) -> LayerCost:
    """One product; `is_resident`: the weights stand in the arrays already."""
    found = computed(work, settings)
    moved = moved_bytes(work, settings, context, found.passing, Sums() if is_resident else found.sums, is_resident)
    off_ns = float(context.off_chip_ns(moved.off_chip))
    arrays_ns = found.compute_ns + (0.0 if is_resident else found.write_ns)
    latency_ns = max(arrays_ns, off_ns)
    used = found.used_fraction * found.compute_ns / latency_ns
    writing = Component.of("weight_writing", "chip", settings.writing.pj_per_bit, scales=True)
    written = 0.0 if is_resident else found.written_bits
    units = settings.macros * settings.array.columns * (1 if settings.analog is None else settings.array.rows)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=used * units,
        utilisation_fraction=used,
        bound_by=_bound(found, arrays_ns, off_ns),
        energies=(
            *found.energies,
            Energy(writing, written * settings.writing.pj_per_bit.value),
            *moved.energies(settings.buffer, context),
        ),
        traffic=moved.traffic(),
    )


def computed(work: MatrixWork, settings: SramInMemorySettings) -> Computed:
    """By analog columns or by serial logic, whichever the settings have."""
    if settings.analog is not None:
        return _analog(work, settings, settings.analog)
    assert settings.serial is not None, "the settings were checked to have one of both"
    return _serial(work, settings, settings.serial)


def macros_taken(work: MatrixWork, settings: SramInMemorySettings) -> float:
    """Macros' worth of storage that the weights of one product take; low tiles stand above each other in a macro."""
    if settings.analog is not None:
        rows = Placed.of(work, settings, settings.analog).rows
        return rows / (settings.array.rows * settings.array.weight_sets)
    weight_bits, _ = operand_bits(work, settings)
    # Half of an array's rows hold weights; inputs, products and sums take the others.
    return 2 * work.weight.elements * weight_bits / (settings.array.rows * settings.array.columns)


def _analog(work: MatrixWork, settings: SramInMemorySettings, analog: Analog) -> Computed:
    placed, array = Placed.of(work, settings, analog), settings.array
    turns = placed.turns(settings.macros)
    compute_ns = turns * placed.reads * analog.cycle_ns.value
    return Computed(
        compute_ns=compute_ns,
        energies=read_energies(work, settings, analog),
        written_bits=float(placed.cells),
        write_ns=math.ceil(placed.rows / min(settings.macros, placed.tiles)) * settings.writing.row_ns.value,
        passing=Passing(min(array.rows, placed.reduction), placed.passes(settings.macros)),
        sums=_sums(work, placed, settings, analog),
        used_fraction=placed.cells / (turns * settings.macros * array.rows * array.columns),
    )


def _serial(work: MatrixWork, settings: SramInMemorySettings, serial: Serial) -> Computed:
    found = plan(work, settings, serial)
    cycles_ns = found.total_cycles * serial.cycle_ns.value
    passes = max(1, math.ceil(macros_taken(work, settings) / settings.macros))
    weight_bits, _ = operand_bits(work, settings)
    bits = float(work.weight.elements * weight_bits)
    rows = math.ceil(bits / (settings.macros * settings.array.columns))
    return Computed(
        compute_ns=cycles_ns + passes * fill_ns(work, settings, serial),
        energies=serial_energies(found, serial),
        written_bits=bits,
        write_ns=rows * settings.writing.row_ns.value,
        passing=Passing(min(settings.array.columns, work.loops.reduction), passes),
        sums=Sums(),
        used_fraction=found.arrays / settings.macros,
    )


def _sums(work: MatrixWork, placed: Placed, settings: SramInMemorySettings, analog: Analog) -> Sums:
    """All outputs of a column of macros live while its rows of tiles follow one another."""
    rests = placed.rests(settings.macros, settings.array.weight_sets)
    each = sum_bits(placed, work.input.bits, settings, analog) / BITS_PER_BYTE
    outputs = min(placed.outputs, settings.array.columns // placed.columns)
    return Sums(rests, work.output.elements * each, placed.positions * outputs * each) if rests else Sums()


def _bound(found: Computed, arrays_ns: float, off_ns: float) -> str:
    if off_ns > arrays_ns:
        return "off_chip_memory"
    return "weight_writing" if arrays_ns > 2 * found.compute_ns else "arrays"
