"""Products of two activations: on light that modulates both operands, written for every sample, or left to the host."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import CORES, CROSSBAR, MESH, RINGS, Case

from joulescape.network.operators import Loops, Operator
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators.base import LayerCost
from joulescape.simulators.mzi_mesh.cost import MESH_FLOPS_PER_CUBE, SVD_FLOPS_PER_CUBE, tile_dac_pj
from joulescape.simulators.mzi_mesh.mapping import tile_bytes
from joulescape.testing.examples import example_graph

SCORES = Operator(
    "scores", "matmul", ("q", "k"), ((2, 8, 16), (2, 16, 8)), (2, 8, 8), loops=Loops(G=2, K=8, C=16, OX=8)
)
WRITTEN = {"dynamic_products": "program"}


def product(samples: int = 1, heads: int = 2, tokens: int = 8, features: int = 16, stored: bool = False) -> MatrixWork:
    """Scores of every head and sample, lowered: (tokens x features) by (features x tokens)."""
    groups = samples * heads
    loops = Loops(G=groups, K=tokens, C=features, OX=tokens)
    each = groups * tokens * features
    sums = Operand(groups * tokens * tokens, 8)
    return MatrixWork("scores", "forward", loops, Operand(each, 8), Operand(each, 8), sums, is_weight_stored=stored)


def part(cost: LayerCost, name: str) -> Any:
    return sum(energy.energy_pj for energy in cost.energies if energy.component.name == name)


def total(cost: LayerCost) -> Any:
    return sum(energy.energy_pj for energy in cost.energies)


def fetched_weights(cost: LayerCost) -> float:
    return sum(float(t.read_bytes) for t in cost.traffic if (t.memory, t.operand) == ("off_chip_memory", "weight"))


@pytest.mark.parametrize(
    ("case", "off", "on"),
    [(CORES, False, True), (MESH, "host", "program"), (RINGS, "host", "program")],
    ids=["tensor_core", "mzi_mesh", "ring_bank"],
)
def test_who_takes_them_is_a_setting_and_numbers_come_with_it(case: Case, off: Any, on: Any) -> None:
    graph = example_graph()
    for value, is_taken in ((off, False), (on, True)):
        made = case.at({"dynamic_products": value})
        assert made.simulator.takes(SCORES, "forward", made.settings) == is_taken
        found = made.simulator.errors(graph, {}, made.settings)
        assert all(made.simulator.takes(graph.operator(name), role, made.settings) for name, role in found)
        assert not made.simulator.takes(SCORES, "update", made.settings)


def test_on_the_shelf_light_takes_them_and_machines_of_stored_weights_leave_them() -> None:
    takes = {name: c.simulator.takes(SCORES, "forward", c.settings) for name, c in
             {"cores": CORES, "mesh": MESH, "rings": RINGS, "crossbar": CROSSBAR}.items()}  # fmt: skip
    assert takes == {"cores": True, "mesh": False, "rings": False, "crossbar": False}


def test_both_errors_of_a_product_run_on_light_too() -> None:
    assert CORES.simulator.takes(SCORES, "input_gradient", CORES.settings)
    for case in (MESH.at(WRITTEN), RINGS.at(WRITTEN)):
        assert not case.simulator.takes(SCORES, "input_gradient", case.settings)


# --- light that modulates both operands ---------------------------------------------------------------------------


def test_light_reloads_nothing_and_fetches_nothing_from_outside() -> None:
    """ceil(N / (R H)) ceil(M / (C W)) ceil(D / wavelengths) cycles for each head and sample, and two clocks."""
    (cost,) = CORES.cost(product(samples=3))
    cycles = 3 * 2 * math.ceil(8 / 48) * math.ceil(8 / 24) * math.ceil(16 / 12)
    assert cost.latency_ns == pytest.approx((cycles + 2) / 5.0)
    assert fetched_weights(cost) == 0.0
    (weights,) = CORES.cost(product(samples=3, stored=True))
    devices = ("weight_modulator", "input_modulator", "weight_dac", "input_dac", "adc", "photodetector")
    assert all(part(cost, name) == part(weights, name) > 0 for name in devices)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_samples_never_share_a_cycle(samples: int, heads: int, tokens: int, features: int) -> None:
    """Each brings matrices of its own: n samples take n times the cycles of one."""
    one, many = (CORES.cost(product(n, heads, tokens, features))[0] for n in (1, samples))
    assert part(many, "weight_modulator") == pytest.approx(samples * part(one, "weight_modulator"))


# --- machines that must write one operand -------------------------------------------------------------------------


def test_a_mesh_decomposes_and_writes_a_matrix_for_every_head_and_sample() -> None:
    made = MESH.at({**WRITTEN, "mesh.size": 16})
    (cost,) = made.cost(product(samples=5))
    tiles, digital = 5 * 2, made.settings.digital  # type: ignore[attr-defined]
    flops = tiles * (SVD_FLOPS_PER_CUBE + MESH_FLOPS_PER_CUBE) * 16**3
    assert part(cost, "decomposer") == pytest.approx(flops * digital.flop_pj.value)
    assert part(cost, "phase_dac") == pytest.approx(tiles * tile_dac_pj(made.settings))  # type: ignore[arg-type]
    response = made.settings.shifter.device.response_ns.value  # type: ignore[attr-defined]
    assert cost.latency_ns > flops / digital.flops_per_ns.value + response
    (weights,) = (t for t in cost.traffic if t.memory == "sram" and t.operand == "weight")
    assert weights.write_bytes == tiles * tile_bytes(made.settings)  # type: ignore[arg-type]
    assert weights.read_bytes == weights.write_bytes + product(samples=5).weight.elements
    assert cost.bound_by == "reload"


def test_meshes_enough_for_every_weight_still_write_what_a_sample_brings() -> None:
    made = MESH.at({**WRITTEN, "mesh.size": 16, "mesh.count": 64})
    stored, dynamic = made.cost(product(stored=True), product())
    assert part(stored, "phase_dac") == 0.0 and part(stored, "decomposer") == 0.0
    assert part(dynamic, "phase_dac") > 0 and part(dynamic, "decomposer") > 0
    assert dynamic.latency_ns > stored.latency_ns


def test_products_take_no_room_from_resident_weights() -> None:
    """Weights of one tile stay on one mesh, however many products of activations pass."""
    made = MESH.at({**WRITTEN, "mesh.size": 16, "mesh.count": 1})
    weights = MatrixWork("fc", "forward", Loops(K=16, C=16), Operand(256, 8), Operand(16, 8), Operand(16, 8))
    held, _ = made.cost(weights, product(samples=9))
    assert part(held, "phase_dac") == 0.0
    rings = RINGS.at({**WRITTEN, "bank.count": 1})
    held, dynamic = rings.cost(weights, product(samples=9))
    assert part(held, "weight_dac") == 0.0 < part(dynamic, "weight_dac")


def test_rings_are_set_anew_for_every_head_and_sample() -> None:
    made = RINGS.at(WRITTEN)
    one, five = (made.cost(product(n))[0] for n in (1, 5))
    assert part(five, "weight_dac") == pytest.approx(5 * part(one, "weight_dac"))
    assert five.latency_ns > one.latency_ns
    (cheap,) = CORES.cost(product(5))
    assert cheap.latency_ns < five.latency_ns / 100
    assert fetched_weights(five) == 0.0


def test_writing_costs_more_than_streaming_what_is_written() -> None:
    """The paper's point (zhu2024): 16 vectors do not repay a matrix that must be written for them."""
    for case, name in ((MESH.at(WRITTEN), "phase_dac"), (RINGS.at(WRITTEN), "weight_dac")):
        (cost,) = case.cost(product(heads=12, tokens=16, features=64))
        assert part(cost, name) > part(cost, "modulator") and cost.bound_by == "reload"
