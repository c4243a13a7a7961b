"""Where names stand in a chart so that none covers another: Vega-Lite places no labels, so the page does.

A chart is as wide as its column: a place is taken that holds at every one of WIDTHS_PX, from a phone to a wide screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]

WIDTHS_PX = (290.0, 560.0, 780.0)
CHARACTER_PX = 7.4
"""Of the bold face of 12 px that names are set in."""
LINE_PX = 15.0
GAP_PX = 8.0
OVERLAP_PX2 = 60.0
"""Two names may share so much and still be read: a corner of their boxes."""
LIFT_PX = -6.0
"""A name stands so much above its point."""
SHIFTS_PX = (0.0, 21.0, -LINE_PX, 21.0 + LINE_PX, -2 * LINE_PX, 21.0 + 2 * LINE_PX)
"""Further down or up, the nearest first; 21 is under the point."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True)
class Anchor:
    """A name's point: across and down as shares of the plot."""

    across: float
    down: float
    text: str


@dataclass(frozen=True)
class Place:
    """`side` is the alignment of the text: a name aligned left stands right of its point."""

    side: Side
    dy: float


def places(anchors: Sequence[Anchor], height: float) -> list[Place]:
    """A place for every name, the highest first; where no free one is left, that which covers least."""
    found: dict[int, Place] = {}
    for index in sorted(range(len(anchors)), key=lambda at: (anchors[at].down, anchors[at].across)):
        others = [(anchors[at], place) for at, place in found.items()]
        found[index] = min(_candidates(anchors[index]), key=lambda place: _cost(anchors[index], place, others, height))
    return [found[index] for index in range(len(anchors))]


def kept(anchors: Sequence[Anchor], found: Sequence[Place], height: float) -> list[bool]:
    """Which names of a crowd to draw: of two that cover each other even on a wide screen, the higher one."""
    boxes = [box(anchor, place, WIDTHS_PX[-1], height) for anchor, place in zip(anchors, found, strict=True)]
    drawn: set[int] = set()
    for index in sorted(range(len(anchors)), key=lambda at: (anchors[at].down, anchors[at].across)):
        if all(_common(boxes[index], boxes[other]) <= OVERLAP_PX2 for other in drawn):
            drawn.add(index)
    return [index in drawn for index in range(len(anchors))]


def box(anchor: Anchor, place: Place, width: float, height: float) -> Box:
    """Where the name stands on a plot of this size."""
    length = CHARACTER_PX * len(anchor.text)
    left = anchor.across * width + (GAP_PX if place.side == "left" else -GAP_PX - length)
    bottom = anchor.down * height + place.dy
    return left, bottom - LINE_PX, left + length, bottom


def _candidates(anchor: Anchor) -> Iterator[Place]:
    """Inwards first where the point is far to the right."""
    sides: tuple[Side, Side] = ("left", "right") if anchor.across < 0.8 else ("right", "left")
    for shift in SHIFTS_PX:
        yield from (Place(side, LIFT_PX + shift) for side in sides)


def _cost(anchor: Anchor, place: Place, others: Sequence[tuple[Anchor, Place]], height: float) -> float:
    """Covered and clipped area, summed over the widths; equal costs keep the order of the candidates."""
    total = 0.0
    for width in WIDTHS_PX:
        mine = box(anchor, place, width, height)
        inside = _common(mine, (0.0, -LIFT_PX - LINE_PX, width, height))
        total += CHARACTER_PX * len(anchor.text) * LINE_PX - inside
        total += sum(_common(mine, box(other, taken, width, height)) for other, taken in others)
    return round(total, 6)


def _common(one: Box, other: Box) -> float:
    """Area of the overlap of two boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)
