"""SRAM of any capacity from a table of macros: energy per byte, leakage and area.

Between the tabulated capacities the quantity is a straight line of its logarithm over log(capacity); beyond the ends
the last segment goes on, except that leakage and area above the largest capacity grow in proportion: such a memory is
many of the largest macros side by side. This is the named scaling rule `sram_capacity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from joulescape.simulators.base import Component, FloatArray, Quantity, Scope
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, Sourced
from joulescape.units import BITS_PER_BYTE

ByCapacity = Annotated[dict[int, Sourced], Better("low"), Field(min_length=2)]
"""One sourced value a capacity in bytes."""


class SramTable(Shape):
    """Macros of one process and cell: energies per word of `word_bits`, leakage and area, by capacity in bytes."""

    node_nm: Annotated[int, Field(ge=7, le=180)]
    word_bits: Annotated[int, Field(ge=1)]
    read_pj: ByCapacity
    write_pj: ByCapacity
    leakage_mw: ByCapacity
    area_mm2: ByCapacity

    @model_validator(mode="after")
    def _positive(self) -> Self:
        for table in (self.read_pj, self.write_pj, self.leakage_mw, self.area_mm2):
            if any(capacity <= 0 or constant.value <= 0 for capacity, constant in table.items()):
                raise ValueError("capacities and values of an SRAM table must be positive")
        return self

    def word_read_pj(self, capacity_bytes: Quantity) -> Quantity:
        """Energy of reading one word of `word_bits`."""
        return interpolated(self.read_pj, capacity_bytes)

    def read_pj_per_byte(self, capacity_bytes: Quantity) -> Quantity:
        """Energy of reading one byte of a macro of this capacity, whole words being used."""
        return self.word_read_pj(capacity_bytes) * BITS_PER_BYTE / self.word_bits

    def write_pj_per_byte(self, capacity_bytes: Quantity) -> Quantity:
        """Energy of writing one byte."""
        return interpolated(self.write_pj, capacity_bytes) * BITS_PER_BYTE / self.word_bits

    def leakage(self, capacity_bytes: Quantity) -> Quantity:
        """Leakage power in mW."""
        return repeated(self.leakage_mw, capacity_bytes)

    def area(self, capacity_bytes: Quantity) -> Quantity:
        """Area in mm2."""
        return repeated(self.area_mm2, capacity_bytes)

    def component(self, name: str, scope: Scope = "chip") -> Component:
        """A buffer built of these macros, as cost tables name it."""
        return Component.of(name, scope, next(iter(self.read_pj.values())), scales=True)


def interpolated(table: Mapping[int, Sourced], capacity_bytes: Quantity) -> Quantity:
    """Value at a capacity: log-log interpolation, end segments extended; broadcasts over variants."""
    capacities = sorted(table)
    x = np.log(np.asarray(capacities, dtype=float))
    y = np.log(np.asarray([table[capacity].value for capacity in capacities], dtype=float))
    wanted = np.log(np.asarray(capacity_bytes, dtype=float))
    segment = np.clip(np.searchsorted(x, wanted, side="right") - 1, 0, len(x) - 2)
    slope = (y[segment + 1] - y[segment]) / (x[segment + 1] - x[segment])
    values: FloatArray = np.exp(y[segment] + slope * (wanted - x[segment]))
    return float(values) if values.ndim == 0 else values


def repeated(table: Mapping[int, Sourced], capacity_bytes: Quantity) -> Quantity:
    """The same, but in proportion to the capacity above the largest tabulated one."""
    copies = np.maximum(np.asarray(capacity_bytes, dtype=float) / max(table), 1.0)
    one = interpolated(table, np.minimum(capacity_bytes, max(table)))
    values = np.asarray(one * copies)
    return float(values) if values.ndim == 0 else values
