"""Machines that are far too large for every network of a question: what idles there decides the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil

import numpy as np

from joulescape.errors import Infeasible
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.energy import described_for
from joulescape.pricing.first_look import tried_values
from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import Machine
from joulescape.resolve.settings import leaves, put

SIZES: Mapping[str, str] = {"crossbar": "tiles", "array": "arrays"}
"""The setting of each simulator that says how large the chip is."""
USED = 0.25
"""Below this share of a chip a network leaves most of it idle."""


def idle_machines(space: DesignSpace) -> Iterator[str]:
    """`memristive/isaac: 1 of 168 tiles holds digits_mlp; ...`, one note a machine; named is the largest network.

    Asked are crossbars and arrays whose size the question neither sets nor searches, at the first values of all else.
    """
    for name, plan in space.hardware.items():
        station = plan.back_end.stations[0]
        path = SIZES.get(station.simulator.name)
        if path is None or path in {field.path for field in plan.fields} or path in plan.opened:
            continue
        there = leaves(station.settings)[path]
        pairs = [pair for pair in space.pairs if pair.back_end == name]
        most = ceil(USED * there) - 1
        if not pairs or not all(_fits(space, pair, path, most) for pair in pairs):
            continue
        held = {pair.network: _least(space, pair, path, most) for pair in pairs}
        largest = max(held, key=lambda network: held[network])
        verb = "holds" if held[largest] == 1 else "hold"
        yield (
            f"{name}: {held[largest]} of {there} {path} {verb} {largest}; the rest idles: "
            f"give hardware.{name}.{path} a domain"
        )


def _least(space: DesignSpace, pair: Pair, path: str, most: int) -> int:
    """Fewest tiles or arrays with which the pair keeps the machine's limits, as it does with `most`.

    More of them never break a limit, so that halving finds it.
    """
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(space, pair, path, middle) else (middle, high)
    return high


def _fits(space: DesignSpace, pair: Pair, path: str, count: int) -> bool:
    if count < 1:
        return False
    candidate = space.candidate(tried_values(space, pair)[0])
    try:
        machine, network = _sized(space.machine(candidate), path, count), described_for(space, candidate)
        works = all_works(space, network, training_plan(space, candidate))
        limits = [limit for work in works.values() for limit in machine.limits(network, work)]
    except Infeasible:
        return False
    return all(bool(np.all(np.asarray(limit.overshoot) <= 0)) for limit in limits)


def _sized(machine: Machine, path: str, count: int) -> Machine:
    own = replace(machine.own, settings=put(machine.own.settings, path, count))
    return replace(machine, stations=(own, *machine.stations[1:]))
