"""Products on tensor cores: two modulated operands, uneven wavelengths, integration over clocks, one conversion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics._receivers import Noise, read_gradient, realised, received
from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Chance, Detail, MatrixNumerics, Product, Programmed, Stored
from joulescape.numerics.tensor_core.dynamic import dynamic_product


class TensorCore(MatrixNumerics):
    """Matrix products whose weights are modulated anew at every clock, so nothing is written and nothing drifts.

    Static for a device: the gain of each wavelength, which meets every column of its place in the reduction. Drawn at
    each call: dark, shot and intensity noise of every integration. A conversion collects `terms_per_sample` products a
    clock over `integration_cycles` clocks; what lies beyond is added digitally. Without `weight_bits`, `input_bits` or
    `output_bits` that step is exact.
    """

    kind: ClassVar[str] = "tensor_core"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Put `weight` (N, K) on its converters' grid; ranges of the others come from `calibration`."""
        numbers = errors.numbers
        made = _made(weight, numbers, generator)
        return received(*made, Noise.of(numbers), numbers, calibration, detail, is_unsigned=False)

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """Nothing is written; the transposed product is modulated like the forward one, wavelengths uneven too."""
        held, back = self.program(weight, errors["forward"], calibration, chance.device, detail), None
        if "input_gradient" in errors:
            back = realised(*_made(weight.T, errors["input_gradient"].numbers, chance.backward)).T
        return Stored(held, back)

    def product(
        self, left: Tensor, right: Tensor, errors: ErrorSpec, generator: torch.Generator, detail: Detail
    ) -> Product:
        """Both operands through their converters, the right one where weights go: light asks not what it carries."""
        return dynamic_product(left, right, errors.numbers, generator, detail)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """A gradient as the receivers read it."""
        return read_gradient(gradient, Noise.of(errors.numbers), errors.numbers, generator)


def _made(weight: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> tuple[Grid, Tensor, Tensor]:
    """`weight` (N, K) on converters' grids, weighed by the wavelengths' gains: grid, tiles, and gains of their rows."""
    terms, cycles = int(numbers["terms_per_sample"]), int(numbers["integration_cycles"])
    grid = Grid(weight.shape[0], weight.shape[1], rows=len(weight), columns=terms * cycles)
    held = weight.detach().to(torch.float32)
    tops = held.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    tiles = grid.tiles(Quantiser(torch.ones(()), numbers.get("weight_bits"), is_signed=True)(held / tops))
    if numbers["gain_sigma_fraction"] > 0:
        gains = 1.0 + numbers["gain_sigma_fraction"] * torch.randn(terms, generator=generator)
        tiles = tiles * gains.repeat(cycles)
    return grid, tiles, tops.T.expand(len(tiles), -1)
