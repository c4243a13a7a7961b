"""The two shores: what networks need over the years, and what chips and memories deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joulescape.report.figure import Figure
from joulescape.report.gap.inputs import StudyTables
from joulescape.report.gap.trend import Trend, trend
from joulescape.report.gap.trend_chart import chart

DELIVERED = ("chip", "memor", "density", "dram", "sram", "machine", "efficiency")
"""A series whose file or name holds one of these is of what chips and memories deliver; any other of networks."""


@dataclass(frozen=True)
class ShoreFacts:
    """Every series of both shores."""

    needs: tuple[Trend, ...]
    delivers: tuple[Trend, ...]
    last_year: int | None
    """The last year of the first fits."""

    @property
    def is_programmable(self) -> bool:
        """Whether programmable logic is among the chips: its makers print no die area."""
        return any(label.startswith("FPGA") for one in self.delivers for label in one.groups)


def facts(given: StudyTables) -> ShoreFacts:
    """Series in the order of the study, parted by what they are of."""
    found = [(name, trend(given, name)) for name in given.series]
    known = [(is_delivered(given.series[name], name), one) for name, one in found if one is not None]
    return ShoreFacts(
        needs=tuple(one for delivered, one in known if not delivered),
        delivers=tuple(one for delivered, one in known if delivered),
        last_year=given.last_year,
    )


def is_delivered(told: Mapping[str, Any], series: str) -> bool:
    """Whether a series is of chips or memories."""
    text = f"{told.get('file', '')} {series}".lower()
    return any(mark in text for mark in DELIVERED)


def figures(found: ShoreFacts) -> tuple[Figure, ...]:
    """One chart a series."""
    return tuple(chart(one) for one in (*found.needs, *found.delivers))
