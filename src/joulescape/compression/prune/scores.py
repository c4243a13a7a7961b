"""How much each weight matters: the criteria of pruning. NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import array_api_compat as api

from joulescape.compression.base import Tensors


def scores(tensors: Tensors, name: str, criterion: str) -> Any:
    """One number a weight, larger where it matters more and 0 where the weight is 0; the shape of the weight.

    Raises ValueError for first_order where the operator's saliency was not measured.
    """
    weight = tensors[f"{name}.weight"]
    xp = api.array_namespace(weight)
    if criterion == "first_order":
        saliency = tensors.get(f"{name}.saliency")
        if saliency is None:
            raise ValueError(f"pruning '{name}' by first_order needs its gradients on training data")
        # A weight whose gradient is zero still stands before one that is already gone.
        least = xp.where(weight != 0, xp.ones_like(saliency), xp.zeros_like(saliency)) * 1e-30
        return xp.where(weight != 0, saliency, xp.zeros_like(saliency)) + least
    magnitude = xp.abs(weight)
    if criterion == "scaled":
        total = xp.sqrt(xp.mean(magnitude * magnitude))
        return magnitude / xp.where(total > 0, total, xp.ones_like(total))
    return _lamp(xp, magnitude) if criterion == "lamp" else magnitude


def _lamp(xp: Any, magnitude: Any) -> Any:
    """w^2 over the sum of squares of all weights of the layer that are at least as large."""
    flat = xp.reshape(magnitude * magnitude, (-1,))
    order = xp.argsort(-flat, stable=True)
    squares = xp.take(flat, order)
    share = squares / xp.where(squares > 0, xp.cumulative_sum(squares), xp.ones_like(squares))
    return xp.reshape(xp.take(share, xp.argsort(order, stable=True)), magnitude.shape)
