"""Our accounting by hand: a product small enough to count every word and every cycle on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import every_nest, fits, small
from test_mapping_search import PLAIN, UNROLLINGS, layers

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves

MACHINE = small((32, 48, 900))
PRODUCT = Layer(Loops(B=3, K=4, C=4))
"""Three vectors of four by a matrix of four by four, on two by two units: B 3, K 2, C 2 in time."""


def costed(nest: Nest, hierarchy: Hierarchy = MACHINE, *doubled: tuple[str, int]) -> OwnCost:
    """The cost of a nest of the product."""
    frame = Frame(Spatial.of(PRODUCT, hierarchy, PLAIN), "up")
    return OwnCost(Moves.of(frame, nest), frozenset(doubled))  # type: ignore[arg-type]


STATIONARY = Nest((("B", 3), ("C", 2), ("K", 2)), {"O": (0, 2), "W": (1,), "I": (3,)})
"""Weights stay for three vectors; sums wait in the buffer while the reduction is finished; K outermost."""


def words(cost: OwnCost, operand: str, memory: int) -> tuple[float, float]:
    """Words read and written."""
    return cost.words_by_memory()[memory, operand]  # type: ignore[index]


def test_words_of_the_weights() -> None:
    cost = costed(STATIONARY)
    assert words(cost, "W", 3) == (16, 0)  # every weight leaves memory once, a byte a word
    read, written = words(cost, "W", 0)
    assert written == 16 / 2  # register files are two bytes wide: each of four units is given four single bytes
    assert read == 16 / 2  # and read once a weight: the unit keeps it for three vectors


def test_words_of_the_inputs() -> None:
    cost = costed(STATIONARY)
    read, written = words(cost, "I", 2)
    assert written == 12 / 2  # the whole input is fetched once
    assert read == 12 * 2 / 2  # and passes the array once for each of two K steps
    assert words(cost, "I", 3) == (12, 0)


def test_words_of_the_sums() -> None:
    cost = costed(STATIONARY)
    assert words(cost, "O", 3) == (0, 12)  # final outputs of one byte each go out once
    up, back = 12 * 2, 12  # sums of two bytes leave the units twice an output and come back once
    read, written = words(cost, "O", 2)
    assert written == up
    assert read == back + 12 / 2


def test_energy_is_words_times_their_energies() -> None:
    cost = costed(STATIONARY)
    total = sum(
        read * MACHINE.memories[index].read_pj + written * MACHINE.memories[index].write_pj
        for (index, _), (read, written) in cost.words_by_memory().items()
    )
    assert cost.energy_pj == pytest.approx(total + 0.1 * PRODUCT.macs)


def test_cycles_of_the_ports() -> None:
    lanes = costed(STATIONARY).lanes
    assert lanes[3, 0] == 16 + 12 + 12  # bytes over the byte-wide port
    assert lanes[0, 0] == 4  # weights read by each unit
    assert lanes["W"] > 12  # ideal cycles, and what is not covered


def test_room_for_the_next_tile_covers_its_transfer() -> None:
    plain, covered = costed(STATIONARY), costed(STATIONARY, MACHINE, ("W", 0))
    assert covered.energy_pj == plain.energy_pj
    crossing = 4  # four weights, one for each unit, over a byte-wide port
    assert plain.lanes["I"] - covered.lanes["I"] == crossing * (4 - 1)
    assert covered.cycles <= plain.cycles


def test_waits_make_up_the_path() -> None:
    cost = costed(STATIONARY)
    for operand in ("W", "I"):
        ideal = cost.moves.cycles + cost.moves.frame.spatial.drain_cycles
        assert sum(cost.waits(operand).values()) == cost.lanes[operand] - ideal  # type: ignore[index]
    assert cost.waits("W")[3, "W"] == 4 * 4  # four tiles of four bytes over the byte-wide port, none covered


def test_a_layer_that_waits_names_the_memory_and_the_operand() -> None:
    mapped = map_layer(Layer(Loops(K=8, C=8)), MACHINE, PLAIN)
    assert mapped.bound_by == "waiting for dram to move W"


def test_multicast_pays_for_every_copy() -> None:
    wired = replace(MACHINE, memories=tuple(replace(m, wire_pj_per_bit=0.01) for m in MACHINE.memories))
    cost, plain = costed(STATIONARY, wired), costed(STATIONARY)
    inputs = 12 * 2 * 2 * 8  # every input to both columns, for both K steps
    assert cost.wire_pj == pytest.approx(cost.energy_pj - plain.energy_pj)
    assert cost.wire_pj > 0.01 * inputs


def test_longer_wires_are_searched_for() -> None:
    wired = replace(MACHINE, memories=tuple(replace(m, wire_pj_per_bit=0.5) for m in MACHINE.memories))
    layer = Layer(Loops(B=2, K=4, C=4))
    spatial = Spatial.of(layer, wired, PLAIN)
    frame = Frame(spatial, "up")
    tried = [OwnCost(Moves.of(frame, nest)) for nest in every_nest(spatial.temporal, wired) if fits(frame, nest)][::3]
    best = map_layer(layer, wired, PLAIN)
    assert best.energy_pj <= min(cost.energy_pj for cost in tried)


@settings(max_examples=20, deadline=None)
@given(layers, st.sampled_from(UNROLLINGS), st.integers(0, 10_000))
def test_nothing_moves_less_than_it_must(layer: Layer, unrolling: Unrolling, seed: int) -> None:
    """Every weight and input leaves the last memory at least once; every output reaches it at least once."""
    spatial = Spatial.of(layer, MACHINE, unrolling)
    assume(spatial.cycles <= 24)
    nests = list(every_nest(spatial.temporal, MACHINE))
    cost = OwnCost(Moves.of(Frame(spatial, "up"), nests[seed % len(nests)]))
    moved = cost.words_by_memory()
    widths = layer.widths
    assert moved[3, "W"][0] * 8 >= layer.elements("W") * widths.weight - 1e-9
    assert moved[3, "O"][1] * 8 >= layer.elements("O") * widths.output - 1e-9
    assert cost.cycles >= spatial.cycles
    assert all(read >= 0 and written >= 0 for read, written in moved.values())


@settings(max_examples=20, deadline=None)
@given(layers, st.integers(0, 10_000))
def test_covered_transfers_never_cost_time(layer: Layer, seed: int) -> None:
    spatial = Spatial.of(layer, MACHINE, PLAIN)
    assume(spatial.cycles <= 24)
    nests = list(every_nest(spatial.temporal, MACHINE))
    moves = Moves.of(Frame(spatial, "up"), nests[seed % len(nests)])
    slots = [("O", 0), ("O", 1), ("W", 0), ("I", 0)]
    latencies = [OwnCost(moves, frozenset(slots[:count])).cycles for count in range(5)]  # type: ignore[arg-type]
    assert latencies == sorted(latencies, reverse=True)
