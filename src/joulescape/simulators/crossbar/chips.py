"""What passes between chips, and between tiles, when a layer's arrays do not lie in one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import TypeGuard

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import LayerCost, Quantity, ceil_div
from joulescape.simulators.crossbar.events import io_bytes, link_energy, link_ns, moved_energy, with_energies
from joulescape.simulators.crossbar.mapping import Mapping, analog_ns, map_product
from joulescape.simulators.crossbar.products import is_product, product_mappings, samples_of
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import crossbars, linked_chips, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings


def crossed(
    costs: Sequence[LayerCost], works: Sequence[Work], found: Parts, settings: CrossbarSettings
) -> list[LayerCost]:
    """Costs with what passes between chips."""
    passed = zip(costs, works, passed_bytes(works, settings), strict=True)
    return [_with_link(cost, sent, found, settings) if _may_cross(work) else cost for cost, work, sent in passed]


def passed_bytes(works: Sequence[Work], settings: CrossbarSettings) -> list[Quantity]:
    """What each work sends between chips: a layer's input goes on to every further chip that it lies on, and what it
    finishes on each but the last follows to the next. Errors go the same way back."""
    hops, sent = _hops(works, settings), list[Quantity]()
    for work in works:
        if not _may_cross(work):
            sent.append(0.0)
            continue
        into, within = hops.get(work.layer, (0.0, 0.0))
        first, second = io_bytes(work, settings)
        sent.append(first * into + second * within if _is_laid_out(work) else second * into + first * within)
    return sent


def _hops(works: Sequence[Work], settings: CrossbarSettings) -> dict[str, tuple[Quantity, Quantity]]:
    """Of each layer: chips that its input goes on to behind the one where the layer before it ends, and chips that it
    lies on but for one. Chips are filled in the order of layers; products of two activations lie there for one sample.
    """
    samples = samples_of(works)
    taken: Quantity = np.float64(0)
    chip: Quantity = np.float64(0)
    found: dict[str, tuple[Quantity, Quantity]] = {}
    for work in works:
        if not _is_laid_out(work):
            continue
        (mapping,) = product_mappings([work], settings, samples) if is_product(work) else (map_product(work, settings),)
        first = _chip_of(taken, settings)
        taken = taken + whole_pieces(mapping.arrays * mapping.copies, settings)
        last = np.maximum(first, _chip_of(taken - 1, settings))
        found[work.layer] = np.maximum(0, last - chip), last - first
        chip = last
    return found


def slowest_ns(works: Sequence[Work], settings: CrossbarSettings) -> Quantity:
    """Longest time for which one layer keeps its arrays, or links, busy."""
    times: list[Quantity] = [0.0]
    for work, sent in zip(works, passed_bytes(works, settings), strict=True):
        if _is_laid_out(work):
            times.append(np.maximum(analog_ns(map_product(work, settings), settings), link_ns(settings, sent)))
    return reduce(np.maximum, times)


def _is_laid_out(work: Work) -> TypeGuard[MatrixWork]:
    """Whether a work brings arrays of its own: a product, forward."""
    return isinstance(work, MatrixWork) and work.role == "forward"


def _may_cross(work: Work) -> TypeGuard[MatrixWork]:
    """What is laid out, and errors that go back through it."""
    return _is_laid_out(work) or (isinstance(work, MatrixWork) and work.role == "input_gradient")


def _chip_of(arrays: Quantity, settings: CrossbarSettings) -> Quantity:
    """The chip on which the next array lies behind so many; the last one for what is reloaded."""
    return np.asarray(np.minimum(arrays // crossbars(settings), linked_chips(settings) - 1))


def _with_link(cost: LayerCost, moved_bytes: Quantity, found: Parts, settings: CrossbarSettings) -> LayerCost:
    passing = link_ns(settings, moved_bytes)
    busy = cost.latency_ns if cost.occupancy_ns is None else cost.occupancy_ns
    return replace(
        cost,
        latency_ns=np.maximum(cost.latency_ns, passing),
        occupancy_ns=np.maximum(busy, passing),
        bound_by=np.where(passing > cost.latency_ns, "links", cost.bound_by),
        energies=with_energies(cost, link_energy(found, settings, moved_bytes)),
    )


def routed(
    costs: Sequence[LayerCost], works: Sequence[Work], found: Parts, settings: CrossbarSettings
) -> list[LayerCost]:
    """Costs with partial sums between tiles: arrays that share outputs lie together, so that n of them take ceil(n /
    arrays a tile) tiles, of which all but one send their sums on."""
    return [
        _with_sums(cost, map_product(work, settings), found, settings) if _is_laid_out(work) else cost
        for cost, work in zip(costs, works, strict=True)
    ]


def _with_sums(cost: LayerCost, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> LayerCost:
    per_tile = np.asarray(settings.imas_per_tile) * settings.crossbars_per_ima
    sums = (ceil_div(mapping.row_tiles, per_tile) - 1) * mapping.loops.positions * mapping.loops.G * mapping.loops.K
    sent = moved_energy(found["router"], settings.router, sums * settings.operand_bits)
    return replace(cost, energies=with_energies(cost, sent))
