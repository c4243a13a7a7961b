"""What wires take from the currents of an array: a first-order closed form, and Kirchhoff's law at every node."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_ATTENUATION = 0.77
"""Share of its ideal current that an array must keep for the closed form to miss at most a twentieth of the loss."""


def through_wires(conductance: Tensor, wire_kohm: float, is_nodal: bool = False) -> Tensor:
    """G_eff of arrays (..., rows, columns): closed form, exact where that is out of range or `is_nodal`."""
    arrays = conductance.flatten(0, -3) if conductance.ndim > 2 else conductance[None]
    found = wire_loss(arrays, wire_kohm)
    is_far = (found.sum(dim=(1, 2)) < LEAST_ATTENUATION * arrays.sum(dim=(1, 2))) | is_nodal
    if bool(is_far.any()):
        found[is_far] = nodal_loss(arrays[is_far], wire_kohm)
    return found.reshape(conductance.shape)


def wire_loss(conductance: Tensor, wire_kohm: float) -> Tensor:
    """First-order IR drop: G_eff of arrays (..., rows, columns) in mS, driven from the left and grounded below.

    G_eff = G / (1 + r (Kc G + G Kr)), Kc[i, l] = rows - max(i, l), Kr[j, k] = 1 + min(j, k): every wire segment that a
    cell's current shares with another cell's.
    """
    rows, columns = conductance.shape[-2:]
    row, column = torch.arange(rows), torch.arange(columns)
    shared_column = (rows - torch.maximum(row[:, None], row)).to(conductance)
    shared_row = (1 + torch.minimum(column[:, None], column)).to(conductance)
    return conductance / (1 + wire_kohm * (shared_column @ conductance + conductance @ shared_row))


def nodal_loss(conductance: Tensor, wire_kohm: float) -> Tensor:
    """The exact G_eff (..., rows, columns): current of each grounded column for one volt on each row alone.

    Word lines are eliminated row by row (they meet only in the bit lines), bit lines by block elimination from the top:
    rows * columns^3 operations, in float64.
    """
    arrays = conductance.double().flatten(0, -3) if conductance.ndim > 2 else conductance.double()[None]
    return torch.stack([_nodal(one, 1 / wire_kohm) for one in arrays]).reshape(conductance.shape).to(conductance)


def _nodal(conductance: Tensor, link: float) -> Tensor:
    """One array. With word lines gone, row i of bit lines obeys A_i v_i - L v_(i-1) - L v_(i+1) = b_i u_i; X collects
    the voltages of the lowest row so far for each driven row."""
    rows, columns = conductance.shape
    seen, driven = _word_lines(conductance, link)
    links = link * torch.eye(columns, dtype=torch.float64)
    inverse = torch.linalg.inv(seen[0] + links)
    answers = inverse @ driven[0][:, None]
    for row in range(1, rows):
        inverse = torch.linalg.inv(seen[row] + 2 * links - link**2 * inverse)
        answers = inverse @ torch.cat([link * answers, driven[row][:, None]], dim=1)
    transfer: Tensor = (link * answers).T
    return transfer


def _word_lines(conductance: Tensor, link: float) -> tuple[Tensor, Tensor]:
    """What each word line is to its bit lines: conductances between them (rows, C, C), and the current it brings from
    one volt at its driver (rows, C)."""
    columns = conductance.shape[1]
    line = torch.diag(torch.full((columns,), 2 * link, dtype=torch.float64))
    line[-1, -1] = link
    step = torch.full((columns - 1,), -link, dtype=torch.float64)
    line += torch.diag(step, 1) + torch.diag(step, -1)
    solved = torch.linalg.inv(line + torch.diag_embed(conductance))
    through = conductance[:, :, None] * solved * conductance[:, None, :]
    return torch.diag_embed(conductance) - through, link * conductance * solved[:, :, 0]
