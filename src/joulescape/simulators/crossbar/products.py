"""Products of two activations in crossbars: one operand is written for every sample, and worn out by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeGuard

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, LayerCost, Quantity
from joulescape.simulators.crossbar.events import fetch_energy, moved_energy, with_energies
from joulescape.simulators.crossbar.mapping import Mapping, analog_ns, map_product
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import operand_width, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.writes import write_energy


def is_product(work: Work) -> TypeGuard[MatrixWork]:
    """Whether a work multiplies two activations, forward."""
    return isinstance(work, MatrixWork) and work.role == "forward" and not work.is_weight_stored


def samples_of(works: Sequence[Work]) -> int:
    """Samples of the batch that `works` are of: stored weights meet them in a loop of their own, products in groups."""
    return max((w.loops.B for w in works if isinstance(w, MatrixWork) and w.is_weight_stored), default=1)


def product_mappings(works: Sequence[Work], settings: CrossbarSettings, batch: int) -> Iterator[Mapping]:
    """Mapping of each product for one sample, whose groups (heads) stand side by side."""
    for work in works:
        if is_product(work):
            one = replace(work.loops, G=max(1, work.loops.G // batch))
            yield map_product(replace(work, loops=one), settings)


def product_arrays(works: Sequence[Work], settings: CrossbarSettings, batch: int) -> Quantity:
    """Arrays that products of two activations keep."""
    held = (whole_pieces(m.arrays * m.copies, settings) for m in product_mappings(works, settings, batch))
    return sum(held, start=np.float64(0))


def written(
    costs: Sequence[LayerCost], works: Sequence[Work], found: Parts, settings: CrossbarSettings, context: Context
) -> list[LayerCost]:
    """Costs in which products pay for writing one operand of every sample; samples follow each other."""
    pairs = zip(costs, works, strict=True)
    return [_with_writes(cost, work, found, settings, context) if is_product(work) else cost for cost, work in pairs]


def _with_writes(
    cost: LayerCost, work: MatrixWork, found: Parts, settings: CrossbarSettings, context: Context
) -> LayerCost:
    """Rows are written one after the other, arrays at once; what is written comes from the buffer over the bus."""
    mapping = map_product(work, settings)
    read = analog_ns(mapping, settings)
    wait = np.minimum(work.loops.reduction, settings.array.rows) * settings.cell.writing.write_ns
    busy = context.batch * (wait + read)
    cells = work.weight.elements * mapping.cells_per_weight * mapping.copies
    bits = work.weight.elements * operand_width(work.weight.bits, settings)
    return replace(
        cost,
        latency_ns=cost.latency_ns - read + busy,
        occupancy_ns=np.maximum(np.asarray(cost.occupancy_ns), busy),
        active_units=cost.active_units / context.batch,
        bound_by=np.where(wait > read, "cell writes", cost.bound_by),
        energies=with_energies(
            cost,
            write_energy("product_write", cells, settings),
            fetch_energy(bits, found, settings),
            moved_energy(found["bus"], settings.bus, bits),
        ),
    )
