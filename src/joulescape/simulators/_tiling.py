"""How a matrix product falls into tiles of a machine that multiplies vectors, `rows` outputs by `columns` inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Area, Limit, Quantity, ceil_div

MOST = 1 << 24
"""Beyond this no number is sought."""

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


def optics_mm2(areas: Iterable[Area]) -> Quantity:
    """Area of what must lie on the chip with the light: the core's parts."""
    return sum(part.area_mm2 for part in areas if part.component.scope == "core")


def reticle_limit(
    areas: Iterable[Area], what: str, remedies: Mapping[str, tuple[Callable[[int], float], int]]
) -> Limit:
    """A machine larger than one chip, and by which of its numbers it would fit.

    `remedies`: by text with a {}, the area as a function of a number, and that number's least value.
    """
    overshoot = optics_mm2(areas) / RETICLE_MM2 - 1.0
    said = f"{what} takes more than the {RETICLE_MM2:g} mm2 of one chip"
    if np.max(overshoot) <= 0:
        return Limit(said, overshoot)
    largest = {text: _largest(area_of, least) for text, (area_of, least) in remedies.items()}
    fits = [text.format(number) for text, number in largest.items() if number is not None]
    return Limit(f"{said}: {', or '.join(fits) or 'none of its numbers alone makes it fit'}", overshoot)


def _largest(area_of: Callable[[int], float], least: int) -> int | None:
    """The largest number at which an area that grows with it fits; None where the least does not."""
    if area_of(least) > RETICLE_MM2:
        return None
    low, high = least, 2 * least
    while area_of(high) <= RETICLE_MM2 and high < MOST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if area_of(middle) <= RETICLE_MM2 else (low, middle)
    return low
