"""Weights less a centre (RAELLA, andrulis2023raella): positive and negative parts of a column then balance.

What is taken off each output's weights in one array is added as a number: the centre times the sum of the inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from joulescape.numerics.crossbar.coding import into_tiles
from joulescape.numerics.crossbar.device import CrossbarNumbers

REACH = 16
"""Whole numbers on either side of the mean among which the centre is looked for."""


def less_centres(integers: Tensor, numbers: CrossbarNumbers) -> tuple[Tensor, Tensor]:
    """What cells hold (N, K), and levels to add in each tile's columns (tiles, N * slices): none without centres."""
    whole = into_tiles(integers.T, numbers)
    constant = torch.zeros(whole.shape[0], whole.shape[2], numbers.slice_count)
    if not numbers.is_centred:
        return integers, constant.flatten(1)
    constant[:, :, 0] = centres(whole, numbers)
    spread = constant[:, None, :, 0].expand(whole.shape).flatten(0, 1)[: integers.shape[1]]
    return integers - spread.T, constant.flatten(1)


def centres(tiled: Tensor, numbers: CrossbarNumbers) -> Tensor:
    """Centres (tiles, N) of integer weights (tiles, rows, N): the least sum of fourth powers of the sums of slices.

    A fourth power minds the largest column, which saturates first. No weight may leave the range of its slices.
    """
    top = 2.0 ** (numbers.cell_bits * numbers.slice_count) - 1
    low, high = tiled.amax(dim=1) - top, tiled.amin(dim=1) + top
    middle = tiled.mean(dim=1).round()
    tried = torch.stack([(middle + k).clamp(low, high) for k in range(-REACH, REACH + 1)])
    loads = torch.stack([_load(tiled - centre[:, None], numbers) for centre in tried])
    found: Tensor = tried.gather(0, loads.argmin(dim=0, keepdim=True))[0]
    return found


def _load(rest: Tensor, numbers: CrossbarNumbers) -> Tensor:
    base, size, sign = 2.0**numbers.cell_bits, rest.abs(), rest.sign()
    total = torch.zeros(rest.shape[0], rest.shape[2])
    for _ in range(numbers.slice_count):
        digit = size % base
        total += (sign * digit).sum(dim=1) ** 4
        size = (size - digit) / base
    return total
