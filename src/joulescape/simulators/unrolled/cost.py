"""Cost of one work: cycles and transfers, which overlap where tiles are there twice; energy of units and memories."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.unrolled.settings import LoopName, UnrolledSettings
from joulescape.simulators.unrolled.tiles import Tile, choose
from joulescape.simulators.unrolled.unrolling import Unrolling, bounds, cycles, steps
from joulescape.units import BITS_PER_BYTE

RELEVANT: Mapping[str, tuple[LoopName, ...]] = {
    "weight": ("K", "C", "FY", "FX"), "input": ("B", "C", "OY", "OX", "FY", "FX"), "sum": ("B", "K", "OY", "OX"),
}  # fmt: skip
"""Loops along which units take other words of an operand."""


def matrix_cost(work: MatrixWork, unrolled: Unrolling, settings: UnrolledSettings, context: Context) -> LayerCost:
    """One layer on one unrolling."""
    tile = choose(work, unrolled, settings)
    needed = cycles(work.loops, unrolled, tile.count, settings)
    array_ns, off_ns = needed * settings.cycle_ns, off_chip_ns(tile.moved_bytes, settings, context)
    first_ns = off_chip_ns(tile.first_bytes, settings, context)
    latency_ns = max(array_ns, off_ns - first_ns) + first_ns if settings.buffer.is_double else array_ns + off_ns
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=work.macs / steps(work.loops, unrolled, settings),
        utilisation_fraction=work.macs * settings.cycle_ns / (settings.units * latency_ns),
        bound_by="off_chip_memory" if off_ns > array_ns else "array",
        energies=_energies(work, unrolled, tile, settings, context),
        traffic=(
            Traffic("off_chip_memory", "weight", tile.weight_bytes, 0.0),
            Traffic("off_chip_memory", "input", tile.input_bytes, 0.0),
            Traffic("off_chip_memory", "output", 0.0, tile.output_bytes),
            *(
                Traffic("buffer", "output" if name == "sum" else name, *both)
                for name, both in _buffer_bytes(work, unrolled, tile, settings).items()
            ),
        ),
    )


def vector_cost(work: VectorWork, settings: UnrolledSettings) -> LayerCost:
    """Element-wise work on results as they leave the array: it goes through no memory of its own."""
    assert settings.vector is not None
    cycles_ = math.ceil(work.ops / settings.vector.lanes)
    latency_ns = cycles_ * settings.cycle_ns
    unit = Component.of("vector_unit", "chip", settings.vector.op_pj, scales=True)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=latency_ns,
        active_units=min(float(settings.vector.lanes), work.ops),
        utilisation_fraction=work.ops / max(settings.vector.lanes * cycles_, 1),
        bound_by="vector_unit",
        energies=(Energy(unit, work.ops * settings.vector.op_pj.value),),
        is_beside=True,
    )


def off_chip_ns(moved_bytes: float, settings: UnrolledSettings, context: Context) -> float:
    """Time of a transfer, at the memory's rate or the chip's port, whichever is slower."""
    needed = float(context.off_chip_ns(moved_bytes))
    if settings.port_bits is None or not context.includes_off_chip:
        return needed
    return max(needed, moved_bytes * BITS_PER_BYTE / settings.port_bits * settings.cycle_ns)


def _energies(
    work: MatrixWork, unrolled: Unrolling, tile: Tile, settings: UnrolledSettings, context: Context
) -> tuple[Energy, ...]:
    buffer, moved = settings.buffer, _buffer_bytes(work, unrolled, tile, settings).values()
    memory = Component.resting_on("buffer", "chip", buffer.read_pj_per_byte, buffer.write_pj_per_byte, scales=True)
    read, written = (sum(both[side] for both in moved) for side in (0, 1))
    found = [
        Energy(Component.of("units", "core", settings.mac_pj, scales=True), work.macs * settings.mac_pj.value),
        Energy(memory, read * buffer.read_pj_per_byte.value + written * buffer.write_pj_per_byte.value),
    ]
    if context.includes_off_chip:
        found.append(context.off_chip.transfer(tile.weight_bytes + tile.input_bytes, tile.output_bytes))
    return tuple(found)


def _buffer_bytes(
    work: MatrixWork, unrolled: Unrolling, tile: Tile, settings: UnrolledSettings
) -> Mapping[str, tuple[float, float]]:
    """Bytes read and written by operand: words that the array takes in each step, and what tiles bring and take."""
    widths, loops = settings.widths, work.loops
    walked = bounds(loops, settings)
    bits = {"weight": widths.weight, "input": widths.input, "sum": widths.sum}
    taken = {}
    for name, relevant in RELEVANT.items():
        words = math.prod(min(unrolled.get(loop, 1), walked[loop]) for loop in relevant)
        taken[name] = steps(loops, unrolled, settings) * words * bits[name] / BITS_PER_BYTE
    ends = work.output.elements * widths.sum / BITS_PER_BYTE
    sums = ends if settings.hands_on else taken["sum"]
    return {
        "weight": (taken["weight"], tile.weight_bytes),
        "input": (taken["input"], tile.input_bytes),
        "sum": (sums + tile.output_bytes, sums),
    }
