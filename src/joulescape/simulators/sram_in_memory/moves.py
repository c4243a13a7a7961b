"""What one product moves between buffer and arrays, and across the chip's edge.

    buffer:   inputs once a pass and position; outputs once; partial sums written and read `rests` times; once more
              whatever crosses the edge, on its way
    off chip: weights that do not stay; tensors that do not fit beside what else lies in the buffer

Weights stand still while all positions pass. Inputs that are not in the buffer whole come anew for every pass: once
where a band of one row of outputs lies in it twice (one is read while the next comes), else for every window that they
stand in. Of tensors and partial sums the cheaper goes off chip where not both fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators._moved import MovedBytes
from joulescape.simulators.base import Context, Limit
from joulescape.simulators.sram_in_memory.settings import SramInMemorySettings
from joulescape.units import BITS_PER_BYTE

KIB = 1024

STORED_BITS = 16
"""Activations are stored at no more."""

DOUBLE = 2
"""Windows or bands in the buffer: one is read while the next comes."""


@dataclass(frozen=True)
class Sums:
    """Partial sums of one product: so often put down and taken up, so many bytes in all, of which some live at once."""

    rests: int = 0
    total_bytes: float = 0.0
    live_bytes: float = 0.0


@dataclass(frozen=True)
class Passing:
    """How inputs reach the arrays: rows that take them at once, passes over all of them."""

    rows: int
    passes: int


@dataclass(frozen=True)
class Stay:
    """What lies in the buffer, and the bytes across the edge that this leaves."""

    input_bytes: float
    output_bytes: float
    sum_bytes: float
    """Partial sums, each way."""

    @property
    def moved(self) -> float:
        """Both ways."""
        return self.input_bytes + self.output_bytes + 2 * self.sum_bytes


def moved_bytes(
    work: MatrixWork, settings: SramInMemorySettings, context: Context, passing: Passing, sums: Sums, is_resident: bool
) -> MovedBytes:
    """Everything of one product and batch."""
    stay = min(_stays(work, settings, context, passing, sums), key=lambda found: found.moved)
    sent = work.loops.G * work.loops.reduction * work.loops.positions
    weights = work.weight.elements * min(work.weight.bits, settings.widths.weight) / BITS_PER_BYTE
    rested = sums.rests * sums.total_bytes
    return MovedBytes(
        input_read=passing.passes * sent * input_byte(work, settings),
        output_read=rested + stay.sum_bytes + stay.output_bytes,
        output_write=_output_bytes(work) + rested + stay.sum_bytes,
        weight_read=0.0,
        off_input=stay.input_bytes,
        off_weight=0.0 if is_resident else weights,
        off_output=stay.output_bytes,
        off_sums=stay.sum_bytes,
        input_write=stay.input_bytes,
    )


def input_byte(work: MatrixWork, settings: SramInMemorySettings) -> float:
    """Bytes of one stored input."""
    return min(work.input.bits, settings.widths.input) / BITS_PER_BYTE


def least_limit(work: MatrixWork, settings: SramInMemorySettings, passing: Passing) -> Limit | None:
    """A buffer too small for the inputs of the rows that are driven at once, and for the next."""
    needed = _window_bytes(work, settings, passing)
    if needed <= settings.buffer.kib * KIB:
        return None
    said = f"{work.layer}: a buffer of {settings.buffer.kib} KiB (buffer.kib) is too small for the inputs of "
    fits = f"{passing.rows} rows and the next ones; {math.ceil(needed / KIB)} would do"
    return Limit(said + fits, needed / (settings.buffer.kib * KIB) - 1)


def _stays(
    work: MatrixWork, settings: SramInMemorySettings, context: Context, passing: Passing, sums: Sums
) -> list[Stay]:
    """All that fit: tensors and sums, either, neither."""
    room, tensor, output = (
        settings.buffer.kib * KIB,
        work.input.elements * input_byte(work, settings),
        _output_bytes(work),
    )
    enters, leaves = work.layer in context.first, work.layer in context.last
    away = sums.rests * sums.total_bytes
    found = [Stay(_passed_bytes(work, settings, passing, room), output, away)]
    if sums.live_bytes <= room:
        found.append(Stay(_passed_bytes(work, settings, passing, room - sums.live_bytes), output, 0.0))
    if tensor + output <= room:
        found.append(Stay(tensor * enters, output * leaves, away))
    if tensor + output + sums.live_bytes <= room:
        found.append(Stay(tensor * enters, output * leaves, 0.0))
    return found


def _passed_bytes(work: MatrixWork, settings: SramInMemorySettings, passing: Passing, room: float) -> float:
    """Inputs from off chip, all passes."""
    loops, byte = work.loops, input_byte(work, settings)
    whole = work.input.elements * byte
    channels = min(loops.C, math.ceil(passing.rows / (loops.FY * loops.FX)))
    band = loops.FY * ((loops.OX - 1) * loops.stride_x + loops.FX) * channels * byte
    if whole <= room:
        return whole
    if DOUBLE * band <= room:
        return passing.passes * whole
    return passing.passes * max(whole, loops.G * loops.reduction * loops.positions * byte)


def _window_bytes(work: MatrixWork, settings: SramInMemorySettings, passing: Passing) -> float:
    return DOUBLE * min(passing.rows, work.loops.reduction) * input_byte(work, settings)


def _output_bytes(work: MatrixWork) -> float:
    return work.output.elements * min(work.output.bits, STORED_BITS) / BITS_PER_BYTE
