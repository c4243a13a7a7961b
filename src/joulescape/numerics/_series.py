"""Series that drive a system in time: data and trained samples in turns, and averages of what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from joulescape.network.operators import Operator


def initial(operator: Operator, generator: torch.Generator, lowest: float, highest: float) -> Mapping[str, Tensor]:
    """Fresh trained samples (trained,), uniform in the middle four fifths of the range."""
    uniform = torch.rand(int(operator.attributes["trained"]), generator=generator)
    return {"weight": lowest + (highest - lowest) * (0.1 + 0.8 * uniform)}


def series(x: Tensor, weight: Tensor) -> Tensor:
    """(time, batch): each input is followed by its share of the trained samples."""
    both = torch.cat([x, weight.expand(x.shape[0], -1)], 1)
    return both[:, in_turns(x.shape[1], weight.shape[0])].T


@lru_cache(maxsize=32)
def in_turns(inputs: int, trained: int) -> Tensor:
    """Where each sample is found in (inputs, trained): input j stands at floor(j (inputs + trained) / inputs)."""
    total = inputs + trained
    order = torch.zeros(total, dtype=torch.long)
    data = torch.arange(inputs) * total // inputs
    is_free = torch.ones(total, dtype=torch.bool)
    is_free[data] = False
    order[data], order[is_free] = torch.arange(inputs), torch.arange(inputs, total)
    return order


def averaged(record: Tensor, outputs: int) -> Tensor:
    """(time, batch) -> (batch, outputs): means of stretches of equal length, as nearly as it divides."""
    return torch.nn.functional.adaptive_avg_pool1d(record.T.unsqueeze(1), outputs).squeeze(1)
