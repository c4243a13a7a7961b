"""Laws of the mapper on towers of one to four memories that all operands share, over random small layers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import BOTH, K_BY_C, OUTPUT_BINDINGS, small

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy, Memory, Port, bind
from joulescape.simulators._mapping.layer import Layer, Operand, Widths
from joulescape.simulators._mapping.mapper import Effort, Mapped, map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.sweep import Sweep
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

SOME = settings(max_examples=12, deadline=None)
FEW = settings(max_examples=8, deadline=None)
EXACT = 1e-9

ROOMS = (96, 512, 4096)
PJ = ((0.3, 0.4), (2.0, 2.5), (9.0, 11.0), (90.0, 110.0))
EVERYTHING = (*bind(("I", "W"), 0), *((o, d, i % 2) for o, d, i in OUTPUT_BINDINGS))
PLAIN: Unrolling = (("D1", (("K", 2),)), ("D2", (("C", 2),)))
IDLE: Unrolling = (("D1", ()), ("D2", ()))
ACROSS: Unrolling = (("D1", (("OY", 2),)), ("D2", (("OX", 2),)))


def tower(levels: int, rooms: tuple[int, ...] = ROOMS, bits: int = 16, buffering: str = "never") -> Hierarchy:
    """So many memories, each for all operands, the innermost one in every unit; the last one never fills."""
    word = (Port("a", bits, 8), Port("b", bits, 8))
    memories = [
        Memory(f"level{n}", 10**9 if n == levels - 1 else rooms[n], *PJ[4 - levels + n if n == levels - 1 else n], word,
               EVERYTHING, () if n == 0 and levels > 1 else BOTH, buffering)  # type: ignore[arg-type]
        for n in range(levels)
    ]  # fmt: skip
    return Hierarchy("tower", Array((("D1", 2), ("D2", 2)), 0.1), tuple(memories))


def changed(hierarchy: Hierarchy, index: int, **fields: object) -> Hierarchy:
    """With one memory changed."""
    memories = list(hierarchy.memories)
    memories[index] = replace(memories[index], **fields)  # type: ignore[arg-type]
    return replace(hierarchy, memories=tuple(memories))


def loops_of(counts: list[str], stride: int = 1) -> Loops:
    """A loop of two for each time that a dimension is named."""
    dims = ("B", "G", "K", "C", "OY", "OX", "FY", "FX")
    return Loops(**{dim: 2 ** counts.count(dim) for dim in dims}, stride_y=stride, stride_x=stride)


bounds = st.lists(st.sampled_from(["B", "G", "K", "C", "OY", "OX", "FY", "FX"]), min_size=2, max_size=5)
layers = st.builds(lambda counts, stride: Layer(loops_of(counts, stride)), bounds, st.integers(1, 2))
towers = st.builds(tower, st.integers(2, 4), buffering=st.sampled_from(["never", "always", "free"]))
timed = st.builds(tower, st.just(2), buffering=st.sampled_from(["never", "always", "free"]))
"""Fewer ways to choose from: a proof of least time or product walks many."""
unrolled = st.sampled_from([PLAIN, IDLE, ACROSS])
objectives = st.sampled_from(["energy", "latency", "edp"])


def worth(found: Mapped, objective: Objective) -> float:
    """What the objective minimises."""
    return {"energy": found.energy_pj, "latency": found.cycles}.get(objective, found.energy_pj * found.cycles)


@given(layers, timed, unrolled, objectives, st.integers(0, 2), st.integers(1, 700))
@FEW
def test_more_room_never_costs(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, objective: Objective, index: int, more: int
) -> None:
    index = min(index, len(machine.memories) - 2)
    larger = changed(machine, index, size_bits=machine.memories[index].size_bits + more)
    before, after = (map_layer(layer, one, unrolling, objective) for one in (machine, larger))
    assert not after.is_truncated
    assert worth(after, objective) <= worth(before, objective) * (1 + EXACT)


@given(layers, timed, unrolled, st.integers(0, 3))
@FEW
def test_a_wider_port_at_the_same_energy_a_bit_costs_no_energy_and_no_time(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, index: int
) -> None:
    index = min(index, len(machine.memories) - 1)
    old = machine.memories[index]
    ports = tuple(replace(port, bits=port.bits * 2) for port in old.ports)
    wider = changed(machine, index, ports=ports, read_pj=old.read_pj * 2, write_pj=old.write_pj * 2)
    narrow, wide = (map_layer(layer, one, unrolling) for one in (machine, wider))
    assert wide.energy_pj == pytest.approx(narrow.energy_pj)
    slow, fast = (map_layer(layer, one, unrolling, "latency") for one in (machine, wider))
    assert fast.cycles <= slow.cycles * (1 + EXACT)


@given(layers, timed, unrolled, st.integers(0, 3), st.floats(0.1, 1.0), objectives)
@FEW
def test_cheaper_reads_never_cost(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, index: int, share: float, objective: Objective
) -> None:
    index = min(index, len(machine.memories) - 1)
    cheaper = changed(machine, index, read_pj=machine.memories[index].read_pj * share)
    before, after = (map_layer(layer, one, unrolling, objective) for one in (machine, cheaper))
    assert worth(after, objective) <= worth(before, objective) * (1 + EXACT)
    assert after.energy_pj >= share * before.energy_pj or objective != "energy"


@given(layers, towers, unrolled, st.floats(0.01, 100.0))
@SOME
def test_energy_is_linear_in_all_energies_and_the_nest_does_not_care(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, factor: float
) -> None:
    memories = tuple(replace(m, read_pj=m.read_pj * factor, write_pj=m.write_pj * factor) for m in machine.memories)
    array = replace(machine.array, unit_pj=machine.array.unit_pj * factor)
    one, other = (map_layer(layer, m, unrolling) for m in (machine, replace(machine, memories=memories, array=array)))
    assert other.energy_pj == pytest.approx(factor * one.energy_pj)


@given(bounds, st.integers(1, 2), timed, objectives)
@FEW
def test_turning_the_picture_changes_nothing(
    counts: list[str], stride: int, machine: Hierarchy, objective: Objective
) -> None:
    turn = {"OY": "OX", "OX": "OY", "FY": "FX", "FX": "FY"}
    turned: Unrolling = (("D1", (("OX", 2),)), ("D2", (("OY", 2),)))
    plain = map_layer(Layer(loops_of(counts, stride)), machine, ACROSS, objective)
    other = map_layer(Layer(loops_of([turn.get(dim, dim) for dim in counts], stride)), machine, turned, objective)
    assert worth(other, objective) == pytest.approx(worth(plain, objective))


@given(bounds, timed, unrolled, st.sampled_from([2, 3]))
@FEW
def test_a_batch_costs_between_one_sample_and_as_many(
    counts: list[str], machine: Hierarchy, unrolling: Unrolling, batch: int
) -> None:
    loops = replace(loops_of(counts), B=1)
    for objective in ("energy", "latency"):
        one = worth(map_layer(Layer(loops), machine, unrolling, objective), objective)  # type: ignore[arg-type]
        many = worth(map_layer(Layer(replace(loops, B=batch)), machine, unrolling, objective), objective)  # type: ignore
        assert one * (1 - EXACT) <= many <= batch * one * (1 + EXACT)


@given(bounds, towers, unrolled, st.sampled_from([2, 3, 4]))
@SOME
def test_groups_are_as_many_layers(counts: list[str], machine: Hierarchy, unrolling: Unrolling, groups: int) -> None:
    """They share no operand, so that nothing is gained by running them together."""
    loops = replace(loops_of(counts), G=1)
    alone = map_layer(Layer(loops), machine, unrolling)
    together = map_layer(Layer(replace(loops, G=groups)), machine, unrolling)
    assert together.energy_pj == pytest.approx(groups * alone.energy_pj)


@given(st.lists(st.sampled_from(["K", "C", "OY", "OX"]), min_size=2, max_size=6), st.integers(1, 4), timed, objectives)
@FEW
def test_a_pointwise_convolution_is_a_dense_layer_with_its_places_as_batch(
    counts: list[str], stride: int, machine: Hierarchy, objective: Objective
) -> None:
    loops = loops_of(counts, stride)
    dense = Loops(B=loops.OY * loops.OX, K=loops.K, C=loops.C)
    one, other = (map_layer(Layer(each), machine, PLAIN, objective) for each in (loops, dense))
    assert worth(one, objective) == pytest.approx(worth(other, objective))


@given(layers, timed, unrolled, objectives, st.sampled_from([("W",), ("I",), ()]))
@FEW
def test_a_unit_that_may_keep_less_is_never_better(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, objective: Objective, keeps: tuple[Operand, ...]
) -> None:
    free = map_layer(layer, machine, unrolling, objective)
    bound = map_layer(layer, machine, unrolling, objective, keeps=keeps)
    assert worth(free, objective) <= worth(bound, objective) * (1 + EXACT)


@given(layers, timed, objectives, st.integers(2, 9))
@FEW
def test_units_asked_for_beyond_array_or_loop_are_not_there(
    layer: Layer, machine: Hierarchy, objective: Objective, units: int
) -> None:
    asked: Unrolling = (("D1", (("K", units),)), ("D2", (("C", units),)))
    wide, plain = (map_layer(layer, machine, unrolling, objective) for unrolling in (asked, PLAIN))
    assert (wide.energy_pj, wide.cycles) == (plain.energy_pj, plain.cycles)
    working = min(2, layer.loops.K) * min(2, layer.loops.C)
    assert wide.spatial.used_units == working
    assert wide.utilisation_fraction <= working / 4


@given(layers, timed, unrolled)
@FEW
def test_the_least_product_lies_between_the_corner_and_both_ends(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling
) -> None:
    energy, latency, product = (map_layer(layer, machine, unrolling, goal) for goal in ("energy", "latency", "edp"))  # type: ignore[arg-type]
    assert energy.energy_pj <= product.energy_pj * (1 + EXACT)
    assert latency.cycles <= product.cycles * (1 + EXACT)
    best = worth(product, "edp")
    assert energy.energy_pj * latency.cycles <= best * (1 + EXACT)
    assert best <= min(worth(energy, "edp"), worth(latency, "edp")) * (1 + EXACT)


@given(layers, timed, unrolled, st.sampled_from(["latency", "edp"]), st.integers(1, 4), st.integers(1, 3))
@FEW
def test_a_search_cut_short_states_a_gap_that_holds_the_optimum(
    layer: Layer, machine: Hierarchy, unrolling: Unrolling, objective: Objective, divisions: int, rounds: int
) -> None:
    short = map_layer(layer, machine, unrolling, objective, Effort(divisions, rounds, 0))
    whole = map_layer(layer, machine, unrolling, objective)
    assert not whole.is_truncated
    least, found = worth(whole, objective), worth(short, objective)
    assert least <= found * (1 + EXACT)
    assert found * (1 - short.gap_fraction) <= least * (1 + EXACT)
    assert short.is_truncated or found == pytest.approx(least)


@given(layers, unrolled, st.integers(64, 300))
@FEW
def test_room_for_the_next_tile_where_it_pays_is_as_good_as_always_or_never(
    layer: Layer, unrolling: Unrolling, room: int
) -> None:
    free, always, never = (
        map_layer(layer, tower(2, (room,), buffering=kind), unrolling, "latency").cycles
        for kind in ("free", "always", "never")
    )
    assert free <= min(always, never) * (1 + EXACT)


@given(layers, st.integers(2, 4), unrolled)
@FEW
def test_a_sweep_finds_for_each_machine_what_a_search_of_it_finds(
    layer: Layer, levels: int, unrolling: Unrolling
) -> None:
    machines = [tower(levels, tuple(room * more for room in ROOMS)) for more in (1, 2, 3, 8)]
    found = Sweep(Tiles(Spatial.of(layer, machines[0], unrolling), "own")).best(machines)
    for machine, winner in zip(machines, found, strict=True):
        assert winner.energy_pj == pytest.approx(map_layer(layer, machine, unrolling).energy_pj, rel=1e-5)


def test_another_process_with_other_hashes_finds_the_same_nest() -> None:
    code = (
        "from mapping_cases import *\nfrom joulescape.simulators._mapping.mapper import map_layer\n"
        "found = map_layer(Layer(Loops(B=2, K=8, C=12, OY=6, FY=3)), small((32, 48, 900)), K_BY_C, 'edp')\n"
        "print((found.nest.loops, sorted(found.nest.cuts.items()), sorted(found.doubled)))\n"
    )
    asked = {"cwd": Path(__file__).parent, "check": True, "capture_output": True, "text": True}
    seeded = {**os.environ, "PYTHONHASHSEED": "77"}
    told = subprocess.run([sys.executable, "-c", code], env=seeded, **asked).stdout  # type: ignore[call-overload]
    found = map_layer(Layer(Loops(B=2, K=8, C=12, OY=6, FY=3)), small((32, 48, 900)), K_BY_C, "edp")
    assert told == f"{(found.nest.loops, sorted(found.nest.cuts.items()), sorted(found.doubled))}\n"


def test_widths_of_sums_are_paid_while_they_are_partial() -> None:
    layer = Layer(Loops(K=4, C=8, OX=4))
    narrow, wide = (map_layer(replace(layer, widths=Widths(8, 8, bits, 8)), tower(2), PLAIN) for bits in (8, 32))
    assert wide.energy_pj > narrow.energy_pj
