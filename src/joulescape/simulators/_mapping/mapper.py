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
from joulescape.simulators._mapping.objectives import TOLERANCE, Objective, best_for
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.plan import Slot
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves


@dataclass(frozen=True)
class Effort:
    """Counts that end a search early: what it found is then marked truncated, with the gap that may be left."""

    most_divisions: int = 400
    """Searches over how shared memories are divided, per weighting."""
    most_rounds: int = 12
    """Weightings of energy against time."""
    most_mappings: int = 5_000_000
    """Mappings walked to close what the weightings left open; 0 leaves it open."""


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
    spatial = Spatial.of(layer, hierarchy, unrolling)
    tiles = Tiles(spatial, "own")
    search = Search(Quantities(tiles, hierarchy, objective != "energy"), effort.most_divisions, keeps)
    found = best_for(search, objective, effort.most_rounds, effort.most_mappings)
    doubled = frozenset(placement.slot for placement, _ in found.chain.placed if placement.is_doubled)
    if objective == "energy":
        doubled = doubled | spare(search, found.chain.placed)
    nest = nest_of(tiles.lattice, found.chain)
    return Mapped(spatial, nest, doubled, objective, found.gap_fraction, found.mappings_count)


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
