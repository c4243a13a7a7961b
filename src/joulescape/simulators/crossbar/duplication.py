"""Balanced duplication: copies of layers, given out so that the slowest layer of the pipeline is as fast as can be.

A layer of v input vectors of c reads each and a arrays a copy, held n times, is busy for ceil(v / n) c reads. At most R
reads need n = ceil(v / floor(R / c)) copies and no fewer, so that the arrays needed never rise with R: the least R that
fits is found by bisection and is the exact optimum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Quantity, ceil_div
from joulescape.simulators.crossbar.chips import slowest_ns
from joulescape.simulators.crossbar.gradients import gradient_mapping
from joulescape.simulators.crossbar.mapping import Mapping, map_product
from joulescape.simulators.crossbar.products import is_product, product_mappings
from joulescape.simulators.crossbar.rules import all_crossbars, crossbars, is_balanced, paced_copies, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings


@dataclass(frozen=True)
class Demand:
    """What one layer asks for: arrays of a copy, input vectors of a sample, reads of a vector."""

    arrays: Quantity
    vectors: int
    cycles: Quantity

    @classmethod
    def of(cls, mapping: Mapping, each: int = 1) -> Demand:
        """The demand of a mapped product, of which each array stands so often."""
        return cls(each * mapping.arrays, mapping.loops.OY * mapping.loops.OX, mapping.cycles)


def arrays_each(works: Sequence[Work], settings: CrossbarSettings) -> int:
    """How often each array stands: twice while a rule with hidden arrays trains."""
    return 2 if settings.training.is_hidden and any(work.role == "update" for work in works) else 1


def held_mappings(works: Sequence[Work], settings: CrossbarSettings, batch: int = 1) -> Iterator[Mapping]:
    """Mappings of everything that stands in arrays; averaged updates need transposed weights and errors there too.

    Products of two activations stand there for one of `batch` samples at a time.
    """
    is_averaged = settings.training.update_scheme == "batch_average"
    yield from product_mappings(works, settings, batch)
    for work in works:
        if isinstance(work, MatrixWork) and not is_product(work) and (work.role == "forward" or is_averaged):
            layout = gradient_mapping if work.role == "weight_gradient" else map_product
            yield layout(work, settings)


def paced(works: Sequence[Work], settings: CrossbarSettings, batch: int = 1) -> CrossbarSettings:
    """Settings whose `layout.reads_per_copy` is found where duplication is balanced and no pace is given.

    Copies that lie on another chip wait for links: of several chips either all are filled, or the fewest that hold the
    network, whichever leaves its slowest layer faster.
    """
    if settings.layout.reads_per_copy is not None or not np.any(is_balanced(settings)):
        return settings
    each = arrays_each(works, settings)
    demands = [Demand.of(mapping, each) for mapping in held_mappings(works, settings, batch)]
    if not demands:
        return settings
    everywhere = _at_pace(settings, least_reads(demands, settings))
    if not np.any(np.asarray(settings.layout.chips) > 1):
        return everywhere
    together = _at_pace(settings, least_reads(demands, settings, _fewest_chips(demands, settings)))
    is_better = slowest_ns(works, together) <= slowest_ns(works, everywhere)
    reads, more_reads = everywhere.layout.reads_per_copy, together.layout.reads_per_copy
    return _at_pace(settings, np.where(is_better, np.asarray(more_reads), np.asarray(reads)))


def _at_pace(settings: CrossbarSettings, reads: Any) -> CrossbarSettings:
    layout = settings.layout.model_copy(update={"reads_per_copy": reads})
    return settings.model_copy(update={"layout": layout})


def _fewest_chips(demands: Sequence[Demand], settings: CrossbarSettings) -> Quantity:
    """Arrays of the fewest chips that hold one copy of each layer."""
    single = sum(whole_pieces(demand.arrays, settings) for demand in demands)
    chips = np.maximum(1, ceil_div(single, crossbars(settings)))
    return np.asarray(np.minimum(chips * crossbars(settings), all_crossbars(settings)))


def least_reads(demands: Sequence[Demand], settings: CrossbarSettings, arrays: Quantity | None = None) -> Quantity:
    """Fewest reads of the slowest layer with so many arrays, by default all that are there; of one copy each where not
    even those fit."""
    there = np.asarray(all_crossbars(settings) if arrays is None else arrays)
    low = np.max([np.max(demand.cycles) for demand in demands]) + np.zeros(np.shape(there), dtype=np.int64)
    high = np.max([np.max(demand.vectors * demand.cycles) for demand in demands]) + np.zeros_like(low)
    while np.any(low < high):
        middle = (low + high) // 2
        fits = arrays_at(demands, middle, settings) <= there
        low, high = np.where(fits, low, np.minimum(middle + 1, high)), np.where(fits, middle, high)
    return np.asarray(high)


def arrays_at(demands: Sequence[Demand], reads: Quantity, settings: CrossbarSettings) -> Quantity:
    """Arrays of all layers, of which none makes more than `reads`."""
    needed = [d.arrays * paced_copies(d.vectors, d.cycles, reads) for d in demands]
    return np.asarray(sum(whole_pieces(each, settings) for each in needed))
