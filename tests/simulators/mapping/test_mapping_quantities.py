"""What a search adds up along its chain is what the nest costs; rounds and closing agree with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, small
from test_mapping_search import UNROLLINGS, layers

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.chain_nest import nest_of
from joulescape.simulators._mapping.closing import Closing, Weighted
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import TOLERANCE, best_for
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves


def searched(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, timed: bool = True) -> Search:
    """A search in our own accounting."""
    return Search(Quantities(Tiles(Spatial.of(layer, hierarchy, unrolling), "own"), hierarchy, timed), 400)


machines = st.builds(
    small,
    st.tuples(st.sampled_from([16, 32]), st.sampled_from([24, 48]), st.sampled_from([256, 900])),
    st.sampled_from(["never", "always", "free"]),
    st.sampled_from([8, 32]),
)


@settings(max_examples=40, deadline=None)
@given(layers, machines, st.sampled_from(UNROLLINGS), st.integers(0, 2**31))
def test_totals_of_a_chain_are_those_of_its_nest(
    layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, seed: int
) -> None:
    """Whatever is weighed: energy to rounding; no lane of the nest is longer, for loops may merge further down."""
    search = searched(layer, hierarchy, unrolling)
    weights = np.random.default_rng(seed).random(1 + len(search.quantities.lanes))
    try:
        chain = search.best(weights).chain
    except Infeasible:
        assume(False)
    totals = search.totals(chain)
    doubled = frozenset(placement.slot for placement, _ in chain.placed if placement.is_doubled)
    frame = Frame(search.quantities.tiles.spatial, "up")
    cost = OwnCost(Moves.of(frame, nest_of(search.quantities.tiles.lattice, chain)), doubled)
    assert cost.energy_pj == pytest.approx(totals[0], rel=1e-9)
    for lane, cycles in zip(search.quantities.lanes, totals[1:], strict=True):
        assert cost.lanes.get(lane, 0.0) <= cycles * (1 + 1e-9)
    assert chain.cost == pytest.approx(float(weights @ totals), rel=1e-9)


@pytest.mark.parametrize("hierarchy", [TPU_LIKE, EYERISS_LIKE], ids=lambda h: h.name)
@pytest.mark.parametrize("name", ["conv5", "fc8"])
def test_energy_alone_needs_no_lanes(hierarchy: Hierarchy, name: str) -> None:
    unrolling: Unrolling = (("D1", (("K", 12),)), ("D2", (("C", 12),)))
    plain = best_for(searched(ALEXNET[name], hierarchy, unrolling, timed=False), "energy")
    timed = best_for(searched(ALEXNET[name], hierarchy, unrolling), "energy")
    assert plain.value == pytest.approx(timed.value, rel=1e-12)
    assert plain.totals.shape == (1,)


def test_every_port_and_both_paths_are_lanes() -> None:
    quantities = searched(ALEXNET["conv5"], TPU_LIKE, K_BY_C).quantities
    ports = {(i, p) for i, memory in enumerate(TPU_LIKE.memories) for p in range(len(memory.ports))}
    assert set(quantities.lanes) == ports | {"W", "I"}
    assert quantities.fixed[1 + quantities.lanes.index("W")] == quantities.tiles.spatial.cycles + 62


@pytest.mark.parametrize("objective", ["edp", "latency"])
@pytest.mark.parametrize("name", ["conv2"])
def test_closing_finds_what_rounds_missed(name: str, objective: str) -> None:
    """From a single round and a bad value, the walk ends at the same optimum as the full search."""
    search = searched(ALEXNET[name], TPU_LIKE, K_BY_C)
    best = best_for(search, objective, 6, 10_000_000)  # type: ignore[arg-type]
    assert best.gap_fraction <= TOLERANCE
    lanes = len(search.quantities.lanes)
    paths = np.zeros(1 + lanes)
    paths[-2:] = 0.5
    asked = [np.eye(1 + lanes)[0], paths]
    weighted = [Weighted(weights, search.least(weights)) for weights in asked]
    power = 1 if objective == "edp" else 0
    closed = Closing(search, weighted, power, 10**9).run(best.value * 1.02)
    assert closed.totals is not None
    value = closed.totals[1:].max() * (closed.totals[0] if power else 1.0)
    assert value == pytest.approx(best.value, rel=1e-6)
    assert closed.bound == pytest.approx(best.value, rel=1e-6)


def test_a_walk_cut_short_leaves_a_bound_below_the_optimum() -> None:
    search = searched(ALEXNET["conv2"], TPU_LIKE, K_BY_C)
    best = best_for(search, "edp", 6, 10_000_000)
    weighted = [Weighted(w, search.least(w)) for w in (np.eye(1 + len(search.quantities.lanes))[0],)]
    closed = Closing(search, weighted, 1, 1).run(best.value * 1.5)
    assert closed.bound <= best.value


@settings(max_examples=15, deadline=None)
@given(layers, machines)
def test_no_round_proves_more_than_the_optimum(layer: Layer, hierarchy: Hierarchy) -> None:
    search = searched(layer, hierarchy, UNROLLINGS[0])
    try:
        exact = best_for(search, "edp", 6, 10_000_000)
    except Infeasible:
        assume(False)
    for rounds in (1, 2, 3, 5):
        rough = best_for(search, "edp", rounds, 0)
        assert rough.bound <= exact.value * (1 + 1e-9)
        assert rough.value >= exact.value * (1 - 1e-9)
