"""How a matrix product falls into tiles of a machine that multiplies vectors, `rows` outputs by `columns` inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Area, Limit, Quantity, ceil_div

RETICLE_MM2 = 858.0
"""Largest chip that one exposure makes: 26 mm x 33 mm."""


@dataclass(frozen=True)
class Tiling:
    """One product: `groups` matrices of outputs x reduction, met by `positions` vectors; sizes may be swept."""

    groups: int
    reduction: int
    outputs: int
    positions: int
    rows: int
    columns: int

    @classmethod
    def of(cls, work: MatrixWork, rows: int, columns: int) -> Tiling:
        """The product of a work by its own loop bounds."""
        loops = work.loops
        return cls(loops.G, loops.reduction, loops.K, loops.positions, rows, columns)

    @property
    def across(self) -> int:
        """Tiles along the reduction: their partial sums are added digitally."""
        return int(ceil_div(self.reduction, self.columns))

    @property
    def down(self) -> int:
        """Tiles along the outputs: each reads the same inputs."""
        return int(ceil_div(self.outputs, self.rows))

    @property
    def tiles(self) -> int:
        """Tiles that hold the whole product at once."""
        return self.groups * self.across * self.down

    @property
    def sent(self) -> int:
        """Inputs converted: each meets every tile of its column."""
        return self.groups * self.reduction * self.positions * self.down

    @property
    def received(self) -> int:
        """Partial sums read out."""
        return self.groups * self.outputs * self.positions * self.across

    @property
    def added(self) -> int:
        """Digital additions of partial sums."""
        return self.groups * self.outputs * self.positions * (self.across - 1)


def reticle_limit(areas: Iterable[Area], what: str) -> Limit:
    """A machine larger than one chip."""
    area: Quantity = sum(part.area_mm2 for part in areas)
    return Limit(
        f"{what} takes more than the {RETICLE_MM2:g} mm2 of one chip: fewer or smaller ones would fit",
        area / RETICLE_MM2 - 1.0,
    )
