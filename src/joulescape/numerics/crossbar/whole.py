"""Cell levels on whole numbers: column sums are then exact, whoever adds them, and a processor's int8 units may.

A processor multiplies int8 several times as fast as float32. What cells hold is kept in 1/127 of the largest level of
their column; where that were not negligible beside what the cells are off by, in 1/8128 of it, two int8 numbers a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

COARSE, RADIX = 127, 64
"""Largest int8 number, and the weight of the more significant of two: a bit of an input times it is an int8 number."""

NEGLIGIBLE_SHARE = 0.005
"""Share of the variance of the cells' errors that keeping them on whole numbers may add."""


def unit_of(held: Tensor, wanted: Tensor, significance: Tensor) -> Tensor:
    """Levels that one whole number stands for, a column (N * slices,), of cells `held` in the place of `wanted`.

    One level where cells hold whole levels. `significance` (slices,) weighs the errors of slices.
    """
    if bool((held == held.round()).all()) and float(held.abs().max()) <= COARSE:
        return torch.ones(held.shape[2])
    largest = held.abs().amax(dim=(0, 1))
    largest = torch.where(largest > 0, largest, torch.ones(()))
    weighs = significance.square().repeat(held.shape[2] // len(significance))
    errors = ((held - wanted).square().mean(dim=(0, 1)) * weighs).sum()
    rounding = ((largest / COARSE).square() / 12 * weighs).sum()
    return largest / (COARSE if rounding <= NEGLIGIBLE_SHARE * errors else COARSE * RADIX)


def on_whole(held: Tensor, unit: Tensor) -> Tensor:
    """Levels (tiles, rows, columns) at the nearest whole numbers."""
    return (held / unit).round_().mul_(unit)


@dataclass(frozen=True)
class Room:
    """Memory for the column sums of one block, used again and again: fresh pages cost more than what fills them."""

    whole: Tensor
    sums: Tensor

    @classmethod
    def of(cls, inputs: int, columns: int) -> Room:
        """For so many inputs at once."""
        return cls(torch.empty(inputs, columns, dtype=torch.int32), torch.empty(inputs, columns))


class WholeMatrix:
    """One tile's cells (rows, columns) as int8 numbers, one or two a cell, for inputs of few bits."""

    def __init__(self, tile: Tensor, unit: Tensor) -> None:
        numbers = (tile / unit).round()
        self._is_split = float(numbers.abs().max()) > COARSE
        if self._is_split:
            high = (numbers / RADIX).round()
            numbers = torch.cat([high, numbers - RADIX * high])
        self._matrix = numbers.to(torch.int8)

    def __call__(self, digits: Tensor, room: Room) -> Tensor:
        """(inputs, rows) int8 -> (inputs, columns) float32 in `room`, whole numbers."""
        driven = torch.cat([digits * RADIX, digits], dim=1) if self._is_split else digits.contiguous()
        sums = room.sums[: len(driven)]
        # of a matrix one number wide the int8 product mistakes the strides
        if driven.shape[1] > 1 and has_exact_int8():
            return sums.copy_(torch._int_mm(driven, self._matrix, out=room.whole[: len(driven)]))
        return torch.mm(driven.float(), self._matrix.float(), out=sums)


@cache
def has_exact_int8() -> bool:
    """Whether this processor's int8 product is exact: without the right instructions sums of pairs may saturate."""
    full = torch.full((32, 64), COARSE, dtype=torch.int8)
    return bool((torch._int_mm(full, full.T.contiguous()) == 64 * COARSE**2).all())
