"""Cost of one product: rows driven, cells that current flows through, columns read out, bits moved; or words read."""

from __future__ import annotations

import math

from joulescape.network.work import MatrixWork
from joulescape.simulators._values import drive_square, pair_level
from joulescape.simulators.array.placing import Placed, additions, decisions, input_magnitude, read_ns
from joulescape.simulators.array.settings import ArraySettings, Words
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.units import BITS_PER_BYTE

FIXED_LEVEL, FIXED_SQUARE, FIXED_ONES = 0.5, 1 / 3, 0.5
"""What a cell takes whatever the data: half its conductance range, voltages and bits as if spread evenly."""


def matrix_cost(work: MatrixWork, settings: ArraySettings, context: Context, is_resident: bool) -> LayerCost:
    """One product for the whole batch; `is_resident`: the network's weights stand in the arrays already."""
    placed, words = Placed.of(work, settings), words_of(settings)
    busy_ns = reading_ns(placed, settings)
    written_ns, writing = _writing(placed, settings, is_resident)
    crossing, moves, off_ns = _edge(work, settings, context, is_resident)
    arrays_ns = busy_ns + written_ns
    latency_ns = max(arrays_ns, off_ns)
    energies = column_energies(work, placed, settings) if words is None else word_energies(placed, settings, words)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=min(settings.arrays, placed.blocks * placed.copies),
        utilisation_fraction=_used(placed, settings) * busy_ns / latency_ns,
        bound_by="off_chip_memory" if off_ns > arrays_ns else ("writing" if written_ns > busy_ns else "arrays"),
        energies=(*energies, *writing, _moving(work, settings), *crossing),
        traffic=moves,
    )


def words_of(settings: ArraySettings) -> Words | None:
    """What reads words, where words are read."""
    return settings.words if settings.reading == "words" else None


def reading_ns(placed: Placed, settings: ArraySettings) -> float:
    """All input vectors of the batch."""
    words = words_of(settings)
    if words is not None:
        return placed.positions * math.ceil(placed.cells / words.cells) * words.access_ns.value
    return placed.vectors * placed.turns * read_ns(placed.parts, settings)


def column_energies(work: MatrixWork, placed: Placed, settings: ArraySettings) -> tuple[Energy, ...]:
    """Drivers, word lines, cells and read-outs."""
    drive, readout, vectors = settings.drive, settings.readout, placed.positions
    gates = placed.sums * placed.columns
    switched = placed.planes * drive.gate_pj.value + len(placed.parts) * drive.gate_phase_pj.value
    rows = vectors * placed.planes * placed.rows_driven * drive.row_pj.value
    parts = readout.sample_pj, readout.integrate_pj, readout.step_pj
    read_out = vectors * placed.sums * readout_pj(placed, settings)
    gated = Component.resting_on("word_lines", "core", drive.gate_pj, drive.gate_phase_pj, scales=True)
    return (
        Energy(Component.of("row_drivers", "core", drive.row_pj, scales=True), rows),
        Energy(gated, vectors * gates * switched),
        Energy(cell_component(settings), vectors * placed.planes * placed.cells * cell_read_pj(work, settings)),
        Energy(Component.resting_on("readout", "core", *parts, scales=True), read_out),
    )


def readout_pj(placed: Placed, settings: ArraySettings) -> float:
    """One column (pair) for one input vector."""
    readout = settings.readout
    taken = placed.planes * readout.sample_pj.value + additions(placed.parts) * readout.integrate_pj.value
    return taken + decisions(placed.parts, settings) * readout.step_pj.value


def cell_component(settings: ArraySettings) -> Component:
    """Cells: as well known as the weakest of voltage, conductance and pulse."""
    cell = settings.cell
    return Component.resting_on("cells", "core", cell.g_on_msiemens, cell.read_v, cell.read_pulse_ns)


def cell_read_pj(work: MatrixWork, settings: ArraySettings) -> float:
    """Mean energy of one cell in one drive of the array: V^2 G t, of a chain of n cells V^2 G t / n^2.

    V^2 is the mean square of what the rows are driven with, G the mean of what the cells hold: of this network's own
    values where they were measured. In a chain every cell carries the same current, whatever its row is given.
    """
    cell, array = settings.cell, settings.array
    full_pj = cell.read_v.value**2 * cell.read_pulse_ns.value * _mean_conductance(work, settings)
    if array.summing == "resistance":
        return full_pj / min(array.rows, Placed.of(work, settings).lines * work.loops.reduction) ** 2
    return full_pj * _mean_square(work, settings)


def _mean_conductance(work: MatrixWork, settings: ArraySettings) -> float:
    """mS: a pair holds a magnitude in one cell and nothing in the other, single cells half of their range."""
    cell = settings.cell
    level = FIXED_LEVEL
    if settings.array.pairs != "none":
        level = FIXED_LEVEL / 2
        if settings.cell_energy == "values":
            bits = weight_bits(work, settings)
            level = float(pair_level(work.weight, bits, max(1, bits - 1)))
    g_off = cell.g_on_msiemens.value / cell.on_off_ratio.value
    return g_off + level * (cell.g_on_msiemens.value - g_off)


def _mean_square(work: MatrixWork, settings: ArraySettings) -> float:
    """Of the voltage over its full scale, over all drives."""
    is_pulsed = settings.drive.coding == "pulses"
    if settings.cell_energy == "fixed":
        return FIXED_ONES if is_pulsed else FIXED_SQUARE
    magnitude = input_magnitude(work, settings)
    if is_pulsed or work.input.histogram:
        return float(drive_square(work.input, magnitude + work.input.is_signed, 1 if is_pulsed else magnitude))
    return work.input.mean_square_fraction


def word_energies(placed: Placed, settings: ArraySettings, words: Words) -> tuple[Energy, ...]:
    """Every cell is read for every input vector at the full voltage; sums are formed beside."""
    cell, reads = settings.cell, placed.positions * placed.cells
    g_off = cell.g_on_msiemens.value / cell.on_off_ratio.value
    mean = (g_off + cell.g_on_msiemens.value) / 2
    flowing = cell.read_v.value**2 * mean * cell.read_pulse_ns.value
    return (
        Energy(cell_component(settings), reads * flowing),
        Energy(Component.of("readout", "core", words.sense_pj, scales=True), reads * words.sense_pj.value),
        Energy(
            Component.of("adders", "chip", words.add_pj, scales=True),
            placed.positions * placed.weights * words.add_pj.value,
        ),
    )


def _used(placed: Placed, settings: ArraySettings) -> float:
    """Share of the cells of all arrays that current flows through while they are read."""
    cells = (settings.arrays // placed.copies) * settings.array.rows * settings.array.columns
    shared = placed.positions / (placed.vectors * placed.copies)
    return min(1.0, placed.cells / (placed.turns * cells)) * shared


def _writing(placed: Placed, settings: ArraySettings, is_resident: bool) -> tuple[float, tuple[Energy, ...]]:
    """All cells of the product, row by row in every array at once, anew for every batch where they do not stay."""
    writing = settings.cell.writing
    if writing is None:
        return 0.0, ()
    component = Component.resting_on("cell_writing", "core", writing.energy_pj, writing.pulses)
    if is_resident:
        return 0.0, (Energy(component, 0.0),)
    cells = placed.cells * placed.copies
    rows = math.ceil(cells / settings.array.columns / settings.arrays)
    return rows * writing.write_ns, (Energy(component, cells * writing.write_pj),)


def _moving(work: MatrixWork, settings: ArraySettings) -> Energy:
    """Every vector in, every output out."""
    loops = work.loops
    sent = loops.G * loops.reduction * loops.positions * min(work.input.bits, settings.widths.input)
    received = work.output.elements * settings.readout.bits
    moved = settings.moving_pj_per_bit
    return Energy(Component.of("registers", "chip", moved, scales=True), (sent + received) * moved.value)


def _edge(
    work: MatrixWork, settings: ArraySettings, context: Context, is_resident: bool
) -> tuple[tuple[Energy, ...], tuple[Traffic, ...], float]:
    """What crosses the chip's edge: the network's input and its output, and weights that are written anew."""
    if not context.includes_off_chip:
        return (), (), 0.0
    width = min(work.input.bits, settings.widths.input)
    read = work.input.elements * width / BITS_PER_BYTE if work.layer in context.first else 0.0
    written = work.output.elements * settings.readout.bits / BITS_PER_BYTE if work.layer in context.last else 0.0
    weights = 0.0 if is_resident else work.weight.elements * weight_bits(work, settings) / BITS_PER_BYTE
    moves = (
        Traffic("off_chip_memory", "input", read, 0.0),
        Traffic("off_chip_memory", "weight", weights, 0.0),
        Traffic("off_chip_memory", "output", 0.0, written),
    )
    spent = context.off_chip.transfer(read + weights, written)
    return (spent,), moves, float(context.off_chip_ns(read + weights + written))


def weight_bits(work: MatrixWork, settings: ArraySettings) -> int:
    """Whole bits of a stored weight, sign included."""
    return min(settings.widths.weight, math.ceil(work.weight.bits))
