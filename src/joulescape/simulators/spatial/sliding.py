"""Pads that slide: while a unit walks along a row, its pad fetches the new columns of each window and keeps the others.

The mapper charges every tile in full. Here a nest that it found is read again: where the loop next above a sliding pad
walks along OX (or OY) for n steps, the n windows of s columns each bring span(n) columns and not n * s. Words, wires
and cycles of that transfer shrink by span(n) / (n s); the first window's extra words are spread over the walk. New
columns take the places that the window has left behind: they come while the unit computes, without room of their own.

Nests are tried as the mapper finds them, and as it finds them where windows cost what they would if all of a row were
walked; in both, a window is also put into the pad and the walk next above it. The best of these in exact cost is taken:
no proof of optimality.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Direction, Hierarchy
from joulescape.simulators._mapping.layer import AXIS, SLIDING, Layer, Operand, window
from joulescape.simulators._mapping.mapper import Effort, Mapped, floor, map_layer
from joulescape.simulators._mapping.nest import Nest, tile_of
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.own_cost import Movement, OwnCost
from joulescape.simulators._mapping.unrolling import span
from joulescape.simulators._mapping.unrolling_search import KEEPS, Dataflow, Unrolled, unrollings, value_of
from joulescape.simulators._mapping.zigzag_energy import Moves
from joulescape.simulators.spatial.ports import own_port

WALKS = {pair[0]: pair for pair in SLIDING}
"""Loops that move a window, with their taps."""


@dataclass(frozen=True)
class BareNest(Nest):
    """Loops around units that keep nothing: every multiply fetches both inputs from the innermost memory."""

    def stationary(self, operand: Operand) -> int:  # noqa: ARG002
        """One cycle, whatever the loops."""
        return 1


@dataclass(frozen=True)
class SlidCost(OwnCost):
    """A nest on a machine some of whose memories slide."""

    slides: frozenset[str] = frozenset()

    def _movement(self, operand: Operand, level: int, direction: Direction) -> Movement:
        found = super()._movement(operand, level, direction)
        share = self.share(operand, found.link)
        return replace(found, words=found.words * share, cycles=math.ceil(found.cycles * share - 1e-9))

    @property
    def wire_pj(self) -> float:
        """Every bit that a lower instance receives or sends, less those that it keeps."""
        frame, saved = self.moves.frame, 0.0
        for link in range(1, frame.levels("I")):
            bits = self.moves.amounts["I"][link] * self.moves.bits("I", link, "to_low")
            sent = frame.instances["I"][link - 1] * bits * self._count("I", link, "to_low")
            saved += frame.memory("I", link).wire_pj_per_bit * sent * (1 - self.share("I", link))
        return float(super().wire_pj - saved)

    def share(self, operand: Operand, link: int) -> float:
        """Columns fetched over those of whole windows, at one boundary."""
        if operand != "I" or not link or self.moves.frame.memory("I", link - 1).name not in self.slides:
            return 1.0
        nest, frame = self.moves.nest, self.moves.frame
        cut = nest.merged("I")[link - 1]
        dim, steps = _walk(nest, cut)
        if dim is None:
            return 1.0
        pair, tile, factors = WALKS[dim], tile_of(nest.loops[:cut]), frame.inside["I"][link - 1]
        positions, taps = (int(tile[AXIS[one]] * factors[AXIS[one]]) for one in pair)
        layer = frame.spatial.layer
        return span(layer, pair, positions * steps, taps) / (steps * span(layer, pair, positions, taps))


@dataclass(frozen=True)
class SlidMapped(Mapped):
    """A mapping whose nest is costed with sliding memories; how far it is from the best is not known."""

    slides: frozenset[str] = frozenset()

    @cached_property
    def cost(self) -> OwnCost:
        """Energy, words and lanes of the nest."""
        return SlidCost(Moves.of(Frame(self.spatial, "up"), self.nest), self.doubled, self.slides)


@lru_cache(maxsize=2048)
def map_sliding(
    layer: Layer,
    hierarchy: Hierarchy,
    objective: Objective,
    dataflow: Dataflow,
    most_unrollings: int,
    effort: Effort,
    slides: frozenset[str],
    has_registers: bool = True,
) -> Unrolled:
    """The best nest of those tried (see above); without registers, units keep no input and read it for every multiply.

    Raises Infeasible where none fits.
    """
    tried = unrollings(layer, hierarchy, dataflow)[:most_unrollings]
    reason = f"the array cannot run {dataflow} on this layer"
    keeps = KEEPS[dataflow] if has_registers else ()
    machines = tuple(dict.fromkeys((_eager(layer, hierarchy, slides), hierarchy)))
    best: SlidMapped | None = None
    for unrolling in tried:
        for machine in machines:
            asked = (layer, machine, unrolling, objective, effort, keeps)
            try:
                # Where windows cost least even the floor is no better: nothing of this unrolling is.
                if best is not None and floor(*asked) >= value_of(best, objective)[0]:
                    break
                plain = map_layer(*asked)
            except Infeasible as error:
                reason = error.reason
                continue
            nest = plain.nest if has_registers else BareNest(plain.nest.loops, plain.nest.cuts)
            found = _slid(replace(plain, nest=nest), hierarchy, slides)
            known = () if best is None else (best,)
            best = min(itertools.chain(known, found), key=lambda one: value_of(one, objective))
    if best is None:
        raise Infeasible(reason, 1.0)
    return Unrolled(best, len(tried), is_truncated=True, gap_fraction=1.0)


def _walk(nest: Nest, cut: int) -> tuple[str | None, int]:
    """The loop along which windows follow each other next above a cut, and for how many steps."""
    dim = nest.loops[cut][0] if cut < len(nest.loops) else None
    if dim not in WALKS:
        return None, 1
    steps = 1
    for name, size in nest.loops[cut:]:
        if name != dim:
            break
        steps *= size
    return dim, steps


def _slid(plain: Mapped, hierarchy: Hierarchy, slides: frozenset[str]) -> Iterator[SlidMapped]:
    """A mapping as it is, and with a window in a sliding memory and a walk next above it, where there is room."""
    spatial = replace(plain.spatial, hierarchy=hierarchy)
    start = SlidMapped(spatial, plain.nest, plain.doubled, plain.objective, 1.0, plain.mappings_count, slides)
    yield start
    for level, index in enumerate(hierarchy.levels["I"][:-1]):
        for nest in _nests(plain.nest, level) if hierarchy.memories[index].name in slides else ():
            found = replace(start, nest=nest, doubled=plain.doubled | {("I", level)})
            if _fits(found, index):
                yield found


def _nests(nest: Nest, level: int) -> Iterator[Nest]:
    """Nests whose window at a level of the inputs ends below each walk, that walk first among the loops that may be
    exchanged with it: those up to the next boundary of any operand."""
    first, last = nest.cuts["I"][level], (*nest.cuts["I"][level + 1 :], len(nest.loops))[0]
    cuts = sorted({first, last, *(cut for cuts in nest.cuts.values() for cut in cuts if first < cut < last)})
    for begin, end in itertools.pairwise(cuts):
        for dim in WALKS:
            moved = sorted(nest.loops[begin:end], key=lambda loop: loop[0] != dim)
            loops = (*nest.loops[:begin], *moved, *nest.loops[end:])
            for at in range(begin, end):
                if loops[at][0] == dim and (at == begin or loops[at - 1][0] != dim):
                    yield _cut_at(replace(nest, loops=loops), level, at)
            for at in range(begin, end):
                if nest.loops[at][0] == dim and (at == begin or nest.loops[at - 1][0] != dim):
                    yield _cut_at(nest, level, at)


def _cut_at(nest: Nest, level: int, at: int) -> Nest:
    own = nest.cuts["I"]
    return replace(nest, cuts={**nest.cuts, "I": (*own[:level], at, *own[level + 1 :])})


def _fits(found: SlidMapped, index: int) -> bool:
    """Whether all that lies in one sliding memory has room; new columns take the places of those used up."""
    hierarchy, moves, total = found.spatial.hierarchy, found.cost.moves, 0.0
    memory = hierarchy.memories[index]
    for operand in memory.operands:
        level = hierarchy.levels[operand].index(index)
        bits = moves.amounts[operand][level + 1] * moves.bits(operand, level + 1, "to_low")
        total += bits * (2 if operand != "I" and (operand, level) in found.doubled else 1)
    return total <= memory.size_bits


def _eager(layer: Layer, hierarchy: Hierarchy, slides: frozenset[str]) -> Hierarchy:
    """The same machine with wider, so cheaper, ports where windows pass: by what walking a whole row saves."""
    pair = max(SLIDING, key=lambda one: _saving(layer, one))
    saving = _saving(layer, pair)
    memories = list(hierarchy.memories)
    path = hierarchy.levels["I"]
    for level, index in enumerate(path[:-1]):
        if memories[index].name in slides:
            memories[index] = own_port(memories[index], "I", "from_high", saving)
            memories[path[level + 1]] = own_port(memories[path[level + 1]], "I", "to_low", saving)
    return replace(hierarchy, memories=tuple(memories))


def _saving(layer: Layer, pair: tuple[str, str]) -> float:
    """Columns of all windows of a row over the distinct ones."""
    positions, taps = layer.size(pair[0]), layer.size(pair[1])
    return positions * taps / window(positions, taps, layer.stride(pair))
