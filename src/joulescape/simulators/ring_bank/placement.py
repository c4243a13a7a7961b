"""What stays set on the rings, what lies on the chip, and how a work's tiles are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators._photonics import BYTES_PER_KIB
from joulescape.simulators._tiling import Tiling
from joulescape.simulators.base import Energy, FloatArray, Quantity, ceil_div
from joulescape.simulators.ring_bank import parts
from joulescape.simulators.ring_bank.settings import RingBankSettings
from joulescape.simulators.ring_bank.sharing import Turns


@dataclass(frozen=True)
class Placement:
    """Where the weights of one phase wait."""

    is_resident: np.bool_ | FloatArray
    """Whether every layer has banks of its own, so that no ring moves between batches."""
    is_stored: np.bool_ | FloatArray
    """Whether all weights lie on the chip."""
    copies: Quantity
    """Of every resident layer: whole networks that the banks hold."""


def place(works: Sequence[Work], settings: RingBankSettings) -> Placement:
    """Decide for one phase what stays set and what lies on the chip.

    Where an update changes the weights nothing stays set from one step to the next; nor where reloading is faster,
    because every layer in its turn then has all banks.
    """
    products = (work for work in works if isinstance(work, MatrixWork) and work.is_weight_stored)
    forward = [work for work in products if work.role == "forward"]
    teams, total = settings.bank.teams, sum(jobs(tiling(work, settings), settings) for work in forward)
    copies = np.maximum(teams // max(total, 1), 1) if settings.bank.shares_positions else np.ones_like(teams)
    is_held = is_kept(forward, settings)
    fits = np.logical_and(np.less_equal(total, teams), not any(work.role == "update" for work in works))
    reloading, staying = _reloading_ns(forward, settings, is_held), _staying_ns(forward, settings, copies)
    is_resident = np.logical_and(fits, np.logical_or(np.logical_not(is_held), np.less_equal(staying, reloading)))
    return Placement(is_resident, np.logical_or(is_resident, is_held), copies)


def is_kept(forward: Sequence[MatrixWork], settings: RingBankSettings) -> np.bool_ | FloatArray:
    """Whether cells, or the buffer, hold all weights."""
    if settings.weights.held_in is not None:
        return np.asarray(sum(work.weight.elements for work in forward) <= np.asarray(settings.weights.capacity))
    held = sum(work.weight.elements * weight_bytes(work, settings) for work in forward)
    return np.asarray(held <= np.multiply(settings.buffer.kib, BYTES_PER_KIB))


def tiling(work: MatrixWork, settings: RingBankSettings) -> Tiling:
    """The product of a work, cut into banks."""
    return Tiling.of(work, settings.bank.rows, settings.bank.channels)


def conversions(cut: Tiling, settings: RingBankSettings) -> int:
    """Conversions of one output: its partial sums, those that are added as voltages together."""
    return int(ceil_div(cut.across, settings.bank.added))


def jobs(cut: Tiling, settings: RingBankSettings) -> int:
    """What a team of banks does at a time: one row of tiles, or as many of its tiles as are added together.

    A reduction shorter than a team leaves banks idle.
    """
    return cut.groups * cut.down * conversions(cut, settings)


def weight_bytes(work: MatrixWork, settings: RingBankSettings) -> float:
    """Bytes of one stored weight: no ring is set finer than its steps."""
    return settings.digital.stored_bytes(min(work.weight.bits, settings.weights.bits))


def passes(work: MatrixWork) -> int:
    """Times that each vector is sent: intensities have no sign."""
    return 2 if work.input.is_signed else 1


def vector_ns(work: MatrixWork, settings: RingBankSettings) -> float:
    """Time of one position on a bank."""
    return passes(work) / settings.clock_ghz


def set_ns(settings: RingBankSettings, is_from_cells: np.bool_ | FloatArray) -> Quantity:
    """Time to set every bank once: the converters' turns (or one read of the cells), then the rings settle."""
    rings = settings.bank.rows * settings.bank.channels
    turns = np.where(is_from_cells, 1, ceil_div(rings, settings.weights.dac_count))
    return turns / settings.clock_ghz + settings.ring.response_ns.value


@dataclass(frozen=True)
class Load:
    """How the tiles of one work are set: how many a batch, and from where."""

    tiles: Quantity
    is_from_cells: np.bool_ | FloatArray

    @classmethod
    def of(cls, work: MatrixWork, settings: RingBankSettings, placement: Placement) -> Load:
        """Held weights need no setting; the others come from cells, from the buffer, or through it."""
        is_set = np.logical_and(work.is_weight_stored and work.role == "forward", placement.is_resident)
        has_cells = work.is_weight_stored and settings.weights.held_in is not None
        return cls(
            np.where(is_set, 0.0, float(tiling(work, settings).tiles)), np.logical_and(has_cells, placement.is_stored)
        )

    def copied(self, copies: Quantity) -> Load:
        """The same with so many copies of each tile."""
        return replace(self, tiles=self.tiles * copies)

    def time_ns(self, settings: RingBankSettings) -> Quantity:
        """Time of one round of setting; none where all rings stay."""
        return np.where(self.tiles > 0, set_ns(settings, self.is_from_cells), 0.0)

    def energies(self, settings: RingBankSettings) -> tuple[Energy, ...]:
        """Conversions or cell reads, and ring switches, of all tiles."""
        rings = self.tiles * settings.bank.rows * settings.bank.channels
        weights = settings.weights
        converted = np.where(self.is_from_cells, 0.0, weights.dac.dac_pj(weights.bits))
        writing = (
            Energy(parts.weight_dac(settings), rings * converted),
            Energy(parts.weight_writing(settings), rings * settings.ring.switch_pj.value),
        )
        if weights.held_in is None:
            return writing
        read = np.where(self.is_from_cells, weights.cells_per_weight * weights.held_in.read_pj.value, 0.0)
        return (*writing, Energy(parts.cell_read(weights.held_in), rings * read))


def turns(work: MatrixWork, settings: RingBankSettings, load: Load, placement: Placement, least_ns: Quantity) -> Turns:
    """How the banks take turns at a work: a resident layer has its copies, others as many as make them fastest."""
    cut, teams = tiling(work, settings), settings.bank.teams
    count = jobs(cut, settings)
    if not settings.bank.shares_positions:
        return Turns.of(count, cut.positions, teams, np.ones_like(teams))
    fast = Turns.fastest(count, cut.positions, teams, load.time_ns(settings), vector_ns(work, settings), least_ns)
    copies = np.where(load.tiles > 0, fast.copies, placement.copies)
    return Turns.of(count, cut.positions, teams, copies)


def _staying_ns(forward: Sequence[MatrixWork], settings: RingBankSettings, copies: Quantity) -> Quantity:
    cuts = ((work, tiling(work, settings)) for work in forward)
    return sum((ceil_div(cut.positions, copies) * vector_ns(work, settings) for work, cut in cuts), start=0.0)


def _reloading_ns(
    forward: Sequence[MatrixWork], settings: RingBankSettings, is_held: np.bool_ | FloatArray
) -> Quantity:
    has_cells = np.logical_and(is_held, settings.weights.held_in is not None)
    moving = Placement(np.False_, is_held, 1)
    loads = ((work, Load(float(tiling(work, settings).tiles), has_cells)) for work in forward)
    return sum(
        (
            turns(work, settings, load, moving, 0.0).latency_ns(load.time_ns(settings), vector_ns(work, settings))
            for work, load in loads
        ),
        start=0.0,
    )
