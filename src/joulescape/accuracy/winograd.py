"""Winograd's F(m x m, 3 x 3) on a machine: transformed tiles and weights as rows of one matrix product for each tap.

A machine rounds what it multiplies: here transformed inputs and weights, with scales of their own for each of the
(m + 2)^2 taps. Transforms themselves are additions in wide words, without error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.network.error_spec import Errors
from joulescape.network.operators import Operator
from joulescape.network.transforms import WINOGRAD_KERNEL, input_steps, output_steps, weight_matrix

NUMBER = "winograd_tile"
"""The number by which an ErrorSpec says that its machine computes an operator so."""


def tiles_of(errors: Errors) -> Mapping[str, int]:
    """Outputs of a tile along each axis, by operator, for those that their machine computes so."""
    forward = (spec for (_, role), spec in errors.items() if role == "forward")
    return {spec.operator: int(spec.numbers[NUMBER]) for spec in forward if NUMBER in spec.numbers}


def tile_rows(operator: Operator, samples: Tensor, tile: int) -> Tensor:
    """(taps * groups, batch * tiles, channels of a group): B^T d B of every tile, those at the border with zeros."""
    points, groups = tile + WINOGRAD_KERNEL - 1, int(operator.attributes["groups"])
    (down, across), (height, width) = _counts(operator, tile), samples.shape[2:]
    top, left = operator.window("padding")
    right, bottom = across * tile + 2 - width - left, down * tile + 2 - height - top
    padded = nnf.pad(samples, (left, right, top, bottom))
    blocks = padded.unfold(2, points, tile).unfold(3, points, tile)  # (batch, channels, down, across, points, points)
    by_tap = _both(input_steps, tile, blocks.permute(4, 5, 0, 2, 3, 1))
    split = by_tap.reshape(points**2, -1, groups, samples.shape[1] // groups)
    return split.transpose(1, 2).reshape(points**2 * groups, -1, samples.shape[1] // groups)


def tile_weights(operator: Operator, tensors: Mapping[str, Tensor], tile: int) -> Tensor:
    """(taps * groups, outputs of a group, channels of a group): G g G^T."""
    weight, groups = tensors[f"{operator.name}.weight"], int(operator.attributes["groups"])
    matrix = torch.tensor(weight_matrix(tile), dtype=weight.dtype)
    by_tap = (matrix @ weight @ matrix.T).permute(2, 3, 0, 1)
    return by_tap.reshape(-1, weight.shape[0] // groups, weight.shape[1])


def from_tiles(operator: Operator, products: Tensor, batch: int, tile: int) -> Tensor:
    """(taps * groups, batch * tiles, outputs of a group) to the operator's output: A^T s A, without what was filled."""
    points, (down, across) = tile + WINOGRAD_KERNEL - 1, _counts(operator, tile)
    channels, height, width = operator.out_shape
    by_tap = products.reshape(points, points, -1, batch, down, across, products.shape[-1])
    outputs = _both(output_steps, tile, by_tap)  # (tile, tile, groups, batch, down, across, outputs of a group)
    whole = outputs.permute(3, 2, 6, 4, 0, 5, 1).reshape(batch, channels, down * tile, across * tile)
    return whole[:, :, :height, :width]


def _counts(operator: Operator, tile: int) -> tuple[int, int]:
    return math.ceil(operator.out_shape[1] / tile), math.ceil(operator.out_shape[2] / tile)


def _both(steps: Callable[[int, list[Tensor]], list[Tensor]], tile: int, values: Tensor) -> Tensor:
    """One-dimensional steps along the first axis, then along the second."""
    once = torch.stack(steps(tile, list(values)))
    return torch.stack(steps(tile, list(once.transpose(0, 1)))).transpose(0, 1)
