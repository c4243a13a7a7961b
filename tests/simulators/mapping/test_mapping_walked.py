"""Every nest that the mapper returns is walked step by step here, with sets of real elements: the cost is the same."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import every_nest
from test_mapping_towers import IDLE, PLAIN, bounds, layers, loops_of, tower, unrolled

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.explain import explain
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy
from joulescape.simulators._mapping.layer import DIMS, IRRELEVANT, OPERANDS, Layer, Operand, Widths
from joulescape.simulators._mapping.mapper import Mapped, map_layer
from joulescape.simulators._mapping.nest import Loop, Nest
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves, reduction

SOME = settings(max_examples=25, deadline=None)
Place = tuple[int, ...]


def places(loops: tuple[Loop, ...]) -> Iterator[Place]:
    """Indices of all loops, the innermost running fastest."""
    for outer_first in itertools.product(*(range(size) for _, size in reversed(loops))):
        yield tuple(reversed(outer_first))


def position(loops: tuple[Loop, ...], at: Place) -> dict[str, int]:
    """Where each dimension stands: loops of one dimension are the digits of its index."""
    found, scale = dict.fromkeys(DIMS, 0), dict.fromkeys(DIMS, 1)
    for (dim, size), index in zip(loops, at, strict=True):
        found[dim] += index * scale[dim]
        scale[dim] *= size
    return found


def element(layer: Layer, operand: Operand, at: dict[str, int]) -> Place:
    """The element of an operand that one multiply touches."""
    if operand == "O":
        return tuple(at[dim] for dim in ("B", "G", "K", "OY", "OX"))
    if operand == "W":
        return tuple(at[dim] for dim in ("G", "K", "C", "FY", "FX"))
    y = at["OY"] * layer.loops.stride_y + at["FY"]
    return (at["B"], at["G"], at["C"], y, at["OX"] * layer.loops.stride_x + at["FX"])


def fills(layer: Layer, nest: Nest, operand: Operand, cut: int) -> tuple[int, int, int]:
    """How often another tile lies inside a cut, how many different ones, and elements of the largest."""
    tiles: dict[Place, set[Place]] = {}
    count, last = 0, None
    for at in places(nest.loops):
        own = tuple(
            index for (dim, _), index in zip(nest.loops[cut:], at[cut:], strict=True) if dim not in IRRELEVANT[operand]
        )
        count, last = count + (own != last), own
        tiles.setdefault(own, set()).add(element(layer, operand, position(nest.loops, at)))
    return count, len(tiles), max(map(len, tiles.values()))


def walked_pj(layer: Layer, nest: Nest, machine: Hierarchy) -> float:
    """Energy on one unit, bit by bit: every tile that is not there is fetched, sums come back from the second time.

    Sums are as wide as outputs.
    """
    total = machine.array.unit_pj * layer.macs
    for operand in OPERANDS:
        ends = [0, *nest.cuts[operand]]
        for link, index in enumerate(machine.levels[operand]):
            count, different, held = fills(layer, nest, operand, ends[link])
            if operand == "O" and link == 0:
                count = layer.macs  # units keep no sum
            bits = held * layer.widths.of(operand)
            upper = machine.memories[index]
            lower = machine.memories[machine.levels[operand][link - 1]] if link else None
            down, up = (count, 0) if operand != "O" else (count - different, count)
            for memory, reads, writes in ((upper, down, up), (lower, up, down)):
                if memory is not None:
                    each = bits / memory.ports[0].bits
                    total += each * (reads * memory.read_pj + writes * memory.write_pj)
    return total


@given(bounds, st.integers(1, 3), st.integers(2, 3), st.sampled_from(["energy", "edp"]))
@SOME
def test_a_mapping_costs_what_walking_it_costs(counts: list[str], stride: int, levels: int, objective: str) -> None:
    layer, machine = Layer(loops_of(counts, stride), Widths(8, 8, 16, 16)), tower(levels)
    assume(objective == "energy" or levels == 2)
    found = map_layer(layer, machine, IDLE, objective)  # type: ignore[arg-type]
    assert found.energy_pj == pytest.approx(walked_pj(layer, found.nest, machine))


@given(bounds, st.integers(1, 3), st.data())
@SOME
def test_any_nest_costs_what_walking_it_costs(counts: list[str], stride: int, data: st.DataObject) -> None:
    layer, machine = Layer(loops_of(counts[:4], stride), Widths(8, 8, 16, 16)), tower(2)
    spatial = Spatial.of(layer, machine, IDLE)
    nests = list(itertools.islice(every_nest(spatial.temporal, machine), 4000))
    nest = data.draw(st.sampled_from(nests))
    cost = OwnCost(Moves.of(Frame(spatial, "up"), nest))
    assert cost.energy_pj == pytest.approx(walked_pj(layer, nest, machine))


@given(layers, st.integers(1, 4))
@SOME
def test_of_one_memory_the_energy_is_a_formula(layer: Layer, bits: int) -> None:
    """One unit on one memory: a sum is written every cycle, and read but for its first; one input stays in the unit."""
    memory = tower(1, bits=8 * bits).memories[0]
    machine = Hierarchy("one", Array((("D1", 1), ("D2", 1)), 0.25), (memory,))
    widths, loops = layer.widths, layer.loops
    sum_bits = widths.sum if loops.reduction > 1 else widths.output
    sums = layer.macs * memory.write_pj + (layer.macs - layer.elements("O")) * memory.read_pj
    kept_weight = layer.macs / loops.positions * widths.weight + layer.macs * widths.input
    kept_input = layer.macs * widths.weight + layer.macs / loops.K * widths.input
    inputs = min(kept_weight, kept_input) * memory.read_pj
    found = map_layer(layer, machine, IDLE)
    assert found.energy_pj == pytest.approx(0.25 * layer.macs + (sums * sum_bits + inputs) / (8 * bits))


@given(layers, st.sampled_from(["energy", "latency"]))
@SOME
def test_where_everything_fits_each_operand_crosses_once(layer: Layer, objective: str) -> None:
    found = map_layer(layer, tower(2, (10**8,)), IDLE, objective)  # type: ignore[arg-type]
    top, port = 1, 16
    for operand in ("W", "I"):
        words = found.cost.words_by_memory()[top, operand]  # type: ignore[index]
        assert words == (pytest.approx(layer.elements(operand) * 8 / port), 0)  # type: ignore[arg-type]
    assert found.cost.words_by_memory()[top, "O"] == (0, pytest.approx(layer.elements("O") * 8 / port))


@given(layers, st.integers(2, 4), unrolled)
@SOME
def test_the_words_that_are_told_are_the_energy_that_is_told(layer: Layer, levels: int, unrolling: Unrolling) -> None:
    machine = tower(levels, buffering="free")
    found = map_layer(layer, machine, unrolling)
    rows = re.findall(r"^  (level\d) +([OWI]) +(\d+) +(\d+) +([\d.e+-]+) pJ$", explain(found), re.MULTILINE)
    assert {(name, operand) for name, operand, *_ in rows} == {
        (memory.name, operand) for memory in machine.memories for operand in OPERANDS
    }
    told = sum(float(energy) for *_, energy in rows) + machine.array.unit_pj * layer.macs
    assert told == pytest.approx(found.energy_pj, rel=1e-3)
    words = found.cost.words_by_memory()
    index = {memory.name: n for n, memory in enumerate(machine.memories)}
    for name, operand, read, written, _ in rows:
        assert (int(read), int(written)) == tuple(round(word) for word in words[index[name], operand])


@given(layers, st.sampled_from(["energy", "latency"]), unrolled)
@SOME
def test_cycles_that_are_told_end_with_the_total(layer: Layer, objective: str, unrolling: Unrolling) -> None:
    found: Mapped = map_layer(layer, tower(2), unrolling, objective)  # type: ignore[arg-type]
    text = explain(found)
    lanes = [float(told) for told in re.findall(r" {2,}(\d+)$", text.split("cycles:\n")[1], re.MULTILINE)]
    assert lanes == sorted(lanes, reverse=True)
    assert lanes[0] == pytest.approx(found.cycles, abs=0.5)
    assert text.count("path of ") == 2
    assert f"(ideal {found.spatial.cycles})" in text
    assert math.prod(int(size) for size in re.findall(r"for \w+ in (\d+):", text)) == found.spatial.cycles


def test_units_side_by_side_are_told() -> None:
    text = explain(map_layer(Layer(Loops(K=2, C=8, OX=3)), tower(2), PLAIN))
    assert "side by side along D1 (2): k in 2" in text
    assert "side by side along D2 (2): c in 2" in text
    assert "side by side along D1 (2): nothing" in explain(map_layer(Layer(Loops(OX=3)), tower(2), PLAIN))


def test_a_reduction_is_what_makes_a_sum() -> None:
    sizes = tuple({"C": 3, "FY": 5, "OX": 7}.get(dim, 1) for dim in DIMS)
    assert reduction(sizes) == 15
    assert reduction((1,) * len(DIMS)) == 1
