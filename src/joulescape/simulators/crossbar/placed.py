"""What the layout of a network on its chips adds to the costs of its layers; nothing where nothing is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.crossbar.chips import crossed, routed
from joulescape.simulators.crossbar.overflow import is_reloading, reloaded, stream_of
from joulescape.simulators.crossbar.products import is_product, product_arrays, written
from joulescape.simulators.crossbar.roll_up import parts
from joulescape.simulators.crossbar.settings import CrossbarSettings


def placed(
    costs: Sequence[LayerCost], works: Sequence[Work], settings: CrossbarSettings, context: Context
) -> Sequence[LayerCost]:
    """Costs with products of two activations written, sums routed, chips crossed, weights reloaded, in that order."""
    found = parts(settings)
    if any(is_product(work) for work in works):
        costs = written(costs, works, found, settings, context)
    if settings.layout.partial_sums == "routed":
        costs = routed(costs, works, found, settings)
    if np.any(np.asarray(settings.layout.chips) > 1):
        costs = crossed(costs, works, found, settings)
    if is_reloading(works, settings) and any(isinstance(w, MatrixWork) and w.is_weight_stored for w in works):
        stream = stream_of(works, settings, context, product_arrays(works, settings, context.batch))
        costs = reloaded(costs, stream, found, settings, context)
    return costs
