"""Where a matrix is put in arrays with stuck cells: which way round an output is stored, which row takes which input,
what the partner of a stuck cell holds.

A test of the array tells which cells are stuck and at which end. Errors of slices are weighed by their significance.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

Arrays = Sequence[Tensor]
"""Levels (tiles, rows, N * slices) of one array, or of both arrays of a differential pair."""


def fault_cost(levels: Tensor, stuck: Tensor) -> Tensor:
    """Squared error of each cell, (tiles, rows, columns): `stuck` (copies, ...) are levels, NaN where a cell works."""
    missed = torch.nan_to_num(stuck - levels)
    return missed.mean(dim=0).square_()


def better_negated(arrays: Arrays, stuck: Arrays, significance: Tensor) -> Tensor:
    """Which columns (tiles, 1, N * slices) of a pair err less when its arrays are exchanged; slices stay together."""
    kept = fault_cost(arrays[0], stuck[0]) + fault_cost(arrays[1], stuck[1])
    turned = fault_cost(arrays[1], stuck[0]) + fault_cost(arrays[0], stuck[1])
    slices = len(significance)
    gain = (kept - turned).sum(dim=1).reshape(len(kept), -1, slices) @ significance.square()
    return (gain > 0).repeat_interleave(slices, dim=1)[:, None]


def corrected_pair(arrays: Arrays, stuck: Arrays, top: float) -> list[Tensor]:
    """Targets of a pair in which a working cell makes up for its stuck partner: its level is what leaves the difference
    that was wanted, as far as levels from 0 to `top` go."""
    wanted = arrays[0] - arrays[1]
    found = [_as_held(array, fault) for array, fault in zip(arrays, stuck, strict=True)]
    is_stuck = [(~fault.isnan()).any(dim=0) for fault in stuck]
    first = torch.where(is_stuck[1], (found[1] + wanted).round().clamp(0, top), arrays[0])
    second = torch.where(is_stuck[0], (found[0] - wanted).round().clamp(0, top), arrays[1])
    return [first, second]


def _as_held(levels: Tensor, stuck: Tensor) -> Tensor:
    held: Tensor = torch.where(stuck.isnan(), levels, stuck).mean(dim=0)
    return held


def best_rows(arrays: Arrays, stuck: Arrays, significance: Tensor, inputs: int) -> Tensor:
    """The input that each row takes, (tiles, rows): the assignment of least squared error (Hungarian method).

    Both arrays of a pair are driven by the same rows, and move together. Of the tiles * rows places only `inputs` take
    an input, in order: what a row that nothing drives holds costs nothing, so that the worst rows are left to those.
    """
    weights = significance.square().repeat(arrays[0].shape[2] // len(significance))
    cost = torch.stack([row_costs(a, s, weights) for a, s in zip(arrays, stuck, strict=True)]).sum(dim=0)
    tiles, rows = arrays[0].shape[:2]
    is_driven = (torch.arange(tiles * rows) < inputs).reshape(tiles, 1, rows)
    cost = torch.where(is_driven, cost, torch.zeros(()))
    return torch.stack([torch.as_tensor(linear_sum_assignment(one.numpy())[1]) for one in cost])


def moved_rows(array: Tensor, order: Tensor) -> Tensor:
    """(tiles, rows, columns) with row `order[tile, i]` standing at i."""
    return array.gather(1, order[:, :, None].expand(-1, -1, array.shape[2]))


def row_costs(levels: Tensor, stuck: Tensor, weights: Tensor) -> Tensor:
    """Weighed squared error (tiles, row, input) of every input on every row: sum_c w (mean over copies of what stuck
    cells miss)^2, as `fault_cost` has it: sum_c w (at - share level)^2 with the mean level of stuck copies and their
    share."""
    is_stuck = ~stuck.isnan()
    at, share = torch.nan_to_num(stuck).mean(dim=0), is_stuck.float().mean(dim=0)
    turned = levels.transpose(1, 2)
    first = (weights * at * at).sum(dim=2, keepdim=True)
    cost: Tensor = first - 2 * (weights * at * share) @ turned + (weights * share * share) @ turned.square()
    return cost
