"""The mapper's door: the best mapping of a layer on a hierarchy, with its cost and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from joulescape.simulators._mapping.chain_nest import nest_of
from joulescape.simulators._mapping.chain_search import Placed
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import INPUTS, Layer, Operand
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.objectives import TOLERANCE, Objective, best_for, floor_value
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.plan import Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves

LEAST_DIVISIONS = 2
"""A search of its own, and one with the tiles of every crowded memory cut by the same share: that one fits."""

ROUNDS_A_WEIGHTING = 3
"""Rounds for which a product is weighed once (a latency takes a third of them to find its lanes)."""


@dataclass(frozen=True)
class Effort:
    """Counts that end a search early: what it found is then marked truncated, with the gap that may be left."""

    most_divisions: int = 400
    """Searches over how shared memories are divided, per weighting."""
    most_rounds: int = 12
    """Weightings of energy against time."""
    most_mappings: int = 5_000_000
    """Mappings walked to close what the weightings left open; 0 leaves it open."""
    most_tiles: int | None = None
    """Tiles that all searches of a mapping may look at together, a search counting its whole lattice; energy and one
    weighting are always asked for, with two divisions each. None leaves it to the other counts."""
    enough_fraction: float = 0.0
    """Stated gap at which no further weighting is tried."""

    def counts(self, tiles_count: int, timed: bool) -> tuple[int, int]:
        """Divisions of each weighting, and rounds, on a lattice of so many tiles."""
        if self.most_tiles is None:
            return self.most_divisions, self.most_rounds
        searches = self.most_tiles // tiles_count
        most = self.most_rounds // ROUNDS_A_WEIGHTING if timed else 0
        weightings = max(1, min(most, searches // LEAST_DIVISIONS - 1)) if timed else 0
        divisions = max(LEAST_DIVISIONS, min(self.most_divisions, searches // (1 + weightings)))
        return divisions, weightings * ROUNDS_A_WEIGHTING


PLENTY = Effort()


@dataclass(frozen=True)
class Mapped:
    """A mapping and its cost in our own accounting; `gap_fraction` is what the objective could still lose, at most."""

    spatial: Spatial
    nest: Nest
    doubled: frozenset[Slot]
    objective: Objective
    gap_fraction: float
    mappings_count: int

    @cached_property
    def cost(self) -> OwnCost:
        """Energy, words and lanes of the nest."""
        return OwnCost(Moves.of(Frame(self.spatial, "up"), self.nest), self.doubled)

    @property
    def energy_pj(self) -> float:
        """Energy of the whole layer."""
        return self.cost.energy_pj

    @property
    def cycles(self) -> float:
        """Cycles of the whole layer."""
        return self.cost.cycles

    @property
    def is_truncated(self) -> bool:
        """Whether a count ended the search before the optimum was proven."""
        return self.gap_fraction > TOLERANCE

    @property
    def utilisation_fraction(self) -> float:
        """Multiplies done over those that the whole array could have done."""
        return self.spatial.layer.macs / (self.spatial.hierarchy.array.units * self.cycles)

    @property
    def bound_by(self) -> str:
        """What takes most of the time: computing, a port, or waiting for a memory to move an operand."""
        lanes, memories = self.cost.lanes, self.spatial.hierarchy.memories
        lane = max(lanes, key=lambda key: lanes[key])
        if isinstance(lane, tuple):
            return "compute" if lanes[lane] <= self.spatial.cycles else f"{memories[lane[0]].name} bandwidth"
        waits = self.cost.waits(lane)
        (index, operand), _ = max(waits.items(), key=lambda item: item[1])
        if sum(waits.values()) <= self.spatial.cycles:
            return "compute"
        return f"waiting for {memories[index].name} to move {operand}"


def map_layer(
    layer: Layer,
    hierarchy: Hierarchy,
    unrolling: Unrolling,
    objective: Objective = "energy",
    effort: Effort = PLENTY,
    keeps: tuple[Operand, ...] = INPUTS,
) -> Mapped:
    """The best mapping of a layer for a given unrolling; remembered by shape and hierarchy.

    `keeps` names the inputs that units may keep through a run of loops: W alone is weight-stationary, I alone
    input-stationary, none output-stationary.

    Raises Infeasible, naming the memory, where a layer cannot be held.
    """
    return _mapped(layer, hierarchy, unrolling, objective, effort, keeps)


@lru_cache(maxsize=8192)
def _mapped(
    layer: Layer,
    hierarchy: Hierarchy,
    unrolling: Unrolling,
    objective: Objective,
    effort: Effort,
    keeps: tuple[Operand, ...],
) -> Mapped:
    search = _search(layer, hierarchy, unrolling, objective != "energy", effort, keeps)
    tiles = search.quantities.tiles
    _, rounds = effort.counts(tiles.lattice.count, objective != "energy")
    found = best_for(search, objective, rounds, effort.most_mappings, effort.enough_fraction)
    doubled = frozenset(placement.slot for placement, _ in found.chain.placed if placement.is_doubled)
    if objective == "energy":
        doubled = doubled | spare(search, found.chain.placed)
    nest = nest_of(tiles.lattice, found.chain)
    return Mapped(tiles.spatial, nest, doubled, objective, found.gap_fraction, found.mappings_count)


@lru_cache(maxsize=2)
def _search(
    layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, timed: bool, effort: Effort, keeps: tuple[Operand, ...]
) -> Search:
    """What a floor and a mapping share; only the last ones are kept, for their tables are large."""
    quantities = Quantities(Tiles(Spatial.of(layer, hierarchy, unrolling), "own"), hierarchy, timed)
    divisions, _ = effort.counts(quantities.tiles.lattice.count, timed)
    return Search(quantities, divisions, keeps)


def floor(
    layer: Layer,
    hierarchy: Hierarchy,
    unrolling: Unrolling,
    objective: Objective = "energy",
    effort: Effort = PLENTY,
    keeps: tuple[Operand, ...] = INPUTS,
) -> float:
    """What no mapping of a layer can be better than: the least that each boundary can take, without any search.

    Raises Infeasible, naming the memory, where a layer cannot be held.
    """
    return floor_value(_search(layer, hierarchy, unrolling, objective != "energy", effort, keeps), objective)


def spare(search: Search, placed: Placed) -> frozenset[Slot]:
    """Boundaries that the room left over lets hold the next tile too, inner levels first, O before W before I."""
    found: set[Slot] = set()
    bits = {placement.slot: float(search.bits[placement][index]) for placement, index in placed}
    for memory, sharing in zip(search.quantities.hierarchy.memories, search.shared, strict=True):
        left = sharing.room_bits - sum(bits[slot] for slot in sharing.slots)
        for slot in sharing.slots if memory.buffering == "free" else ():
            if bits[slot] <= left:
                left -= bits[slot]
                found.add(slot)
    return frozenset(found)
