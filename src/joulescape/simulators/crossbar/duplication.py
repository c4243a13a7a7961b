"""Balanced duplication: copies of layers, given out so that the slowest layer of the pipeline is as fast as can be.

A layer of v input vectors of c reads each and a arrays a copy, held n times, is busy for ceil(v / n) c reads. At most R
reads need n = ceil(v / floor(R / c)) copies and no fewer, so that the arrays needed never rise with R: the least R that
fits is found by bisection and is the exact optimum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Quantity
from joulescape.simulators.crossbar.gradients import gradient_mapping
from joulescape.simulators.crossbar.mapping import Mapping, map_product
from joulescape.simulators.crossbar.products import is_product, product_mappings
from joulescape.simulators.crossbar.rules import all_crossbars, is_balanced, paced_copies, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings


@dataclass(frozen=True)
class Demand:
    """What one layer asks for: arrays of a copy, input vectors of a sample, reads of a vector."""

    arrays: Quantity
    vectors: int
    cycles: Quantity

    @classmethod
    def of(cls, mapping: Mapping) -> Demand:
        """The demand of a mapped product."""
        return cls(mapping.arrays, mapping.loops.OY * mapping.loops.OX, mapping.cycles)


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
    """Settings whose `layout.reads_per_copy` is found where duplication is balanced and no pace is given."""
    if settings.layout.reads_per_copy is not None or not np.any(is_balanced(settings)):
        return settings
    demands = [Demand.of(mapping) for mapping in held_mappings(works, settings, batch)]
    if not demands:
        return settings
    layout = settings.layout.model_copy(update={"reads_per_copy": least_reads(demands, settings)})
    return settings.model_copy(update={"layout": layout})


def least_reads(demands: Sequence[Demand], settings: CrossbarSettings) -> Quantity:
    """Fewest reads of the slowest layer with the arrays that are there; of one copy each where not even those fit."""
    there = all_crossbars(settings)
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
