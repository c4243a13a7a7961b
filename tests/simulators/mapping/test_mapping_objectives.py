"""Latency and energy-delay product: exact against brute force, never below the roofline, monotone in the hardware."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, every_nest, fits, small
from test_mapping_search import UNROLLINGS, layers

from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy, Memory
from joulescape.simulators._mapping.layer import OPERANDS, Layer, Operand
from joulescape.simulators._mapping.mapper import Effort, Mapped, map_layer
from joulescape.simulators._mapping.objectives import least_product
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves

machines = st.builds(
    small,
    st.tuples(st.sampled_from([16, 32]), st.sampled_from([24, 48]), st.sampled_from([256, 400, 900])),
    st.sampled_from(["never", "always", "free"]),
    st.sampled_from([8, 32]),
)


def bufferings(hierarchy: Hierarchy) -> list[frozenset[tuple[Operand, int]]]:
    """Every choice of boundaries that keep room for the next tile."""
    slots = [(op, level) for op in OPERANDS for level in range(len(hierarchy.levels[op]) - 1)]
    kind = hierarchy.memories[0].buffering
    if kind != "free":
        return [frozenset(slots if kind == "always" else ())]
    return [frozenset(found) for n in range(len(slots) + 1) for found in itertools.combinations(slots, n)]


def least(spatial: Spatial, objective: str) -> float | None:
    """Least value over all orders, cuts and bufferings that fit."""
    frame = Frame(spatial, "up")
    values = []
    for nest in every_nest(spatial.temporal, spatial.hierarchy):
        moves = Moves.of(frame, nest)
        for doubled in bufferings(spatial.hierarchy):
            if fits(frame, nest, doubled):
                cost = OwnCost(moves, doubled)
                values.append(cost.cycles * (cost.energy_pj if objective == "edp" else 1.0))
    return min(values, default=None)


@settings(max_examples=8, deadline=None)
@given(layers, machines, st.sampled_from(UNROLLINGS), st.sampled_from(["edp", "latency"]))
def test_least_product_and_latency_equal_brute_force(
    layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, objective: str
) -> None:
    spatial = Spatial.of(layer, hierarchy, unrolling)
    limit = 4 if hierarchy.memories[0].buffering == "free" else 8
    assume(sum(size > 1 for size in spatial.temporal) <= 3 and spatial.cycles <= limit)
    expected = least(spatial, objective)
    assume(expected is not None)
    found = map_layer(layer, hierarchy, unrolling, objective)  # type: ignore[arg-type]
    value = found.cycles * (found.energy_pj if objective == "edp" else 1.0)
    assert value == pytest.approx(expected, rel=1e-9)
    assert not found.is_truncated


def roofline(mapped: Mapped) -> float:
    """Ideal cycles, and what every port must carry at its own speed."""
    cost = mapped.cost
    ports: dict[tuple[int, int], float] = {}
    for move in cost.movements:
        memory = mapped.spatial.hierarchy.memories[move.memory]
        index = memory.port_index(move.operand, move.direction)
        copies = cost.moves.frame.instances[move.operand][
            mapped.spatial.hierarchy.levels[move.operand].index(move.memory)
        ]
        ports[move.memory, index] = ports.get((move.memory, index), 0.0) + move.words / copies
    return max(mapped.spatial.cycles, *ports.values())


@pytest.mark.parametrize("objective", ["energy", "edp"])
@pytest.mark.parametrize("name", ["conv1", "conv2", "fc7", "fc8"])
def test_latency_is_never_below_the_roofline(name: str, objective: str) -> None:
    mapped = map_layer(ALEXNET[name], TPU_LIKE, K_BY_C, objective)  # type: ignore[arg-type]
    assert mapped.cycles >= roofline(mapped) - 1e-6
    assert 0 < mapped.utilisation_fraction <= 1


def test_zigzags_latency_can_be_below_the_roofline_and_ours_is_not() -> None:
    mapped = map_layer(ALEXNET["fc8"], TPU_LIKE, K_BY_C, "latency")
    weights_cycles = 4096 * 1000 * 8 / 64
    assert mapped.cycles >= weights_cycles
    assert mapped.bound_by == "dram bandwidth"


def changed(hierarchy: Hierarchy, index: int, **fields: object) -> Hierarchy:
    """The hierarchy with one memory changed."""
    memories = list(hierarchy.memories)
    memories[index] = replace(memories[index], **fields)  # type: ignore[arg-type]
    return replace(hierarchy, memories=tuple(memories))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["conv2", "conv5", "fc8"]), st.integers(0, 3), st.floats(1.0, 4.0))
def test_dearer_accesses_never_cost_less(name: str, index: int, factor: float) -> None:
    memory = TPU_LIKE.memories[index]
    dearer = changed(TPU_LIKE, index, read_pj=memory.read_pj * factor, write_pj=memory.write_pj * factor)
    before, after = (map_layer(ALEXNET[name], machine, K_BY_C).energy_pj for machine in (TPU_LIKE, dearer))
    assert before * (1 - 1e-12) <= after <= before * factor * (1 + 1e-12)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["conv2", "conv3", "fc8"]), st.integers(0, 2), st.sampled_from([2, 4, 16]))
def test_larger_memories_never_cost_more(name: str, index: int, factor: int) -> None:
    larger = changed(TPU_LIKE, index, size_bits=TPU_LIKE.memories[index].size_bits * factor)
    for objective in ("energy", "edp"):
        before, after = (map_layer(ALEXNET[name], machine, K_BY_C, objective) for machine in (TPU_LIKE, larger))
        values = [m.energy_pj * (m.cycles if objective == "edp" else 1.0) for m in (before, after)]
        assert values[1] <= values[0] * (1 + 1e-9)


@pytest.mark.parametrize("index", [0, 2, 3])
def test_faster_ports_never_slow_a_layer_down(index: int) -> None:
    memory: Memory = TPU_LIKE.memories[index]
    ports = tuple(replace(port, bits=port.bits * 2) for port in memory.ports)
    faster = changed(TPU_LIKE, index, ports=ports, read_pj=memory.read_pj * 2, write_pj=memory.write_pj * 2)
    for name in ("conv2", "fc8"):
        before, after = (map_layer(ALEXNET[name], machine, K_BY_C, "latency") for machine in (TPU_LIKE, faster))
        assert after.cycles <= before.cycles * (1 + 1e-9)


def test_objectives_win_at_their_own_game() -> None:
    found = {o: map_layer(ALEXNET["conv3"], TPU_LIKE, K_BY_C, o) for o in ("energy", "latency", "edp")}  # type: ignore
    assert found["energy"].energy_pj <= min(m.energy_pj for m in found.values())
    assert found["latency"].cycles <= min(m.cycles for m in found.values())
    assert found["edp"].energy_pj * found["edp"].cycles <= min(m.energy_pj * m.cycles for m in found.values()) * (
        1 + 1e-9
    )


def test_a_search_cut_short_says_so() -> None:
    found = map_layer(
        ALEXNET["conv2"], EYERISS_LIKE, (("D1", (("C", 14),)), ("D2", (("OY", 12),))), "edp", Effort(4, 2, 0)
    )
    assert found.is_truncated
    assert 0 < found.gap_fraction < 1


def test_same_question_same_answer() -> None:
    one = map_layer(ALEXNET["conv4"], TPU_LIKE, K_BY_C, "edp")
    assert map_layer(ALEXNET["conv4"], TPU_LIKE, K_BY_C, "edp") is one
    other = map_layer(ALEXNET["conv4"], TPU_LIKE, K_BY_C, "edp", Effort(most_rounds=13))
    assert (other.nest, other.doubled) == (one.nest, one.doubled)


@given(st.lists(st.tuples(st.floats(0.1, 2), st.floats(0.1, 2), st.floats(1, 9)), min_size=1, max_size=4))
def test_least_product_bounds_every_point_above_the_lines(lines: list[tuple[float, float, float]]) -> None:
    closed = [*lines, (1.0, 0.0, 0.5), (0.0, 1.0, 0.5)]
    bound = least_product(closed, 1)
    for energy in (0.5, 1.0, 2.0, 4.0, 8.0, 30.0):
        latency = max((m - a * energy) / b for a, b, m in closed if b > 0)
        assert bound <= energy * latency * (1 + 1e-6)
