"""Laws that every machine obeys on layers of any shape: parts, roofline, utilisation, more work, more bits, corners."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import (
    CROSSBAR,
    DOMAINS,
    MACHINES,
    MESH,
    RINGS,
    SCALAR,
    SYSTOLIC,
    energy,
    number,
    product,
    small_loops,
    vector,
)

from joulescape.network.operators import Loops
from joulescape.simulators.base import Checked, LayerCost
from joulescape.simulators.crossbar.rules import columns_per_weight, operand_width, step_ns
from joulescape.spec.sourced import CORNERS, at_corner
from joulescape.testing import example_context

FEW = settings(max_examples=25, deadline=None)
machines = pytest.mark.parametrize("name", list(MACHINES))
CLOSE = 1 - 1e-9
BOUNDS = [field.name for field in fields(Loops) if field.name not in {"stride_y", "stride_x"}]
"""Loop bounds that can grow."""


def values_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({path: st.sampled_from(options) for path, options in DOMAINS[name].items()})


def quantities(cost: LayerCost) -> dict[str, Any]:
    found = {f"energy of {e.component.name}": e.energy_pj for e in cost.energies}
    found |= {f"{t.memory} {t.operand} in": t.read_bytes for t in cost.traffic}
    found |= {f"{t.memory} {t.operand} out": t.write_bytes for t in cost.traffic}
    return found | {"latency": cost.latency_ns, "units": cost.active_units, "used": cost.utilisation_fraction}


@machines
@FEW
@given(data=st.data(), loops=small_loops(), bits=st.sampled_from([2.0, 3.5, 8.0, 16.0, 32.0]))
def test_costs_are_finite_and_not_negative_and_no_machine_is_more_than_busy(
    name: str, data: st.DataObject, loops: Loops, bits: float
) -> None:
    machine = MACHINES[name].at(data.draw(values_of(name)))
    found = machine.cost(product(loops, bits))[0]
    Checked(name, quantities(found))
    assert found.macs == loops.macs
    assert 0 < number(found.utilisation_fraction) <= 1 + 1e-9
    assert number(found.latency_ns) > 0
    assert number(energy(found)) > 0


@machines
@FEW
@given(data=st.data(), loops=small_loops())
def test_every_component_is_named_once_and_traffic_once_a_memory_and_operand(
    name: str, data: st.DataObject, loops: Loops
) -> None:
    machine = MACHINES[name].at(data.draw(values_of(name)))
    found = machine.cost(product(loops))[0]
    names = [e.component.name for e in found.energies]
    moves = [(t.memory, t.operand) for t in found.traffic]
    assert len(names) == len(set(names))
    assert len(moves) == len(set(moves))
    everything = [a.component.name for a in machine.simulator.area(machine.settings)]
    powers = [p.component.name for p in machine.simulator.static_power(machine.settings)]
    assert len(everything) == len(set(everything)) and len(powers) == len(set(powers))
    assert not set(powers) & set(names), "what flows all the time is told apart from what events cost"


@machines
@FEW
@given(loops=small_loops(3), grown=st.sampled_from(BOUNDS), bits=st.sampled_from([4.0, 8.0, 16.0]))
def test_more_work_never_costs_less(name: str, loops: Loops, grown: str, bits: float) -> None:
    machine = MACHINES[name]
    more = replace(loops, **{grown: getattr(loops, grown) + 1})
    less, greater = (machine.cost(product(work, bits))[0] for work in (loops, more))
    assert number(energy(greater)) >= number(energy(less)) * CLOSE
    assert number(greater.latency_ns) >= number(less.latency_ns) * CLOSE


@machines
@FEW
@given(loops=small_loops(3), bits=st.integers(2, 31))
def test_one_more_bit_never_costs_less(name: str, loops: Loops, bits: int) -> None:
    less, greater = (MACHINES[name].cost(product(loops, float(width)))[0] for width in (bits, bits + 1))
    assert number(energy(greater)) >= number(energy(less)) * CLOSE
    assert number(greater.latency_ns) >= number(less.latency_ns) * CLOSE


@pytest.mark.parametrize(("name", "role"), [
    ("systolic", "input_gradient"), ("systolic", "weight_gradient"), ("scalar", "input_gradient"),
    ("scalar", "weight_gradient"), ("crossbar", "input_gradient"), ("crossbar", "weight_gradient"),
    ("mzi_mesh", "input_gradient"),
])  # fmt: skip
@FEW
@given(loops=small_loops(3), grown=st.sampled_from(BOUNDS))
def test_backward_roles_obey_it_too(name: str, role: Any, loops: Loops, grown: str) -> None:
    more = replace(loops, **{grown: getattr(loops, grown) + 1})
    less, greater = (MACHINES[name].cost(product(work, 8, role))[0] for work in (loops, more))
    assert number(energy(greater)) >= number(energy(less)) * CLOSE
    assert 0 < number(less.utilisation_fraction) <= 1 + 1e-9


@machines
@FEW
@given(loops=small_loops(3))
def test_corners_are_ordered_in_energy_area_and_power(name: str, loops: Loops) -> None:
    machine, ladder = MACHINES[name], []
    for corner in CORNERS:
        at = at_corner(machine.settings, corner)
        cost = machine.simulator.cost([product(loops)], at, example_context())[0]
        area = sum(number(a.area_mm2) for a in machine.simulator.area(at))
        power = sum(number(p.power_mw) for p in machine.simulator.static_power(at))
        ladder.append((number(energy(cost)), area, power))
    optimistic, typical, pessimistic = np.asarray(ladder)
    assert np.all(optimistic <= typical * (1 + 1e-9))
    assert np.all(typical <= pessimistic * (1 + 1e-9))
    assert np.any(optimistic < pessimistic), "no machine is known exactly"


@FEW
@given(loops=small_loops(), rows=st.sampled_from([4, 16, 64]), columns=st.sampled_from([4, 16, 64]))
def test_a_systolic_array_is_never_faster_than_its_cells(loops: Loops, rows: int, columns: int) -> None:
    machine = SYSTOLIC.at({"array.rows": rows, "array.columns": columns})
    found = machine.cost(product(loops))[0]
    assert number(found.latency_ns) >= loops.macs / (rows * columns * 0.5) * CLOSE
    assert number(found.latency_ns) >= example_context().off_chip.time_ns(loops.G * loops.K * loops.reduction) * CLOSE


@FEW
@given(loops=small_loops(), lanes=st.sampled_from([1, 4, 16]))
def test_a_scalar_core_is_never_faster_than_its_lanes(loops: Loops, lanes: int) -> None:
    found = SCALAR.at({"simd_lanes": lanes}).cost(product(loops))[0]
    assert number(found.latency_ns) >= loops.macs / (lanes * 0.5) * CLOSE


@FEW
@given(loops=small_loops(), bits=st.sampled_from([2.0, 5.0, 8.0, 16.0]), copies=st.integers(1, 4))
def test_a_crossbar_is_never_faster_than_all_of_its_cells(loops: Loops, bits: float, copies: int) -> None:
    machine = CROSSBAR.at({"replication": copies})
    found = machine.cost(product(loops, bits))[0]
    config: Any = machine.settings
    weights = 128 * 128 / columns_per_weight(operand_width(bits, config), config)
    reads_ns = operand_width(bits, config) * step_ns(config)
    per_ns = number(found.active_units) * weights / number(reads_ns)
    assert number(found.occupancy_ns) >= loops.macs / per_ns * CLOSE
    assert number(found.latency_ns) >= number(found.occupancy_ns)


@FEW
@given(loops=small_loops(), count=st.sampled_from([1, 8, 64]), size=st.sampled_from([4, 8, 16]))
def test_a_mesh_is_never_faster_than_its_channels(loops: Loops, count: int, size: int) -> None:
    machine = MESH.at({"mesh.count": count, "mesh.size": size})
    found = machine.cost(product(loops))[0]
    assert number(found.latency_ns) >= loops.macs / (size**2 * count * 5.0) * CLOSE
    assert number(found.active_units) <= count


@machines
@FEW
@given(loops=small_loops(3), other=small_loops(3))
def test_a_layer_costs_the_same_beside_another_that_it_shares_no_room_with(
    name: str, loops: Loops, other: Loops
) -> None:
    """Weights are fetched (systolic, scalar) or resident (crossbar); a mesh's phases fit the buffer either way."""
    alone_fits = {"mzi_mesh": MESH.at({"mesh.count": 1, "buffer.kib": 1 << 20}),
                  "ring_bank": RINGS.at({"bank.count": 1, "buffer.kib": 1 << 20})}  # fmt: skip
    machine = alone_fits.get(name, MACHINES[name])
    alone, together = machine.cost(product(loops)), machine.cost(product(loops), product(other, layer="other"))
    if name == "ring_bank" and loops.G == 1 and loops.reduction <= 16 and loops.K <= 16:
        return  # alone it fits one bank and stays set
    if name == "mzi_mesh" and number(alone[0].active_units) <= 1 and loops.reduction <= 8 and loops.G * loops.K <= 8:
        return  # alone it fits one mesh and stays written
    assert number(energy(alone[0])) == pytest.approx(number(energy(together[0])))
    assert number(alone[0].latency_ns) == pytest.approx(number(together[0].latency_ns))


@pytest.mark.parametrize("name", ["systolic", "scalar", "crossbar"])
@FEW
@given(elements=st.integers(1, 20_000), more=st.integers(1, 5_000))
def test_vector_works_cost_more_when_they_are_larger(name: str, elements: int, more: int) -> None:
    less, greater = (MACHINES[name].cost(vector(count))[0] for count in (elements, elements + more))
    assert number(energy(greater)) > number(energy(less))
    assert number(greater.latency_ns) >= number(less.latency_ns)
    assert 0 < number(less.utilisation_fraction) <= 1
    assert less.macs == 0
