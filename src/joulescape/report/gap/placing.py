"""Where names stand beside their points: Vega-Lite places no labels, so offsets are worked out here, for two widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CAPITAL, SMALL = 7.2, 5.6
"""Widths of capitals and figures, and of small letters and signs, at the size of labels, pixels."""
HEIGHT = 12.0
"""Height of a label, pixels."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, pixels."""


@dataclass(frozen=True)
class Place:
    """Offset of a label's middle from its point; None where no place is free."""

    dx: float
    dy: float


def placed(
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: tuple[float, float],
    most: int,
    reaches: Sequence[float],
) -> list[Place | None]:
    """For every point (pixels from the left and top) the first offset at which its name covers nothing.

    Names are placed in the order given; a name is left out where every offset covers a mark or a name, or leaves the
    chart of `size`; at most `most` are placed. `reaches` are half the sizes of the marks.
    """
    marks = [(x - at, y - at, x + at, y + at) for (x, y), at in zip(points, reaches, strict=True)]
    taken: list[Box] = []
    found: list[Place | None] = []
    for point, name, reach in zip(points, names, reaches, strict=True):
        place = _free(point, name, reach, [*marks, *taken], size) if len(taken) < most and name else None
        found.append(place)
        if place is not None:
            taken.append(_box(point, name, place))
    return found


def _free(
    point: tuple[float, float], name: str, reach: float, others: Sequence[Box], size: tuple[float, float]
) -> Place | None:
    frame = (0.0, 0.0, *size)
    for place in _offsets(_half(name), reach):
        box = _box(point, name, place)
        if _is_inside(box, frame) and not any(_is_over(box, other) for other in others):
            return place
    return None


def _offsets(half: float, reach: float) -> Iterator[Place]:
    """Right, left, above, below, corners; then the same farther out."""
    for gap in (reach + 2.0, reach + 9.0):
        side, up = half + gap, HEIGHT / 2 + gap
        for dx, dy in ((side, 0), (-side, 0), (0, -up), (0, up)):
            yield Place(dx, dy)
        for dx, dy in ((side, -up), (side, up), (-side, -up), (-side, up)):
            yield Place(0.8 * dx, dy)


def _half(name: str) -> float:
    wide = sum(letter.isupper() or letter.isdigit() for letter in name)
    return (CAPITAL * wide + SMALL * (len(name) - wide)) / 2


def _box(point: tuple[float, float], name: str, place: Place) -> Box:
    half = _half(name)
    x, y = point[0] + place.dx, point[1] + place.dy
    return x - half, y - HEIGHT / 2, x + half, y + HEIGHT / 2


def _is_inside(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _is_over(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
