"""Plain numbers of a crossbar, typed, and what cells really hold after they were programmed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.crossbar.ageing import CellLaws, compensation
from joulescape.numerics.crossbar.wires import through_wires

NO_LAWS = CellLaws()
"""Of a device whose errors are the same at every level and age."""


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
    least_step_levels: float = 1.0
    is_analog: bool = False
    activation_sigma_fraction: float = 0.0
    is_remapped_by_sign: bool = False
    is_remapped_by_rows: bool = False
    is_remapped_by_pairs: bool = False
    has_nodal_wires: bool = False
    is_centred: bool = False
    is_leading: bool = False
    speculation_first_bits: int = 0
    speculation_next_bits: int = 0
    laws: CellLaws = NO_LAWS

    @classmethod
    def of(cls, errors: ErrorSpec) -> Self:
        """From a spec; KeyError names a number that it lacks. What has a default is stated only where it differs."""
        casts = {"int": int, "bool": bool, "float": float}
        found = {
            field.name: casts[str(field.type)](errors.numbers[field.name])
            for field in fields(cls)
            if field.name != "laws" and (field.default is MISSING or field.name in errors.numbers)
        }
        return cls(**found, laws=CellLaws.of(errors.numbers))

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
        has_laws = self.laws.has_programming or self.laws.has_age
        return not any(imperfections) and not has_laws and not self.wire_kohm

    @property
    def off_level(self) -> float:
        """Zero conductance, in levels: below the lowest level by the off state."""
        return -self.top_level / (self.level_span * self.on_off_ratio)

    def conductance(self, levels: Tensor) -> Tensor:
        """Levels as shares of the largest conductance."""
        return (levels - self.off_level) / (self.top_level - self.off_level)

    def levels(self, conductance: Tensor) -> Tensor:
        """Shares of the largest conductance as levels."""
        return conductance * (self.top_level - self.off_level) + self.off_level


def program_cells(
    levels: Tensor, numbers: CrossbarNumbers, generator: torch.Generator, writing: torch.Generator | None = None
) -> Tensor:
    """What cells of one array of integer `levels` (tiles, rows, columns) hold, in levels: see `program_arrays`."""
    return program_arrays([levels], numbers, generator, writing)[0]


def program_arrays(
    arrays: Sequence[Tensor],
    numbers: CrossbarNumbers,
    generator: torch.Generator,
    writing: torch.Generator | None = None,
    stuck: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """What cells of integer levels (tiles, rows, columns) hold, in levels: programming error, age, faults, IR drop.

    G = clip(target + sigma * G_max * N(0, 1), 0), then drift and 1/f noise where the device has such laws, less their
    mean where that is compensated; a stuck cell stands at either end; currents lose what wires drop. Parallel copies of
    a cell are drawn each for itself and averaged. Which cells are stuck, and how they age, is drawn from `generator`
    (or `stuck` says where, as `draw_faults` does), what a write misses from `writing`, where that is another stream.
    """
    if numbers.has_ideal_cells:
        return list(arrays)
    faults: Sequence[Tensor | None] = stuck or [None] * len(arrays)
    written = [
        _Written.of(levels, numbers, generator, writing or generator, fault)
        for levels, fault in zip(arrays, faults, strict=True)
    ]
    held = [one.now for one in written]
    if numbers.laws.is_compensated and numbers.laws.has_age:
        now = [numbers.conductance(levels) for levels in held]
        factor = compensation([numbers.conductance(one.before) for one in written], now)
        held = [numbers.levels(g * factor) for g in now]
    return [attenuate(one, numbers) if numbers.wire_kohm else one for one in held]


def draw_faults(levels: Tensor, numbers: CrossbarNumbers, generator: torch.Generator) -> Tensor:
    """Levels at which cells are stuck, (copies, *levels.shape); NaN where a cell works."""
    chance = torch.rand((numbers.cell_copies, *levels.shape), generator=generator)
    works = torch.full((), math.nan)
    off = torch.where(chance < numbers.stuck_off_fraction, torch.zeros(()), works)
    return torch.where(chance > 1 - numbers.stuck_on_fraction, torch.full((), float(numbers.top_level)), off)


@dataclass(frozen=True)
class _Written:
    """Cells as they were written and as they are now, in levels; parallel copies averaged."""

    before: Tensor
    now: Tensor

    @classmethod
    def of(
        cls,
        levels: Tensor,
        numbers: CrossbarNumbers,
        generator: torch.Generator,
        writing: torch.Generator,
        stuck: Tensor | None,
    ) -> Self:
        """Every copy drawn for itself."""
        copies = [
            _one_copy(levels, numbers, generator, writing, None if stuck is None else stuck[copy])
            for copy in range(numbers.cell_copies)
        ]
        before, now = (_mean([copy[k] for copy in copies]) for k in range(2))
        return cls(before, now)


def _mean(copies: Sequence[Tensor]) -> Tensor:
    return copies[0] if len(copies) == 1 else torch.stack(list(copies)).mean(dim=0)


def _one_copy(
    levels: Tensor,
    numbers: CrossbarNumbers,
    generator: torch.Generator,
    writing: torch.Generator,
    stuck: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """(just written, as they are now)."""
    before = _missed(levels, numbers, writing)
    now = before
    if numbers.laws.has_age:
        now = numbers.levels(numbers.laws.aged(numbers.conductance(before), generator))
    if stuck is None and (numbers.stuck_off_fraction or numbers.stuck_on_fraction):
        stuck = draw_faults(levels, replace(numbers, cell_copies=1), generator)[0]
    if stuck is None:
        return before, now
    works = stuck.isnan()
    return torch.where(works, before, stuck), torch.where(works, now, stuck)


def _missed(levels: Tensor, numbers: CrossbarNumbers, writing: torch.Generator) -> Tensor:
    """Levels as a write leaves them: off by the device's law, or by one sigma for all."""
    if numbers.laws.has_programming:
        g = numbers.conductance(levels)
        noise = torch.randn(levels.shape, generator=writing)
        return numbers.levels(noise.mul_(numbers.laws.programming_sigma(g)).add_(g).clamp_(min=0))
    if not numbers.programming_sigma_fraction:
        return levels
    sigma = numbers.programming_sigma_fraction * numbers.top_level / numbers.level_span
    return torch.randn(levels.shape, generator=writing).mul_(sigma).add_(levels).clamp_(min=numbers.off_level)


def attenuate(held: Tensor, numbers: CrossbarNumbers) -> Tensor:
    """Levels (tiles, rows, columns) as the wires let them through; a matrix wider than the array goes on in the next.

    The closed form where it is in range, else every node. One gain a tile (its mean loss, known after programming) is
    calibrated away, as is the current of the off-state.
    """
    tiles, rows, width = held.shape
    columns = min(numbers.columns, width)
    g_off = numbers.g_on_msiemens / numbers.on_off_ratio
    per_level = (numbers.g_on_msiemens - g_off) / numbers.top_level
    blocks = pad(held, (0, -width % columns)).reshape(tiles, rows, -1, columns).transpose(1, 2) * per_level + g_off
    effective = through_wires(blocks, numbers.wire_kohm, numbers.has_nodal_wires)
    gain = blocks.sum(dim=(1, 2, 3), keepdim=True) / effective.sum(dim=(1, 2, 3), keepdim=True)
    levels = (effective * gain - g_off) / per_level
    return levels.transpose(1, 2).reshape(tiles, rows, -1)[..., :width].contiguous()
