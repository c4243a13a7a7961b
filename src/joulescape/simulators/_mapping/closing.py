"""Closes the gap of an objective that does not add up: walks all chains that could still be better, outside in.

A partial chain holds the boundaries from the outermost inwards. What it costs so far plus the least that the rest can
cost (a table per set of weights) gives lines alpha E + beta L >= m for everything that continues it; where those lines
leave no room below the best value known, the partial chain is dropped. Whatever is left at the end is the optimum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain, Tables
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.layer import Operand
from joulescape.simulators._mapping.plan import Indices, Placement, Step
from joulescape.simulators._mapping.room import first_limits
from joulescape.simulators._mapping.search import SIDES, Search

MARGIN = 1 - 1e-9
"""A chain must be better by this much to replace another."""

PIECE = 400_000
"""Chains times tiles that are worked on together."""


@dataclass(frozen=True)
class Weighted:
    """One set of weights with the least costs under them."""

    weights: Floats
    tables: Tables

    @cached_property
    def alpha(self) -> float:
        """Weight of energy."""
        return float(self.weights[0])

    @cached_property
    def beta(self) -> float:
        """Weight of latency: that of all lanes."""
        return float(self.weights[1:].sum())

    def least(self, keeps: Operand | None, rank: int, state: int) -> Floats:
        """Least that a state can cost on the tiles it may lie on: all, or those below the run of `keeps`."""
        settled = self.tables.settled if keeps is None else self.tables.below[keeps]
        return np.asarray(settled[rank][state])


@dataclass(frozen=True)
class Partial:
    """Partial chains that stand in one state; arrays run over chains in their last axis.

    `keeps` is None until the run that the units keep an input through has been placed; `outer` counts tiles of the
    lattice the state lies on. `bits` are those of each shared memory, the least of what is to come included.
    """

    rank: int
    state: int
    keeps: Operand | None
    outer: Indices
    totals: Floats
    bits: Floats
    placed: tuple[Placement | None, ...]
    """Outermost first, the same for all chains; None stands for the run."""
    trail: Indices
    """Tiles of `placed`, (placements, chains)."""

    def picked(self, chains: Indices) -> Partial:
        """Some of the chains."""
        outer, totals, bits, trail = (
            self.outer[chains],
            self.totals[:, chains],
            self.bits[:, chains],
            self.trail[:, chains],
        )
        return replace(self, outer=outer, totals=totals, bits=bits, trail=trail)


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
        self.rooms = np.array([[memory.room_bits] for memory in search.shared])
        self.quickest = float(search.floors[1:].max())
        self.rests: dict[tuple[object, ...], Floats] = {}
        self.seen_count = 0
        self.dropped = np.inf
        self.best: tuple[Chain | None, Floats | None] = (None, None)
        self.value = np.inf

    def run(self, value: float) -> Closed:
        """Walk from the outermost boundary to the units; `value` is the best known."""
        self.value = value
        stack = [self._outermost()]
        while stack:
            partial = stack.pop()
            if partial.rank == 0 and partial.keeps is not None:
                self._complete(partial)
                continue
            children = sorted(self._children(partial), key=lambda child: -child.outer.size)
            stack += [piece for child in children for piece in self._pieces(child)]
        return Closed(*self.best, min(self.value, float(self.dropped)), self.seen_count)

    def _outermost(self) -> Partial:
        least = [[float(sum(memory.least_bits.values()))] for memory in self.search.shared]
        return Partial(
            rank=len(self.quantities.plan.steps),
            state=0,
            keeps=None,
            outer=np.array([self.lattice.count - 1]),
            totals=self.quantities.fixed[:, None],
            bits=np.array(least),
            placed=(),
            trail=np.empty((0, 1), dtype=np.intp),
        )

    def _children(self, partial: Partial) -> Iterator[Partial]:
        """Everything that may come next further in: a boundary, or the end of the run."""
        steps = self.quantities.plan.steps[partial.rank - 1] if partial.rank else ()
        for step in steps:
            if step.target == partial.state:
                child = self._placed(partial, step)
                if child is not None:
                    yield child
        for keeps, other in SIDES if partial.keeps is None else ():
            if keeps in self.weighted[0].tables.runs:
                child = self._with_run(partial, keeps, other)
                if child is not None:
                    yield child

    def _pieces(self, partial: Partial) -> list[Partial]:
        """Work in pieces that fit a cache, the most promising on top; beyond the count allowed the rest is dropped."""
        bound = self._bound(partial)
        if self.seen_count >= self.most:
            self.dropped = min(float(self.dropped), float(bound.min()))
            return []
        order = np.argsort(-bound, kind="stable")
        size = max(1, PIECE // self.lattice.count)
        return [partial.picked(order[start : start + size]) for start in range(0, order.size, size)]

    def _placed(self, partial: Partial, step: Step) -> Partial | None:
        """Put one more boundary inside, on every tile that might pay and fits."""
        placement = self.quantities.plan.placements[step.placement]
        everywhere = self._tiles_of(partial.keeps)
        usable = np.flatnonzero(self.fits[step.placement][everywhere])
        rows = self.quantities.boundaries[placement.slot].at(everywhere[usable], placement.is_doubled)
        chains, columns = self._worth_it(partial, partial.rank - 1, step.source, rows, (partial.keeps, usable))
        inside = usable[columns]
        bits = self._with_bits(partial.bits[:, chains], placement, everywhere[inside])
        child = replace(
            partial.picked(chains), rank=partial.rank - 1, state=step.source, outer=inside, bits=bits,
            totals=partial.totals[:, chains] + rows[:, columns], placed=(*partial.placed, placement),
            trail=np.vstack([partial.trail[:, chains], everywhere[inside][None, :]]),
        )  # fmt: skip
        return self._pruned(child)

    def _with_run(self, partial: Partial, keeps: Operand, other: Operand) -> Partial | None:
        """End the run of an input here: what lies further in is on its small lattice."""
        places = self.search.places(keeps)
        where = self.lattice.only(keeps)[places]
        rows = self.quantities.kept(keeps, where) + self.quantities.kept(other, 0)[:, None]
        chains, columns = self._worth_it(partial, partial.rank, partial.state, rows, (keeps, places))
        child = replace(
            partial.picked(chains), keeps=keeps, outer=columns, totals=partial.totals[:, chains] + rows[:, columns],
            placed=(*partial.placed, None), trail=np.vstack([partial.trail[:, chains], where[columns][None, :]]),
        )  # fmt: skip
        return self._pruned(child)

    def _worth_it(
        self, partial: Partial, rank: int, state: int, rows: Floats, onto: tuple[Operand | None, Indices]
    ) -> tuple[Indices, Indices]:
        """Pairs of a chain and a tile inside it for which energy and time alone leave room below the best value."""
        keeps, places = onto
        self.seen_count += partial.outer.size * places.size
        energy = np.ones((partial.outer.size, places.size))
        cycles = np.full_like(energy, self.quickest)
        for weighted in self.weighted:
            if weighted.alpha and weighted.beta:
                continue
            rest = weighted.least(keeps, rank, state)[places] - self._counted(weighted, keeps)
            inner = weighted.weights @ rows + rest
            least = (weighted.weights @ partial.totals)[:, None] + inner[None, :]
            if weighted.beta:
                np.maximum(cycles, least / weighted.beta, out=cycles)
            elif self.power:
                np.maximum(energy, least / weighted.alpha, out=energy)
        chains, columns = np.nonzero(energy * cycles < self.value * MARGIN)
        tiles = self.lattice.tiles
        outer = self._tiles_of(partial.keeps)[partial.outer[chains]]
        nested = (tiles[:, outer] % tiles[:, self._tiles_of(keeps)[places[columns]]] == 0).all(axis=0)
        return chains[nested], columns[nested]

    def _counted(self, weighted: Weighted, keeps: Operand | None) -> float:
        """What is fixed is part of a partial chain already; the tables hold it too until the run is placed."""
        return float(weighted.weights @ self.quantities.fixed) if keeps is None else 0.0

    def _tiles_of(self, keeps: Operand | None) -> Indices:
        return np.arange(self.lattice.count) if keeps is None else self.lattice.only(keeps)

    def _pruned(self, child: Partial) -> Partial | None:
        roomy = (child.bits <= self.rooms).all(axis=0)
        child = child.picked(np.flatnonzero(roomy))
        worthy = self._bound(child) < self.value * MARGIN
        return child.picked(np.flatnonzero(worthy)) if worthy.any() else None

    def _with_bits(self, bits: Floats, placement: Placement, tiles: Indices) -> Floats:
        added = bits.copy()
        for index, memory in enumerate(self.search.shared):
            if placement.slot in memory.least_bits:
                added[index] += self.search.bits[placement][tiles] - memory.least_bits[placement.slot]
        return added

    def _bound(self, partial: Partial) -> Floats:
        """Least value of everything that continues each partial chain: at the lower corners left by all lines."""
        least = [
            w.weights @ partial.totals
            + w.least(partial.keeps, partial.rank, partial.state)[partial.outer]
            - self._counted(w, partial.keeps)
            for w in self.weighted
        ]
        energy = np.ones(partial.outer.size)
        cycles = np.maximum(self.quickest, (partial.totals + self._rest(partial)[:, None])[1:].max(axis=0))
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

    def _rest(self, partial: Partial) -> Floats:
        """Least of every quantity that what is not placed yet will add."""
        key = (partial.placed.count(None), *(placement.slot for placement in partial.placed if placement is not None))
        if key not in self.rests:
            left = [slot for slot in self.search.least_of if slot not in key]
            floor = self.search.floor_of(left) - self.quantities.fixed
            self.rests[key] = floor - self.search.least_kept if partial.keeps else floor
        return self.rests[key]

    def _complete(self, partial: Partial) -> None:
        """Whole chains: keep the best one if it beats what is known."""
        cycles = partial.totals[1:].max(axis=0)
        values = cycles * partial.totals[0] if self.power else cycles
        at = int(np.argmin(values))
        if values[at] >= self.value * MARGIN or partial.keeps is None:
            return
        pairs = list(zip(partial.placed, partial.trail[:, at].tolist(), strict=True))[::-1]
        run = next(index for index, (placement, _) in enumerate(pairs) if placement is None)
        below = tuple((p, tile) for p, tile in pairs[:run] if p is not None)
        above = tuple((p, tile) for p, tile in pairs[run + 1 :] if p is not None)
        self.value = float(values[at])
        self.best = (Chain(below, pairs[run][1], partial.keeps, above, self.value), partial.totals[:, at])
