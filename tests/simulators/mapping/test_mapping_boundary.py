"""Boundaries keep the quantities that they have: sums, single tiles and floors agree with the full rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE, small
from test_mapping_search import UNROLLINGS, layers

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.chain_search import tables
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.plan import settlings
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import first_limits
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

machines = st.builds(
    small,
    st.tuples(st.sampled_from([16, 32]), st.sampled_from([24, 48]), st.sampled_from([256, 900])),
    st.sampled_from(["never", "always", "free"]),
    st.sampled_from([8, 32]),
)


def searched(layer: Layer, unrolling: Unrolling, timed: bool, hierarchy=TPU_LIKE) -> Search:  # type: ignore[no-untyped-def]
    """A search in our own accounting."""
    return Search(Quantities(Tiles(Spatial.of(layer, hierarchy, unrolling), "own"), hierarchy, timed), 400)


@pytest.mark.parametrize("is_doubled", [False, True])
def test_a_weighted_sum_is_that_of_all_rows(is_doubled: bool) -> None:
    quantities = searched(ALEXNET["conv5"], K_BY_C, True).quantities
    weights = np.random.default_rng(0).random(1 + len(quantities.lanes))
    every = np.arange(quantities.tiles.lattice.count)
    for boundary in quantities.boundaries.values():
        rows = boundary.at(every, is_doubled)
        assert boundary.weighted(weights, is_doubled) == pytest.approx(weights @ rows)
        assert boundary.at(7, is_doubled) == pytest.approx(rows[:, 7])
        if is_doubled:
            assert (rows <= boundary.at(every, False)).all()


@settings(max_examples=25, deadline=None)
@given(layers, machines, st.integers(0, 2**31))
def test_no_chain_is_below_the_floors(layer: Layer, hierarchy, seed: int) -> None:  # type: ignore[no-untyped-def]
    search = searched(layer, UNROLLINGS[0], True, hierarchy)
    weights = np.random.default_rng(seed).random(1 + len(search.quantities.lanes))
    try:
        chain = search.best(weights).chain
    except Infeasible:
        assume(False)
    assert (search.totals(chain) >= search.floors * (1 - 1e-12)).all()


@settings(max_examples=40, deadline=None)
@given(layers, machines, st.sampled_from(UNROLLINGS))
def test_loops_that_gain_nothing_need_not_be_settled(layer: Layer, hierarchy, unrolling: Unrolling) -> None:  # type: ignore[no-untyped-def]
    """The least energy is the same whether states are settled along every loop or only where it may pay."""
    search = searched(layer, unrolling, False, hierarchy)
    lattice, orders = search.quantities.tiles.lattice, search.quantities.orders
    weights = np.ones(1)
    try:
        costs = search._costs(search._weighted(weights), first_limits(search.shared))
    except Infeasible:
        assume(False)
    runs = search._runs(weights)
    few, all_ = (tables(lattice, orders, runs, costs, reuse).settled[-1][0, -1] for reuse in (search._reuse, None))
    assert few == pytest.approx(all_, rel=1e-12)


def test_settling_leaves_out_loops_that_no_boundary_to_come_reuses() -> None:
    search = searched(ALEXNET["conv5"], K_BY_C, False)
    orders, reuse = search.quantities.orders, search._reuse
    assert reuse is not None
    gains = dict(reuse)
    assert set(gains["W", 0]) == {"B", "OY", "OX"}
    assert set(gains["O", 0]) == set(gains["O", 1]) == {"C", "FY", "FX"}
    for rank, along in enumerate(settlings(orders, reuse)):
        for step in orders.steps[rank]:
            for dim in gains[orders.placements[step.placement].slot]:
                assert any(part.start <= step.source < part.stop for part in along[dim])
    assert not any("G" in along for along in settlings(orders, reuse))
