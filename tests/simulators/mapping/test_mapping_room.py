"""Memories shared between operands: limits, branches, truncation, and what cannot be held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.chain_search import Chain
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import Effort, map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.plan import Slot
from joulescape.simulators._mapping.room import Limits, Sharing, divide, first_limits, sharings
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

PLAIN: Unrolling = (("D1", (("K", 2),)), ("D2", (("C", 2),)))
SUMS, INPUTS = ("O", 0), ("I", 0)


def shop(wanted: dict[Slot, list[tuple[float, float]]], shared: tuple[Sharing, ...]) -> float:
    """Least sum of prices over one (bits, price) a slot that fits together."""
    least = float("inf")
    for one in wanted[SUMS]:
        for other in wanted[INPUTS]:
            if one[0] + other[0] <= shared[0].room_bits:
                least = min(least, one[1] + other[1])
    return least


offers = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1, max_size=8)


@given(offers, offers, st.integers(2, 60))
def test_branching_finds_the_best_division(one: list[tuple[int, int]], other: list[tuple[int, int]], room: int) -> None:
    wanted: dict[Slot, list[tuple[float, float]]] = {SUMS: [(1, 200), *one], INPUTS: [(1, 200), *other]}
    shared = (Sharing("buffer", room, {SUMS: 1.0, INPUTS: 1.0}),)
    chosen: dict[int, dict[Slot, float]] = {}

    def search(limits: Limits) -> Chain:
        picks = {}
        for slot, sold in wanted.items():
            fitting = [offer for offer in sold if offer[0] <= limits[slot]]
            if not fitting:
                raise Infeasible("nothing fits", 1.0)
            picks[slot] = min(fitting, key=lambda offer: (offer[1], offer[0]))
        chain = Chain((), len(chosen), "W", (), float(sum(pick[1] for pick in picks.values())))
        chosen[len(chosen)] = {slot: pick[0] for slot, pick in picks.items()}
        return chain

    found = divide(shared, search, lambda chain: chosen[chain.register], 10_000)
    assert found.chain.cost == shop(wanted, shared)
    assert found.bound == found.chain.cost


def test_a_count_of_searches_ends_in_an_answer_that_fits_and_a_bound() -> None:
    shared = (Sharing("buffer", 10.0, {SUMS: 1.0, INPUTS: 1.0}),)
    held: list[dict[Slot, float]] = []

    def search(limits: Limits) -> Chain:
        held.append({slot: float(int(limits[slot])) for slot in (SUMS, INPUTS)})
        return Chain((), len(held) - 1, "W", (), 100.0 - sum(held[-1].values()))

    found = divide(shared, search, lambda chain: held[chain.register], 2)
    assert sum(held[found.chain.register].values()) <= 10
    assert found.bound < found.chain.cost


def test_each_limit_leaves_room_for_the_least_of_the_others() -> None:
    shared = (Sharing("buffer", 100.0, {SUMS: 10.0, INPUTS: 30.0}), Sharing("own", 50.0, {("W", 0): 5.0}))
    assert first_limits(shared) == {SUMS: 70.0, INPUTS: 90.0, ("W", 0): 50.0}


def test_what_lies_in_the_last_memory_is_whole() -> None:
    tiles = Tiles(Spatial.of(ALEXNET["fc8"], TPU_LIKE, K_BY_C), "own")
    last = sharings(tiles)[-1]
    bits = 8 * (4096 * 1000 + 4096 + 1000)
    assert last.room_bits == TPU_LIKE.memories[-1].size_bits - bits
    assert last.slots == ()


def test_keeping_the_next_tile_needs_twice_the_room() -> None:
    layer = Layer(Loops(K=4, C=4))
    for buffering, least in (("never", 8.0), ("always", 16.0)):
        tiles = Tiles(Spatial.of(layer, small((32, 48, 900), buffering), PLAIN), "own")
        assert sharings(tiles)[0].least_bits == {("W", 0): least}


@pytest.mark.parametrize(("sizes", "name"), [((4, 24, 160), "weights"), ((8, 8, 160), "sums"), ((8, 24, 16), "buffer")])
def test_the_memory_that_is_too_small_is_named(sizes: tuple[int, int, int], name: str) -> None:
    with pytest.raises(Infeasible, match=f"memory {name} of ") as caught:
        map_layer(Layer(Loops(K=4, C=4)), small(sizes), PLAIN)
    assert caught.value.violation > 0


def test_exactly_what_is_asked_for_is_enough() -> None:
    layer = Layer(Loops(K=4, C=4))
    with pytest.raises(Infeasible, match=r"needs (\d+) bits") as caught:
        map_layer(layer, small((8, 24, 16)), PLAIN)
    needed = int(str(caught.value).rsplit("needs ", 1)[1].split(" ", maxsplit=1)[0])
    assert map_layer(layer, small((8, 24, needed)), PLAIN).energy_pj > 0


def test_a_division_cut_short_is_marked() -> None:
    layer = Layer(Loops(K=64, C=64, OY=224, OX=224, FY=3, FX=3))
    whole = map_layer(layer, TPU_LIKE, K_BY_C)
    cut = map_layer(layer, TPU_LIKE, K_BY_C, "energy", Effort(most_divisions=2))
    assert not whole.is_truncated
    assert cut.is_truncated
    assert cut.energy_pj >= whole.energy_pj
    assert cut.energy_pj * (1 - cut.gap_fraction) <= whole.energy_pj * (1 + 1e-9)
