"""How much each weight matters: the criteria of pruning. NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import array_api_compat as api

from joulescape.compression.base import Tensors
from joulescape.compression.prune.importance import SHORT as IMPORTANCE


def scores(tensors: Tensors, name: str, criterion: str) -> Any:
    """One number a weight, larger where it matters more and 0 where the weight is 0; the shape of the weight.

    Raises ValueError where what the criterion asks for was not measured.
    """
    weight = tensors[f"{name}.weight"]
    xp = api.array_namespace(weight)
    magnitude = xp.abs(weight)
    if criterion == "first_order":
        return _measured(xp, weight, tensors.get(f"{name}.saliency"), name, "first_order", "gradients")
    if criterion == "nisp":
        passed_on = tensors.get(f"{name}.{IMPORTANCE}")
        shape = (-1, *(1,) * (len(weight.shape) - 1))
        reached = None if passed_on is None else magnitude * xp.reshape(passed_on, shape)
        return _measured(xp, weight, reached, name, "nisp", "network's final responses")
    if criterion == "variational":
        # Without a training before, every weight is as sure of itself as it is large.
        ratio = tensors.get(f"{name}.signal_to_noise")
        return magnitude if ratio is None else _measured(xp, weight, ratio, name, "variational", "noise")
    if criterion == "scaled":
        total = xp.sqrt(xp.mean(magnitude * magnitude))
        return magnitude / xp.where(total > 0, total, xp.ones_like(total))
    return _lamp(xp, magnitude) if criterion == "lamp" else magnitude


def _measured(xp: Any, weight: Any, measured: Any, name: str, criterion: str, what: str) -> Any:
    if measured is None:
        raise ValueError(f"pruning '{name}' by {criterion} needs its {what} on training data")
    # A weight that scores nothing still stands before one that is already gone.
    least = xp.where(weight != 0, xp.ones_like(measured), xp.zeros_like(measured)) * 1e-30
    return xp.where(weight != 0, measured, xp.zeros_like(measured)) + least


def _lamp(xp: Any, magnitude: Any) -> Any:
    """w^2 over the sum of squares of all weights of the layer that are at least as large."""
    flat = xp.reshape(magnitude * magnitude, (-1,))
    order = xp.argsort(-flat, stable=True)
    squares = xp.take(flat, order)
    share = squares / xp.where(squares > 0, xp.cumulative_sum(squares), xp.ones_like(squares))
    return xp.reshape(xp.take(share, xp.argsort(order, stable=True)), magnitude.shape)
