"""Networks larger than the chips: layers whose weights are fetched and written anew for every batch.

Layers with the fewest input vectors are streamed: while one of their pieces stands, all vectors pass it. With k of the
others resident, room R is left; a layer of p arrays takes ceil(p / R) rounds, each of a write of all rows (arrays at
once) and of its reads; fetching goes on beside writing. The k of the least time is taken, of equals the largest.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, LayerCost, Quantity, Traffic, ceil_div
from joulescape.simulators.crossbar.events import link_energy, link_ns, moved_energy, with_energies
from joulescape.simulators.crossbar.mapping import Mapping, analog_ns, map_product
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import all_crossbars, operand_width, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.writes import write_energy
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Stored:
    """One layer of stored weights: its arrays, copies included, the time of all its reads and of fetching it."""

    work: MatrixWork
    mapping: Mapping
    pieces: Quantity
    read_ns: Quantity
    fetch_ns: Quantity
    weight_bytes: float


@dataclass(frozen=True)
class Stream:
    """Rounds of each layer, 0 where it is resident, and the time for which the arrays that they share are busy."""

    layers: MappingOf[str, Stored]
    rounds: MappingOf[str, Quantity]
    busy_ns: Quantity

    @property
    def writes(self) -> Quantity:
        """Writes of the most written cell for one batch."""
        return sum(self.rounds.values(), start=np.float64(0))


def is_reloading(works: Sequence[Work], settings: CrossbarSettings) -> bool:
    """Whether layers may be streamed: where weights are trained, every one must stand in its cells."""
    return settings.layout.overflow == "reload" and all(work.role == "forward" for work in works)


def array_write_ns(settings: CrossbarSettings) -> Quantity:
    """Writing an array row by row; arrays are written at once."""
    return settings.array.rows * settings.cell.writing.write_ns


def stream_of(works: Sequence[Work], settings: CrossbarSettings, context: Context, taken: Quantity = 0) -> Stream:
    """What is streamed; `taken` arrays hold products of two activations."""
    stored = [_stored(w, settings, context) for w in works if isinstance(w, MatrixWork) and w.is_weight_stored]
    if not stored:
        return Stream({}, {}, np.float64(0))
    order = sorted(stored, key=lambda layer: -layer.mapping.loops.positions)
    there = np.maximum(1, all_crossbars(settings) - taken)
    resident, room = _best(order, there, settings)
    fits = sum((layer.pieces for layer in order), start=np.float64(0)) <= there
    rounds = {
        layer.work.layer: np.where(fits | (rank < resident), 0, ceil_div(layer.pieces, room))
        for rank, layer in enumerate(order)
    }
    layers = {layer.work.layer: layer for layer in order}
    busy = sum((layer_ns(layers[name], count, settings) for name, count in rounds.items()), start=np.float64(0))
    return Stream(layers, rounds, busy)


def _stored(work: MatrixWork, settings: CrossbarSettings, context: Context) -> Stored:
    mapping = map_product(work, settings)
    fetched = work.weight.elements * operand_width(work.weight.bits, settings) / BITS_PER_BYTE
    return Stored(
        work,
        mapping,
        whole_pieces(mapping.arrays * mapping.copies, settings),
        analog_ns(mapping, settings),
        np.maximum(context.off_chip_ns(fetched), link_ns(settings, fetched)),
        fetched,
    )


def layer_ns(layer: Stored, rounds: Quantity, settings: CrossbarSettings) -> Quantity:
    """Time of a layer's rounds: writes, or fetching where that takes longer, and reads; nothing without a round."""
    written = np.maximum(rounds * array_write_ns(settings), layer.fetch_ns)
    return np.where(np.asarray(rounds) > 0, written + rounds * layer.read_ns, 0.0)


def _best(order: Sequence[Stored], there: Quantity, settings: CrossbarSettings) -> tuple[Quantity, Quantity]:
    """How many layers, from the first on, stay, and the room that they leave: at least one array."""
    counts = range(len(order) - 1, -1, -1)
    held = [sum((layer.pieces for layer in order[:k]), start=np.float64(0)) for k in counts]
    rooms = np.array(np.broadcast_arrays(*[there - pieces for pieces in held]))
    times = [_time_ns(order[k:], np.maximum(1, room), settings) for k, room in zip(counts, rooms, strict=True)]
    shaped = np.array(np.broadcast_arrays(*times, rooms[0])[:-1])
    best = np.ma.masked_array(shaped, mask=np.broadcast_to(rooms, shaped.shape) < 1).argmin(axis=0)
    room = np.take_along_axis(np.broadcast_to(rooms, shaped.shape), np.asarray(best)[None], axis=0)[0]
    return len(order) - 1 - best, room


def _time_ns(layers: Sequence[Stored], room: Quantity, settings: CrossbarSettings) -> Quantity:
    """Time of streaming `layers` through `room`."""
    times = (layer_ns(layer, ceil_div(layer.pieces, room), settings) for layer in layers)
    return sum(times, start=np.float64(0))


def reloaded(
    costs: Sequence[LayerCost], stream: Stream, found: Parts, settings: CrossbarSettings, context: Context
) -> list[LayerCost]:
    """Costs in which streamed layers pay for fetching, writing and the time of both."""
    return [
        _with_rounds(cost, stream, found, settings, context) if cost.layer in stream.layers else cost for cost in costs
    ]


def _with_rounds(
    cost: LayerCost, stream: Stream, found: Parts, settings: CrossbarSettings, context: Context
) -> LayerCost:
    layer, rounds = stream.layers[cost.layer], stream.rounds[cost.layer]
    is_streamed = np.asarray(rounds) > 0
    own = layer_ns(layer, rounds, settings)
    latency = np.where(is_streamed, cost.latency_ns - layer.read_ns + own, cost.latency_ns)
    fetched = np.asarray(np.where(is_streamed, layer.weight_bytes, 0.0))
    held = layer.work.weight.elements * layer.mapping.cells_per_weight * layer.mapping.copies
    cells = np.asarray(np.where(is_streamed, held, 0.0))
    moves = context.includes_off_chip
    return replace(
        cost,
        latency_ns=latency,
        occupancy_ns=np.where(is_streamed, stream.busy_ns, np.asarray(cost.occupancy_ns)),
        bound_by=np.where(is_streamed & (own > 2 * rounds * layer.read_ns), "reload", cost.bound_by),
        energies=with_energies(
            cost,
            write_energy("reload_write", cells, settings),
            moved_energy(found["bus"], settings.bus, BITS_PER_BYTE * fetched),
            moved_energy(found["router"], settings.router, BITS_PER_BYTE * fetched),
            link_energy(found, settings, fetched),
            *((context.off_chip.transfer(fetched, 0.0),) if moves else ()),
        ),
        traffic=(*cost.traffic, *((Traffic("off_chip_memory", "weight", fetched, 0.0),) if moves else ())),
    )
