"""Tables of tiles against loops read one by one: words, bits held, counts and cycles, in both accountings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, small
from test_mapping_search import UNROLLINGS, layers

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import AXIS, DIMS, IRRELEVANT, OPERANDS, Layer, Widths
from joulescape.simulators._mapping.moved_words import Accounting, Tiles
from joulescape.simulators._mapping.nest import Loop, Nest
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves, words

MACHINE = small((32, 48, 900))


def around(spatial: Spatial, tile: tuple[int, ...]) -> Nest:
    """A nest with every cut on one tile; loops outside it start with one that no operand merges down, if it can."""
    inside: list[Loop] = [(dim, tile[AXIS[dim]]) for dim in DIMS if tile[AXIS[dim]] > 1]
    outside = [(dim, whole // part) for dim, whole, part in zip(DIMS, spatial.temporal, tile, strict=True)]
    loops = (*inside, *((dim, size) for dim, size in outside if size > 1))
    levels = spatial.hierarchy.levels
    return Nest(loops, {op: (len(inside),) * (len(levels[op]) - 1) for op in OPERANDS})


def merges(nest: Nest) -> bool:
    """Whether some operand's tiles grow over loops that reuse them."""
    return any(nest.merged(op)[: len(nest.cuts[op])] != nest.cuts[op] for op in OPERANDS)


@pytest.mark.parametrize("accounting", ["own", "zigzag"])
@settings(max_examples=25, deadline=None)
@given(layer=layers, unrolling=st.sampled_from(UNROLLINGS), seed=st.integers(0, 1000))
def test_words_of_a_tile_are_those_of_its_loops(
    accounting: Accounting, layer: Layer, unrolling: Unrolling, seed: int
) -> None:
    tiles = Tiles(Spatial.of(layer, MACHINE, unrolling), accounting)
    index = seed % tiles.lattice.count
    nest = around(tiles.spatial, tiles.lattice.tile(index))
    if merges(nest):
        return
    moves = Moves.of(tiles.frame, nest)
    own = {(m.operand, m.link, m.memory, m.direction): m for m in OwnCost(moves).movements}
    counted = words(moves)
    for number, row in enumerate(tiles.rows):
        found = np.broadcast_to(tiles.words(number), (tiles.lattice.count,))[index if row.level >= 0 else 0]
        if row.level < 0 and row.operand != "O":
            continue
        if accounting == "zigzag":
            position = ("to_low", "from_low", "to_high", "from_high").index(row.direction)
            assert found == counted[row.operand][row.at][position]
        else:
            move = own.get((row.operand, row.level + 1, row.memory, row.direction))
            assert found == pytest.approx(move.words if move else 0.0)


@settings(max_examples=25, deadline=None)
@given(layer=layers, unrolling=st.sampled_from(UNROLLINGS), seed=st.integers(0, 1000))
def test_bits_held_and_cycles_are_those_of_the_loops(layer: Layer, unrolling: Unrolling, seed: int) -> None:
    tiles = Tiles(Spatial.of(layer, MACHINE, unrolling), "own")
    index = seed % tiles.lattice.count
    nest = around(tiles.spatial, tiles.lattice.tile(index))
    if merges(nest):
        return
    moves = Moves.of(tiles.frame, nest)
    for operand, level in tiles.held:
        assert tiles.held[operand, level][index] == moves.amounts[operand][level + 1]
        assert tiles.repeats[index] == moves.cycles // moves.periods[operand][level + 1]
    for move in OwnCost(moves).movements:
        number = next(
            n for n, r in enumerate(tiles.rows)
            if (r.operand, r.level + 1, r.memory, r.direction) == (move.operand, move.link, move.memory, move.direction)
        )  # fmt: skip
        if move.link:
            assert tiles.single[number][index] == move.cycles
            counts = np.broadcast_to(tiles.counts(tiles.rows[number]), (tiles.lattice.count,))
            assert tiles.single[number][index] * counts[index] == move.cycles * move.count


def test_units_beyond_the_edge_fetch_nothing() -> None:
    """Three rows on two units take two steps of two; the second step's missing row is not an input."""
    tiles = Tiles(Spatial.of(Layer(Loops(B=2, OY=3)), MACHINE, (("D1", (("OY", 2),)),)), "own")
    assert tiles.held["I", 0].max() == 2 * 3


@pytest.mark.parametrize("hierarchy", [TPU_LIKE, EYERISS_LIKE])
def test_rows_name_both_sides_of_every_boundary(hierarchy: Hierarchy) -> None:
    tiles = Tiles(Spatial.of(ALEXNET["conv5"], hierarchy, ()), "own")
    for operand in OPERANDS:
        levels = hierarchy.levels[operand]
        for level in range(len(levels) - 1):
            rows = [tiles.rows[i] for i in tiles.by_slot[operand, level]]
            assert {row.memory for row in rows} == {levels[level], levels[level + 1]}
            assert len(rows) == (4 if operand == "O" else 2)


def test_sums_are_partial_until_the_reduction_is_inside() -> None:
    tiles = Tiles(Spatial.of(ALEXNET["conv5"], TPU_LIKE, K_BY_C), "zigzag")
    whole = [tiles.spatial.temporal[AXIS[dim]] for dim in IRRELEVANT["O"]]
    for index in range(0, tiles.lattice.count, 97):
        tile = tiles.lattice.tile(index)
        finished = [tile[AXIS[dim]] for dim in IRRELEVANT["O"]] == whole
        assert bool(tiles.lattice.finished[index]) == finished
        assert bool(tiles.is_partial(1)[index]) == (not finished)
    assert tiles.width("O", -1) == 16


def test_no_sum_is_read_before_it_was_written() -> None:
    own, zigzag = (Tiles(Spatial.of(ALEXNET["conv5"], TPU_LIKE, K_BY_C), a) for a in ("own", "zigzag"))  # type: ignore
    wanted = ("O", 1, "from_high")
    back = next(i for i, row in enumerate(own.rows) if (row.operand, row.level, row.direction) == wanted)
    assert (own.words(back) <= zigzag.words(back) + 1).all()
    assert own.words(back)[-1] == 0
    assert (own.back_repeats >= 0).all()
    assert (own.back_repeats[own.lattice.finished] == 0).all()


def test_narrow_elements_share_a_fetch() -> None:
    by_width = (Layer(ALEXNET["fc8"].loops, Widths(bits, 8, 16, 8)) for bits in (8, 4))
    wide, narrow = (Tiles(Spatial.of(layer, TPU_LIKE, K_BY_C), "own") for layer in by_width)
    row = next(i for i, row in enumerate(wide.rows) if row.operand == "W" and row.level == 0 and row.is_read)
    assert (narrow.words(row) <= wide.words(row)).all()
    assert narrow.words(row)[-1] == pytest.approx(wide.words(row)[-1] / 2)


def test_tables_are_shared_between_machines_of_one_topology() -> None:
    tiles = Tiles(Spatial.of(ALEXNET["conv4"], TPU_LIKE, K_BY_C), "own")
    first = tiles.words(4)
    other = tiles.on(small((32, 48, 900)))
    assert other.words(4) is first
    assert other.spatial.hierarchy.name == "small"


@pytest.mark.parametrize(("unrolling", "expected"), [
    ((("D1", (("OY", 2),)), ("D2", (("FY", 2),))), 3),
    ((("D1", (("OY", 2),)),), 2),
    ((("D1", (("K", 2),)),), 1),
])  # fmt: skip
def test_windows_side_by_side_share_rows(unrolling: Unrolling, expected: int) -> None:
    layer = Layer(Loops(K=4, OY=4, FY=4))
    frame = Frame(Spatial.of(layer, MACHINE, unrolling), "up")
    assert frame.boosts["I"][0] == expected
