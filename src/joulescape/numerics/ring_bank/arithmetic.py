"""Products on ring banks: weights as detunings, intensities in, balanced receivers, partial sums added digitally."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics._receivers import Noise, read_gradient, realised, received
from joulescape.numerics._tiles import Grid, Quantiser
from joulescape.numerics.base import Chance, Detail, MatrixNumerics, Programmed, Stored
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
        grid, tiles, scales = _cut(weight, numbers)
        made = _made(_held(tiles, numbers, generator), numbers, generator)
        return received(grid, made, scales, Noise.of(numbers), numbers, calibration, detail, is_unsigned=True)

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """Every cell is written anew from the buffer's weights and misses anew; rings stay as fabricated.

        Errors go back through banks of their own, set from the same cells: transposed, and with mismatch of their own.
        """
        numbers = errors["forward"].numbers
        grid, tiles, scales = _cut(weight, numbers)
        held = _held(tiles, numbers, chance.writing)
        made = _made(held, numbers, chance.device)
        forward = received(grid, made, scales, Noise.of(numbers), numbers, calibration, detail, is_unsigned=True)
        back = errors.get("input_gradient")
        return Stored(forward, _returned(realised(grid, held, scales), back.numbers, chance) if back else None)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """A gradient as the receivers read it."""
        return read_gradient(gradient, Noise.of(errors.numbers), errors.numbers, generator)


def _cut(weight: Tensor, numbers: Mapping[str, float]) -> tuple[Grid, Tensor, Tensor]:
    """`weight` (N, K) in banks: their grid, tiles in [-1, 1] and the gain of each row of each tile."""
    grid = Grid(weight.shape[0], weight.shape[1], int(numbers["rows"]), int(numbers["channels"]))
    tiles = grid.tiles(weight.detach().to(torch.float32))
    scales = tiles.abs().amax(2).clamp(min=torch.finfo(torch.float32).tiny)
    scales = scales / (reach(numbers["spacing_fwhm"]) if numbers["is_calibrated"] else 1.0)
    return grid, tiles / scales[:, :, None], scales


def _held(weights: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """Weights in [-1, 1] (tiles, rows, channels) as converters round them and cells, where there are any, hold them."""
    top = weights.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    wanted = Quantiser(top, numbers.get("weight_bits"), is_signed=True)(weights)
    if numbers["store_sigma_fraction"] == 0:
        return wanted
    # Full range is from -1 to 1, and a cell's error is a share of its own range: with slices the top one decides.
    missed = 2.0 * numbers["store_sigma_fraction"] * torch.randn(wanted.shape, generator=generator)
    return (wanted + missed).clamp(-1.0, 1.0)


def _returned(held: Tensor, numbers: Mapping[str, float], chance: Chance) -> Tensor:
    """The matrix (N, K) whose transpose the banks of the way back make of the cells' weights `held` (N, K)."""
    grid, tiles, scales = _cut(held.T, numbers)
    return realised(grid, _made(tiles, numbers, chance.backward), scales).T


def _made(weights: Tensor, numbers: Mapping[str, float], generator: torch.Generator) -> Tensor:
    """Weights in [-1, 1] (tiles, rows, channels) as a drawn device's rings make them."""
    spacing, wanted = numbers["spacing_fwhm"], weights.reshape(-1, weights.shape[2])
    detunings = calibrated(wanted, spacing) if numbers["is_calibrated"] else alone(wanted, spacing)
    if numbers["sigma_fwhm"] > 0:
        detunings = detunings + numbers["sigma_fwhm"] * torch.randn(detunings.shape, generator=generator)
    if numbers["drift_fwhm"] > 0:
        banks = torch.randn((len(weights), 1, 1), generator=generator).expand(-1, weights.shape[1], 1)
        detunings = detunings + numbers["drift_fwhm"] * banks.reshape(-1, 1)
    return weights_of(detunings, spacing).reshape(weights.shape)
