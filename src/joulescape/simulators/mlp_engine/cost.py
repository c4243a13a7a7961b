"""Cost of one dense layer: every lane an output, one input after the other to all of them.

    cycles = groups ceil(K / lanes) (C [kept where elided] + fill) vectors
    kept   = density exp(-threshold / m),  m the mean magnitude of inputs that are not zero, as a share of the largest

(magnitudes above zero taken as exponential: exact at threshold 0). Assumptions: weights lie on the chip where all of
them fit (then they were loaded at power-up, which is charged to no machine), else all are read at least once a batch;
activities stay in their memory where those of input and output fit, else a layer is cut (`_streams`), in which filling
lanes anew after a cut overlaps with the last one's end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators._streams import Rooms, fetched
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.mlp_engine.settings import Lane, Memory, MlpEngineSettings
from joulescape.simulators.mlp_engine.supply import read_factor
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Counts:
    """What one layer does, for the whole batch."""

    cycles: float
    products: float
    """Products formed; each reads a weight."""
    sent: float
    """Activities read and broadcast."""
    weight_bits: int
    input_bits: int
    weight_bytes: float
    input_bytes: float
    output_bytes: float


@dataclass(frozen=True)
class OffChipBytes:
    """What crosses the chip's edge for one layer and batch; `sums` leave and come back."""

    weights: float
    inputs: float
    outputs: float
    sums: float

    @property
    def read(self) -> float:
        """From off-chip memory."""
        return self.weights + self.inputs + self.sums

    @property
    def written(self) -> float:
        """To it."""
        return self.outputs + self.sums


def matrix_cost(work: MatrixWork, settings: MlpEngineSettings, context: Context, is_stored: bool) -> LayerCost:
    """One layer; `is_stored`: all weights of the network lie on the chip."""
    counts = counted(work, settings)
    off = _off_chip(work, settings, context, counts, is_stored)
    off_ns = float(context.off_chip_ns(off.read + off.written))
    lanes_ns = counts.cycles / settings.clock_ghz
    latency_ns = max(lanes_ns, off_ns)
    energies = list(_energies(counts, settings, off))
    if context.includes_off_chip:
        energies.append(context.off_chip.transfer(off.read, off.written))
    # Products that are left out are work that was spared, not lanes that stood idle.
    used = min(1.0, work.macs / (settings.lanes * settings.clock_ghz * latency_ns))
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=used * settings.lanes,
        utilisation_fraction=used,
        bound_by="off_chip_memory" if off_ns > lanes_ns else "lanes",
        energies=tuple(energies),
        traffic=(
            Traffic("weight_sram", "weight", counts.products * counts.weight_bits / BITS_PER_BYTE, off.weights),
            Traffic("activity_sram", "input", counts.sent * counts.input_bits / BITS_PER_BYTE, off.inputs),
            Traffic("activity_sram", "output", off.outputs + 2 * off.sums, counts.output_bytes + 2 * off.sums),
            Traffic("off_chip_memory", "weight", off.weights, 0.0),
            Traffic("off_chip_memory", "input", off.inputs, 0.0),
            Traffic("off_chip_memory", "output", off.sums, off.written),
        ),
    )


def rooms(work: MatrixWork, settings: MlpEngineSettings) -> Rooms:
    """One input at a time to all lanes, and both memories, whose words are as wide as the engine was built: a narrower
    format crosses the chip's edge in fewer bits and takes a whole word inside."""
    widths, lanes = settings.widths, min(settings.lanes, work.loops.K)
    weight_bits, input_bits = stored_bits(work, settings)
    return Rooms(
        outputs=lanes,
        inputs=1,
        positions=1,
        weight_bits=weight_bits,
        input_bits=input_bits,
        sum_bits=widths.sum,
        weights=settings.stored_weights * weight_bits,
        activities=settings.stored_activities * input_bits,
        written=lanes * input_bits,
    )


def _off_chip(
    work: MatrixWork, settings: MlpEngineSettings, context: Context, counts: Counts, is_stored: bool
) -> OffChipBytes:
    """Of a layer whose activities fit, or of its best cut."""
    spills = work.input.elements + work.output.elements > settings.stored_activities
    found = fetched(work, rooms(work, settings), is_stored, None if spills else int(work.layer in context.first))
    return OffChipBytes(
        weights=found.weights / BITS_PER_BYTE,
        inputs=found.inputs / BITS_PER_BYTE,
        outputs=counts.output_bytes if spills or work.layer in context.last else 0.0,
        sums=found.sums / BITS_PER_BYTE,
    )


def counted(work: MatrixWork, settings: MlpEngineSettings) -> Counts:
    """Rounds of outputs, inputs that are worked off, products that are formed."""
    loops, widths = work.loops, settings.widths
    kept = kept_fraction(work, settings)
    rounds = loops.G * math.ceil(loops.K / settings.lanes) * loops.positions
    worked = max(1.0, loops.reduction * kept) if settings.skipping == "elided" else float(loops.reduction)
    weight_bits, input_bits = stored_bits(work, settings)
    return Counts(
        cycles=rounds * (worked + settings.fill_cycles),
        products=work.macs * kept,
        # A predicate needs the input itself: it is read whether or not its products are formed.
        sent=rounds * worked,
        weight_bits=weight_bits,
        input_bits=input_bits,
        weight_bytes=work.weight.elements * weight_bits / BITS_PER_BYTE,
        input_bytes=work.input.elements * input_bits / BITS_PER_BYTE,
        output_bytes=work.output.elements * widths.activity / BITS_PER_BYTE,
    )


def stored_bits(work: MatrixWork, settings: MlpEngineSettings) -> tuple[int, int]:
    """Bits of a weight and of an input: a narrower format fills less of the memories' words."""
    widths = settings.widths
    return min(math.ceil(work.weight.bits), widths.weight), min(math.ceil(work.input.bits), widths.activity)


def kept_fraction(work: MatrixWork, settings: MlpEngineSettings) -> float:
    """Share of inputs that are worked off."""
    if settings.skipping == "off" or work.input.density <= 0:
        return 1.0 if settings.skipping == "off" else 0.0
    mean = work.input.mean_fraction / work.input.density
    over = math.exp(-settings.threshold_fraction / mean) if mean > 0 else 1.0
    return work.input.density * over


def product_pj(lane: Lane, weight_bits: int, input_bits: int, product_bits: int, sum_bits: int) -> float:
    """One multiply-accumulate: both operands' bits, the product's and the sum's."""
    product = lane.multiply_pj.value * weight_bits * input_bits / lane.table_bits**2
    return product + lane.add_pj_per_bit.value * max(product_bits, sum_bits)


def register_bits(weight_bits: int, input_bits: int, settings: MlpEngineSettings) -> int:
    """Bits that one product clocks through a lane's pipeline."""
    return weight_bits + input_bits + settings.widths.product + settings.widths.sum


def memory_component(memory: Memory, name: str) -> Component:
    """A memory of the engine, as every table names it."""
    return Component.resting_on(name, "chip", memory.read_pj_per_bit, memory.write_pj_per_bit, scales=True)


def _energies(counts: Counts, settings: MlpEngineSettings, off: OffChipBytes) -> tuple[Energy, ...]:
    lane, widths = settings.lane, settings.widths
    logic = product_pj(lane, counts.weight_bits, counts.input_bits, widths.product, widths.sum)
    clocked = counts.products * register_bits(counts.weight_bits, counts.input_bits, settings)
    read = counts.products * counts.weight_bits * settings.weights.read_pj_per_bit.value
    moved_in = counts.sent * counts.input_bits + BITS_PER_BYTE * (off.outputs + 2 * off.sums)
    moved_out = BITS_PER_BYTE * (counts.output_bytes + off.inputs + 2 * off.sums)
    control = Component.of("control", "chip", settings.control_mw, scales=True)
    return (
        Energy(Component.of("lanes", "core", lane.multiply_pj, scales=True), counts.products * logic),
        Energy(
            Component.of("registers", "core", lane.register_pj_per_bit, scales=True),
            clocked * lane.register_pj_per_bit.value,
        ),
        Energy(
            memory_component(settings.weights, "weight_sram"),
            read_factor(settings.supply) * read + BITS_PER_BYTE * off.weights * settings.weights.write_pj_per_bit.value,
        ),
        Energy(
            memory_component(settings.activities, "activity_sram"),
            moved_in * settings.activities.read_pj_per_bit.value
            + moved_out * settings.activities.write_pj_per_bit.value,
        ),
        Energy(control, settings.control_mw.value * counts.cycles / settings.clock_ghz),
    )
