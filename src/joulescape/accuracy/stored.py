"""What compressed weights really take: the bytes that the encoder writes, beside the statistics of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from joulescape.compression.base import Described
from joulescape.compression.storage import Packed, packed
from joulescape.network.work import Statistics


def written(network: Described, tensors: Mapping[str, Tensor]) -> Packed:
    """The network's file with its codes, indices, tables, scales, biases and header, and each layer's share of it."""
    return packed(network, {name: tensor.detach().numpy() for name, tensor in tensors.items()})


def with_stored_bytes(statistics: Statistics, file: Packed) -> Statistics:
    """The statistics with each layer's stored bytes, index and tables included."""
    held = file.layers
    return {
        name: replace(seen, weight_bytes=held[name].weight_bytes, index_bytes=held[name].index_bytes)
        if name in held
        else seen
        for name, seen in statistics.items()
    }
