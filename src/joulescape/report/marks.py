"""How a machine is told from the others of its family: hue is the family's; lightness, dash and shape are its own.

The first machine of a family on a page bears the family's own colour, shape and dash, as in every other page; each
further one takes a shade of the same hue, a dash and a shape that no other machine of the page has while there are any
left. The marks are made once a page, from its machines in the order of every list, so that all its charts agree.

A chart says `family`; `worn` makes of it the page's machines. A spec so holds no colours: they come with `worn_config`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report import theme
from joulescape.report.theme import Mode

SHADES: dict[Mode, tuple[tuple[str, ...], ...]] = {
    "light": (
        ("#1f5fae", "#0a2f63", "#5d94dc"),
        ("#c8641a", "#83420f", "#4d2305"),
        ("#3fa07c", "#246b51", "#0b3b2a"),
        ("#7a1f52", "#b04a82", "#cd76a8"),
    ),
    "dark": (
        ("#4c96ee", "#b4d6ff", "#3a6cb4"),
        ("#f0b04a", "#bd8327", "#8f5f16"),
        ("#8ff0cc", "#52b391", "#2e7c60"),
        ("#d2648c", "#f6b3cb", "#a0476a"),
    ),
}
"""By family, the family's own colour first. Shades of one family are at least 11 apart (OKLab, hundredths) to normal,
protan, deutan and tritan eyes, and 3:1 from the page. A family of a plug-in is quiet grey."""

BASE_PATHS = {
    "circle": "M-0.9,0A0.9,0.9,0,1,1,0.9,0A0.9,0.9,0,1,1,-0.9,0Z",
    "triangle-up": "M0,-1L1,0.8L-1,0.8Z",
    "square": "M-0.85,-0.85H0.85V0.85H-0.85Z",
    "diamond": "M0,-1.1L0.9,0L0,1.1L-0.9,0Z",
}
"""The families' own shapes, as paths around 0, for the page's text."""

SHAPES: tuple[str, ...] = (
    "M0,1.2L1.2,-0.96L-1.2,-0.96Z",  # triangle, down
    "M-1.2,-1.2L1.2,-1.2L-1.2,1.2L1.2,1.2Z",  # hourglass
    "M-1.2,0.72A1.2,1.2,0,0,1,1.2,0.72Z",  # half disc
    "M-1.2,0.24L0,-1.08L1.2,0.24V1.08L0,-0.24L-1.2,1.08Z",  # chevron
    "M-1.2,-0.5H1.2V0.5H-1.2Z",  # bar, lying
    "M0,-1.32L0.36,-0.41L1.26,-0.41L0.55,0.19L0.79,1.14L0,0.58L-0.79,1.14L-0.55,0.19L-1.26,-0.41L-0.36,-0.41Z",  # star
    "M-0.96,-1.2L1.2,0L-0.96,1.2Z",  # triangle, right
    "M-1.2,-1.2L-1.2,1.2L1.2,-1.2L1.2,1.2Z",  # bow tie
    "M-1.08,1.08V-1.08A2.16,2.16,0,0,1,1.08,1.08Z",  # quarter disc
    "M-0.5,-1.2H0.5V1.2H-0.5Z",  # bar, upright
    "M0,-1.38L0.36,-0.36L1.38,0L0.36,0.36L0,1.38L-0.36,0.36L-1.38,0L-0.36,-0.36Z",  # star of four
)
"""Shapes of further machines, as paths around 0, a little larger than Vega's own; none is a cross, which stands for the
test split."""

DASHES: tuple[tuple[int, ...], ...] = (
    (10, 3, 2, 3), (14, 4), (2, 5), (8, 3, 2, 3, 2, 3), (5, 6), (16, 3, 5, 3), (1, 3), (4, 2, 1, 2), (12, 8),
)  # fmt: skip
"""Dashes of further machines; not as many as shapes, so that both together repeat late."""


@dataclass(frozen=True)
class Mark:
    """What one machine is drawn with on a whole page."""

    back_end: str
    family: str
    light: str
    dark: str
    shape: str
    """A name that Vega knows, or a path around 0."""
    dash: tuple[int, ...]

    @property
    def path(self) -> str:
        """The shape as a path around 0."""
        return BASE_PATHS.get(self.shape, self.shape)


def marks_of(back_ends: Sequence[tuple[str, str]]) -> tuple[Mark, ...]:
    """A mark for each (machine, family), in their order."""
    known, further = Counter[str](), 0
    made = []
    for name, family in back_ends:
        place, nth = _place(family), known[family]
        colours = _shade("light", place, nth), _shade("dark", place, nth)
        if place is not None and not nth:
            made.append(Mark(name, family, *colours, theme.FAMILY_SHAPES[place], theme.FAMILY_DASHES[place]))
        else:
            made.append(Mark(name, family, *colours, SHAPES[further % len(SHAPES)], DASHES[further % len(DASHES)]))
            further += 1
        known[family] += 1
    return tuple(made)


def _place(family: str) -> int | None:
    return theme.FAMILIES.index(family) if family in theme.FAMILIES else None


def _shade(mode: Mode, place: int | None, nth: int) -> str:
    if place is None:
        return str(theme.colours(mode)["quiet"])
    shades = SHADES[mode][place]
    return shades[nth % len(shades)]


def share_a_family(marks: Sequence[Mark]) -> bool:
    """Whether any two machines are of one family."""
    return len({mark.family for mark in marks}) < len(marks)


def worn(spec: Any, marks: Sequence[Mark]) -> Any:
    """A spec whose encodings of the family by colour, shape and dash are of the machine; other encodings stay."""
    if isinstance(spec, list):
        return [worn(entry, marks) for entry in spec]
    if not isinstance(spec, dict):
        return spec
    ranges = {"color": None, "shape": [mark.shape for mark in marks], "strokeDash": [list(mark.dash) for mark in marks]}
    return {
        key: _by_machine(entry, ranges[key], marks) if key in ranges and _is_family(entry) else worn(entry, marks)
        for key, entry in spec.items()
    }


def _is_family(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("field") == "family"


def _by_machine(entry: Mapping[str, Any], wanted: list[Any] | None, marks: Sequence[Mark]) -> dict[str, Any]:
    """Colours are left to the configuration, which the theme changes."""
    scale: dict[str, Any] = {"domain": [mark.back_end for mark in marks]}
    return {**entry, "field": "back_end", "scale": scale if wanted is None else {**scale, "range": wanted}}


def worn_config(mode: Mode, marks: Sequence[Mark]) -> dict[str, Any]:
    """The configuration of a theme with the machines' colours in place of the families'."""
    found = theme.vega_config(mode)
    return {**found, "range": {**found["range"], "category": [getattr(mark, mode) for mark in marks]}}
