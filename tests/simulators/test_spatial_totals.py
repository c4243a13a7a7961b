"""A spatial array of a few settings: what a layer costs is the sum of what moves, and says where it came from."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import number, product, vector

from joulescape.errors import Infeasible, SimulatorError
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.mapper import Mapped
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.spatial.lanes import without_bypassed
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.matrix import control_energy, memory_component
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.simulator import Spatial, instances
from joulescape.testing.examples import example_context

MANY = settings(max_examples=10, deadline=None)
CONV = Loops(B=2, K=8, C=4, OY=6, OX=6, FY=3, FX=3)


def known(value: float) -> dict[str, Any]:
    """A constant with its range."""
    return {"value": value, "low": value / 2, "high": value * 2, "basis": "assumed", "source": "joulescape"}


def memory(size: int, holds: list[str], pj: float, word: int, **more: Any) -> dict[str, Any]:
    """One declared memory."""
    return {
        "bytes": size, "holds": holds, "word_bits": word, "read_pj": known(pj), "write_pj": known(1.25 * pj),
        "area_mm2": known(size * 1e-5), "leakage_mw": known(size * 1e-6), **more,
    }  # fmt: skip


def chip(**more: Any) -> SpatialSettings:
    """Four units by four, a pad for weights and one for sums in each, a buffer that all operands share."""
    raw: dict[str, Any] = {
        "clock_ghz": 0.5, "dataflow": "weight_stationary",
        "widths": {"weight": 8, "input": 8, "sum": 16, "output": 8},
        "array": {"dimensions": {"rows": 4, "columns": 4}, "mac_pj": known(0.2)},
        "memories": {
            "weights": memory(16, ["weight"], 0.1, 8),
            "sums": memory(16, ["output"], 0.2, 16),
            "buffer": memory(8192, ["weight", "input", "output"], 8.0, 64, least_bits=8, serves=["rows", "columns"],
                             wire_pj_per_bit=known(0.05)),
        },
        "logic": {"unit_mm2": known(0.01), "leakage_mw_per_mm2": known(0.5), "clock_mw_per_unit": known(0.1),
                  "control_fraction": known(0.1)},
        "vector": {"lanes": 4, "op_pj": known(0.4), "lane_mm2": known(0.002)},
        "search": {"objective": "energy", "most_unrollings": 2},
    }  # fmt: skip
    return SpatialSettings.model_validate(raw | more)


def handing(**more: Any) -> SpatialSettings:
    """Tensors stay in the buffer between layers; weights go past it."""
    raw = chip().model_dump()
    raw["memories"]["buffer"]["holds"] = ["input", "output"]
    return SpatialSettings.model_validate(raw | {"hand_over": "buffer"} | more)


def inside(**more: Any) -> Context:
    """The middle of a network."""
    return replace(example_context(), **({"first": frozenset(), "last": frozenset()} | more))


def run(found: SpatialSettings, work: Any, context: Context | None = None) -> LayerCost:
    """One work on its own."""
    return Spatial().cost([work], found, context or inside())[0]


def energy(found: LayerCost, *names: str) -> float:
    """Energy of some components, of all where none is named."""
    return float(sum(part.energy_pj for part in found.energies if not names or part.component.name in names))


def moved(found: LayerCost, name: str, operand: str = "") -> float:
    """Bytes through one memory."""
    return float(sum(
        m.read_bytes + m.write_bytes for m in found.traffic if m.memory == name and operand in ("", m.operand)
    ))  # fmt: skip


def mapped(found: SpatialSettings, work: MatrixWork) -> Mapped:
    """The mapping that a work takes in the middle of a network."""
    return SpatialMachine.of([work], found, inside()).mapped(work).mapped


few_loops = st.builds(
    Loops, B=st.integers(1, 2), G=st.integers(1, 2), K=st.sampled_from([1, 3, 4, 12]), C=st.sampled_from([1, 2, 8]),
    OY=st.sampled_from([1, 2, 6]), OX=st.sampled_from([1, 3, 4]), FY=st.sampled_from([1, 3]),
    FX=st.sampled_from([1, 2]),
)  # fmt: skip


@given(loops=few_loops)
@MANY
def test_energy_of_a_memory_is_what_moved_through_it(loops: Loops) -> None:
    found = run(chip(), product(loops))
    for name, each in chip().memories.items():
        read, written = (
            sum(getattr(m, side) for m in found.traffic if m.memory == name) for side in ("read_bytes", "write_bytes")
        )
        per_bit = (read * each.read_pj.value + written * each.write_pj.value) * 8 / each.word_bits
        assert energy(found, name) == pytest.approx(per_bit)
    assert energy(found, "mac_array") == pytest.approx(0.2 * loops.macs)
    assert energy(found, "off_chip_memory") == pytest.approx(8 * 8.0 * moved(found, "off_chip_memory"))


@given(loops=few_loops)
@MANY
def test_a_layer_is_its_mapping_and_control_on_top(loops: Loops) -> None:
    best, found = mapped(chip(), product(loops)), run(chip(), product(loops))
    assert energy(found) - energy(found, "control") == pytest.approx(best.energy_pj)
    on_chip = energy(found) - energy(found, "control", "off_chip_memory")
    assert energy(found, "control") == pytest.approx(0.1 * on_chip)
    assert control_energy(chip(), []).energy_pj == 0
    assert found.latency_ns == best.cycles / 0.5
    assert energy(found, "wires") == pytest.approx(best.cost.wire_pj)


@given(first=few_loops, second=few_loops)
@MANY
def test_layers_add_up(first: Loops, second: Loops) -> None:
    works = [product(loops, layer=name) for name, loops in (("a", first), ("b", second))]
    together = Spatial().cost(works, chip(), inside())
    for work, found in zip(works, together, strict=True):
        alone = run(chip(), work)
        assert (found.layer, found.macs) == (work.layer, work.macs)
        assert energy(found) == energy(alone)
        assert number(found.latency_ns) == number(alone.latency_ns)


@given(loops=few_loops)
@MANY
def test_everything_crosses_the_edge_of_the_chip_at_least_once(loops: Loops) -> None:
    work = product(loops)
    found = run(chip(), work)
    assert moved(found, "off_chip_memory", "output") >= work.output.elements
    assert moved(found, "off_chip_memory", "weight") >= work.weight.elements * (1 - 1e-12)
    assert moved(found, "off_chip_memory", "input") >= work.input.elements * (1 - 1e-12)


@given(loops=few_loops, factor=st.sampled_from([0.5, 0.25]))
@MANY
def test_inside_the_chip_cycles_do_not_depend_on_the_clock(loops: Loops, factor: float) -> None:
    context = inside(includes_off_chip=False)
    fast, slow = (run(chip(clock_ghz=clock), product(loops), context) for clock in (0.5, 0.5 * factor))
    assert number(slow.latency_ns) == pytest.approx(number(fast.latency_ns) / factor)
    assert energy(slow) == pytest.approx(energy(fast))
    assert energy(fast, "off_chip_memory") == 0


@pytest.mark.parametrize("name", ["weights", "sums"])
def test_a_memory_too_small_is_refused_with_what_would_do(name: str) -> None:
    raw = chip().model_dump()
    raw["memories"][name]["bytes"] = 1
    raw["widths"] = {"weight": 16, "input": 16, "sum": 32, "output": 16}
    tiny = SpatialSettings.model_validate(raw)
    (limit,) = Spatial().limits([product(CONV)], tiny, inside())
    needed = 16 if name == "weights" else 32
    assert f"layer: memory {name} of 8 bits is too small" in limit.reason
    assert f"it needs {needed} bits" in limit.reason
    assert f"{needed // 8 - 1} bytes more would do" in limit.reason
    assert float(limit.overshoot) == needed / 8 - 1
    raw["memories"][name]["bytes"] = needed // 8
    assert not Spatial().limits([product(CONV)], SpatialSettings.model_validate(raw), inside())
    assert number(run(tiny, product(CONV)).latency_ns) > 0


def test_what_does_not_fit_is_costed_as_if_it_did() -> None:
    raw = chip().model_dump()
    raw["memories"]["weights"]["bytes"] = 1
    raw["widths"]["weight"] = 16
    work = product(CONV)
    machine = SpatialMachine.of([work], SpatialSettings.model_validate(raw), inside())
    with pytest.raises(Infeasible, match="weights of 8 bits"):
        machine.mapped(work)
    assert machine.misfits([work, vector(8)]).keys() == {"layer"}
    assert machine.best(work).mapped.energy_pj == machine.unlimited(work).mapped.energy_pj
    assert machine.unlimited(work).mapped.energy_pj <= mapped(chip(widths=raw["widths"]), work).energy_pj


def test_area_and_leakage_are_one_for_every_copy() -> None:
    assert [instances(chip(), name) for name in ("weights", "sums", "buffer")] == [16, 16, 1]
    found = {area.component.name: number(area.area_mm2) for area in Spatial().area(chip())}
    for name, each in chip().memories.items():
        assert found[name] == pytest.approx(instances(chip(), name) * each.area_mm2.value)
    assert found["units"] == pytest.approx(16 * 0.01)
    assert found["vector_unit"] == pytest.approx(4 * 0.002)
    power = {one.component.name: number(one.power_mw) for one in Spatial().static_power(chip())}
    assert power["clock_tree"] == pytest.approx(16 * 0.1 * 0.5)
    assert power["weights_leakage"] == pytest.approx(16 * 16e-6)
    assert memory_component(chip(), "weights").scope == "core"
    assert memory_component(chip(), "buffer").scope == "chip"


@given(lanes=st.integers(1, 9), elements=st.integers(1, 6000), keeps=st.booleans())
@MANY
def test_element_wise_work_takes_its_lanes_or_its_memory(lanes: int, elements: int, keeps: bool) -> None:
    unit = {"lanes": lanes, "op_pj": known(0.4), "lane_mm2": known(0.002)}
    work, context = vector(elements), inside()
    found = run((handing if keeps else chip)(vector=unit), work, context)
    stays = keeps and elements <= 4096
    assert moved(found, "off_chip_memory") == (0 if stays else 2 * elements)
    assert moved(found, "buffer") == (2 * elements * (1 if stays else 2) if keeps else 0)
    lanes_ns = math.ceil(elements / lanes) / 0.5
    assert number(found.latency_ns) == max(lanes_ns, number(context.off_chip_ns(moved(found, "off_chip_memory"))))
    assert energy(found, "vector_unit") == pytest.approx(0.4 * elements)
    assert 0 < number(found.utilisation_fraction) <= 1


def test_element_wise_work_needs_lanes() -> None:
    with pytest.raises(SimulatorError, match="without lanes"):
        run(chip(vector=None), vector(8))


def test_data_go_past_a_memory_that_is_bypassed() -> None:
    held, past = handing(), handing(bypass=("buffer",))
    assert without_bypassed(held) is held
    assert without_bypassed(past).memories.keys() == {"weights", "sums"}
    assert without_bypassed(past).hand_over is None
    plain = chip(bypass=("sums",))
    found = run(plain, product(CONV))
    assert {m.memory for m in found.traffic} == {"weights", "buffer", "off_chip_memory"}
    assert instances(plain, "sums") == 16


@pytest.mark.parametrize(("first", "last"), list(itertools.product([False, True], repeat=2)))
def test_a_tensor_stays_where_no_edge_of_the_network_is(first: bool, last: bool) -> None:
    edges = {"first": frozenset({"layer"} if first else ()), "last": frozenset({"layer"} if last else ())}
    machine = SpatialMachine.of([], handing(), inside(**edges))
    beyond = machine.beyond(product(CONV))
    assert beyond == {"weight"} | ({"input"} if first else set()) | ({"output"} if last else set())
    assert machine.keeps(4096, "other", "first")
    assert not machine.keeps(4097, "other", "first")


def test_weights_that_fit_never_come_again() -> None:
    home = chip(weights_in="buffer")
    small, large = product(Loops(K=64, C=64)), product(Loops(K=64, C=65 * 2))
    assert moved(run(home, small), "off_chip_memory", "weight") == 0
    assert moved(run(home, large), "off_chip_memory", "weight") >= large.weight.elements
    together = Spatial().cost([small, replace(small, layer="b"), replace(small, layer="c")], home, inside())
    assert all(moved(found, "off_chip_memory", "weight") > 0 for found in together)
    both = Spatial().cost([small, replace(small, layer="b")], home, inside())
    assert not any(moved(found, "off_chip_memory", "weight") for found in both)


def test_variants_are_costed_one_by_one() -> None:
    clocks = [0.25, 0.5]
    swept = chip().model_copy(update={"clock_ghz": np.array(clocks)})
    found = run(swept, product(CONV))
    for index, clock in enumerate(clocks):
        assert np.asarray(found.latency_ns)[index] == number(run(chip(clock_ghz=clock), product(CONV)).latency_ns)
