"""Products on meshes: converters around them, noise of the receivers, partial sums of tiles added digitally."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics._receivers import Merged
from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Chance, Detail, MatrixNumerics, Stored
from joulescape.numerics.mzi_mesh.device import MeshErrors, TileShape, factorise, realise, realise_merged, write


@dataclass(frozen=True)
class Tiled:
    """Every tile's partial sums are received with noise, converted, and added digitally."""

    grid: Grid
    stacked: Tensor
    dac: Quantiser
    adc: Quantiser
    noise: Tensor
    """Receiver noise of each partial sum (across, 1, outputs)."""

    @property
    def matrix(self) -> Tensor:
        """What the meshes multiply by, (outputs, inputs)."""
        return self.grid.matrix(self.stacked)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N)."""
        return torch.cat([self._received(part, generator) for part in torch.split(x, self.grid.block)])

    def _received(self, x: Tensor, generator: torch.Generator) -> Tensor:
        sums = torch.bmm(self.grid.sliced(self.dac(x)), self.stacked.transpose(1, 2))
        sums.addcmul_(self.noise, torch.randn(sums.shape, generator=generator))
        return self.adc(sums).sum(0)


class MziMesh(MatrixNumerics):
    """Matrix products as light through meshes of interferometers.

    Static for a device: phases rounded and off, couplers off, loss. Drawn at each call: receiver noise, a fraction of
    full scale (the largest singular value times the largest input). Without `phase_bits`, `input_bits` or `output_bits`
    that step is exact.
    """

    kind: ClassVar[str] = "mzi_mesh"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Tiled | Merged:
        """Write `weight` (N, K) tile by tile; ranges of both converters come from `calibration`."""
        numbers = errors.numbers
        size = int(numbers["mesh_size"])
        grid = Grid(weight.shape[0], weight.shape[1], size, size)
        tiles = grid.tiles(weight.detach().to(torch.float32))
        content, shape = tiles.numpy().tobytes(), TileShape(len(tiles), size, bool(numbers["is_reck"]))
        mesh = MeshErrors.of(numbers)
        if detail == "full":
            made = realise(write(content, shape), mesh, generator)
        else:
            made = realise_merged(content, shape, mesh, generator)
        tiled = _tiled(grid, made, factorise(content, shape).scales, numbers, calibration)
        return tiled if detail == "full" else _merged(tiled)

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """Converters set phases without chance, so all errors are the device's own; in the merged form those of
        rounded phases stand still as well.

        Light sent backwards meets the same interferometers: errors are multiplied by the transpose of what the forward
        product realises, each first by the gain of its receiver.
        """
        held = self.program(weight, errors["forward"], calibration, chance.device, detail)
        return Stored(held, held.matrix if "input_gradient" in errors else None)

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
    tops = grid.per_output(grid.largest(sums).clamp(min=smallest))
    adc = Quantiser(tops, numbers.get("output_bits"), is_signed=True)
    return Tiled(grid, stacked, dac, adc, grid.per_output(numbers["noise_fraction"] * scales * top))


def _merged(tiled: Tiled) -> Merged:
    variance = (tiled.noise**2 + tiled.adc.step**2 / 12).sum((0, 1))
    return Merged(tiled.matrix, tiled.dac, variance.sqrt())
