"""Cycles of one product: parallel, bit-serial, or skipping zeros."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.nfu.settings import NfuSettings


def output_chips(loops: Loops, settings: NfuSettings) -> int:
    """Chips with outputs of their own: no more than fill their tiles."""
    return min(settings.chips, math.ceil(loops.K / (settings.tiles * settings.unit.filters)))


def copies(loops: Loops, settings: NfuSettings) -> int:
    """How often those chips stand side by side, each with positions of its own."""
    return min(settings.chips // output_chips(loops, settings), loops.positions)


def steps(loops: Loops, settings: NfuSettings) -> int:
    """Rounds of a chip's tiles over its outputs, groups one after the other."""
    chips = output_chips(loops, settings)
    return loops.G * math.ceil(loops.K / (chips * settings.tiles * settings.unit.filters))


def bricks(loops: Loops, settings: NfuSettings) -> int:
    """Groups of `lanes` input channels in one window."""
    return loops.FY * loops.FX * math.ceil(loops.C / settings.unit.lanes)


def product_cycles(work: MatrixWork, settings: NfuSettings, most_copies: int, is_data: bool) -> float:
    """Cycles of a whole product on all chips, of which the busiest sets the pace; `is_data` where the inputs enter the
    network."""
    loops = work.loops
    window = float(bricks(loops, settings))
    each = math.ceil(loops.positions / min(copies(loops, settings), most_copies))
    if settings.inputs == "serial":
        return steps(loops, settings) * serial_cycles(each, window, settings, work.input.bits)
    if settings.inputs == "non_zero" and not is_data:
        window = lane_cycles(bricks(loops, settings), settings.unit.lanes, work.input.density)
    return steps(loops, settings) * each * window


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
    from scipy.stats import binom  # takes longer to import than a question to check

    below = binom.cdf(np.arange(window), window, density)
    return float(max(np.sum(1.0 - below**lanes), 1.0))
