"""Rows of a component table, from which crossbar machines are summed up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Count = Annotated[int, Field(ge=1)]


class TableRow(Shape):
    """One row of a component table: power and area of `count` units together, as the source prints them."""

    count: Count
    power_mw: LowerIsBetter
    area_mm2: LowerIsBetter
