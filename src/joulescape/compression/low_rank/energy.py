"""Ranks that keep a share of the energy: a look at trained weights before a question is asked, to be put into it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from joulescape.compression.base import Tensors
from joulescape.compression.low_rank.factors import spectrum
from joulescape.network.operators import Graph


def ranks_of_energy(graph: Graph, tensors: Tensors, share: float) -> Mapping[str, int]:
    """The least rank of each dense layer and convolution (`svd`) that keeps `share` of the sum of squares.

    Of the weights, or, where `<operator>.activations` is there, of the outputs on training data.
    """
    chosen = [o for o in graph.matrix_operators if o.weight_shape and o.attributes.get("groups", 1) == 1]
    return {o.name: _rank(o.name, tensors, share) for o in chosen}


def _rank(name: str, tensors: Tensors, share: float) -> int:
    rows = tensors.get(f"{name}.activations")
    weight = np.array(tensors[f"{name}.weight"], dtype=np.float64)
    kept = np.cumsum(spectrum(weight, None if rows is None else np.array(rows[0], dtype=np.float64)))
    return 1 + int(np.searchsorted(kept, share * kept[-1] * (1 - 1e-12)))
