"""Cycles of one product: parallel, bit-serial, or skipping zeros."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.stats import binom

from joulescape.network.operators import Loops
from joulescape.simulators.nfu.settings import NfuSettings


def steps(loops: Loops, settings: NfuSettings) -> int:
    """Rounds of all tiles over the outputs, groups one after the other."""
    return loops.G * math.ceil(loops.K / (settings.tiles * settings.unit.filters))


def bricks(loops: Loops, settings: NfuSettings) -> int:
    """Groups of `lanes` input channels in one window."""
    return loops.FY * loops.FX * math.ceil(loops.C / settings.unit.lanes)


def product_cycles(loops: Loops, settings: NfuSettings, bits: float, density: float, is_data: bool) -> float:
    """Cycles of a whole product; `bits` and `density` are of its inputs, `is_data` where these enter the network."""
    window: float = bricks(loops, settings)
    if settings.inputs == "serial":
        return steps(loops, settings) * serial_cycles(loops.positions, window, settings, bits)
    if settings.inputs == "non_zero" and not is_data:
        window = lane_cycles(bricks(loops, settings), settings.unit.lanes, density)
    return steps(loops, settings) * loops.positions * window


def serial_cycles(positions: int, window: float, settings: NfuSettings, bits: float) -> float:
    """Windows side by side, a bit of each input a cycle: time in proportion to the bits.

    Where windows are too few (a dense layer has one) weights change with every input: never slower than in parallel.
    """
    together = math.ceil(positions / settings.unit.windows) * window * min(math.ceil(bits), settings.unit.width)
    return min(together, positions * window)


@lru_cache(maxsize=4096)
def lane_cycles(window: int, lanes: int, density: float) -> float:
    """Mean cycles of a window whose lanes skip zeros: all wait for the one with most non-zero inputs.

    E[max of `lanes` binomials of `window` trials] = sum over k of 1 - F(k)^lanes; at least one cycle a window.
    """
    below = binom.cdf(np.arange(window), window, density)
    return float(max(np.sum(1.0 - below**lanes), 1.0))
