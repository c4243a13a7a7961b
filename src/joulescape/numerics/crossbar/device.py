"""Plain numbers of a crossbar, typed, and what cells really hold after they were programmed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from joulescape.network.error_spec import ErrorSpec


@dataclass(frozen=True)
class CrossbarNumbers:
    """The numbers of an ErrorSpec of kind `crossbar` that a read needs; sigmas are fractions of the top conductance.

    `adc_bits` and `adc_clip_fraction` are those of whatever reads a column: a counter where `is_counted`.
    """

    rows: int
    columns: int
    weight_bits: int
    input_bits: int
    cell_bits: int
    cell_copies: int
    dac_bits: int
    adc_bits: int
    adc_clip_fraction: float
    is_counted: bool
    is_differential: bool
    programming_sigma_fraction: float
    read_sigma_fraction: float
    stuck_off_fraction: float
    stuck_on_fraction: float
    g_on_msiemens: float
    on_off_ratio: float
    wire_kohm: float

    @classmethod
    def of(cls, errors: ErrorSpec) -> Self:
        """From a spec; KeyError names a number that it lacks."""
        casts = {"int": int, "bool": bool, "float": float}
        return cls(**{field.name: casts[str(field.type)](errors.numbers[field.name]) for field in fields(cls)})

    @property
    def top_level(self) -> int:
        """Highest level of one cell: 2^cell_bits - 1."""
        return int(2**self.cell_bits - 1)

    @property
    def slice_count(self) -> int:
        """Cells of one weight (of one half of a differential pair)."""
        bits = max(1, self.weight_bits - 1) if self.is_differential else max(2, self.weight_bits)
        return -(-bits // self.cell_bits)

    @property
    def slice_weights(self) -> Tensor:
        """Significance of each slice, (slices,): 2^(cell_bits * s)."""
        return (2.0**self.cell_bits) ** torch.arange(self.slice_count, dtype=torch.float32)

    @property
    def level_span(self) -> float:
        """Share of the top conductance between the lowest and the highest level: 1 - 1 / on_off_ratio."""
        return 1 - 1 / self.on_off_ratio

    @property
    def read_sigma_levels(self) -> float:
        """Read noise of what one converter sees of one weight, in levels: copies average, both cells of a pair add."""
        cells = (2 if self.is_differential else 1) / self.cell_copies
        return self.read_sigma_fraction * self.top_level / self.level_span * math.sqrt(cells)

    @property
    def has_ideal_cells(self) -> bool:
        """Whether every cell holds exactly its level."""
        imperfections = (self.programming_sigma_fraction, self.stuck_off_fraction, self.stuck_on_fraction)
        return not any(imperfections) and not self.wire_kohm


def program_cells(
    levels: Tensor, numbers: CrossbarNumbers, generator: torch.Generator, writing: torch.Generator | None = None
) -> Tensor:
    """What cells of integer `levels` (tiles, rows, columns) hold, in levels: programming error, faults, IR drop.

    G = clip(target + sigma * G_max * N(0, 1), 0); a stuck cell stands at either end; currents lose what wires drop.
    Parallel copies of a cell are drawn each for itself and averaged. Which cells are stuck is drawn from `generator`,
    what a write misses from `writing`, where that is another stream.
    """
    if numbers.has_ideal_cells:
        return levels
    copies = [_one_copy(levels, numbers, generator, writing or generator) for _ in range(numbers.cell_copies)]
    held = copies[0] if len(copies) == 1 else torch.stack(copies).mean(dim=0)
    return attenuate(held, numbers) if numbers.wire_kohm else held


def _one_copy(levels: Tensor, numbers: CrossbarNumbers, generator: torch.Generator, writing: torch.Generator) -> Tensor:
    top, span = numbers.top_level, numbers.level_span
    held = levels
    if numbers.programming_sigma_fraction:
        sigma = numbers.programming_sigma_fraction * top / span
        noise = torch.randn(levels.shape, generator=writing)
        held = (levels + sigma * noise).clamp_(min=-top / (span * numbers.on_off_ratio))
    if numbers.stuck_off_fraction or numbers.stuck_on_fraction:
        chance = torch.rand(levels.shape, generator=generator)
        held = torch.where(chance < numbers.stuck_off_fraction, torch.zeros(()), held)
        held = torch.where(chance > 1 - numbers.stuck_on_fraction, torch.full((), float(top)), held)
    return held


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


def attenuate(held: Tensor, numbers: CrossbarNumbers) -> Tensor:
    """Levels (tiles, rows, columns) as the wires let them through; a matrix wider than the array goes on in the next.

    One gain a tile (its mean loss, known after programming) is calibrated away, as is the current of the off-state.
    """
    tiles, rows, width = held.shape
    columns = min(numbers.columns, width)
    g_off = numbers.g_on_msiemens / numbers.on_off_ratio
    per_level = (numbers.g_on_msiemens - g_off) / numbers.top_level
    blocks = pad(held, (0, -width % columns)).reshape(tiles, rows, -1, columns).transpose(1, 2) * per_level + g_off
    effective = wire_loss(blocks, numbers.wire_kohm)
    gain = blocks.sum(dim=(1, 2, 3), keepdim=True) / effective.sum(dim=(1, 2, 3), keepdim=True)
    levels = (effective * gain - g_off) / per_level
    return levels.transpose(1, 2).reshape(tiles, rows, -1)[..., :width].contiguous()
