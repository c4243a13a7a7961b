"""Cost of a dense layer on compressed columns: entries, queues, memories."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.sparse_columns.queues import cycles, filled_density
from joulescape.simulators.sparse_columns.settings import SparseColumnsSettings
from joulescape.units import BITS_PER_BYTE

DENSE = 1.0

POINTER_BYTES = 2
"""Of a column's start in one element; its end is the start of the next."""


@dataclass(frozen=True)
class Columns:
    """One layer as the elements hold it: columns of inputs, rows of outputs, and how full they are."""

    inputs: int
    """Columns that are read for one sample: those of non-zero inputs, where zeros are skipped."""
    stored: int
    """Columns of the matrix."""
    rows: int
    density: float
    """Entries over rows, filling ones included."""
    samples: int

    @classmethod
    def of(cls, work: MatrixWork, settings: SparseColumnsSettings) -> Columns:
        """The layer of a work; only zeros anywhere in the weights can be left out."""
        loops = work.loops
        sparse = work.weight.density if work.weight.structure == "unstructured" else DENSE
        is_filled = settings.code.has_filling and sparse < DENSE
        density = filled_density(sparse, settings.code.index_bits) if is_filled else sparse
        seen = work.input.density if settings.element.skips_zero_inputs else 1.0
        return cls(max(round(loops.C * seen), 1), loops.C, loops.K, density, loops.positions)

    @property
    def entries(self) -> float:
        """Entries read for one sample."""
        return self.inputs * self.rows * self.density

    def matrix_bytes(self, settings: SparseColumnsSettings) -> float:
        """Bytes of all entries."""
        return self.stored * self.rows * self.density * _entry_bits(settings) / BITS_PER_BYTE

    @property
    def pointer_bytes(self) -> float:
        """Bytes of the columns' starts in one element."""
        return (self.stored + 1) * POINTER_BYTES


def matrix_cost(work: MatrixWork, settings: SparseColumnsSettings, context: Context, is_resident: bool) -> LayerCost:
    """One dense layer for the whole batch, sample after sample; its columns come from off chip unless all layers'
    lie in the elements."""
    columns, element = Columns.of(work, settings), settings.element
    one = cycles(columns.inputs, columns.rows, settings.elements, columns.density, element.queue)
    time_cycles = one * columns.samples
    entries = columns.entries * columns.samples
    loaded = 0.0 if is_resident else columns.matrix_bytes(settings) + columns.pointer_bytes * settings.elements
    moved = _edge_bytes(work, settings, context, loaded)
    energies = [*_element_energies(columns, entries, settings, loaded)]
    if context.includes_off_chip:
        energies.append(context.off_chip.transfer(*moved))
    off_ns = float(context.off_chip_ns(sum(moved)))
    latency_ns = max(time_cycles / settings.clock_ghz, off_ns)
    ideal = entries / settings.elements
    bound = "off_chip_memory" if latency_ns == off_ns else "entries" if ideal > 0.9 * time_cycles else "queues"
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=settings.elements * ideal / time_cycles,
        utilisation_fraction=min(1.0, ideal / (latency_ns * settings.clock_ghz)),
        bound_by=bound,
        energies=tuple(energies),
        traffic=(
            Traffic("matrix_sram", "weight", entries * _entry_bits(settings) / BITS_PER_BYTE, loaded),
            Traffic("off_chip_memory", "weight", loaded, 0.0),
            Traffic("off_chip_memory", "input", moved[0] - loaded, 0.0),
            Traffic("off_chip_memory", "output", 0.0, moved[1]),
        ),
    )


def _entry_bits(settings: SparseColumnsSettings) -> int:
    return settings.code.value_bits + settings.code.index_bits


def _element_energies(
    columns: Columns, entries: float, settings: SparseColumnsSettings, loaded: float
) -> tuple[Energy, ...]:
    """Matrix words (a column begins a word of its own), two pointers a column, operands, arithmetic, broadcast."""
    element, sram = settings.element, settings.sram
    sent = columns.inputs * columns.samples
    per_word = element.word_bits // _entry_bits(settings)
    a_column = columns.rows * columns.density / settings.elements
    words = sent * settings.elements * max(a_column / per_word + 0.5 * (per_word - 1) / per_word, 1.0)
    operand_bytes = element.activation_bits / BITS_PER_BYTE
    outputs = columns.rows * columns.samples
    act = element.activation_bytes
    operands = (sent + 2 * outputs) * operand_bytes
    registers = entries * element.registers_bits * element.register_pj_per_bit.value
    return (
        Energy(
            sram.component("matrix_sram", "core"),
            words * _word(settings, element.matrix_bytes, element.word_bits)
            + loaded * float(sram.write_pj_per_byte(element.matrix_bytes)),
        ),
        Energy(
            sram.component("pointer_sram", "core"),
            sent * settings.elements * 2 * _word(settings, element.pointer_bytes // 2, 16),
        ),
        Energy(sram.component("activation_sram", "core"), operands * float(sram.read_pj_per_byte(act))),
        Energy(Component.of("registers", "core", element.register_pj_per_bit, scales=True), registers),
        Energy(
            Component.resting_on("multipliers", "core", element.multiply_pj, element.add_pj, scales=True),
            entries * (element.multiply_pj.value + element.add_pj.value),
        ),
        Energy(
            Component.of("broadcast", "core", settings.broadcast_pj_per_bit, scales=True),
            sent * settings.elements * element.activation_bits * settings.broadcast_pj_per_bit.value,
        ),
    )


def _word(settings: SparseColumnsSettings, capacity: int, bits: int) -> float:
    """Energy of one access: a whole word of the macro, wider ones in proportion."""
    sram = settings.sram
    return float(sram.word_read_pj(capacity)) * max(bits / sram.word_bits, 1.0)


def _edge_bytes(
    work: MatrixWork, settings: SparseColumnsSettings, context: Context, loaded: float
) -> tuple[float, float]:
    """Bytes read (the network's data, columns that do not stay) and written (its answer)."""
    width = settings.element.activation_bits / BITS_PER_BYTE
    read = work.input.elements * width if work.layer in context.first else 0.0
    return read + loaded, work.output.elements * width if work.layer in context.last else 0.0
