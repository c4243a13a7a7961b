"""Logic below every column, bit after bit: cycles of products and sums, and lanes that share a dot product."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.base import Component, Energy, LayerCost
from joulescape.simulators.sram_in_memory.settings import Serial, SramInMemorySettings

VECTOR_KINDS = frozenset({"relu", "relu6", "max_pool", "avg_pool", "global_avg_pool", "add", "norm", "scale_offset"})
"""Element-wise work that sums, comparisons and shifts can do."""


def product_cycles(weight_bits: int, input_bits: int) -> float:
    """a b + 2.5 (a + b) - 2; equal widths: n^2 + 5 n - 2 (eckert2018)."""
    return weight_bits * input_bits + 2.5 * (weight_bits + input_bits) - 2


def sum_cycles(bits: int) -> int:
    """One bit a cycle, and the last carry."""
    return bits + 1


@dataclass(frozen=True)
class Plan:
    """One product on the lanes: `spread` lanes of one array share a dot product; `rounds` fill all lanes."""

    spread: int
    rounds: int
    cycles: float
    """Of one round."""
    rows_filled: int
    """Rows that one round writes into each array: operands along the columns."""
    arrays: float
    """Arrays at work in a mean round."""

    @property
    def total_cycles(self) -> float:
        """Of all rounds."""
        return self.rounds * self.cycles


def plan(work: MatrixWork, settings: SramInMemorySettings, serial: Serial) -> Plan:
    """The spread (a power of two within one array) that takes the fewest cycles; the smaller of equals."""
    widths = operand_bits(work, settings)
    most = min(settings.array.columns, 1 << math.ceil(math.log2(work.loops.reduction)))
    spreads = [1 << power for power in range(int(math.log2(most)) + 1)]
    return min((_spread(work, settings, serial, widths, spread) for spread in spreads), key=lambda p: p.total_cycles)


def operand_bits(work: MatrixWork, settings: SramInMemorySettings) -> tuple[int, int]:
    """Whole bits of weight and input as they are computed."""
    return (
        min(math.ceil(work.weight.bits), settings.widths.weight),
        min(math.ceil(work.input.bits), settings.widths.input),
    )


def _spread(
    work: MatrixWork, settings: SramInMemorySettings, serial: Serial, widths: tuple[int, int], spread: int
) -> Plan:
    """Each lane forms ceil(K / spread) products in turn, then partial sums meet in log2(spread) steps."""
    lanes, outputs = settings.macros * settings.array.columns, work.loops.G * work.loops.K * work.loops.positions
    products = math.ceil(work.loops.reduction / spread)
    each = product_cycles(*widths) + sum_cycles(serial.sum_bits)
    # Partial sums are moved beside each other row by row before they are added.
    meeting = int(math.log2(spread)) * (sum_cycles(serial.sum_bits) + serial.sum_bits)
    rounds = math.ceil(outputs * spread / lanes)
    used = outputs * spread / (rounds * settings.array.columns)
    return Plan(spread, rounds, products * each + meeting, products * sum(widths), max(1.0, used))


def serial_energies(found: Plan, serial: Serial) -> tuple[Energy, ...]:
    """Cycles of the arrays at work, and operands written along their columns."""
    arrays = found.rounds * found.arrays
    return (
        Energy(
            Component.of("cells", "core", serial.cycle_pj, scales=True), arrays * found.cycles * serial.cycle_pj.value
        ),
        Energy(
            Component.of("operand_fill", "core", serial.access_pj, scales=True),
            arrays * found.rows_filled * serial.access_pj.value,
        ),
    )


def fill_ns(work: MatrixWork, settings: SramInMemorySettings, serial: Serial) -> float:
    """Time to send every input vector to the arrays once."""
    _, input_bits = operand_bits(work, settings)
    loops = work.loops
    return loops.G * loops.reduction * loops.positions * input_bits / serial.fill_gbps.value


def vector_cost(work: VectorWork, settings: SramInMemorySettings, serial: Serial) -> LayerCost:
    """One operation a lane in the cycles of a sum; operands lie in the arrays already."""
    lanes = settings.macros * settings.array.columns
    rounds, each = math.ceil(work.ops / lanes), sum_cycles(min(math.ceil(work.bits), settings.widths.input))
    latency_ns = rounds * each * serial.cycle_ns.value
    arrays = work.ops / settings.array.columns
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=latency_ns,
        active_units=min(work.ops, lanes),
        utilisation_fraction=work.ops / (rounds * lanes) if rounds else 0.0,
        bound_by="arrays",
        energies=(
            Energy(Component.of("cells", "core", serial.cycle_pj, scales=True), arrays * each * serial.cycle_pj.value),
        ),
    )
