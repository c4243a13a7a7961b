"""The mapper's parts on random small cases: units side by side, room to the bit, ZigZag's steps, known chains."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import EYERISS_LIKE, TPU_LIKE, fits, small
from test_mapping_towers import ACROSS, IDLE, PLAIN, bounds, changed, layers, loops_of, tower, unrolled, worth

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.chain_nest import nest_of, segment
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy
from joulescape.simulators._mapping.known_sweep import KnownSweep
from joulescape.simulators._mapping.lattice import lattice
from joulescape.simulators._mapping.layer import AXIS, DIMS, IRRELEVANT, OPERANDS, Layer, Operand, Widths
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.nest import Nest, tile_of
from joulescape.simulators._mapping.objectives import best_for
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.room import first_limits, sharings
from joulescape.simulators._mapping.rows import rows_of, slots_of
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import ONES, Spatial, Unrolling, distinct, instances, steps_of
from joulescape.simulators._mapping.unrolling_search import KEEPS, Dataflow, map_freely, unrollings, value_of
from joulescape.simulators._mapping.zigzag_latency import Transfer, port_stall
from joulescape.simulators._mapping.zigzag_search import zigzag_best, zigzag_cost

SOME = settings(max_examples=12, deadline=None)
FEW = settings(max_examples=6, deadline=None)
dims = st.sampled_from(["K", "C", "OY", "OX", "FX", "B"])


@given(
    st.builds(Loops, B=st.integers(1, 7), K=st.integers(1, 70), C=st.integers(1, 40), OX=st.integers(1, 50)),
    st.tuples(dims, st.integers(1, 40)), st.tuples(dims, st.integers(1, 40)),
)  # fmt: skip
def test_units_at_work_times_steps_are_all_multiplies(
    loops: Loops, first: tuple[str, int], second: tuple[str, int]
) -> None:
    """Whatever divides or not: a unit that has no work left counts for what it does."""
    spatial = Spatial.of(Layer(loops), TPU_LIKE, (("D1", (first,)), ("D2", (second,))))
    done = spatial.used_units * spatial.cycles
    assert done == pytest.approx(loops.macs) if first[0] != second[0] else done >= loops.macs * (1 - 1e-9)
    assert spatial.used_units <= math.prod(units for _, found in spatial.granted for _, units in found) * (1 + 1e-9)
    up, down = (math.prod(map(math.prod, spatial.used(way).values())) for way in ("up", "down"))  # type: ignore[arg-type]
    assert down <= spatial.used_units * (1 + 1e-9) <= up * (1 + 1e-6)
    drained = sum(math.prod(units for _, units in found) - 1 for _, found in spatial.granted)
    assert spatial.drain_cycles == drained


@given(st.lists(st.sets(st.sampled_from(["a", "b", "c"])), min_size=1, max_size=4), st.tuples(*[st.integers(1, 5)] * 3))
def test_unrolling_between_levels_multiplies_to_all_of_it(serves: list[set[str]], units: tuple[int, ...]) -> None:
    used = tuple(
        (name, (*ONES[:place], float(count), *ONES[place + 1 :]))
        for place, (name, count) in enumerate(zip("abc", units, strict=True))
    )
    steps = steps_of(tuple(tuple(sorted(names)) for names in serves), used)
    assert len(steps) == len(serves) + 1
    assert math.prod(map(math.prod, steps)) == math.prod(units)
    copies = instances(steps)
    assert copies[0] == math.prod(units)
    assert list(copies) == sorted(copies, reverse=True)
    assert all(above == 1 or copies[0] % above == 0 for above in copies)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_rows_that_units_share_are_counted_once(positions: int, taps: int, stride: int, channels: int) -> None:
    layer = Layer(Loops(C=channels, K=4, OY=positions, FY=taps, stride_y=stride))
    factors = list(ONES)
    for dim, units in (("OY", positions), ("FY", taps), ("C", channels), ("K", 4)):
        factors[AXIS[dim]] = float(units)
    rows = {place * stride + tap for place in range(positions) for tap in range(taps)}
    assert distinct(layer, "I", (tuple(factors),)) == channels * len(rows)
    assert distinct(layer, "W", (tuple(factors),)) == channels * 4 * taps
    assert distinct(layer, "O", (tuple(factors),)) == positions * 4


@given(st.sampled_from([TPU_LIKE, EYERISS_LIKE, small((32, 48, 900)), tower(1), tower(4)]))
def test_every_movement_is_bound_to_a_port_and_a_boundary(machine: Hierarchy) -> None:
    rows = rows_of(tuple(machine.levels.items()))
    assert len(set(rows)) == len(rows) == sum(len(memory.bindings) for memory in machine.memories) - 4
    for row in rows:
        assert machine.levels[row.operand][row.at] == row.memory
        assert machine.memories[row.memory].port(row.operand, row.direction) in machine.memories[row.memory].ports
    slots = slots_of(rows)
    assert sorted(index for found in slots.values() for index in found) == list(range(len(rows)))
    assert all(rows[i].operand == slot[0] and rows[i].level == slot[1] for slot, found in slots.items() for i in found)


@given(layers, st.integers(2, 4), unrolled, st.integers(1, 6), st.sampled_from(["never", "always", "free"]))
@SOME
def test_what_is_held_fits_with_every_next_tile(
    layer: Layer, levels: int, unrolling: Unrolling, more: int, buffering: str
) -> None:
    machine = tower(levels, (96 * more, 512 * more, 4096), buffering=buffering)
    found = map_layer(layer, machine, unrolling)
    slots = {(operand, level) for operand in OPERANDS for level in range(levels - 1)}
    assert fits(Frame(found.spatial, "up"), found.nest, found.doubled)
    assert found.doubled <= slots
    assert buffering == "free" or found.doubled == (slots if buffering == "always" else set())


@given(layers, st.integers(1, 40), st.sampled_from(["never", "always"]), unrolled)
@SOME
def test_the_bits_that_a_refusal_asks_for_are_enough_and_one_less_is_not(
    layer: Layer, size: int, buffering: str, unrolling: Unrolling
) -> None:
    machine = tower(3, (size, 4096), buffering=buffering)
    try:
        map_layer(layer, machine, unrolling)
    except Infeasible as error:
        asked = re.search(r"memory level0 of (\d+) bits is too small.* it needs (\d+) bits", error.reason)
        assert asked is not None
        held, needed = map(int, asked.groups())
        assert held == size < needed
        assert size * (1 + error.violation) == pytest.approx(needed)
        assert map_layer(layer, changed(machine, 0, size_bits=needed), unrolling).energy_pj > 0
        with pytest.raises(Infeasible, match="level0"):
            map_layer(layer, changed(machine, 0, size_bits=needed - 1), unrolling)
    else:
        least = sum(sharings(Tiles(Spatial.of(layer, machine, unrolling), "own"))[0].least_bits.values())
        assert least <= size


def test_a_last_memory_that_cannot_hold_the_layer_is_refused_with_what_would() -> None:
    layer = Layer(Loops(K=8, C=8))
    whole = 8 * (64 + 8 + 8)
    with pytest.raises(Infeasible, match=f"level1 of {whole - 1} bits.* it needs {whole} bits"):
        map_layer(layer, changed(tower(2), 1, size_bits=whole - 1), PLAIN)
    assert map_layer(layer, changed(tower(2), 1, size_bits=whole), PLAIN).energy_pj > 0


@given(layers, st.integers(2, 4))
@SOME
def test_limits_leave_each_neighbour_its_least(layer: Layer, levels: int) -> None:
    shared = sharings(Tiles(Spatial.of(layer, tower(levels), IDLE), "own"))
    limits = first_limits(shared)
    for memory in shared:
        for slot in memory.slots:
            others = sum(least for other, least in memory.least_bits.items() if other != slot)
            assert limits[slot] + others == memory.room_bits
            assert limits[slot] >= memory.least_bits[slot]


@given(bounds, st.sampled_from(OPERANDS), st.data())
def test_a_segment_of_loops_leads_from_tile_to_tile_with_reuse_outside(
    counts: list[str], operand: Operand, data: st.DataObject
) -> None:
    tiles = lattice(tuple(getattr(loops_of(counts), dim) for dim in DIMS))
    outer = tiles.tile(data.draw(st.integers(0, tiles.count - 1)))
    inner = tuple(data.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0])) for size in outer)
    loops = segment(inner, outer, operand)
    assert tuple(a * b for a, b in zip(inner, tile_of(loops), strict=True)) == outer
    reusing = [dim in IRRELEVANT[operand] for dim, _ in loops]
    assert reusing == sorted(reusing)


@given(bounds, st.integers(0, 99))
def test_settling_along_every_loop_is_settling(counts: list[str], seed: int) -> None:
    tiles = lattice(tuple(getattr(loops_of(counts), dim) for dim in DIMS))
    values = np.random.default_rng(seed).random((3, tiles.count))
    whole, named, none = values.copy(), values.copy(), values.copy()
    tiles.settle(whole)
    tiles.settle(named, along={dim: (slice(0, 2), slice(2, 3)) for dim in DIMS})
    tiles.settle(none, along={})
    assert (whole == named).all()
    assert (none == values).all()
    assert (whole[:, -1] == values.min(axis=1)).all()


@given(layers, st.sampled_from([PLAIN, IDLE, ACROSS]))
@FEW
def test_totals_of_a_search_are_those_of_its_nest(layer: Layer, unrolling: Unrolling) -> None:
    machine = tower(3)
    search = Search(Quantities(Tiles(Spatial.of(layer, machine, unrolling), "own"), machine, True), 400)
    found = best_for(search, "energy")
    mapped = map_layer(layer, machine, unrolling)
    assert nest_of(search.quantities.tiles.lattice, found.chain).cycles == mapped.spatial.cycles
    assert found.totals[0] == pytest.approx(mapped.energy_pj)
    assert (search.floors <= found.totals * (1 + 1e-9)).all()


@given(layers, st.sampled_from([(16, 24, 256), (32, 48, 900)]), unrolled, st.integers(0, 10**6))
@SOME
def test_no_nest_beats_zigzags_least_energy(
    layer: Layer, sizes: tuple[int, int, int], unrolling: Unrolling, seed: int
) -> None:
    machine, generator = small(sizes), np.random.default_rng(seed)
    spatial = Spatial.of(layer, machine, unrolling)
    try:
        best = zigzag_best(layer, machine, unrolling)
    except Infeasible:
        assume(False)
    primes = [(dim, 2) for dim, size in zip(DIMS, spatial.temporal, strict=True) for _ in range(int(math.log2(size)))]
    for _ in range(20):
        loops = tuple(primes[place] for place in generator.permutation(len(primes)))
        cuts = {
            operand: tuple(sorted(generator.integers(0, len(loops) + 1, len(machine.levels[operand]) - 1).tolist()))
            for operand in OPERANDS
        }
        nest = Nest(loops, cuts)
        if fits(Frame(spatial, "average"), nest):
            assert zigzag_cost(spatial, nest).energy_pj >= best.energy_pj - 1e-6
    assert zigzag_cost(spatial, best.nest) == best
    assert best.edp == best.energy_pj * best.cycles


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 9))
def test_a_port_with_one_transfer_stalls_for_what_it_lacks(real: int, allowed: int, count: int) -> None:
    alone = Transfer(("W", 0), "to_low", (0, 0), real, allowed, 60, count)
    assert port_stall([alone]) == (real - allowed) * (count - 1)
    roomy = replace(alone, allowed=60)
    assert port_stall([roomy, roomy]) >= 2 * roomy.stall
    assert port_stall([replace(roomy, real=60), replace(roomy, real=real)]) >= 0


@given(layers, st.sampled_from(["energy", "edp", "latency"]), st.integers(0, 99))
@FEW
def test_known_chains_are_never_better_than_a_search_nor_below_their_floor(
    layer: Layer, objective: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    machines = [
        changed(tower(2), 0, size_bits=int(96 * factor), read_pj=0.3 * factor) for factor in generator.uniform(1, 4, 4)
    ]
    sweep = KnownSweep(Tiles(Spatial.of(layer, machines[0], PLAIN), "own"), objective)  # type: ignore[arg-type]
    sweep.learn(machines[:2])
    for machine, known in zip(machines, sweep.best(machines), strict=True):
        alone = worth(map_layer(layer, machine, PLAIN, objective), objective)  # type: ignore[arg-type]
        value = {"energy": known.energy_pj, "latency": known.cycles}.get(objective, known.energy_pj * known.cycles)
        assert value >= alone * (1 - 1e-9)
        assert value * (1 - known.gap_fraction) <= alone * (1 + 1e-9)
    assert sweep.searches_count >= 2


@given(bounds, st.sampled_from(sorted(KEEPS)))
@FEW
def test_free_unrolling_and_keeping_is_as_good_as_any_dataflow(counts: list[str], dataflow: Dataflow) -> None:
    layer, machine, every = Layer(loops_of(counts)), tower(2), 10_000
    free = map_freely(layer, machine, "energy", "free", every)
    assert not free.is_truncated
    assert free.unrollings_count >= 1
    if set(unrollings(layer, machine, dataflow)) <= set(unrollings(layer, machine)):
        bound = map_freely(layer, machine, "energy", dataflow, every)
        assert value_of(free.mapped, "energy")[0] <= value_of(bound.mapped, "energy")[0] * (1 + 1e-9)


def test_one_unit_is_an_array_too() -> None:
    machine = replace(tower(2), array=Array((("D1", 1), ("D2", 1)), 0.1))
    found = map_layer(Layer(Loops(K=4, C=4), Widths()), machine, PLAIN)
    assert (found.spatial.used_units, found.spatial.cycles, found.utilisation_fraction <= 1) == (1, 16, True)
