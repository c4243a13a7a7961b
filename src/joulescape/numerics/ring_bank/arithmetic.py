"""Products on ring banks: weights as detunings, intensities in, balanced receivers, partial sums added digitally."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._receivers import Noise, read_gradient, received
from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed
from joulescape.numerics.ring_bank.spectrum import alone, calibrated, reach, weights_of


class RingBank(MatrixNumerics):
    """Matrix products as wavelengths through banks of rings.

    Static for a device: weights rounded, cells misprogrammed, rings off their resonance, each bank drifted, neighbours'
    tails. Drawn at each call: dark, shot and intensity noise. Without `weight_bits`, `input_bits` or `output_bits` that
    step is exact.
    """

    kind: ClassVar[str] = "ring_bank"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Write `weight` (N, K) tile by tile; ranges of both converters come from `calibration`."""
        numbers = errors.numbers
        grid = Grid(weight.shape[0], weight.shape[1], int(numbers["rows"]), int(numbers["channels"]))
        tiles = grid.tiles(weight.detach().to(torch.float32))
        scales = tiles.abs().amax(2).clamp(min=torch.finfo(torch.float32).tiny)
        scales = scales / (reach(numbers["spacing_fwhm"]) if numbers["is_calibrated"] else 1.0)
        made = _made(tiles / scales[:, :, None], numbers, generator)
        return received(grid, made, scales, Noise.of(numbers), numbers, calibration, detail, is_unsigned=True)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """A gradient as the receivers read it."""
        return read_gradient(gradient, Noise.of(errors.numbers), errors.numbers, generator)

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Cells that hold weights miss the wanted step by a share of it as large as their programming error.

        Weights in SRAM move exactly; both are rounded when the rings are set.
        """
        sigma = errors.numbers["store_sigma_fraction"]
        return weight + step * (1.0 + sigma * torch.randn(step.shape, generator=generator)) if sigma else weight + step


def _made(weights: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """Weights in [-1, 1] (tiles, rows, channels) as a drawn device makes them."""
    spacing, bits = numbers["spacing_fwhm"], numbers.get("weight_bits")
    wanted = Quantiser(weights.abs().max().clamp(min=torch.finfo(torch.float32).tiny), bits, is_signed=True)(
        weights
    ).reshape(-1, weights.shape[2])
    if numbers["store_sigma_fraction"] > 0:
        # Full range is from -1 to 1, and a cell's error is a share of its own range: with slices the top one decides.
        missed = 2.0 * numbers["store_sigma_fraction"] * torch.randn(wanted.shape, generator=generator)
        wanted = (wanted + missed).clamp(-1.0, 1.0)
    detunings = calibrated(wanted, spacing) if numbers["is_calibrated"] else alone(wanted, spacing)
    if numbers["sigma_fwhm"] > 0:
        detunings = detunings + numbers["sigma_fwhm"] * torch.randn(detunings.shape, generator=generator)
    if numbers["drift_fwhm"] > 0:
        banks = torch.randn((len(weights), 1, 1), generator=generator).expand(-1, weights.shape[1], 1)
        detunings = detunings + numbers["drift_fwhm"] * banks.reshape(-1, 1)
    return weights_of(detunings, spacing).reshape(weights.shape)
