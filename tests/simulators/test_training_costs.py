"""What a training step costs on every machine: roles by hand, wider gradients, writes, and who does what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import (
    CROSSBAR,
    MACHINES,
    MESH,
    SCALAR,
    SYSTOLIC,
    Case,
    energy,
    number,
    part,
    product,
    small_loops,
)

from joulescape.network.lower import lower
from joulescape.network.operators import ROLES, Loops
from joulescape.network.work import VectorWork, Work
from joulescape.simulators.base import LayerCost
from joulescape.simulators.mzi_mesh.cost import MESH_FLOPS_PER_CUBE, SVD_FLOPS_PER_CUBE
from joulescape.testing.examples import example_context, example_formats, example_graph

FEW = settings(max_examples=25, deadline=None)
machines = pytest.mark.parametrize("name", list(MACHINES))
SERIAL = CROSSBAR.at({"training.update_scheme": "serial"})


def update(parameters: int, bits: float = 16, layer: str = "layer") -> VectorWork:
    return VectorWork(layer, "update", "update", 2.0 * parameters, 2 * parameters, parameters, bits)


def step(machine: Case, batch: int = 2, bits: float = 8.0) -> list[tuple[Work, LayerCost]]:
    """Costs of the works of one training step of the example graph that the machine takes."""
    graph = example_graph()
    works = [
        work
        for work in lower(graph, example_formats(graph, bits), "training", batch, {}).works
        if machine.simulator.takes(graph.operator(work.layer), work.role, machine.settings)
    ]
    context = replace(example_context(), batch=batch)
    return list(zip(works, machine.simulator.cost(works, machine.settings, context), strict=True))


def moved(cost: LayerCost, memory: str) -> float:
    return float(sum(np.asarray(t.read_bytes + t.write_bytes) for t in cost.traffic if t.memory == memory))


# --- who does what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("machine", "roles"), [
    (SYSTOLIC, set(ROLES)), (SCALAR, set(ROLES)), (CROSSBAR, set(ROLES)), (SERIAL, set(ROLES) - {"weight_gradient"}),
    (MESH, set(ROLES) - {"weight_gradient"}), (MESH.at({"mesh.is_bidirectional": False}), {"forward", "update"}),
])  # fmt: skip
def test_roles_that_a_machine_takes_of_a_stored_matrix(machine: Case, roles: set[str]) -> None:
    operator = example_graph().operator("fc1")
    assert {role for role in ROLES if machine.simulator.takes(operator, role, machine.settings)} == roles


@machines
def test_a_step_with_more_samples_costs_more_and_less_than_in_proportion(name: str) -> None:
    """Weights and updates are shared by the batch."""
    totals = [sum(number(energy(cost)) for _, cost in step(MACHINES[name], batch)) for batch in (1, 2, 8)]
    assert totals[0] < totals[1] < totals[2]
    assert totals[2] <= 8 * totals[0] * (1 + 1e-9)


@machines
def test_macs_of_a_step_are_those_of_its_works(name: str) -> None:
    for work, cost in step(MACHINES[name]):
        assert (cost.layer, cost.role, cost.macs) == (work.layer, work.role, work.macs)


# --- digital -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "passes"), [(8, 1), (9, 4), (16, 4), (24, 9), (32, 16)])
def test_a_wider_gradient_repeats_the_product_by_the_slices_of_both_operands(bits: int, passes: int) -> None:
    """ceil(b / 8)^2 passes of 8-bit cells: arithmetic follows the passes exactly."""
    work = product(Loops(B=32, K=32, C=32), 32, "weight_gradient")
    narrow, wide = (SYSTOLIC.at({"training.gradient_bits": b}).cost(work)[0] for b in (8, bits))
    assert part(wide, "mac_array") == pytest.approx(passes * part(narrow, "mac_array"))
    assert number(wide.latency_ns) >= number(narrow.latency_ns)
    assert 0 < number(wide.utilisation_fraction) <= 1


@FEW
@given(parameters=st.integers(1, 100_000), bits=st.sampled_from([8.0, 16.0]))
def test_an_update_reads_weight_and_gradient_and_writes_the_weight_off_chip(parameters: int, bits: float) -> None:
    for machine, width in ((SYSTOLIC, bits), (SCALAR, 32.0)):
        found = machine.cost(update(parameters, bits))[0]
        assert moved(found, "off_chip_memory") == pytest.approx(3 * parameters * width / 8)
        assert part(found, "off_chip_memory") == pytest.approx(3 * parameters * width * 8.0)


def test_what_a_step_keeps_goes_off_chip_once_it_does_not_fit() -> None:
    """Then activations are written in the forward pass and read again in both backward roles."""
    small = SYSTOLIC.at({"buffers.activation_bytes": 8192})
    moves = [sum(moved(cost, "off_chip_memory") for _, cost in step(machine, 8)) for machine in (SYSTOLIC, small)]
    assert moves[1] > moves[0]


# --- crossbars ---------------------------------------------------------------------------------------------------


@FEW
@given(outputs=st.integers(1, 200), inputs=st.integers(1, 300), batch=st.integers(1, 9), copies=st.integers(1, 3))
def test_pulses_are_one_an_array_and_vector(outputs: int, inputs: int, batch: int, copies: int) -> None:
    """ceil(inputs / 128) * ceil(outputs * cells / 128) arrays, 1.134 mW * 256 ns each, one after the other; that power
    is a pulse of the device into one cell of 73."""
    machine = CROSSBAR.at({"cell.copies": copies})
    loops = Loops(B=inputs, K=outputs, C=batch)
    found = machine.cost(product(loops, 8, "weight_gradient"))[0]
    arrays = -(-inputs // 128) * -(-outputs * 4 * copies // 128)
    assert number(found.active_units) == arrays
    assert part(found, "crossbar_pulse") == pytest.approx(arrays * batch * 1.134 * 256, rel=1e-3)
    assert number(found.latency_ns) == pytest.approx(256 * batch)


def test_after_pulses_nothing_is_left_to_update_and_a_serial_machine_rewrites() -> None:
    forward = product(Loops(K=100, C=100))
    pulsed, rewritten = (machine.cost(forward, update(10_000, 8))[1] for machine in (CROSSBAR, SERIAL))
    assert number(energy(pulsed)) == number(pulsed.latency_ns) == 0
    assert part(rewritten, "crossbar_write") == pytest.approx(
        4 * 21125, rel=1e-3
    )  # 100 x 400 cells stand in four arrays
    assert part(rewritten, "crossbar_read_back") == pytest.approx(4 * 6500)
    assert number(rewritten.latency_ns) == pytest.approx(10250 + 10969, rel=1e-3)


def test_a_serial_rewrite_is_worth_about_a_hundred_reads() -> None:
    """So that the batch sets what training in place costs (PANTHER)."""
    write = number(SERIAL.cost(product(Loops(K=16, C=128)), update(2048, 8))[1].latency_ns)
    assert write / 100 == pytest.approx(212, abs=1)
    assert pytest.approx(110, rel=0.01) == 10969 / 100


@FEW
@given(loops=small_loops(3), slices=st.sampled_from([1, 2, 4]))
def test_a_transposed_read_drives_each_slice_alone(loops: Loops, slices: int) -> None:
    """8-bit weights in cells of 8 / slices bits: time grows with the slices, and with one slice is the forward's."""
    machine = CROSSBAR.at({"cell.bits": {1: 4, 2: 4, 4: 2}[slices]})
    bits = 4.0 if slices == 1 else 8.0
    forward = product(loops, bits)
    back = product(loops, bits, "input_gradient")
    costs = machine.cost(forward, back)
    assert number(costs[1].occupancy_ns) == pytest.approx(slices * number(costs[0].occupancy_ns))
    assert number(costs[0].active_units) == number(costs[1].active_units), "the same arrays"


# --- meshes ------------------------------------------------------------------------------------------------------


@FEW
@given(outputs=st.integers(1, 40), inputs=st.integers(1, 40), size=st.sampled_from([4, 8, 16]))
def test_an_update_takes_every_tile_apart(outputs: int, inputs: int, size: int) -> None:
    machine = MESH.at({"mesh.size": size, "mesh.count": 1})
    found = machine.cost(product(Loops(K=outputs, C=inputs)), update(outputs * inputs))[1]
    tiles = -(-outputs // size) * -(-inputs // size)
    flops = 2 * outputs * inputs + tiles * (SVD_FLOPS_PER_CUBE + MESH_FLOPS_PER_CUBE) * size**3
    assert part(found, "decomposer") == pytest.approx(flops * 1.0)


def test_light_sent_backwards_meets_the_tiles_that_are_there() -> None:
    """An input gradient of a layer whose tiles stand written rewrites nothing."""
    many = MESH.at({"mesh.count": 64})
    forward, back = product(Loops(B=4, K=32, C=64)), product(Loops(B=4, K=64, C=32), 8, "input_gradient")
    costs = many.cost(forward, back)
    assert [part(cost, "phase_dac") for cost in costs] == [0, 0]
    assert number(costs[0].active_units) == number(costs[1].active_units) == 32
    few = MESH.at({"mesh.count": 4}).cost(forward, back)
    assert part(few[1], "phase_dac") == pytest.approx(part(few[0], "phase_dac"))


@pytest.mark.parametrize("machine", [SYSTOLIC, CROSSBAR, MESH])
def test_bits_of_the_data_never_make_an_update_cheaper(machine: Case) -> None:
    forward: Any = product(Loops(K=30, C=30))
    costs = [number(energy(machine.cost(forward, update(900, bits))[1])) for bits in (4.0, 8.0, 16.0, 32.0)]
    assert costs == sorted(costs)
