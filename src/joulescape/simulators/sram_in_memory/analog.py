"""Columns that add in the analog domain: how a product falls into macros, and what its reads cost.

A group takes macros by itself: several small ones (depthwise layers) could lie along a diagonal of one macro, but all
their rows would be driven for every column, and full scale would span them all; no chip here is known to do so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Component, Energy
from joulescape.simulators.sram_in_memory.settings import Adc, Analog, SramInMemorySettings


@dataclass(frozen=True)
class Placed:
    """One product in the macros.

    `tiles` = groups x `across` (rows of macros over the reduction) x `down` (columns of macros over the outputs);
    `digits` reads a vector; `converted` conversions and `columns` columns of cells a weight.
    """

    groups: int
    across: int
    down: int
    reduction: int
    outputs: int
    positions: int
    digits: int
    columns: int
    converted: int

    @classmethod
    def of(cls, work: MatrixWork, settings: SramInMemorySettings, analog: Analog) -> Placed:
        """By the work's loops and widths."""
        loops, array = work.loops, settings.array
        columns = columns_per_weight(work.weight.bits, settings, analog)
        return cls(
            groups=loops.G,
            across=math.ceil(loops.reduction / array.rows),
            down=math.ceil(loops.K / (array.columns // columns)),
            reduction=loops.reduction,
            outputs=loops.K,
            positions=loops.positions,
            digits=input_digits(work.input.bits, work.input.is_signed, settings, analog),
            columns=columns,
            converted=1 if analog.is_joined else columns,
        )

    @property
    def tiles(self) -> int:
        """Macros that hold the whole product."""
        return self.groups * self.across * self.down

    @property
    def reads(self) -> int:
        """Reads of one tile for the whole batch."""
        return self.positions * self.digits

    @property
    def cells(self) -> int:
        """Cells that the weights take."""
        return self.groups * self.reduction * self.outputs * self.columns

    @property
    def rows(self) -> int:
        """Rows of cells that all tiles take."""
        return self.groups * self.reduction * self.down

    @property
    def drives(self) -> int:
        """Rows driven, all tiles."""
        return self.reads * self.rows

    @property
    def conversions(self) -> int:
        """Columns converted, all tiles."""
        return self.reads * self.groups * self.across * self.outputs * self.converted

    def turns(self, macros: int) -> int:
        """Rounds in which so many macros take all tiles."""
        return math.ceil(self.tiles / macros)

    def rests(self, macros: int, sets: int) -> int:
        """How often a sum is put down and taken up again: macros and the sets that each holds add up without."""
        return math.ceil(self.across / (macros * sets)) - 1

    def passes(self, macros: int) -> int:
        """How often the inputs are sent: once for every round that holds other outputs of the same rows."""
        return min(self.down, self.turns(macros))


def sum_bits(placed: Placed, bits: float, settings: SramInMemorySettings, analog: Analog) -> int:
    """Of a partial sum: a conversion, shifted by the columns and by the digits that it is not joined over."""
    width = min(math.ceil(bits), settings.widths.input)
    shifts = placed.converted - 1 + max(width - analog.dac_bits, 0)
    return analog.adc.bits + shifts + math.ceil(math.log2(placed.across))


def columns_per_weight(bits: float, settings: SramInMemorySettings, analog: Analog) -> int:
    """Columns of one weight: one a bit; joined columns are wired together and cannot be fewer."""
    most = settings.widths.weight
    return most if analog.is_joined else min(math.ceil(bits), most)


def input_digits(bits: float, is_signed: bool, settings: SramInMemorySettings, analog: Analog) -> int:
    """Reads of one input vector; a signed one in several drives its sign bit in a read of its own."""
    width = min(math.ceil(bits), settings.widths.input)
    if is_signed and width > 1:
        return 1 + math.ceil((width - 1) / analog.dac_bits)
    return math.ceil(width / analog.dac_bits)


def converter_factor(adc: Adc) -> float:
    """Energy of a conversion, and area of a converter, at `bits` over those at `table_bits`."""
    if adc.kind == "sar":
        return adc.bits / adc.table_bits
    return float((2**adc.bits - 1) / (2**adc.table_bits - 1))


def activity(work: MatrixWork, analog: Analog) -> float:
    """Share of a full read's energy in drivers and cells that these inputs cause."""
    if analog.activity == "constant":
        return 1.0
    return work.input.density if analog.activity == "non_zero" else min(1.0, work.input.mean_fraction)


def read_energies(work: MatrixWork, settings: SramInMemorySettings, analog: Analog) -> tuple[Energy, ...]:
    """Drivers, cells, converters and the logic behind them."""
    placed, share, volts = Placed.of(work, settings, analog), activity(work, analog), cv2(analog)
    columns = placed.reads * placed.groups * placed.outputs * placed.columns * placed.reduction / settings.array.rows
    drives, cells = placed.drives * analog.drive_pj.value, columns * analog.column_pj.value
    converted = placed.conversions * converter_factor(analog.adc) * analog.adc.energy_pj.value
    return (
        Energy(Component.of("row_drivers", "core", analog.drive_pj, scales=True), volts * share * drives),
        Energy(Component.of("cells", "core", analog.column_pj, scales=True), volts * share * cells),
        Energy(Component.of("adc", "core", analog.adc.energy_pj, scales=True), volts * converted),
        Energy(
            Component.of("near_memory", "chip", analog.near_pj, scales=True),
            volts * placed.conversions * analog.near_pj.value,
        ),
    )


def cv2(analog: Analog) -> float:
    """Energies at the supply over those at the table's: rule `cv2`."""
    return (analog.supply_v / analog.table_v) ** 2


def converters(settings: SramInMemorySettings, analog: Analog) -> int:
    """Converters of one macro."""
    groups = settings.array.columns // (settings.widths.weight if analog.is_joined else 1)
    return math.ceil(groups / analog.adc.shared_by)


def full_read_pj(settings: SramInMemorySettings, analog: Analog, share: float = 1.0) -> float:
    """Drivers, cells and converters of one macro read once, all rows and columns, at such an activity."""
    array = settings.array
    conversions = array.columns // (settings.widths.weight if analog.is_joined else 1)
    inside = array.rows * analog.drive_pj.value + array.columns * analog.column_pj.value
    return cv2(analog) * (share * inside + conversions * converter_factor(analog.adc) * analog.adc.energy_pj.value)
