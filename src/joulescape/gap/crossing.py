"""Where a machine's metric equals its rival's: roots of exact re-pricing over reaches (see `levers`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import elementwise

from joulescape.errors import ResultsError
from joulescape.gap.designs import Design
from joulescape.gap.levers import Lever, is_plain
from joulescape.simulators.base import FloatArray

WORST, WORST_LOSS = 1e6, 10.0
"""How many times worse than today a machine that leads is allowed to become in the search for where it no longer does;
of losses in dB, which pass every source of light long before."""

FREE_REACH = 1e-9
"""The reach that stands for the limit itself: some models divide by what they cost."""

LEAST_EFFECT = 0.01
"""Share of today's metric below which a lever, at its limit, is not told of unless the study names it."""

AGREEMENT = 1e-8
"""Relative difference of both sides at which they are said to be equal."""


@dataclass(frozen=True)
class Move:
    """Levers that are moved together, by one common factor."""

    levers: tuple[Lever, ...]

    @property
    def worst(self) -> float:
        """The greatest reach that is tried."""
        return WORST_LOSS if any(lever.unit.startswith("dB") for lever in self.levers) else WORST


@dataclass
class Curves:
    """A design's metric under moves; counts how many machines were priced."""

    design: Design
    metric: str
    moves: tuple[Move, ...]
    evaluations_count: int = 0

    def values(self, reaches: Any, which: Any) -> FloatArray:
        """The metric at a reach of a move each; `which` indexes `moves`. Arrays of one shape."""
        u, index = np.broadcast_arrays(np.asarray(reaches, dtype=float), np.asarray(which, dtype=int))
        flat, chosen = u.ravel(), index.ravel()
        found = np.empty(flat.shape)
        plain = np.array([self._is_plain(move) for move in self.moves], dtype=bool)[chosen]
        for places in (np.flatnonzero(~plain), np.flatnonzero(plain)):
            if places.size:
                found[places] = self._priced(flat[places], chosen[places])
        self.evaluations_count += flat.size
        return found.reshape(u.shape)

    def at_corners(self) -> FloatArray:
        """The metric of each move with its levers at the better ends of their sourced ranges, shape (moves,)."""
        return self.values(np.full(len(self.moves), np.nan), np.arange(len(self.moves)))

    def _priced(self, reaches: FloatArray, chosen: Any) -> FloatArray:
        together = {lever.path: lever for index in set(chosen.tolist()) for lever in self.moves[index].levers}
        values = {path: lever.at(self._reaches(lever, reaches, chosen)) for path, lever in together.items()}
        return self.design.values(self.metric, values, reaches.size)

    def _reaches(self, lever: Lever, reaches: FloatArray, chosen: Any) -> FloatArray:
        """Of one lever on every machine: today's (1) where the move leaves it, the corner's where NaN stands."""
        holds = np.array([lever in self.moves[index].levers for index in chosen])
        return np.where(holds, np.where(np.isnan(reaches), lever.corner_reaches()[0], reaches), 1.0)

    def _is_plain(self, move: Move) -> bool:
        return any(is_plain(self.design.typical, lever.path) for lever in move.levers)


def crossings(curves: Curves, own: float, rivals: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Of every move: the metric at its limit, shape (moves,), and the reach at which the design equals each rival,
    shape (moves, rivals); NaN where it does not within the limit, or, for a design that leads, within the worst reach.

    The metric is monotone in a reach: costs fall with every part that is improved.
    """
    which = np.arange(len(curves.moves))
    limit, worst = curves.values(np.full(which.shape, FREE_REACH), which), np.array([m.worst for m in curves.moves])
    moves, against = np.meshgrid(which, np.asarray(rivals, dtype=float), indexing="ij")
    leads = own <= against
    at_worst = curves.values(worst, which) if leads.any() else np.full(which.shape, own)
    ends = np.where(leads, at_worst[:, None] >= against, limit[:, None] <= against)
    found = np.full(moves.shape, np.nan)
    for places in (ends & ~leads, ends & leads):
        if places.any():
            found[places] = _roots(curves, moves[places], against[places], worst if own <= against[places][0] else None)
    return limit, found


def _roots(curves: Curves, moves: Any, against: FloatArray, worst: FloatArray | None) -> FloatArray:
    """Reaches where own / rival is 1, all at once: between the limit and today, or between today and the worst. Most
    metrics are straight lines in a reach, on which the search ends after a few steps; ResultsError where it fails."""
    ends = (FREE_REACH, 1.0) if worst is None else (1.0, worst[moves])

    def difference(reaches: FloatArray, which: Any, rival: FloatArray) -> FloatArray:
        return np.asarray(curves.values(reaches, which) / rival - 1)

    start = tuple(np.broadcast_to(end, against.shape) for end in ends)
    found = elementwise.find_root(difference, start, args=(moves, against), tolerances={"fatol": AGREEMENT}, maxiter=80)
    if not np.all(found.success):
        lost = curves.moves[int(moves[np.argmin(found.success)])]
        raise ResultsError(
            f"{curves.metric} of {curves.design.candidate.pair.name} equals its rival's nowhere between the ends of "
            f"{' + '.join(lever.path for lever in lost.levers)}, though it lies on both sides of it"
        )
    return np.asarray(found.x)
