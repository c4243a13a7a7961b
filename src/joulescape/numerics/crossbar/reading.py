"""The full read of a matrix in cells: every tile, slice and input digit through the converters, then shift and add.

Inputs come as rows, or as the samples of a convolution, whose patches are taken block by block as bytes. All digits of
a block of inputs meet a tile in one product; sums of cells on whole numbers are formed by int8 units, exactly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.numerics.base import Window
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.programmed import Cells, Converter
from joulescape.numerics.crossbar.whole import Room, WholeMatrix

EXACT_FLOAT32 = 2**24
"""Integers below are exact in float32."""

BLOCK_ELEMENTS = 2**18
"""Column sums computed at once: 1 MiB of float32 stays in the cache."""

PATCH_ELEMENTS = 2**22
"""Inputs of a convolution unfolded at once."""


class RealMatrix:
    """One tile's cells (rows, columns) as they are, for inputs of any width."""

    def __init__(self, tile: Tensor) -> None:
        self._matrix = tile

    def __call__(self, digits: Tensor, room: Room) -> Tensor:
        """(inputs, rows) of any integer type -> (inputs, columns) float32 in `room`."""
        return torch.mm(digits.float(), self._matrix, out=room.sums[: len(digits)])


class FullCrossbar:
    """Column sums with read noise through the converter, for every tile, slice and input digit, then shift and add."""

    def __init__(self, cells: Cells, inputs: InputCode, converter: Converter) -> None:
        self._cells, self._inputs, self._top = cells, inputs, converter.top
        numbers, slices = cells.numbers, cells.numbers.slice_count
        count, rows, _ = cells.held.shape
        height = cells.integers.shape[1]
        self._spans = [(tile * rows, min((tile + 1) * rows, height)) for tile in range(count)]
        self._weights = torch.tensor(inputs.cycle_weights())
        self._noise_sigma = numbers.read_sigma_levels / converter.step
        self._is_noisy = numbers.read_sigma_fraction > 0
        scaled = cells.held / converter.step
        factor = None if cells.unit is None else cells.unit / converter.step
        self._factor = None if factor is None or bool((factor == 1).all()) else factor
        self._matrices = [
            self._matrix(tile[: last - first], cells.held[index, : last - first])
            for index, (tile, (first, last)) in enumerate(zip(scaled, self._spans, strict=True))
        ]
        levels = cells.constant.reshape(len(cells.constant), -1, slices)
        self._constant = (levels * numbers.slice_weights).sum(dim=2).double() - cells.offset
        self._has_constant = bool(self._constant.any())
        self._significance = converter.step[:slices].double() * numbers.slice_weights.double()
        reach = (2**numbers.dac_bits - 1) * float(scaled.abs().sum(dim=1).max())
        self._can_clip = reach > self._top or self._is_noisy
        exact = float(self._weights.abs().max()) * 2 * min(reach, self._top) * count
        self._sum_type = torch.float32 if exact < EXACT_FLOAT32 else torch.float64
        reach = height * 2.0 ** (inputs.bits + numbers.weight_bits)
        self._fold_type = torch.float32 if reach < EXACT_FLOAT32 else torch.float64

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias."""
        return self._scaled_back(self._read(self._inputs.words(self._inputs.integers(x)), generator))

    def on_windows(self, x: Tensor, window: Window, generator: torch.Generator) -> Tensor:
        """(batch, C, H, W) -> (batch, N, H', W'): the same product at every position of a convolution."""
        codes = self._inputs.words(self._inputs.integers(x))
        most = max(1, PATCH_ELEMENTS // (window.positions(x.shape[-2:]) * self._cells.integers.shape[1]))
        found = []
        for samples in torch.split(codes, most):
            patches = _patches(samples, window)
            sums = self._read(patches.flatten(0, 2).flatten(1), generator)
            found.append(self._scaled_back(sums).reshape(*patches.shape[:3], -1).permute(2, 3, 0, 1))
        return torch.cat(found)

    def integers(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The product with integer inputs, before scales, (rows, N): exact integers when nothing errs.

        Without a generator nothing is drawn: the read is free of noise.
        """
        return self._read(self._inputs.words(x), generator).double()

    def _matrix(self, scaled: Tensor, held: Tensor) -> WholeMatrix | RealMatrix:
        """A tile as its product needs it: whole numbers are brought to steps of the converter afterwards."""
        unit = self._cells.unit
        return RealMatrix(scaled) if unit is None else WholeMatrix(held, unit)

    def _scaled_back(self, product: Tensor) -> Tensor:
        return product.mul_((self._cells.scale.double() * self._inputs.scale).to(product.dtype)).float()

    def _read(self, words: Tensor, generator: torch.Generator | None) -> Tensor:
        cycles, columns = len(self._weights), self._cells.held.shape[2]
        block = min(len(words), max(1, BLOCK_ELEMENTS // (cycles * columns)))
        room = Room.of(block * cycles, columns)
        return torch.cat([self._block(part, room, generator) for part in torch.split(words, block)])

    def _block(self, x: Tensor, room: Room, generator: torch.Generator | None) -> Tensor:
        """(rows, K) inputs as words -> (rows, N): the codes of all tiles, weighed by digit and by slice."""
        digits, columns = self._inputs.planes(x), self._cells.held.shape[2]
        total = torch.zeros(len(x) * columns, dtype=self._sum_type)
        weights = self._weights.to(self._sum_type)
        for (first, last), matrix in zip(self._spans, self._matrices, strict=True):
            codes = self._codes(digits[:, :, first:last], matrix, room, generator)
            total.addmv_(codes.view(len(weights), -1).to(self._sum_type).T, weights)
        slices = total.reshape(len(x), -1, len(self._significance)).to(self._fold_type)
        folded = slices @ self._significance.to(self._fold_type)
        return folded + self._constants(x) if self._has_constant else folded

    def _codes(
        self, digits: Tensor, matrix: WholeMatrix | RealMatrix, room: Room, generator: torch.Generator | None
    ) -> Tensor:
        """What converters make of one tile's column sums: (cycles, inputs, rows) -> (cycles, inputs, columns)."""
        sums = matrix(digits.flatten(0, 1), room).view(*digits.shape[:2], -1)
        if self._factor is not None:
            sums.mul_(self._factor)
        if generator is not None and self._is_noisy:
            power = digits.float().square_().sum(dim=2, keepdim=True)
            sums.addcmul_(power.sqrt_(), self._noise(len(digits), digits.shape[1], generator))
        codes = sums.round_()
        return codes.clamp_(-self._top, self._top) if self._can_clip else codes

    def _noise(self, cycles: int, inputs: int, generator: torch.Generator) -> Tensor:
        """Read noise of one cell in every column, (cycles, inputs, columns), in steps.

        Cycle i of input b takes row b + i * stride of one draw: the cycles of one input are independent, which is what
        its sum sees, and inputs that share a row are far apart; drawing each anew would cost more than all products.
        """
        drawn_rows = max(cycles, inputs)
        stride = drawn_rows // cycles
        drawn = torch.randn(drawn_rows, len(self._noise_sigma), generator=generator).mul_(self._noise_sigma)
        twice, width = torch.cat([drawn, drawn]), drawn.shape[1]
        return twice.as_strided((cycles, inputs, width), (stride * width, width, 1))

    def _constants(self, x: Tensor) -> Tensor:
        """What columns stored inverted, and the offset of all weights, leave to add: sums of each tile's inputs."""
        values = self._inputs.values(x).double()
        sums = torch.stack([values[:, first:last].sum(dim=1) for first, last in self._spans], dim=1)
        return sums @ self._constant


def _patches(x: Tensor, window: Window) -> Tensor:
    """(batch, C, H, W) -> (H', W', batch, C, *kernel), a view: neighbours in memory are of other samples."""
    (down, across), kernel, stride = window.padding, window.kernel, window.stride
    padded = nnf.pad(x, (across, across, down, down))
    taken = padded.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1])
    return taken.permute(2, 3, 0, 1, 4, 5)
