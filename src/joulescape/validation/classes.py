"""Classes of published figures: what kind of quantity a name states, and how far a model may be off.

What a formula must reproduce (counts, bits, peak rates, `identity_...`) 0.5 %, time 20 %, energy and power 30 %, area
and off-chip traffic 20 %, buffer traffic 25 %, all else 20 %.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FigureClass:
    """Quantities that are judged alike; a name belongs to the first class with an ending of it."""

    name: str
    endings: tuple[str, ...]
    tolerance_fraction: float
    """Largest |model / published - 1|."""


OTHER = FigureClass("other", (), 0.20)

CLASSES = (
    FigureClass("identity", ("_count", "_bits", "peak_tops", "peak_gops", "_macs", "cycles"), 0.005),
    FigureClass("energy", ("tops_per_w", "gops_per_w", "_pj", "_mw", "_pj_per_bit"), 0.30),
    FigureClass("latency", ("_ns", "tops", "gops"), 0.20),
    FigureClass("area", ("_mm2",), 0.20),
    FigureClass("buffer traffic", ("buffer_bytes",), 0.25),
    FigureClass("off-chip traffic", ("_bytes",), 0.20),
)


def figure_class(what: str) -> FigureClass:
    """The class of a figure, read off its name."""
    if what.startswith("identity_"):
        return CLASSES[0]
    return next((one for one in CLASSES if what.endswith(one.endings)), OTHER)


def tolerance_fraction(what: str) -> float:
    """Largest |model / published - 1| of a figure."""
    return figure_class(what).tolerance_fraction
