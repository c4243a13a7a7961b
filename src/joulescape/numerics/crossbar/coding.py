"""From real numbers to cell levels and row pulses, and back: integers, slices, digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from joulescape.numerics.crossbar.device import CrossbarNumbers

BYTE = 8
"""Bits of the narrowest word."""

FINE_GRID = 15
"""Largest integer weight for which the scale is searched: on coarse grids a wrong scale costs whole levels."""


class ArrayNumbers(Protocol):
    """What any array that is driven row by row states of its inputs and its height."""

    @property
    def rows(self) -> int:
        """Rows that one read sums over, at most."""
        ...

    @property
    def input_bits(self) -> int:
        """Bits of one input."""
        ...

    @property
    def dac_bits(self) -> int:
        """Bits that one read drives."""
        ...


@dataclass(frozen=True)
class InputCode:
    """How inputs become integers: x = scale * integer, from `low` to `high`; a signed input is in two's complement."""

    scale: float
    bits: int
    dac_bits: int
    is_signed: bool

    @classmethod
    def calibrated(cls, calibration: Tensor, numbers: ArrayNumbers) -> InputCode:
        """Full scale at the largest calibration input; signed when any of them is negative."""
        is_signed = bool((calibration < 0).any())
        top = 2 ** (numbers.input_bits - 1) - 1 if is_signed else 2**numbers.input_bits - 1
        peak = float(calibration.abs().max()) if calibration.numel() else 0.0
        return cls(peak / top if peak > 0 else 1.0, numbers.input_bits, numbers.dac_bits, is_signed)

    def integers(self, x: Tensor) -> Tensor:
        """Nearest integers inside the range, as float32."""
        return (x / self.scale).round_().clamp_(*self.bounds)

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.is_signed else (0, 2**self.bits - 1)

    def cycle_weights(self) -> list[float]:
        """Significance of each analog read; the last one of a signed input is its sign bit's."""
        magnitude = self.bits - 1 if self.is_signed else self.bits
        weights = [float(2**low) for low in range(0, magnitude, self.dac_bits)]
        return [*weights, -float(2**magnitude)] if self.is_signed else weights

    def words(self, integers: Tensor) -> Tensor:
        """Integers in the machine's words, two's complement: one byte each up to 8 bits, so that little is moved."""
        if self.bits > BYTE:
            return integers.to(torch.int32)
        return integers.to(torch.int8).view(torch.uint8) if self.is_signed else integers.to(torch.uint8)

    def values(self, words: Tensor) -> Tensor:
        """The integers that words stand for, in a signed type where they are signed."""
        is_byte = words.dtype == torch.uint8 and self.is_signed
        # a word of fewer bits than a byte was extended by its sign, so that the byte is the number
        return words.view(torch.int8) if is_byte else words

    def planes(self, words: Tensor) -> Tensor:
        """Row drives of each analog read (cycles, *shape), as `cycle_weights` orders them: int8 where each is one bit,
        else of the words' type."""
        if self.dac_bits == 1:
            masks = torch.tensor([2**cycle for cycle in range(self.bits)], dtype=words.dtype)
            masks = masks.reshape(-1, *[1] * words.ndim)
            return (words & masks).to(torch.bool).view(torch.int8)
        magnitude = self.bits - 1 if self.is_signed else self.bits
        found = [(words >> low) & (2 ** min(self.dac_bits, magnitude - low) - 1)
                 for low in range(0, magnitude, self.dac_bits)]  # fmt: skip
        return torch.stack([*found, (words >> magnitude) & 1] if self.is_signed else found)

    def digits(self, integers: Tensor) -> list[Tensor]:
        """Row drives of each analog read, least significant first, then the sign bit."""
        codes = integers.to(torch.int32)
        magnitude = self.bits - 1 if self.is_signed else self.bits
        found = []
        for low in range(0, magnitude, self.dac_bits):
            width = min(self.dac_bits, magnitude - low)
            found.append(((codes >> low) & (2**width - 1)).float())
        return [*found, (integers < 0).float()] if self.is_signed else found


def quantise_weights(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Signed integers (N, K) and scales (N,): one scale an output, its largest weight on the top of the grid.

    On coarse grids the scale of least squared error is taken: weights that already lie on a grid stay there.
    """
    top = max(1, 2 ** (bits - 1) - 1)
    peak = weight.abs().amax(dim=1)
    peak = torch.where(peak > 0, peak, torch.ones(()))
    scale = peak / top
    if top <= FINE_GRID:
        trials = peak / torch.arange(top, 0, -1)[:, None]
        rounded = (weight / trials[:, :, None]).round_().clamp_(-top, top) * trials[:, :, None]
        best = ((rounded - weight) ** 2).sum(dim=2).argmin(dim=0)
        scale = trials.gather(0, best[None])[0]
    return (weight / scale[:, None]).round_().clamp_(-top, top), scale


def into_slices(integers: Tensor, numbers: CrossbarNumbers) -> Tensor:
    """Levels (K, N * slices) of non-negative integers (N, K); the slices of one output stand side by side."""
    codes, base = integers.T.to(torch.int32), 2**numbers.cell_bits
    levels = [(codes // base**s) % base for s in range(numbers.slice_count)]
    return torch.stack(levels, dim=2).flatten(1).float()


def into_tiles(matrix: Tensor, numbers: ArrayNumbers) -> Tensor:
    """(K, columns) -> (tiles, rows, columns) with at most `rows` rows, shared evenly; short tiles end in zeros."""
    tiles = -(-matrix.shape[0] // numbers.rows)
    rows = -(-matrix.shape[0] // tiles)
    return pad(matrix, (0, 0, 0, tiles * rows - matrix.shape[0])).reshape(tiles, rows, -1)


def tile_inputs(x: Tensor, tiles: int, rows: int) -> Tensor:
    """(batch, K) -> (tiles, batch, rows), matching `into_tiles`."""
    return pad(x, (0, tiles * rows - x.shape[1])).reshape(-1, tiles, rows).transpose(0, 1)
