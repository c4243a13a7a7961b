"""Tiles: all divisors, the running minimum over tiles within a tile, lattices of parts, and elements held."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.lattice import Lattice, factors, lattice
from joulescape.simulators._mapping.layer import DIMS, IRRELEVANT, SLIDING, Layer, Widths, window
from joulescape.simulators._mapping.nest import Nest, tile_of
from joulescape.simulators._mapping.unrolling import span

sizes = st.lists(st.sampled_from([1, 1, 2, 3, 4, 6, 12]), min_size=8, max_size=8).filter(lambda s: math.prod(s) <= 2000)


def tiles_of(found: Lattice) -> list[tuple[int, ...]]:
    return [found.tile(index) for index in range(found.count)]


@given(st.integers(1, 5000))
def test_factors_multiply_back(number: int) -> None:
    assert math.prod(prime**power for prime, power in factors(number)) == number
    assert all(all(prime % d for d in range(2, prime)) for prime, _ in factors(number))


@settings(deadline=None, max_examples=30)
@given(sizes)
def test_tiles_are_all_divisors_in_one_order(bounds: list[int]) -> None:
    found = lattice(tuple(bounds))
    divisors = [[d for d in range(1, bound + 1) if bound % d == 0] for bound in bounds]
    assert sorted(tiles_of(found)) == sorted(itertools.product(*divisors))
    assert np.array_equal(found.tiles.T, np.array(tiles_of(found)))
    assert tiles_of(found)[-1] == tuple(bounds)
    assert np.array_equal(found.cycles, np.prod(found.tiles, axis=0))


@settings(deadline=None, max_examples=30)
@given(sizes, st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_settling_takes_the_least_of_all_tiles_within(bounds: list[int], seed: int, points: int) -> None:
    found = lattice(tuple(bounds))
    values = np.random.default_rng(seed).random((2, found.count, points))
    settled = values.copy().reshape(2, -1)
    found.settle(settled, points)
    within = (found.tiles[:, :, None] % found.tiles[:, None, :] == 0).all(axis=0)
    for index in range(found.count):
        expected = values[:, within[index]].min(axis=1)
        assert np.array_equal(settled.reshape(values.shape)[:, index], expected)


@settings(deadline=None, max_examples=30)
@given(sizes, st.sampled_from(["W", "I"]))
def test_a_part_holds_the_tiles_that_reuse_one_input(bounds: list[int], operand: str) -> None:
    found = lattice(tuple(bounds))
    where = found.only(operand)  # type: ignore[arg-type]
    others = [dim for dim in range(8) if DIMS[dim] not in IRRELEVANT[operand]]  # type: ignore[index]
    expected = [index for index, tile in enumerate(tiles_of(found)) if all(tile[dim] == 1 for dim in others)]
    assert where.tolist() == expected
    assert tiles_of(found.part(operand)) == [found.tile(index) for index in expected]  # type: ignore[arg-type]


@given(st.integers(1, 9), st.integers(1, 7), st.integers(1, 5))
def test_windows_count_distinct_positions(positions: int, taps: int, stride: int) -> None:
    distinct = {stride * o + f for o in range(positions) for f in range(taps)}
    assert window(positions, taps, stride) == len(distinct)
    layer = Layer(Loops(OX=positions, FX=taps, stride_x=stride))
    assert span(layer, SLIDING[1], positions, taps) == len(distinct)


def test_padding_is_not_fetched() -> None:
    padded = Layer(Loops(C=2, OY=12, OX=12, FY=3, FX=3), Widths(), 12, 12)
    assert padded.elements("I") == 2 * 12 * 12
    assert Layer(padded.loops).elements("I") == 2 * 14 * 14


def test_cuts_move_up_over_loops_that_reuse_what_lies_below() -> None:
    nest = Nest((("OX", 4), ("K", 2), ("C", 3), ("OX", 5)), {"O": (1, 2), "W": (0,), "I": (0,)})
    assert nest.merged("O") == (1, 3, 4)
    assert nest.merged("W") == (1, 4)
    assert nest.merged("I") == (0, 4)
    assert nest.stationary("W") == 4
    assert nest.stationary("I") == 1
    assert tile_of(nest.loops) == (1, 1, 2, 3, 1, 20, 1, 1)


@pytest.mark.parametrize(("operand", "level", "run"), [("O", 1, 3), ("W", 0, 4), ("W", 1, 5), ("I", 0, 1)])
def test_runs_of_reuse_on_top_of_a_level(operand: str, level: int, run: int) -> None:
    nest = Nest((("OX", 4), ("K", 2), ("C", 3), ("OX", 5)), {"O": (1, 2), "W": (0,), "I": (0,)})
    assert nest.reusing_run(operand, level) == run  # type: ignore[arg-type]
