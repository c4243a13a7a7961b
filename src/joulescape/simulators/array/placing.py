"""How one product lies in arrays, and what one input vector takes to go through it.

A product falls into blocks of at most one array's rows and columns. Blocks of different arrays are read together, those
of one array in turns. Cells count one by one: small blocks lie beside and above each other, each read with its own rows
and columns alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators.array.settings import ArraySettings, Drive


@dataclass(frozen=True)
class Placed:
    """One product: `blocks` = groups x `across` (over the reduction) x `down` (over the outputs)."""

    groups: int
    across: int
    down: int
    reduction: int
    outputs: int
    positions: int
    parts: tuple[int, ...]
    """Bits of the magnitude that each phase drives, most significant phase first."""
    lines: int
    """Rows that one input drives: 2 where the halves of a pair stand on two rows."""
    columns: int
    """Columns that one output takes."""
    arrays: int
    copies: int
    """No more than positions, and than arrays: two copies in one array cannot be read at once."""

    @classmethod
    def of(cls, work: MatrixWork, settings: ArraySettings) -> Placed:
        """By the work's loops and widths."""
        loops, array, pairs = work.loops, settings.array, settings.array.pairs
        lines, columns = (2 if pairs == "rows" else 1), (2 if pairs == "columns" else 1)
        return cls(
            groups=loops.G,
            across=math.ceil(loops.reduction * lines / array.rows),
            down=math.ceil(loops.K * columns / array.columns),
            reduction=loops.reduction,
            outputs=loops.K,
            positions=loops.positions,
            parts=parts_of(input_magnitude(work, settings), settings.drive),
            lines=lines,
            columns=columns,
            arrays=settings.arrays,
            copies=min(settings.copies, settings.arrays, loops.OY * loops.OX),
        )

    @property
    def blocks(self) -> int:
        """Blocks of one copy."""
        return self.groups * self.across * self.down

    @property
    def weights(self) -> int:
        """Weights of one copy."""
        return self.groups * self.reduction * self.outputs

    @property
    def cells(self) -> int:
        """Cells of one copy."""
        return self.weights * self.lines * self.columns

    @property
    def turns(self) -> int:
        """Reads that follow each other until one input vector has met every block, in the arrays that a copy has."""
        return math.ceil(self.blocks / (self.arrays // self.copies))

    @property
    def vectors(self) -> int:
        """Input vectors that one copy takes, one after the other."""
        return math.ceil(self.positions / self.copies)

    @property
    def rows_driven(self) -> int:
        """Rows driven once, all blocks, one input vector."""
        return self.groups * self.down * self.reduction * self.lines

    @property
    def sums(self) -> int:
        """Columns (pairs) that are read out for one input vector."""
        return self.groups * self.across * self.outputs

    @property
    def planes(self) -> int:
        """Drives of the rows for one input vector: bits that are pulsed one by one, or one."""
        return sum(self.parts)


def input_magnitude(work: MatrixWork, settings: ArraySettings) -> int:
    """Bits of an input's magnitude: its sign is the sign of the voltage."""
    bits = min(max(1, math.ceil(work.input.bits)), settings.widths.input)
    return max(1, bits - 1) if work.input.is_signed else bits


def parts_of(magnitude: int, drive: Drive) -> tuple[int, ...]:
    """Bits of each phase; one drive stands for all bits where they are a voltage."""
    if drive.coding == "amplitude":
        return (1,)
    if magnitude <= drive.split_above_bits or drive.phases == 1:
        return (magnitude,)
    short, longer = divmod(magnitude, drive.phases)
    return tuple(short + (phase < longer) for phase in range(drive.phases) if short or phase < longer)


def additions(parts: tuple[int, ...]) -> int:
    """Samples that the read-out adds for one input vector: the k-th bit of each phase counts 2^k times."""
    return sum(2**bits - 1 for bits in parts)


def decisions(parts: tuple[int, ...], settings: ArraySettings) -> int:
    """Decisions for one input vector: a later phase, of lower bits, is decided as far as they reach into the result."""
    readout = settings.readout
    if readout.steps == "analog":
        return 0
    return sum(max(0, readout.bits - sum(parts[:phase])) for phase in range(len(parts)))


def read_ns(parts: tuple[int, ...], settings: ArraySettings) -> float:
    """One input vector through one block."""
    readout = settings.readout
    shared = readout.shared_by * decisions(parts, settings) * readout.step_ns.value
    return additions(parts) * readout.integrate_ns.value + shared + len(parts) * readout.phase_ns.value
