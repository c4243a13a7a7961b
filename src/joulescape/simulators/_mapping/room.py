"""Room in memories: what each boundary may hold, and how a memory that several operands share is divided."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.chain_search import Chain
from joulescape.simulators._mapping.hierarchy import Memory
from joulescape.simulators._mapping.layer import Operand
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.plan import Slot
from joulescape.units import BITS_PER_BYTE

NAMES: Mapping[Operand, str] = {"O": "outputs", "W": "weights", "I": "inputs"}

Limits = Mapping[Slot, float]
"""Most bits that one instance may hold of an operand at a level."""


@dataclass(frozen=True)
class Sharing:
    """One memory: the room that tiles may take, what lies in it whatever the tiles, and the least of each tile."""

    name: str
    room_bits: float
    least_bits: Mapping[Slot, float]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The boundaries that share it."""
        return tuple(self.least_bits)


def sharings(tiles: Tiles) -> tuple[Sharing, ...]:
    """Every memory with a boundary in it; Infeasible where not even single elements, or a whole operand, fit."""
    found = []
    frame = tiles.frame
    for index, memory in enumerate(frame.spatial.hierarchy.memories):
        least: dict[Slot, float] = {}
        whole: dict[Operand, float] = {}
        for operand in memory.operands:
            level = frame.spatial.hierarchy.levels[operand].index(index)
            if level == frame.levels(operand) - 1:
                whole[operand] = frame.spatial.layer.elements(operand) * frame.spatial.layer.widths.of(operand)
            else:
                copies = 2 if memory.buffering == "always" else 1
                least[operand, level] = copies * _least_bits(tiles, operand, level)
        _check_fits(memory, whole, {operand: bits for (operand, _), bits in least.items()})
        found.append(Sharing(memory.name, float(memory.size_bits) - sum(whole.values()), least))
    return tuple(found)


def first_limits(shared: tuple[Sharing, ...]) -> dict[Slot, float]:
    """Every boundary alone with the least of its neighbours."""
    return {
        slot: memory.room_bits - sum(memory.least_bits.values()) + memory.least_bits[slot]
        for memory in shared
        for slot in memory.slots
    }


@dataclass(frozen=True)
class Divided:
    """The best chain under all limits; `bound` is the proven least cost, and `runs` how many searches it took."""

    chain: Chain
    bound: float
    runs: int


def divide(
    shared: tuple[Sharing, ...],
    search: Callable[[Limits], Chain],
    bits: Callable[[Chain], Mapping[Slot, float]],
    most_runs: int,
) -> Divided:
    """Branch and bound on how shared memories are divided, exact unless `most_runs` searches do not suffice.

    Where tiles v of one memory exceed its room R, every division that fits has a v_i <= v_i R / sum(v): a branch each.
    """
    limits = first_limits(shared)
    first = search(limits)
    queue: list[tuple[float, int, Chain, dict[Slot, float]]] = [(first.cost, 0, first, limits)]
    runs = 1
    fitting: Chain | None = None
    while queue:
        cost, _, chain, limits = heapq.heappop(queue)
        if fitting is not None and cost >= fitting.cost:
            return Divided(fitting, fitting.cost, runs)
        held = bits(chain)
        crowded = next((memory for memory in shared if _is_crowded(memory, held)), None)
        if crowded is None:
            return Divided(chain, cost, runs)
        if fitting is None:
            fitting, more = _narrowed(shared, search, bits, chain, limits)
            runs += more
            if fitting is not None and fitting.cost <= cost:
                return Divided(fitting, cost, runs)
        if runs >= most_runs:
            fitting, more = _even(shared, search, fitting)
            return Divided(fitting, min([cost, *(entry[0] for entry in queue)]), runs + more)
        for slot, limit in _shares(crowded, held).items():
            narrowed = {**limits, slot: min(limits[slot], limit)}
            try:
                child = search(narrowed)
            except Infeasible:
                continue
            finally:
                runs += 1
            if fitting is None or child.cost < fitting.cost:
                heapq.heappush(queue, (child.cost, runs, child, narrowed))
    if fitting is not None:
        return Divided(fitting, fitting.cost, runs)
    raise Infeasible("no tiles fit the shared memories together", 1.0)


def _is_crowded(memory: Sharing, held: Mapping[Slot, float]) -> bool:
    return sum(held[slot] for slot in memory.slots) > memory.room_bits


def _narrowed(
    shared: tuple[Sharing, ...],
    search: Callable[[Limits], Chain],
    bits: Callable[[Chain], Mapping[Slot, float]],
    chain: Chain,
    limits: Limits,
) -> tuple[Chain | None, int]:
    """A chain that fits: every tile of a crowded memory is cut by the same share; None where one cannot be cut."""
    runs = 0
    while crowded := [memory for memory in shared if _is_crowded(memory, bits(chain))]:
        shares = [item for memory in crowded for item in _shares(memory, bits(chain)).items()]
        limits = {**limits, **{slot: min(limits[slot], limit) for slot, limit in shares}}
        runs += 1
        try:
            chain = search(limits)
        except Infeasible:
            return None, runs
    return chain, runs


def _shares(memory: Sharing, held: Mapping[Slot, float]) -> dict[Slot, float]:
    total = sum(held[slot] for slot in memory.slots)
    return {slot: held[slot] * memory.room_bits / total for slot in memory.slots}


def _even(shared: tuple[Sharing, ...], search: Callable[[Limits], Chain], fitting: Chain | None) -> tuple[Chain, int]:
    """A division that fits for sure: everybody's least, and the rest of the room in equal parts."""
    if fitting is not None:
        return fitting, 0
    limits = {}
    for memory in shared:
        spare = memory.room_bits - sum(memory.least_bits.values())
        for slot, least in memory.least_bits.items():
            limits[slot] = least + spare / len(memory.slots)
    return search(limits), 1


def _least_bits(tiles: Tiles, operand: Operand, level: int) -> float:
    widths = tiles.spatial.layer.widths
    grows = tiles.frame.reduces_above[level] or (level == 0 and tiles.lattice.accumulates)
    is_partial = operand == "O" and grows  # further out sums may come in finished
    return float(tiles.held[operand, level][0]) * widths.of(operand, is_partial)


def _check_fits(memory: Memory, whole: Mapping[Operand, float], tiles: Mapping[Operand, float]) -> None:
    """Raises Infeasible with each tensor, the room that it needs, the room that there is, and what would do."""
    needed = sum(whole.values()) + sum(tiles.values())
    if needed <= memory.size_bits:
        return
    times = ", this and the next" if memory.buffering == "always" else ""
    kept = [f"{NAMES[operand]} {bits:.0f} (whole, padding included)" for operand, bits in whole.items()]
    more = math.ceil((needed - memory.size_bits) / BITS_PER_BYTE)
    passing = [f"{NAMES[operand]} {bits:.0f} (for one step of the units{times})" for operand, bits in tiles.items()]
    raise Infeasible(
        f"memory {memory.name} of {memory.size_bits} bits is too small: it needs {needed:.0f} bits, "
        f"{' and '.join([*kept, *passing])}; {more} bytes more would do",
        needed / memory.size_bits - 1,
    )
