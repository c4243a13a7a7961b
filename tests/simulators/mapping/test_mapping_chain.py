"""The dynamic program against all chains, for costs that mean nothing: only nesting, orders and runs matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.chain_nest import nest_of
from joulescape.simulators._mapping.chain_search import Chain, Tables, best_chain, reached_states, tables
from joulescape.simulators._mapping.lattice import Floats, Lattice, lattice
from joulescape.simulators._mapping.layer import INPUTS, Operand
from joulescape.simulators._mapping.nest import tile_of
from joulescape.simulators._mapping.plan import Plan, plan

BOUNDS = ((1, 1, 2, 1, 1, 2, 1, 1), (2, 1, 2, 2, 1, 1, 1, 1), (1, 1, 4, 1, 1, 3, 1, 1), (1, 1, 1, 4, 1, 2, 1, 1))
ONE = ((False,),)

problems = st.tuples(st.sampled_from(BOUNDS), st.integers(0, 2**32 - 1), st.floats(0, 0.5))


def drawn(bounds: tuple[int, ...], seed: int, closed: float) -> tuple[Lattice, Plan, dict[Operand, Floats], Floats]:
    """A lattice with random costs, some placements forbidden."""
    found, order = lattice(bounds), plan((ONE, ONE, ONE), True)
    generator = np.random.default_rng(seed)
    costs = generator.integers(1, 50, (len(order.placements), found.count)).astype(float)
    costs[generator.random(costs.shape) < closed] = np.inf
    runs: dict[Operand, Floats] = {
        side: generator.integers(1, 50, found.only(side).size).astype(float) for side in INPUTS
    }
    runs["I"][0] = runs["W"][0]
    return found, order, runs, costs


def every_chain(found: Lattice, order: Plan, runs: dict[Operand, Floats], costs: Floats) -> float:
    """Least cost over all orders of three boundaries and one run, and all nested tiles."""
    within = (found.tiles[:, :, None] % found.tiles[:, None, :] == 0).all(axis=0)
    least = np.inf
    for names in itertools.permutations(["O", "W", "I", "run"]):
        for tiles in itertools.product(range(found.count), repeat=4):
            if not all(within[outer, inner] for inner, outer in itertools.pairwise(tiles)):
                continue
            total = 0.0
            for name, tile in zip(names, tiles, strict=True):
                if name == "run":
                    ends = [runs[s][found.only(s).tolist().index(tile)] for s in INPUTS if tile in found.only(s)]
                    total += min(ends, default=np.inf)
                else:
                    index = next(i for i, p in enumerate(order.placements) if p.operand == name)
                    total += costs[index, tile]
            least = min(least, total)
    return least


def cost_of(chain: Chain, found: Lattice, order: Plan, runs: dict[Operand, Floats], costs: Floats) -> float:
    """What a chain costs, boundary by boundary."""
    placed = sum(costs[order.placements.index(placement), tile] for placement, tile in chain.placed)
    return float(placed + runs[chain.keeps][found.only(chain.keeps).tolist().index(chain.register)])


@settings(max_examples=12, deadline=None)
@given(problems)
def test_least_of_all_chains(problem: tuple[tuple[int, ...], int, float]) -> None:
    found, order, runs, costs = drawn(*problem)
    expected = every_chain(found, order, runs, costs)
    if not np.isfinite(expected):
        with pytest.raises(Infeasible):
            best_chain(found, tables(found, order, runs, costs))
        return
    chain = best_chain(found, tables(found, order, runs, costs))
    assert chain.cost == expected
    assert cost_of(chain, found, order, runs, costs) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(problems)
def test_a_chain_is_nested_and_below_its_run_only_loops_of_the_run(problem: tuple[tuple[int, ...], int, float]) -> None:
    found, order, runs, costs = drawn(*problem)
    try:
        chain = best_chain(found, tables(found, order, runs, costs))
    except Infeasible:
        return
    ends = [*(tile for _, tile in chain.below), chain.register, *(tile for _, tile in chain.above), found.count - 1]
    for inner, outer in itertools.pairwise(ends):
        assert all(b % a == 0 for a, b in zip(found.tile(inner), found.tile(outer), strict=True))
    assert all(tile in found.only(chain.keeps) for _, tile in chain.below)
    assert sorted(p.operand for p, _ in chain.placed) == ["I", "O", "W"]


@settings(max_examples=30, deadline=None)
@given(problems)
def test_a_nest_has_the_tiles_of_its_chain(problem: tuple[tuple[int, ...], int, float]) -> None:
    found, order, runs, costs = drawn(*problem)
    try:
        chain = best_chain(found, tables(found, order, runs, costs))
    except Infeasible:
        return
    nest = nest_of(found, chain)
    assert tile_of(nest.loops) == found.sizes
    for placement, index in chain.placed:
        cut = nest.cuts[placement.operand][placement.level]
        assert tile_of(nest.loops[:cut]) == found.tile(index)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(BOUNDS), st.integers(0, 2**31), st.integers(1, 4))
def test_many_sets_of_costs_in_one_pass(bounds: tuple[int, ...], seed: int, points: int) -> None:
    drawings = [drawn(bounds, seed + point, 0.1) for point in range(points)]
    found, order = drawings[0][:2]
    runs = {s: np.stack([d[2][s] for d in drawings], axis=1).astype(np.float32) for s in INPUTS}
    costs = np.stack([d[3] for d in drawings], axis=2).astype(np.float32)
    together = reached_states(found, order, runs, costs)
    alone = [tables(found, order, d[2], d[3]).settled[-1][0, -1] for d in drawings]
    assert together.tolist() == pytest.approx(alone, rel=1e-6)


def test_ties_go_to_the_largest_tile() -> None:
    found, order, runs, costs = drawn(BOUNDS[0], 1, 0.0)
    costs[:] = 1.0
    for side in INPUTS:
        runs[side][:] = 1.0
    chain = best_chain(found, tables(found, order, runs, costs))
    assert found.tile(chain.above[-1][1]) == found.sizes
    assert best_chain(found, tables(found, order, runs, costs)) == chain


def test_tables_hold_one_row_a_state() -> None:
    found, order, runs, costs = drawn(BOUNDS[1], 2, 0.0)
    made: Tables = tables(found, order, runs, costs)
    assert [rows.shape for rows in made.settled] == [(count, found.count) for count in order.ranks]
    for side in INPUTS:
        assert [rows.shape[1] for rows in made.below[side]] == [found.only(side).size] * len(order.ranks)
