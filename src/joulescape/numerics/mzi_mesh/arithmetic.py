"""Products on meshes: converters around them, noise of the receivers, partial sums of tiles added digitally."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed
from joulescape.numerics.mzi_mesh.device import MeshErrors, TileShape, factorise, realise, realise_merged, write


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
        low = -self.top if self.is_signed else torch.zeros_like(self.top)
        clipped = torch.minimum(torch.maximum(values, low), self.top)
        return torch.round(clipped / self.step) * self.step


@dataclass(frozen=True)
class Grid:
    """A matrix (outputs, inputs) cut into `down` x `across` tiles of `size`, filled up with zeros."""

    outputs: int
    inputs: int
    size: int

    @property
    def down(self) -> int:
        """Tiles along the outputs."""
        return math.ceil(self.outputs / self.size)

    @property
    def across(self) -> int:
        """Tiles along the inputs."""
        return math.ceil(self.inputs / self.size)

    def tiles(self, weight: Tensor) -> Tensor:
        """(outputs, inputs) -> (across * down, size, size)."""
        padded = weight.new_zeros(self.down * self.size, self.across * self.size)
        padded[: self.outputs, : self.inputs] = weight
        cut = padded.view(self.down, self.size, self.across, self.size)
        return cut.permute(2, 0, 1, 3).reshape(-1, self.size, self.size)

    def stacked(self, tiles: Tensor) -> Tensor:
        """(across * down, size, size) -> (across, outputs, size): what each slice of the input meets."""
        return tiles.view(self.across, self.down * self.size, self.size)[:, : self.outputs]

    def per_output(self, values: Tensor) -> Tensor:
        """One value a tile (across * down) -> (across, 1, outputs)."""
        return values.view(self.across, self.down).repeat_interleave(self.size, 1)[:, None, : self.outputs]

    def sliced(self, x: Tensor) -> Tensor:
        """Inputs (rows, inputs) -> (across, rows, size)."""
        padded = x.new_zeros(len(x), self.across * self.size)
        padded[:, : self.inputs] = x
        return padded.view(len(x), self.across, self.size).transpose(0, 1)


@dataclass(frozen=True)
class Tiled:
    """Every tile's partial sums are received with noise, converted, and added digitally."""

    grid: Grid
    stacked: Tensor
    dac: Quantiser
    adc: Quantiser
    noise: Tensor
    """Receiver noise of each partial sum (across, 1, outputs)."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N)."""
        sums = torch.bmm(self.grid.sliced(self.dac(x)), self.stacked.transpose(1, 2))
        received = sums + self.noise * torch.randn(sums.shape, generator=generator)
        return self.adc(received).sum(0)


@dataclass(frozen=True)
class Merged:
    """One matrix; noise of receivers and of rounding, summed over tiles, is added to its output."""

    matrix: Tensor
    dac: Quantiser
    noise: Tensor
    """(outputs,)."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N)."""
        product = self.dac(x) @ self.matrix.T
        return product + self.noise * torch.randn(product.shape, generator=generator)


class MziMesh(MatrixNumerics):
    """Matrix products as light through meshes of interferometers.

    Static for a device: phases rounded and off, couplers off, loss. Drawn at each call: receiver noise, a fraction of
    full scale (the largest singular value times the largest input). Without `phase_bits`, `input_bits` or `output_bits`
    that step is exact.
    """

    kind: ClassVar[str] = "mzi_mesh"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Write `weight` (N, K) tile by tile; ranges of both converters come from `calibration`."""
        numbers = errors.numbers
        grid = Grid(weight.shape[0], weight.shape[1], int(numbers["mesh_size"]))
        tiles = grid.tiles(weight.detach().to(torch.float32))
        content, shape = tiles.numpy().tobytes(), TileShape(len(tiles), grid.size, bool(numbers["is_reck"]))
        mesh = MeshErrors.of(numbers)
        if detail == "full":
            made = realise(write(content, shape), mesh, generator)
        else:
            made = realise_merged(content, shape, mesh, generator)
        tiled = _tiled(grid, made, factorise(content, shape).scales, numbers, calibration)
        return tiled if detail == "full" else _merged(tiled)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """An input gradient as the receivers of the other side read it: their noise, then their converter.

        Full scale is the largest element, because the matrix that sent it is not known here.
        """
        top = gradient.abs().max().clamp(min=torch.finfo(gradient.dtype).tiny)
        noise = errors.numbers["noise_fraction"] * top
        received = gradient + noise * torch.randn(gradient.shape, generator=generator)
        return Quantiser(top, errors.numbers.get("output_bits"), is_signed=True)(received)


def _tiled(grid: Grid, made: Tensor, scales: Tensor, numbers: Mapping[str, float], calibration: Tensor) -> Tiled:
    """Find both converters' ranges from inputs of training data: the largest input, and each tile's largest output."""
    smallest = torch.finfo(torch.float32).tiny
    top = calibration.abs().max().clamp(min=smallest)
    dac = Quantiser(top, numbers.get("input_bits"), is_signed=bool((calibration < 0).any()))
    stacked = grid.stacked(made)
    sums = torch.bmm(grid.sliced(dac(calibration)), stacked.transpose(1, 2))
    largest = sums.abs().amax(1)
    filled = largest.new_zeros(grid.across, grid.down * grid.size)
    filled[:, : grid.outputs] = largest
    tops = filled.view(-1, grid.size).amax(1).clamp(min=smallest)
    adc = Quantiser(grid.per_output(tops), numbers.get("output_bits"), is_signed=True)
    return Tiled(grid, stacked, dac, adc, grid.per_output(numbers["noise_fraction"] * scales * top))


def _merged(tiled: Tiled) -> Merged:
    matrix = tiled.stacked.transpose(0, 1).reshape(tiled.grid.outputs, -1)[:, : tiled.grid.inputs]
    variance = (tiled.noise**2 + tiled.adc.step**2 / 12).sum((0, 1))
    return Merged(matrix.contiguous(), tiled.dac, variance.sqrt())
