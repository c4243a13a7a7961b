"""Energy, latency, or their product: which chain is best, and how far from the best it could be at most.

Energy adds up along a chain, so one search is exact. Latency is the longest of several lanes that add up: the search
plays lanes against chains. Each round weighs energy and lanes, finds the chain of least weighted sum (exactly), and
learns two things: a chain to keep if it is better, and a line alpha E + beta L >= m below which no mapping lies. The
product (or L) at the best corner of all lines bounds every mapping; rounds end when the best chain meets that bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from joulescape.simulators._mapping.chain_search import Chain
from joulescape.simulators._mapping.closing import Closing, Weighted
from joulescape.simulators._mapping.lattice import Floats
from joulescape.simulators._mapping.search import Search

Objective = Literal["energy", "latency", "edp"]

Line = tuple[float, float, float]
"""(alpha, beta, m) of a bound alpha E + beta L >= m."""

TOLERANCE = 1e-9
"""Relative gap below which a mapping counts as the best."""


@dataclass(frozen=True)
class Found:
    """The best chain found; no mapping can have less than `bound` of the objective's `value`."""

    chain: Chain
    totals: Floats
    value: float
    bound: float
    mappings_count: int

    @property
    def gap_fraction(self) -> float:
        """By how much the objective could still fall, at most."""
        return max(0.0, 1 - self.bound / self.value)


def best_for(
    search: Search, objective: Objective, most_rounds: int = 6, most_mappings: int = 0, enough_fraction: float = 0.0
) -> Found:
    """The best chain for an objective; Infeasible when nothing fits the memories."""
    if objective == "energy":
        weights = np.zeros(1 + len(search.quantities.lanes))
        weights[0] = 1.0
        divided = search.best(weights)
        totals = search.totals(divided.chain)
        return Found(divided.chain, totals, divided.chain.cost, divided.bound, divided.runs * search.mappings_per_run)
    played = _Play(search, objective, max(TOLERANCE, enough_fraction))
    found = played.run(most_rounds)
    return found if found.gap_fraction <= TOLERANCE or not most_mappings else played.closed(found, most_mappings)


def floor_value(search: Search, objective: Objective) -> float:
    """The objective at the floors of all quantities; no mapping has less."""
    energy, lanes = float(search.floors[0]), search.floors[1:]
    if objective == "energy":
        return energy
    return float(lanes.max()) * (1.0 if objective == "latency" else energy)


class _Play:
    """Rounds of weights against chains."""

    def __init__(self, search: Search, objective: Objective, enough_fraction: float) -> None:
        self.search = search
        self.objective = objective
        self.enough_fraction = enough_fraction
        floors = search.floors
        self.lines: list[Line] = [(0.0, 1.0, float(floors[1:].max())), (1.0, 0.0, float(floors[0]))]
        self.seen: list[tuple[Chain, Floats]] = []
        self.asked: list[Floats] = []
        self.runs = 0

    def run(self, most_rounds: int) -> Found:
        """Energy alone; time by the lanes that prove too long; then the product's own slope, lanes mixed ever finer.

        The product is asked for with its slope at once: the floors of all lanes bound time well enough.
        """
        self._ask(1.0, np.zeros(len(self.search.quantities.lanes)))
        for _ in range(most_rounds // 3 if self.objective == "latency" else 0):
            if self._found().gap_fraction <= self.enough_fraction:
                return self._found()
            quickest = min((totals for _, totals in self.seen), key=lambda totals: float(totals[1:].max()))
            if not self._ask(0.0, _longest(quickest)):
                break
        played = np.zeros(len(self.search.quantities.lanes))
        for _ in range(most_rounds - most_rounds // 3 if self.objective == "latency" else most_rounds // 3):
            if self._found().gap_fraction <= self.enough_fraction:
                break
            totals = self._best()[1]
            played += _longest(self.seen[-1][1]) + _longest(totals)
            slope = 0.0 if self.objective == "latency" else float(totals[1:].max()) / float(totals[0])
            if not self._ask(slope, played / played.sum()):
                break
        return self._found()

    def _ask(self, alpha: float, lanes: Floats) -> bool:
        """One search: a chain and a line; False where these weights have been asked before."""
        weights = np.concatenate(([alpha], lanes))
        if any(np.array_equal(weights, asked) for asked in self.asked):
            return False
        self.asked.append(weights)
        divided = self.search.best(weights)
        self.runs += divided.runs
        self.seen.append((divided.chain, self.search.totals(divided.chain)))
        self.lines.append((alpha, float(lanes.sum()), divided.bound))
        return True

    def closed(self, found: Found, most_mappings: int) -> Found:
        """Walk whatever could still be better."""
        weighted = [Weighted(weights, self.search.least(weights)) for weights in self.asked]
        power = 0 if self.objective == "latency" else 1
        closed = Closing(self.search, weighted, power, most_mappings).run(found.value)
        count = found.mappings_count + closed.mappings_count
        if closed.chain is None or closed.totals is None:
            return replace(found, bound=max(found.bound, closed.bound), mappings_count=count)
        value = self._value(closed.totals)
        return Found(closed.chain, closed.totals, value, min(value, max(found.bound, closed.bound)), count)

    def _best(self) -> tuple[Chain, Floats]:
        return min(self.seen, key=lambda pair: (self._value(pair[1]), pair[1][0]))

    def _value(self, totals: Floats) -> float:
        latency = float(totals[1:].max())
        return latency if self.objective == "latency" else latency * float(totals[0])

    def _found(self) -> Found:
        chain, totals = self._best()
        energy = 0 if self.objective == "latency" else 1
        bound = least_product(self.lines, energy)
        value = self._value(totals)
        return Found(chain, totals, value, min(bound, value), self.runs * self.search.mappings_per_run)


def _longest(totals: Floats) -> Floats:
    """Shares of one among the longest lanes."""
    lanes = totals[1:]
    longest = (lanes >= lanes.max() * (1 - 1e-12)).astype(float)
    return np.asarray(longest / longest.sum())


def least_product(lines: Sequence[Line], energy_power: int) -> float:
    """Least E^energy_power L over all points above every line: at a corner, for the product is quasi-concave."""
    least_energy = max(((m - 0.0) / a for a, b, m in lines if b == 0 and a > 0), default=0.0)
    least_latency = max((m / b for a, b, m in lines if a == 0 and b > 0), default=0.0)
    if energy_power == 0:
        return least_latency
    corners = [corner for corner in _corners(lines) if _is_above(lines, *corner)]
    return min((energy * latency for energy, latency in corners), default=least_energy * least_latency)


def _corners(lines: Sequence[Line]) -> list[tuple[float, float]]:
    found = []
    for index, (a, b, m) in enumerate(lines):
        for c, d, n in lines[index + 1 :]:
            determinant = a * d - b * c
            if abs(determinant) > 1e-12 * (abs(a * d) + abs(b * c)):
                found.append(((m * d - b * n) / determinant, (a * n - m * c) / determinant))
    return found


def _is_above(lines: Sequence[Line], energy: float, latency: float) -> bool:
    return all(a * energy + b * latency >= m * (1 - 1e-9) for a, b, m in lines)
