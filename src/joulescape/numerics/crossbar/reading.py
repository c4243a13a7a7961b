"""The full read of a matrix in cells: every tile, slice and input digit through the converters, then shift and add.

Inputs come as rows, or as the samples of a convolution, which is then computed as one: a bit plane of a sample meets
the kernels of each tile, and nothing is unfolded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics.base import Window
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.programmed import Cells, Converter

EXACT_FLOAT32 = 2**24
"""Integers below are exact in float32."""

BLOCK_ELEMENTS = 2**18
"""Column sums computed at once: 1 MiB of float32 stays in the cache."""

Span = tuple[int, int]
"""First and last + 1 of the inputs (rows) or channels (windows) that one tile reads."""


class Lines:
    """Inputs as rows (rows, K): outputs stand in the last dimension."""

    def __init__(self, inputs: int, tile_rows: int) -> None:
        self.spans: list[Span] = [(k, min(k + tile_rows, inputs)) for k in range(0, inputs, tile_rows)]

    def matrices(self, tiles: Tensor) -> list[Tensor]:
        """(tiles, rows, columns) as one matrix a tile, without rows that are not there."""
        return [tile[: last - first] for tile, (first, last) in zip(tiles, self.spans, strict=True)]

    def product(self, part: Tensor, matrix: Tensor) -> Tensor:
        """(rows, k) times (k, columns)."""
        return part @ matrix

    def columns(self, values: Tensor) -> Tensor:
        """A value a column, as it meets a product."""
        return values

    def folded(self, total: Tensor, significance: Tensor) -> Tensor:
        """Slices of each output added: (rows, N * slices) -> (rows, N)."""
        return total.reshape(len(total), -1, len(significance)) @ significance

    def positions(self, _sample: Tensor) -> int:
        """Products of one row."""
        return 1


class Planes:
    """Inputs as samples (batch, C, H, W) of a convolution: outputs stand in dimension 1."""

    def __init__(self, window: Window, inputs: int, tile_rows: int) -> None:
        self._window, self._area = window, math.prod(window.kernel)
        self._rows = [(k, min(k + tile_rows, inputs)) for k in range(0, inputs, tile_rows)]
        self.spans: list[Span] = [(first // self._area, -(-last // self._area)) for first, last in self._rows]

    def matrices(self, tiles: Tensor) -> list[Tensor]:
        """(tiles, rows, columns) as kernels (columns, channels, *kernel) of the channels that each tile reads."""
        return [self._kernels(tile, *ends) for tile, *ends in zip(tiles, self._rows, self.spans, strict=True)]

    def product(self, part: Tensor, kernels: Tensor) -> Tensor:
        """(batch, channels, H, W) convolved; one channel as a plain product with its patches, which is faster."""
        if part.shape[1] > 1:
            return nnf.conv2d(part, kernels, None, self._window.stride, self._window.padding)
        (down, across), (kernel, stride) = self._window.padding, (self._window.kernel, self._window.stride)
        patches = nnf.pad(part, (across, across, down, down)).unfold(2, kernel[0], stride[0])
        patches = patches.unfold(3, kernel[1], stride[1]).permute(1, 4, 5, 0, 2, 3)
        sums = kernels.flatten(1) @ patches.reshape(self._area, -1)
        found: Tensor = sums.reshape(len(kernels), len(part), *patches.shape[-2:]).transpose(0, 1)
        return found

    def columns(self, values: Tensor) -> Tensor:
        """A value a column, as it meets a product."""
        return values[:, None, None]

    def folded(self, total: Tensor, significance: Tensor) -> Tensor:
        """Slices of each output added: (batch, N * slices, H, W) -> (batch, N, H, W)."""
        split = total.reshape(len(total), -1, len(significance), *total.shape[2:])
        found: Tensor = torch.tensordot(split, significance, dims=([2], [0]))
        return found

    def positions(self, sample: Tensor) -> int:
        """Products of one sample."""
        return self._window.positions(sample.shape[-2:])

    def _kernels(self, tile: Tensor, rows: Span, channels: Span) -> Tensor:
        before, after = rows[0] - channels[0] * self._area, channels[1] * self._area - rows[1]
        filled = nnf.pad(tile[: rows[1] - rows[0]], (0, 0, before, after))
        return filled.T.reshape(tile.shape[1], -1, *self._window.kernel).contiguous()


Layout = Lines | Planes


class FullCrossbar:
    """Column sums with read noise through the converter, for every tile, slice and input digit, then shift and add."""

    def __init__(self, cells: Cells, inputs: InputCode, converter: Converter) -> None:
        self._cells, self._inputs, self._top, self._step = cells, inputs, converter.top, converter.step
        self._scaled = cells.held / converter.step
        numbers, slices = cells.numbers, cells.numbers.slice_count
        levels = cells.constant.reshape(len(cells.constant), -1, slices)
        self._constant = (levels * numbers.slice_weights).sum(dim=2).double()
        self._has_constant = bool(cells.constant.any()) or cells.offset != 0.0
        self._significance = converter.step[:slices].double() * numbers.slice_weights.double()
        drive = 2**numbers.dac_bits - 1
        reach = drive * float(self._scaled.abs().sum(dim=1).max())
        self._can_clip = reach > self._top or numbers.read_sigma_fraction > 0
        exact = max(abs(weight) for weight in inputs.cycle_weights()) * 2 * min(reach, self._top) * len(self._scaled)
        self._sum_type = torch.float32 if exact < EXACT_FLOAT32 else torch.float64
        reach = cells.integers.shape[1] * 2.0 ** (inputs.bits + numbers.weight_bits)
        self._fold_type = torch.float32 if reach < EXACT_FLOAT32 else torch.float64
        self._lines = self._held(Lines(cells.integers.shape[1], cells.held.shape[1]))
        self._planes: dict[Window, _Held] = {}

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        return self._scaled_back(self.integers(self._inputs.integers(x), generator), self._lines)

    def on_windows(self, x: Tensor, window: Window, generator: torch.Generator) -> Tensor:
        """(batch, C, H, W) -> (batch, N, H', W'): the same product at every position of a convolution."""
        if window not in self._planes:
            self._planes[window] = self._held(Planes(window, self._cells.integers.shape[1], self._cells.held.shape[1]))
        planes = self._planes[window]
        return self._scaled_back(self._read(self._inputs.integers(x), planes, generator), planes)

    def integers(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The product with integer inputs, before scales, (rows, N): exact integers when nothing errs.

        Without a generator nothing is drawn: the read is free of noise.
        """
        return self._read(x, self._lines, generator).double()

    def _held(self, layout: Layout) -> _Held:
        ones = torch.ones(*self._scaled.shape[:2], 1)
        return _Held(layout, layout.matrices(self._scaled), layout.matrices(ones))

    def _scaled_back(self, product: Tensor, held: _Held) -> Tensor:
        scale = (self._cells.scale.double() * self._inputs.scale).to(product.dtype)
        return product.mul_(held.layout.columns(scale)).float()

    def _read(self, x: Tensor, held: _Held, generator: torch.Generator | None) -> Tensor:
        sums = held.layout.positions(x[:1]) * self._scaled.shape[2]
        block = max(1, BLOCK_ELEMENTS // sums)
        return torch.cat([self._block(part, held, generator) for part in torch.split(x, block)])

    def _block(self, x: Tensor, held: _Held, generator: torch.Generator | None) -> Tensor:
        digits = self._inputs.digits(x)
        total = torch.zeros(())
        for (first, last), matrix, adder in zip(held.layout.spans, held.matrices, held.adders, strict=True):
            parts = [digit[:, first:last] for digit in digits]
            total = total + self._tile(parts, matrix, adder, held.layout, generator)
        folded = held.layout.folded(total.to(self._fold_type), self._significance.to(self._fold_type))
        return folded + self._constants(x, held) if self._has_constant else folded

    def _tile(
        self, digits: Sequence[Tensor], matrix: Tensor, adder: Tensor, layout: Layout, generator: torch.Generator | None
    ) -> Tensor:
        """Codes of one tile's columns, digits of the inputs weighed by their significance."""
        is_noisy = generator is not None and self._cells.numbers.read_sigma_fraction > 0
        total, noise = torch.zeros((), dtype=self._sum_type), torch.zeros(())
        for cycle, (weight, digit) in enumerate(zip(self._inputs.cycle_weights(), digits, strict=True)):
            sums = layout.product(digit, matrix)
            if cycle == 0:
                total = torch.zeros_like(sums, dtype=self._sum_type)
                noise = self._noise(sums, len(digits), generator, layout) if generator and is_noisy else noise
            if is_noisy:
                sums.addcmul_(layout.product(digit * digit, adder).sqrt_(), noise[cycle : cycle + len(digit)])
            codes = sums.round_()
            total.add_(codes.clamp_(-self._top, self._top) if self._can_clip else codes, alpha=weight)
        return total

    def _constants(self, x: Tensor, held: _Held) -> Tensor:
        """What columns stored inverted, and the offset of all weights, leave to add: sums of each tile's inputs."""
        layout, outputs = held.layout, self._constant - self._cells.offset
        sums = [
            layout.product(x[:, a:b], adder).double() for (a, b), adder in zip(layout.spans, held.adders, strict=True)
        ]
        return torch.stack([one * layout.columns(row) for one, row in zip(sums, outputs, strict=True)]).sum(dim=0)

    def _noise(self, sums: Tensor, cycles: int, generator: torch.Generator, layout: Layout) -> Tensor:
        """Read noise of one cell in every column. Cycle i of sample b takes row b + i: the cycles of one sample are
        independent, which is what its sum sees; drawing each anew would cost more than all products."""
        drawn = torch.randn((len(sums) + cycles, *sums.shape[1:]), generator=generator)
        return drawn.mul_(layout.columns(self._cells.numbers.read_sigma_levels / self._step))


@dataclass(frozen=True)
class _Held:
    """A matrix as a layout multiplies by it: one matrix a tile, and one column of ones that adds a tile's inputs."""

    layout: Layout
    matrices: Sequence[Tensor]
    adders: Sequence[Tensor]
