"""What compressed weights really take: the bytes that the encoder writes, beside the statistics of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from joulescape.compression.base import Described
from joulescape.compression.storage import measured_bytes, write
from joulescape.network.work import Statistics


def with_stored_bytes(network: Described, tensors: Mapping[str, Tensor], statistics: Statistics) -> Statistics:
    """The statistics with each layer's stored bytes, index and tables included."""
    held = measured_bytes(network, _arrays(tensors))
    return {
        name: replace(seen, weight_bytes=held[name].weight_bytes, index_bytes=held[name].index_bytes)
        if name in held
        else seen
        for name, seen in statistics.items()
    }


def file_bytes(network: Described, tensors: Mapping[str, Tensor]) -> int:
    """Bytes of the whole network as a file: codes, indices, tables, scales, biases and header."""
    return len(write(network, _arrays(tensors)))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}
