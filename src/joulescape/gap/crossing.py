"""Where a machine's metric equals its rival's: roots of exact re-pricing over reaches (see `levers`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import elementwise

from joulescape.errors import ResultsError
from joulescape.gap.designs import COSTS, Design
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


Asked = tuple[tuple[str, ...], float | None]
"""Paths that are moved, and the reach; None is the corner."""


@dataclass
class Prices:
    """Machines of one design that were priced with some of its levers moved, by what was moved and how far: contests in
    several metrics ask for the same ones. A reach of NaN is the better end of each lever's sourced range."""

    design: Design
    known: dict[Asked, FloatArray] = field(default_factory=dict)

    def of(self, asked: Sequence[tuple[Move, float]]) -> FloatArray:
        """COSTS of every machine that is asked for, shape (asked, costs)."""
        keys = [_key(move, reach) for move, reach in asked]
        fresh = {key: one for key, one in zip(keys, asked, strict=True) if key not in self.known}
        is_plain_one = {key: self._is_plain(move) for key, (move, _) in fresh.items()}
        for plain in (False, True):
            self._price({key: one for key, one in fresh.items() if is_plain_one[key] is plain})
        return np.stack([self.known[key] for key in keys])

    def _price(self, fresh: Mapping[Asked, tuple[Move, float]]) -> None:
        if not fresh:
            return
        together = {lever.path: lever for move, _ in fresh.values() for lever in move.levers}
        values = {path: lever.at(_reaches(lever, tuple(fresh.values()))) for path, lever in together.items()}
        self.known.update(zip(fresh, self.design.costs(values, len(fresh)), strict=True))

    def _is_plain(self, move: Move) -> bool:
        return any(is_plain(self.design.typical, lever.path) for lever in move.levers)


def _key(move: Move, reach: float) -> Asked:
    """Nothing is moved at a reach of 1, whatever the move."""
    if reach == 1.0:
        return (), reach
    return tuple(lever.path for lever in move.levers), None if math.isnan(reach) else reach


def _reaches(lever: Lever, asked: Sequence[tuple[Move, float]]) -> FloatArray:
    """Of one lever on every machine: today's (1) where the move leaves it, the corner's where NaN stands."""
    corner = lever.corner_reaches()[0]
    return np.array([1.0 if lever not in move.levers else corner if math.isnan(u) else u for move, u in asked])


@dataclass
class Curves:
    """A design's metric under moves; counts how many machines were asked for."""

    design: Design
    metric: str
    moves: tuple[Move, ...]
    evaluations_count: int = 0
    prices: Prices | None = None

    def values(self, reaches: Any, which: Any) -> FloatArray:
        """The metric at a reach of a move each; `which` indexes `moves`. Arrays of one shape."""
        u, index = np.broadcast_arrays(np.asarray(reaches, dtype=float), np.asarray(which, dtype=int))
        if self.prices is None:
            self.prices = Prices(self.design)
        asked = [(self.moves[at], float(reach)) for at, reach in zip(index.ravel(), u.ravel(), strict=True)]
        self.evaluations_count += len(asked)
        if not asked:
            return np.zeros(u.shape)
        return np.asarray(self.prices.of(asked)[:, COSTS.index(self.metric)].reshape(u.shape))

    def at_corners(self, which: Sequence[int]) -> FloatArray:
        """The metric of these moves with their levers at the better ends of their sourced ranges, shape (which,)."""
        return self.values(np.full(len(which), np.nan), np.array(which, dtype=int))


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
    found, today = np.full(moves.shape, np.nan), (np.ones(which.shape), np.full(which.shape, own))
    for places, (near, far) in (
        (ends & ~leads, ((np.full(which.shape, FREE_REACH), limit), today)), (ends & leads, (today, (worst, at_worst)))
    ):  # fmt: skip
        if places.any():
            at = moves[places]
            found[places] = _roots(curves, at, against[places], ((near[0][at], near[1][at]), (far[0][at], far[1][at])))
    return limit, found


def _roots(curves: Curves, moves: Any, against: FloatArray, ends: _Ends) -> FloatArray:
    """Reaches where own / rival is 1, all at once. Most metrics are straight lines in a reach: where the straight line
    between both ends is right, it is the root; elsewhere the search goes on in what it leaves of the bracket. Every
    root was priced exactly. ResultsError where the search fails."""
    (near, at_near), (far, at_far) = ends
    rise = at_far - at_near
    guess = near + np.divide(against - at_near, rise, out=np.zeros_like(rise), where=rise > 0) * (far - near)
    missed = curves.values(guess, moves) / against - 1
    found, rest = np.asarray(guess), np.flatnonzero(~(np.abs(missed) <= AGREEMENT))
    if rest.size:
        low, high = np.where(missed < 0, guess, near)[rest], np.where(missed < 0, far, guess)[rest]
        found[rest] = _searched(curves, moves[rest], against[rest], (low, high))
    return found


def _searched(curves: Curves, moves: Any, against: FloatArray, bracket: tuple[FloatArray, FloatArray]) -> FloatArray:
    def difference(reaches: FloatArray, which: Any, rival: FloatArray) -> FloatArray:
        return np.asarray(curves.values(reaches, which) / rival - 1)

    found = elementwise.find_root(
        difference, bracket, args=(moves, against), tolerances={"fatol": AGREEMENT}, maxiter=80
    )
    if not np.all(found.success):
        lost = curves.moves[int(moves[np.argmin(found.success)])]
        raise ResultsError(
            f"{curves.metric} of {curves.design.candidate.pair.name} equals its rival's nowhere between the ends of "
            f"{' + '.join(lever.path for lever in lost.levers)}, though it lies on both sides of it"
        )
    return np.asarray(found.x)


_Ends = tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Reach and metric at the end where the metric is less, and at the other one."""
