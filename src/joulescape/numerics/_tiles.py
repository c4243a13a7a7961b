"""What tiled optical products share: converters' grids, and matrices cut into tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 1 << 17
"""Partial sums that are held at once."""

LEAST_BLOCK = 128
"""Samples that make a matrix product worth its call."""


@dataclass(frozen=True)
class Quantiser:
    """Rounds to 2^b - 1 steps over [0, top], or to +-(2^(b-1) - 1) steps. Without bits it does nothing."""

    top: Tensor
    bits: float | None
    is_signed: bool

    @property
    def step(self) -> Tensor:
        """Distance of two levels; 0 without bits."""
        if self.bits is None:
            return torch.zeros_like(self.top)
        return self.top / (2 ** (self.bits - 1) - 1 if self.is_signed else 2**self.bits - 1)

    def __call__(self, values: Tensor) -> Tensor:
        """The nearest level, clipped to the range."""
        if self.bits is None:
            return values
        steps = 2.0 ** (self.bits - 1) - 1 if self.is_signed else 2.0**self.bits - 1
        return (values / self.step).clamp_(-steps if self.is_signed else 0.0, steps).round_().mul_(self.step)


@dataclass(frozen=True)
class Grid:
    """A matrix (outputs, inputs) cut into `down` x `across` tiles of rows x columns, filled up with zeros."""

    outputs: int
    inputs: int
    rows: int
    columns: int

    @property
    def down(self) -> int:
        """Tiles along the outputs."""
        return math.ceil(self.outputs / self.rows)

    @property
    def across(self) -> int:
        """Tiles along the inputs."""
        return math.ceil(self.inputs / self.columns)

    @property
    def block(self) -> int:
        """Samples whose partial sums stay in a processor's cache."""
        return max(LEAST_BLOCK, BLOCK // (self.across * max(self.outputs, self.columns)))

    def tiles(self, weight: Tensor) -> Tensor:
        """(outputs, inputs) -> (across * down, rows, columns)."""
        padded = weight.new_zeros(self.down * self.rows, self.across * self.columns)
        padded[: self.outputs, : self.inputs] = weight
        cut = padded.view(self.down, self.rows, self.across, self.columns)
        return cut.permute(2, 0, 1, 3).reshape(-1, self.rows, self.columns)

    def stacked(self, tiles: Tensor) -> Tensor:
        """(across * down, rows, columns) -> (across, outputs, columns): what each slice of the input meets."""
        return tiles.reshape(self.across, self.down * self.rows, self.columns)[:, : self.outputs]

    def matrix(self, stacked: Tensor) -> Tensor:
        """(across, outputs, columns) -> (outputs, inputs): the tiles put together again."""
        return stacked.transpose(0, 1).reshape(self.outputs, -1)[:, : self.inputs].contiguous()

    def per_output(self, values: Tensor) -> Tensor:
        """One value a tile (across * down) -> (across, 1, outputs)."""
        return values.view(self.across, self.down).repeat_interleave(self.rows, 1)[:, None, : self.outputs]

    def per_row(self, values: Tensor) -> Tensor:
        """One value a row of each tile (across * down, rows) -> (across, 1, outputs)."""
        return values.reshape(self.across, self.down * self.rows)[:, None, : self.outputs]

    def sliced(self, x: Tensor) -> Tensor:
        """Inputs (samples, inputs) -> (across, samples, columns)."""
        padded = x.new_empty(len(x), self.across * self.columns)
        padded[:, : self.inputs] = x
        padded[:, self.inputs :] = 0.0
        return padded.view(len(x), self.across, self.columns).transpose(0, 1)

    def largest(self, sums: Tensor) -> Tensor:
        """Partial sums (across, samples, outputs) -> the largest magnitude of each tile (across * down)."""
        largest = sums.abs().amax(1)
        filled = largest.new_zeros(self.across, self.down * self.rows)
        filled[:, : self.outputs] = largest
        return filled.view(-1, self.rows).amax(1)
