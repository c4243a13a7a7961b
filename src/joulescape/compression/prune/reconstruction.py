"""ThiNet: channels go whose loss changes the output of what reads them least, on training samples.

A reader's output is a sum over channels, y = sum_c x_c with x_c = sum_f W[k, c, f] a[m, c, f] (m a row of its input,
f a place in the kernel). Removing the set T costs

    sum over m, k of (sum of x_c, c in T)^2 = sum over c, c' in T of G[c, c'],   G[c, c'] = sum_mk x_c x_c'

and with R = A^T A and Q = W^T W, both (C F, C F), G is the sum of R * Q over the kernel places of c and c'. Channels
join T one by one, the cheapest first (Luo, Wu and Lin 2017, algorithm 1); what stays, S, is scaled by least squares,
G_SS w = sum over all c' of G[S, c'].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_compat as api
import numpy as np

from joulescape.compression.base import Tensors
from joulescape.compression.prune.channel_scores import readers
from joulescape.network.channels import ChannelMap
from joulescape.network.operators import Graph, Operator

_RIDGE = 1e-6
"""Relative to the mean diagonal of G: channels that never fire, or repeat another, must not make it singular."""

Gram = np.ndarray[Any, Any]


def reconstructed(
    tensors: Tensors, graph: Graph, channel_map: ChannelMap, index: int, count: int, later: Mapping[int, Any]
) -> tuple[Any, Tensors]:
    """The `count` channels of a group that stay, ascending, and the tensors with their readers' weights scaled.

    `later` holds, by group, the outputs that a reader keeps itself; the others do not count. Raises ValueError where a
    reader's activations were not measured.
    """
    members = readers(graph, channel_map, index)
    first = tensors[f"{channel_map.groups[index].producers[0]}.weight"]
    xp, size = api.array_namespace(first), int(first.shape[0])
    grams = {o.name: gram_of(o, tensors, size, later.get(channel_map.origins[o.name].group)) for o in members}
    kept = np.sort(staying(sum(grams.values(), start=np.zeros((size, size))), count))
    scaled = {f"{o.name}.weight": _scaled(tensors[f"{o.name}.weight"], grams[o.name], kept) for o in members}
    return xp.asarray(kept), {**tensors, **scaled}


def gram_of(operator: Operator, tensors: Tensors, channels: int, outputs: Any = None) -> Gram:
    """G of one reader: (channels, channels), over the outputs that it keeps (None: all)."""
    rows = tensors.get(f"{operator.name}.activations")
    if rows is None:
        raise ValueError(
            f"choosing what '{operator.name}' reads by reconstruction needs its activations on training data"
        )
    seen = np.asarray(rows, dtype=np.float64)[0]
    weight = np.asarray(tensors[f"{operator.name}.weight"], dtype=np.float64).reshape(-1, seen.shape[1])
    weight = weight if outputs is None else weight[np.asarray(outputs)]
    products = (seen.T @ seen) * (weight.T @ weight)
    places = seen.shape[1] // channels
    found: Gram = products.reshape(channels, places, channels, places).sum(axis=(1, 3))
    return found


def staying(gram: Gram, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Channels that are left when all others have gone, one by one, each time the one that costs least."""
    left, joint = np.arange(len(gram)), np.zeros(len(gram))
    while len(left) > count:
        place = int(np.argmin(2 * joint[left] + gram.diagonal()[left]))
        joint += gram[left[place]]
        left = np.delete(left, place)
    return left


def scales(gram: Gram, kept: Any) -> np.ndarray[Any, Any]:
    """Factors of the channels that stay, by least squares."""
    inside = gram[np.ix_(kept, kept)]
    ridge = _RIDGE * max(float(np.trace(inside)) / len(kept), np.finfo(float).tiny) * np.eye(len(kept))
    wanted = gram[kept].sum(axis=1)
    factors: np.ndarray[Any, Any] = np.linalg.solve(inside + ridge, wanted + ridge.diagonal())
    return factors


def _scaled(weight: Any, gram: Gram, kept: Any) -> Any:
    xp = api.array_namespace(weight)
    factors = np.ones(len(gram))
    factors[kept] = scales(gram, kept)
    grouped = xp.reshape(weight, (weight.shape[0], len(gram), -1))
    return xp.reshape(grouped * xp.asarray(factors, dtype=weight.dtype)[None, :, None], weight.shape)
