"""Fits the numbers of a system's physics to measurements: damped least squares (Levenberg 1944, Marquardt 1963).

Physics is a dataclass of numbers and tensors; each number, and each entry of a tensor, is moved. Slopes are finite
differences, so that a system needs no derivative with respect to its physics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float64]
Physics = TypeVar("Physics")

ROUNDS = 12
NUDGE = 1e-3
"""Step of a finite difference, relative to a number's size (at least a tenth of the mean size of its tensor)."""

DAMPING, EASIER, HARDER = 1e-2, 0.2, 5.0
ENOUGH = 1e-3
"""A round that improves the squared error by less than this fraction is the last."""


def fit(start: Physics, model: Callable[[Physics], Tensor], measured: Tensor) -> Physics:
    """The physics near `start` whose `model` (any shape) is closest to `measured` (the same shape) in least squares."""
    numbers, nudges = packed(start)
    target: Floats = measured.double().numpy().ravel()

    def miss(values: Floats) -> Floats:
        found: Floats = model(unpacked(start, values)).double().numpy().ravel()
        return np.asarray(found - target)

    away = miss(numbers)
    damping = DAMPING
    for _ in range(ROUNDS):
        slopes = np.stack([(miss(numbers + step) - away) / step.sum() for step in np.diag(nudges)], 1)
        normal, pull = slopes.T @ slopes, slopes.T @ away
        scale = np.diag(np.diag(normal) + 1e-9 * np.trace(normal) / len(normal))
        before = float(away @ away)
        for _ in range(ROUNDS):
            moved = numbers - np.linalg.solve(normal + damping * scale, pull)
            tried = miss(moved)
            if np.isfinite(tried).all() and tried @ tried < before:
                numbers, away, damping = moved, tried, damping * EASIER
                break
            damping *= HARDER
        if float(away @ away) > before * (1 - ENOUGH):
            break
    return unpacked(start, numbers)


def packed(physics: Any) -> tuple[Floats, Floats]:
    """Every number of a physics in one row, and by how much each is nudged."""
    parts = [_numbers(getattr(physics, field.name)) for field in fields(physics)]
    nudges = [
        NUDGE * np.maximum(np.abs(part), max(float(np.abs(part).mean()), 0.1) / 10) for part in parts if part.size
    ]
    return np.concatenate(parts), np.concatenate(nudges)


def unpacked(like: Physics, numbers: Floats) -> Physics:
    """The physics whose numbers these are, in the shapes of `like`."""
    found, first = {}, 0
    for field in fields(like):  # type: ignore[arg-type]
        old = getattr(like, field.name)
        size = _numbers(old).size
        found[field.name] = _shaped(old, numbers[first : first + size])
        first += size
    return replace(like, **found)  # type: ignore[type-var]


def _numbers(value: Any) -> Floats:
    if value is None:
        return np.empty(0)
    if isinstance(value, Tensor):
        real = torch.view_as_real(value) if value.is_complex() else value
        return real.double().numpy().ravel()
    return np.array([float(value)])


def _shaped(like: Any, numbers: Floats) -> Any:
    if like is None:
        return None
    if not isinstance(like, Tensor):
        return float(numbers[0])
    real = torch.from_numpy(numbers.astype(np.float32))
    if not like.is_complex():
        return real.reshape(like.shape)
    return torch.view_as_complex(real.reshape(*like.shape, 2))
