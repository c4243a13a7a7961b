"""Closes the gap of an objective that does not add up: walks all chains that could still be better, outside in.

A partial chain holds the boundaries from the outermost inwards. What it costs so far plus the least that the rest can
cost (a table per set of weights) gives lines alpha E + beta L >= m for everything that continues it; where those lines
leave no room below the best value known, the partial chain is dropped. Whatever is left at the end is the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from joulescape.simulators._mapping.chain_search import Chain, Tables
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import Operand
from joulescape.simulators._mapping.plan import Placement
from joulescape.simulators._mapping.room import first_limits
from joulescape.simulators._mapping.search import Search

Indices = NDArray[np.intp]

MARGIN = 1 - 1e-9
"""A chain must be better by this much to replace another."""


@dataclass(frozen=True)
class Weighted:
    """One set of weights with the least costs under them."""

    weights: Floats
    tables: Tables

    @property
    def alpha(self) -> float:
        """Weight of energy."""
        return float(self.weights[0])

    @property
    def beta(self) -> float:
        """Weight of latency: that of all lanes."""
        return float(self.weights[1:].sum())


@dataclass(frozen=True)
class Partial:
    """Partial chains that stand in one state: outer tile, quantities so far, bits by memory, and how they came."""

    rank: int
    state: int
    outer: Indices
    totals: Floats
    """(quantities, chains)."""
    bits: Floats
    """Bits in each shared memory, the least of what is still to come included, (memories, chains)."""
    trail: tuple[tuple[Placement, ...], Indices]
    """Placements so far (the same for all) and their tiles, (placements, chains)."""


@dataclass(frozen=True)
class Closed:
    """The best chain of all (None: the one known already is), or, truncated, the least value of what was dropped."""

    chain: Chain | None
    totals: Floats | None
    bound: float
    mappings_count: int


class Closing:
    """One walk over all partial chains for one search."""

    def __init__(self, search: Search, weighted: Sequence[Weighted], energy_power: int, most_mappings: int) -> None:
        self.search = search
        self.weighted = weighted
        self.power = energy_power
        self.most = most_mappings
        self.quantities = search.quantities
        self.lattice = search.quantities.tiles.lattice
        self.fits = search.fits(first_limits(search.shared))
        self.seen_count = 0
        self.dropped = np.inf

    def run(self, value: float) -> Closed:
        """Walk ranks from the outermost boundary to the registers; `value` is the best known."""
        best: tuple[Chain | None, Floats | None, float] = (None, None, value)
        stack = [self._outermost()]
        while stack:
            partial = stack.pop()
            if partial.rank == 0:
                best = self._completed(partial, best)
                continue
            children = [self._placed(partial, number, best[2]) for number in self._steps(partial)]
            kept = sorted((c for c in children if c is not None), key=lambda child: -child.outer.size)
            stack += [piece for child in kept for piece in self._pieces(child, best[2])]
        return Closed(best[0], best[1], min(best[2], float(self.dropped)), self.seen_count)

    def _outermost(self) -> Partial:
        shared = self.search.shared
        rank = len(self.quantities.plan.steps)
        return Partial(
            rank,
            0,
            np.array([self.lattice.count - 1]),
            np.zeros((self.quantities.fixed.size, 1)),
            np.array([[float(sum(memory.least_bits.values()))] for memory in shared]),
            ((), np.empty((0, 1), dtype=np.intp)),
        )

    def _steps(self, partial: Partial) -> list[int]:
        steps = self.quantities.plan.steps[partial.rank - 1]
        return [number for number, step in enumerate(steps) if step.target == partial.state]

    def _pieces(self, partial: Partial, value: float) -> list[Partial]:
        """Work in pieces that fit a cache, the most promising on top; beyond the count allowed the rest is dropped."""
        bound = self._bound(partial)
        order = np.argsort(-bound, kind="stable")
        if self.seen_count >= self.most:
            self.dropped = min(self.dropped, float(bound.min()))
            return []
        size = max(1, 400_000 // self.lattice.count)
        return [_picked(partial, order[start : start + size]) for start in range(0, order.size, size)]

    def _placed(self, partial: Partial, number: int, value: float) -> Partial | None:
        """Put one more boundary inside, on every tile that might pay."""
        step = self.quantities.plan.steps[partial.rank - 1][number]
        placement = self.quantities.plan.placements[step.placement]
        rows = self.quantities.boundary(placement)
        usable = np.flatnonzero(self.fits[step.placement])
        self.seen_count += partial.outer.size * usable.size
        chains, columns = np.nonzero(self._box(partial, number, usable) < value * MARGIN)
        tiles = self.lattice.tiles
        nested = (tiles[:, partial.outer[chains]] % tiles[:, usable[columns]] == 0).all(axis=0)
        chains, inside = chains[nested], usable[columns[nested]]
        bits = self._with_bits(partial.bits[:, chains], placement, inside)
        roomy = (bits <= np.array([[memory.room_bits] for memory in self.search.shared])).all(axis=0)
        chains, inside, bits = chains[roomy], inside[roomy], bits[:, roomy]
        if not chains.size:
            return None
        placed = ((*partial.trail[0], placement), np.vstack([partial.trail[1][:, chains], inside[None, :]]))
        child = Partial(
            partial.rank - 1, step.source, inside, partial.totals[:, chains] + rows[:, inside], bits, placed
        )
        worthy = self._bound(child) < value * MARGIN
        return _picked(child, np.flatnonzero(worthy)) if worthy.any() else None

    def _with_bits(self, bits: Floats, placement: Placement, tiles: Indices) -> Floats:
        added = bits.copy()
        for index, memory in enumerate(self.search.shared):
            if placement.slot in memory.least_bits:
                added[index] += self.search.bits[placement][tiles] - memory.least_bits[placement.slot]
        return added

    def _box(self, partial: Partial, number: int, usable: Indices) -> Floats:
        """Least energy times least latency of every chain with every tile next, (chains, tiles)."""
        step = self.quantities.plan.steps[partial.rank - 1][number]
        rows = self.quantities.boundary(self.quantities.plan.placements[step.placement])[:, usable]
        energy, cycles = 1.0, np.full((partial.outer.size, usable.size), self._least_cycles)
        for weighted in self.weighted:
            if weighted.alpha and weighted.beta:
                continue
            inner = weighted.weights @ rows + weighted.tables.settled[partial.rank - 1][step.source, usable]
            least = (weighted.weights @ partial.totals)[:, None] + inner[None, :]
            if weighted.beta:
                cycles = np.maximum(cycles, least / weighted.beta)
            elif self.power:
                energy = np.maximum(energy, least / weighted.alpha)
        return np.asarray(energy * cycles)

    @property
    def _least_cycles(self) -> float:
        return float(self.quantities.tiles.spatial.cycles)

    def _bound(self, partial: Partial) -> Floats:
        """Least value of everything that continues each partial chain: at the lower corners left by all lines."""
        least = [
            w.weights @ partial.totals + w.tables.settled[partial.rank][partial.state, partial.outer]
            for w in self.weighted
        ]
        energy, cycles = np.ones(partial.outer.size), np.full(partial.outer.size, self._least_cycles)
        for weighted, line in zip(self.weighted, least, strict=True):
            if weighted.beta == 0 and self.power:
                energy = np.maximum(energy, line / weighted.alpha)
            elif weighted.alpha == 0:
                cycles = np.maximum(cycles, line / weighted.beta)
        bound = np.asarray(energy * cycles)
        for weighted, line in zip(self.weighted, least, strict=True) if self.power else ():
            if weighted.alpha and weighted.beta:
                slower = energy * np.maximum(cycles, (line - weighted.alpha * energy) / weighted.beta)
                dearer = cycles * np.maximum(energy, (line - weighted.beta * cycles) / weighted.alpha)
                bound = np.maximum(bound, np.minimum(slower, dearer))
        return bound

    def _completed(
        self, partial: Partial, best: tuple[Chain | None, Floats | None, float]
    ) -> tuple[Chain | None, Floats | None, float]:
        """Choose what the units keep inside each chain, and see whether the result beats the best."""
        for keeps in ("W", "I"):
            registers = self.lattice.only(keeps)  # type: ignore[arg-type]
            rows = self._kept(keeps, registers)  # type: ignore[arg-type]
            totals = partial.totals[:, :, None] + rows[:, None, :] + self.quantities.fixed[:, None, None]
            tiles = self.lattice.tiles
            nested = (tiles[:, partial.outer][:, :, None] % tiles[:, registers][:, None, :] == 0).all(axis=0)
            values = np.where(nested, totals[1:].max(axis=0) * (totals[0] if self.power else 1.0), np.inf)
            where = np.unravel_index(int(np.argmin(values)), values.shape)
            if values[where] < best[2] * MARGIN:
                placed, trail = partial.trail
                pairs = tuple(zip(reversed(placed), reversed(trail[:, where[0]].tolist()), strict=True))
                chain = Chain(pairs, int(registers[where[1]]), keeps, float(values[where]))  # type: ignore[arg-type]
                best = (chain, totals[:, where[0], where[1]], float(values[where]))
        return best

    def _kept(self, keeps: Operand, registers: Indices) -> Floats:
        other: Operand = "I" if keeps == "W" else "W"
        return np.asarray(self.quantities.kept(keeps)[:, registers] + self.quantities.kept(other)[:, :1])


def _picked(partial: Partial, chains: Indices) -> Partial:
    return replace(
        partial,
        outer=partial.outer[chains],
        totals=partial.totals[:, chains],
        bits=partial.bits[:, chains],
        trail=(partial.trail[0], partial.trail[1][:, chains]),
    )
