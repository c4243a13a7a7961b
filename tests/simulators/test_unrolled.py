"""Unrolled arrays: cycles and fetches against walked loop nests, laws on random layers, switches, what does not fit."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product as every
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import case, energy, number, product, small_loops, vector
from pydantic import ValidationError

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.unrolled.settings import UnrolledSettings
from joulescape.simulators.unrolled.tiles import candidates, choose
from joulescape.simulators.unrolled.unrolling import REUSES, best, cycles, steps, unrollings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator, check_variants

NAMES = ("zhang2015", "qiu2016", "wei2017", "neuflow")
CASES = {name: case(f"electronic/{name}") for name in NAMES}
ZHANG, QIU, WEI, NEUFLOW = CASES.values()
designs = pytest.mark.parametrize("name", NAMES)
FEW = settings(max_examples=20, deadline=None)
CONV = Loops(K=96, C=20, OY=14, OX=14, FY=3, FX=3)


def settings_of(name: str, **changes: Any) -> UnrolledSettings:
    """A design's settings with others by dotted path (dots as double underscores)."""
    found = CASES[name].at({path.replace("__", "."): value for path, value in changes.items()}).settings
    assert isinstance(found, UnrolledSettings)
    return found


def walked(loops: Loops, rows: int, lanes: int) -> int:
    """Steps of 64 x 7 units, one after the other, with every unit's own product; each product is made exactly once."""
    made: set[tuple[int, ...]] = set()
    count = 0
    for k, c, y, x, fy, fx in every(
        range(0, loops.K, rows), range(0, loops.C, lanes),
        range(loops.OY), range(loops.OX), range(loops.FY), range(loops.FX),
    ):  # fmt: skip
        count += 1
        for at_k, at_c in every(range(k, min(k + rows, loops.K)), range(c, min(c + lanes, loops.C))):
            made.add((at_k, at_c, y, x, fy, fx))
    assert len(made) == loops.macs
    return count


@pytest.mark.parametrize("name", NAMES)
def test_designs_keep_the_contract_of_simulators(name: str) -> None:
    check_simulator(CASES[name].simulator, CASES[name].settings)


@given(k=st.integers(1, 9), c=st.integers(1, 9), side=st.integers(1, 4), window=st.integers(1, 3))
@FEW
def test_steps_are_those_of_the_walked_nest(k: int, c: int, side: int, window: int) -> None:
    loops = Loops(K=k, C=c, OY=side, OX=side, FY=window, FX=window)
    assert steps(loops, {"K": 4, "C": 3}, settings_of("zhang2015")) == walked(loops, 4, 3)


@designs
@FEW
@given(loops=small_loops(), grown=st.sampled_from(["B", "G", "K", "C", "OY", "OX", "FY", "FX"]))
def test_laws_of_cost(name: str, loops: Loops, grown: str) -> None:
    machine = CASES[name]
    more = replace(loops, **{grown: getattr(loops, grown) + 1})
    less, greater = (machine.cost(product(work, 16))[0] for work in (loops, more))
    assert 0 < number(less.utilisation_fraction) <= 1 + 1e-9
    assert 0 < number(less.active_units) <= machine.settings.units  # type: ignore[attr-defined]
    assert number(greater.latency_ns) >= number(less.latency_ns) * (1 - 1e-9)
    if best([loops], machine.settings) == best([more], machine.settings):  # type: ignore[arg-type]
        # Loops are chosen for the fewest steps: others may take more energy for less work.
        assert number(energy(greater)) >= number(energy(less)) * (1 - 1e-9)


@FEW
@given(loops=small_loops(9), kib=st.sampled_from([64, 256, 1024]))
def test_a_tile_fits_and_moves_no_less_than_every_operand_once(loops: Loops, kib: int) -> None:
    work, design = product(loops, 32), settings_of("zhang2015", buffer__bytes=kib << 10)
    tile = choose(work, {"K": 64, "C": 7}, design)
    once = 4 * (work.weight.elements + work.input.elements + work.output.elements)
    assert tile.moved_bytes >= once * (1 - 1e-9)
    assert tile.held_bytes <= kib << 10
    roomier = choose(work, {"K": 64, "C": 7}, settings_of("zhang2015", buffer__bytes=kib << 12))
    assert roomier.moved_bytes <= tile.moved_bytes


@pytest.mark.parametrize("window", [1, 3])
def test_fetches_are_those_of_the_walked_tiles(window: int) -> None:
    """Words that a memory of one tile an operand asks for, loop nest by loop nest, are among the candidates' counts."""
    loops = Loops(K=8, C=6, OY=8, OX=8, FY=window, FX=window)
    work, unrolled = product(loops, 32), {"K": 2, "C": 3}
    found = {(round(tile.weight_bytes / 4), round(tile.input_bytes / 4)) for tile in candidates(
        work, unrolled, settings_of("zhang2015"))}  # type: ignore[arg-type]  # fmt: skip
    for rows, channels, order in every((8, 4, 2, 1), (8, 4, 2), ("rows", "outputs")):
        assert refetched(loops, rows, channels, order) in found


def refetched(loops: Loops, rows: int, channels: int, order: str) -> tuple[int, int]:
    """(weights, inputs) fetched by slices of 3 channels, nothing being held longer than until the next slice."""
    outer, inner = range(0, loops.OY, rows), range(0, loops.K, channels)
    pairs = every(outer, inner) if order == "rows" else ((row, k) for k, row in every(inner, outer))
    weights = inputs = 0
    held: dict[str, Any] = {}
    for row, k in pairs:
        for c in range(0, loops.C, 3):
            if held.get("weight") != (k, c):
                weights += channels * 3 * loops.FY * loops.FX
            if held.get("input") != (row, c):
                inputs += 3 * (rows + loops.FY - 1) * (loops.OX + loops.FX - 1)
            held = {"weight": (k, c), "input": (row, c)}
    return weights, inputs


def test_a_fill_is_paid_where_sums_take_more_than_one_pass() -> None:
    design = settings_of("zhang2015")
    unrolled = {"K": 64, "C": 7}
    assert cycles(replace(CONV, C=7), unrolled, 1, design) == steps(replace(CONV, C=7), unrolled, design)  # type: ignore[arg-type]
    assert cycles(CONV, unrolled, 1, design) - steps(CONV, unrolled, design) == 20 * 2 * 3  # type: ignore[arg-type]


def test_double_buffers_hide_transfers() -> None:
    single = ZHANG.at({"buffer.is_double": False})
    (on,), (off,) = ZHANG.cost(product(CONV, 32)), single.cost(product(CONV, 32))
    assert number(off.latency_ns) > number(on.latency_ns)
    moved = sum(number(m.read_bytes) + number(m.write_bytes) for m in off.traffic if m.memory == "off_chip_memory")
    array = cycles(CONV, {"K": 64, "C": 7}, 1, settings_of("zhang2015")) / 0.1
    assert number(off.latency_ns) == pytest.approx(array + number(example_context().off_chip_ns(moved)))


def test_a_systolic_array_gives_each_side_another_operand_to_hand_on() -> None:
    known = list(unrollings(settings_of("wei2017")))
    assert len(known) > 4
    assert all({REUSES[loop] for loop in one} == {"input", "weight", "output"} for one in known)
    loose = list(unrollings(settings_of("wei2017", hands_on=False)))
    assert len(loose) > len(known)


def test_the_automatic_mapping_is_the_best_of_all_fixed_ones() -> None:
    design = settings_of("wei2017")
    layers = [CONV, Loops(K=512, C=512, OY=14, OX=14, FY=3, FX=3), Loops(K=64, C=3, OY=56, OX=56, FY=3, FX=3)]
    total = sum(steps(loops, one, design) for loops, one in zip(layers, best(layers, design), strict=True))
    fixed = [sum(steps(loops, one, design) for loops in layers) for one in unrollings(design)]
    assert total == min(fixed) < max(fixed)
    own = settings_of("wei2017", mapping="per_layer")
    free = sum(steps(loops, one, own) for loops, one in zip(layers, best(layers, own), strict=True))
    assert free == sum(min(steps(loops, one, own) for one in unrollings(own)) for loops in layers) <= total


def test_sides_without_loops_of_their_own_are_refused() -> None:
    with pytest.raises(Infeasible, match="side one of its own"):
        list(unrollings(settings_of("wei2017", loops={"rows": ("K",), "columns": ("K",), "lanes": ("C",)})))
    raw = settings_of("wei2017").model_dump()
    del raw["loops"]["lanes"]
    with pytest.raises(ValidationError, match="lanes"):
        UnrolledSettings.model_validate(raw)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_broadcast_wires_slow_the_clock_as_the_array_grows(scale: int) -> None:
    rows = {"array__rows": 13 * scale}
    near = settings_of("wei2017", **rows)
    far = settings_of("wei2017", **rows, broadcast__is_on=True)
    assert near.cycle_ns == pytest.approx(1 / 0.23185)
    assert far.cycle_ns - near.cycle_ns == pytest.approx(0.1 * math.sqrt(13 * scale * 14 * 16))


def test_a_streaming_convolver_takes_a_cycle_for_each_input_whatever_the_stride() -> None:
    dense = Loops(K=4, C=1, OY=91, OX=91, FY=10, FX=10)
    strided = replace(dense, OY=46, OX=46, stride_y=2, stride_x=2)
    unrolled = {"K": 4, "FY": 10, "FX": 10}
    design, other = settings_of("neuflow"), settings_of("neuflow", streams_inputs=False)
    assert steps(dense, unrolled, design) == 100 * 100 == steps(strided, unrolled, design)  # type: ignore[arg-type]
    assert steps(strided, unrolled, other) == 46 * 46  # type: ignore[arg-type]


def test_connections_set_at_run_time_are_never_slower_than_those_built_once() -> None:
    works = [product(Loops(K=16, C=1, OY=20, OX=20, FY=7, FX=7), 16, layer="one"),
             product(Loops(K=1, C=16, OY=20, OX=20, FY=7, FX=7), 16, layer="two")]  # fmt: skip
    own, once = (sum(number(one.latency_ns) for one in machine.cost(*works)) for machine in (
        NEUFLOW, NEUFLOW.at({"mapping": "unified"})))  # fmt: skip
    assert own < once


@pytest.mark.parametrize("bits", [4, 8])
def test_narrow_weights_shorten_a_dense_layer_that_waits_for_memory(bits: int) -> None:
    def dense(width: int) -> MatrixWork:
        return product(Loops(K=4096, C=4096), width)

    (wide,), (narrow,) = QIU.cost(dense(16)), QIU.cost(dense(bits))
    assert wide.bound_by == narrow.bound_by == "off_chip_memory"
    assert number(wide.latency_ns) / number(narrow.latency_ns) == pytest.approx(16 / bits, rel=0.02)
    plain = QIU.at({"packs_weights": False})
    assert number(plain.cost(dense(bits))[0].latency_ns) == pytest.approx(number(wide.latency_ns))


def test_element_wise_work_runs_beside_the_product_before_it() -> None:
    (found,) = ZHANG.cost(vector(1000))
    assert found.is_beside
    assert number(found.latency_ns) == pytest.approx(math.ceil(1000 / 64) / 0.1)


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    blocks, _, tile, _ = ZHANG.simulator.limits(
        [product(CONV, 32)], settings_of("zhang2015", array__rows=128, buffer__bytes=4096), example_context()
    )
    assert blocks.overshoot == pytest.approx(128 * 7 * 5 / 2800 - 1)
    assert "560 units would fit" in blocks.reason
    assert tile.overshoot > 0
    assert "bytes of block memory" in tile.reason
    needed = int(tile.reason.split("needs ")[1].split()[0])
    enough = settings_of("zhang2015", buffer__bytes=needed)
    assert all(number(limit.overshoot) <= 0 for limit in ZHANG.simulator.limits(
        [product(CONV, 32)], enough, example_context()))  # fmt: skip


def test_sweeps_cost_what_each_variant_costs_alone() -> None:
    swept: dict[str, Any] = {"clock_ghz": [0.1, 0.2, 0.05], "buffer.is_double": [True, False, True],
             "buffer.bytes": [1 << 20, 1 << 22, 1 << 18], "array.rows": [64, 32, 16]}  # fmt: skip
    check_variants(ZHANG.simulator, ZHANG.settings, [product(CONV, 32)], swept)


def test_floating_point_makes_no_errors_and_fixed_point_states_its_widths() -> None:
    from joulescape.testing.examples import example_graph

    graph = example_graph()
    assert ZHANG.simulator.errors(graph, {}, ZHANG.settings) == {}
    found = QIU.simulator.errors(graph, {}, QIU.settings)
    assert {spec.kind for spec in found.values()} == {"fixed_point"}
    assert all(spec.numbers["weight_bits"] == 16 for spec in found.values())
