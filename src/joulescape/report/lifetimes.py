"""Energy of a whole life, E(N) = E(once) + N E(inference): which of several machines needs the least over N inferences.

`once` is what is spent before the first inference: the training run, and writing the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulescape.report import theme

SPLITS = (0.1, 0.5, 0.9)
"""Shares of inference in the energy of a life whose number of inferences is told; 0.9 is the split often quoted."""


LARGE = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"))
BEYOND_WORDS = 1e15


@dataclass(frozen=True)
class Life:
    """One design's energies in J."""

    name: str
    once: float
    each: float

    def energy(self, inferences: float) -> float:
        """Of a life of so many inferences."""
        return self.once + inferences * self.each

    def share(self, inferences: float) -> float:
        """Share of inference in it."""
        return inferences * self.each / self.energy(inferences)

    def inferences_at(self, share: float) -> float:
        """Inferences after which inference has taken so much of the energy: N = share / (1 - share) once / each."""
        return share / (1 - share) * self.once / self.each


@dataclass(frozen=True)
class Reign:
    """A design needs the least energy from so many inferences on; the last reign has no end."""

    name: str
    start: float
    energy: float
    """Of the life at whose start it takes over, in J."""


def reigns(lives: Sequence[Life]) -> list[Reign]:
    """Who needs the least, from one inference on; of equals the one that stands first."""
    at, found = 1.0, list[Reign]()
    leader = min(lives, key=lambda life: (life.energy(at), life.each), default=None)
    while leader is not None:
        found.append(Reign(leader.name, at, leader.energy(at)))
        later = [(_crossing(leader, life), life.each, place) for place, life in enumerate(lives)]
        ahead = [(start, each, place) for start, each, place in later if start is not None and start > at]
        if not ahead:
            return found
        at, _, place = min(ahead)
        leader = lives[place]
    return found


def _crossing(leader: Life, life: Life) -> float | None:
    """From so many inferences on `life` needs less than `leader`; None where it never does."""
    if life.each >= leader.each:
        return None
    start = (life.once - leader.once) / (leader.each - life.each)
    return start if math.isfinite(start) else None


def count_text(inferences: float) -> str:
    """`364 inferences`, `30,700 inferences`, `1.07 million inferences`: three figures."""
    shown = float(f"{inferences:.2e}")
    power, word = next(((power, word) for power, word in LARGE if shown >= power), (1.0, ""))
    if shown >= BEYOND_WORDS:
        return f"{shown:.2e} inferences"
    number = theme.significant(shown / power) if word else f"{shown:,.0f}"
    return f"{number}{word} inference{'' if number == '1' else 's'}"


def sentence(lives: Sequence[Life]) -> str:
    """`Below 1.20 M inferences a needs the least energy of training and use, above it b.`"""
    known = reigns(lives)
    if len(lives) < 2 or not known:
        return ""
    first, need = known[0].name, "needs the least energy of training and use together"
    if len(known) == 1:
        return f"{first} {need}, however long its life."
    ends = [count_text(reign.start) for reign in known[1:]]
    between = "".join(f"; from there to {end}, {reign.name}" for reign, end in zip(known[1:-1], ends[1:], strict=True))
    return f"Below {ends[0]}, {first} {need}{between}; above that, {known[-1].name}."
