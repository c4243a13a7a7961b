"""The host core: laws, hand-counted costs, and what crosses the chip's edge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import SimulatorError
from joulescape.network.operators import ROLES, Loops, Operator, Role
from joulescape.network.work import MatrixWork, Operand, OperandFormat, PhysicalWork, VectorWork, Work
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.scalar import ScalarSettings, plugin
from joulescape.testing import check_simulator, example_context, example_formats, example_graph

SPEC = load_back_end(Path(__file__).resolve().parents[2], "electronic/scalar_core", {}).spec
SETTINGS = ScalarSettings.model_validate(SPEC.parameters)


def dense(inputs: int, outputs: int, batch: int = 1, role: Role = "forward", stored: bool = True) -> MatrixWork:
    sizes = (inputs * outputs, batch * inputs, batch * outputs)
    operands = (Operand(size, 8.0) for size in sizes)
    return MatrixWork("fc", role, Loops(B=batch, K=outputs, C=inputs), *operands, is_weight_stored=stored)


def vector(role: Role = "forward", elements: int = 1000, layer: str = "relu") -> VectorWork:
    return VectorWork(layer, role, "relu", float(elements), elements, elements, 8.0)


def cost(work: Work, context: Context | None = None, **changes: Any) -> LayerCost:
    return plugin.cost([work], SETTINGS.model_copy(update=changes), context or example_context())[0]


def moved(found: LayerCost, operand: str) -> float:
    part = next(t for t in found.traffic if t.memory == "off_chip_memory" and t.operand == operand)
    return float(part.read_bytes + part.write_bytes)


def energy(found: LayerCost, name: str) -> float:
    return float(next(part.energy_pj for part in found.energies if part.component.name == name))


def test_every_law_holds() -> None:
    sweep = {"simd_lanes": (1, 4, 16), "clock_ghz": (0.1, 0.5, 1.0), "memory_bytes": (1024, 65536, 1 << 20)}
    check_simulator(plugin, SETTINGS, sweep=sweep)


def test_it_is_a_host_and_no_design() -> None:
    assert not SPEC.is_design
    assert all(plugin.takes(operator, role, SETTINGS) for operator in example_graph().operators for role in ROLES)
    physical = Operator("shg1", "shg", ("input",), ((8,),), (8,))
    assert not plugin.takes(physical, "forward", SETTINGS)
    assert plugin.takes(physical, "weight_gradient", SETTINGS)


def test_a_dense_layer_by_hand() -> None:
    """100 x 40: 4000 multiply-accumulates in 1000 SIMD steps of 2 instructions at 0.5 GHz."""
    found = cost(dense(100, 40))
    assert found.latency_ns == pytest.approx(4000)
    assert energy(found, "arithmetic") == pytest.approx(4000 * 4.6)
    assert energy(found, "instructions") == pytest.approx(2000 * 70)
    assert energy(found, "registers") == pytest.approx(4000 * 96 * 0.009)
    assert moved(found, "weight") == 16_000
    assert energy(found, "off_chip_memory") == pytest.approx(16_000 * 8 * 8.0)
    assert found.utilisation_fraction == pytest.approx(0.5)
    assert found.bound_by == "instructions"


def test_wide_lanes_become_memory_bound() -> None:
    assert cost(dense(4096, 4096), simd_lanes=64).bound_by == "off_chip_memory"


def test_what_fits_stays_and_what_crosses_the_edge_does_not() -> None:
    assert moved(cost(dense(100, 40)), "input") == moved(cost(dense(100, 40)), "output") == 0
    edge = Context(1, example_context().off_chip, True, frozenset({"fc"}), frozenset({"fc"}))
    assert (moved(cost(dense(100, 40), edge), "input"), moved(cost(dense(100, 40), edge), "output")) == (400, 160)
    assert moved(cost(dense(100, 40, role="weight_gradient", stored=False)), "output") == 160
    assert moved(cost(dense(100, 40, role="weight_gradient", stored=False)), "weight") == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 300), st.sampled_from([1024, 16384, 1 << 20]))
def test_every_operand_is_fetched_at_least_once_and_more_memory_never_hurts(
    inputs: int, outputs: int, batch: int, size: int
) -> None:
    context = Context(batch, example_context().off_chip, True, frozenset({"fc"}), frozenset({"fc"}))
    work = dense(inputs, outputs, batch)
    small, large = (cost(work, context, memory_bytes=memory) for memory in (size, 4 * size))
    assert moved(small, "weight") >= 4 * work.weight.elements
    assert moved(small, "input") >= 4 * work.input.elements
    assert moved(small, "output") == 4 * work.output.elements
    total = [moved(found, "weight") + moved(found, "input") for found in (small, large)]
    assert total[1] <= total[0]


def test_updates_rewrite_stored_weights() -> None:
    assert moved(cost(vector("update")), "input") == moved(cost(vector("update")), "output") == 4000
    assert moved(cost(vector()), "input") == moved(cost(vector()), "output") == 0
    assert moved(cost(vector(elements=100_000)), "input") == 400_000


def test_the_boundary_decides_who_pays_for_off_chip_memory() -> None:
    inside = cost(dense(100, 40), Context(1, example_context().off_chip, False))
    assert "off_chip_memory" not in {part.component.name for part in inside.energies}


def test_it_computes_without_error() -> None:
    assert plugin.errors(example_graph(), example_formats(example_graph(), 4.0), SETTINGS) == {}


def test_a_physical_system_is_refused() -> None:
    with pytest.raises(SimulatorError, match="not arithmetic"):
        cost(PhysicalWork("shg1", "forward", "shg", 1, 8, 8))


def test_area_and_leakage_grow_with_lanes_and_a_clock_limit_holds() -> None:
    wide = SETTINGS.model_copy(update={"simd_lanes": 64})
    assert sum(a.area_mm2 for a in plugin.area(wide)) > sum(a.area_mm2 for a in plugin.area(SETTINGS))
    assert sum(p.power_mw for p in plugin.static_power(wide)) > sum(p.power_mw for p in plugin.static_power(SETTINGS))
    fast = SETTINGS.model_copy(update={"clock_ghz": np.array([0.5, 1.2])})
    np.testing.assert_allclose(plugin.limits([], fast, example_context())[0].overshoot, [-0.5, 0.2])


@pytest.mark.parametrize(("inputs", "outputs", "batch", "weight_visits", "input_visits"), [
    (64, 64, 4, 1, 1),  # both fit half of 64 KiB
    (4096, 16, 1, 1, 1),  # the smaller operand fits
    (128, 128, 512, 8, 1),  # 64 KiB of weights, 256 KiB of inputs: weights come again for each of 8 halves
    (512, 512, 64, 1, 32),  # 1 MiB of weights, 128 KiB of inputs: inputs come again for each of 32 halves
])  # fmt: skip
def test_the_smaller_operand_is_fetched_again_for_each_half_memory_of_the_larger(
    inputs: int, outputs: int, batch: int, weight_visits: int, input_visits: int
) -> None:
    edge = Context(batch, example_context().off_chip, True, frozenset({"fc"}), frozenset({"fc"}))
    found = cost(dense(inputs, outputs, batch), edge)
    assert moved(found, "weight") == 4 * inputs * outputs * weight_visits
    assert moved(found, "input") == 4 * inputs * batch * input_visits


def test_groups_are_met_one_by_one() -> None:
    """128 KiB of weights and of inputs are fetched four times as one product and once as sixteen small ones."""
    operands = [Operand(32768, 8.0) for _ in range(3)]
    whole, heads = (
        cost(MatrixWork("fc", "forward", Loops(G=groups, K=128, C=256 // groups, OX=128), *operands))
        for groups in (1, 16)
    )
    assert {moved(whole, "weight"), moved(whole, "input")} == {131072.0, 4 * 131072.0}
    assert moved(heads, "weight") == moved(heads, "input") == 131072.0


@settings(max_examples=30, deadline=None)
@given(ops=st.integers(1, 10_000), lanes=st.integers(1, 32))
def test_instructions_are_whole_and_so_many_an_operation(ops: int, lanes: int) -> None:
    found = cost(vector(elements=ops), simd_lanes=lanes)
    instructions = -(-ops // lanes) * 2.0
    assert energy(found, "instructions") == pytest.approx(instructions * 70.0)
    assert float(found.latency_ns) >= instructions / 0.5 * (1 - 1e-12)
    assert energy(found, "registers") == pytest.approx(ops * 3 * 32 * 0.009)


@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_lanes_share_the_input_of_a_product(lanes: int) -> None:
    """A multiply-accumulate reads one float32 weight a lane, and one input that all lanes share."""
    found = cost(dense(64, 64), simd_lanes=lanes)
    read = next(t for t in found.traffic if (t.memory, t.operand) == ("memory", "input")).read_bytes
    assert float(read) == pytest.approx(4 * 64 * 64 * (1 + 1 / lanes))


def conv(transform: str = "none", tile: int = 1, role: Role = "forward") -> MatrixWork:
    """64 channels to 64, 16 x 16 outputs, 3 x 3 taps."""
    loops = Loops(K=64, C=64, OY=16, OX=16, FY=3, FX=3)
    operands = (Operand(size, 8.0) for size in (64 * 64 * 9, 64 * 256, 64 * 256))
    form = OperandFormat(transform=transform, tile=tile)  # type: ignore[arg-type]
    return MatrixWork("conv", role, loops, *operands, format=form)


def test_winograd_by_hand() -> None:
    """64 tiles of 2 x 2: 16 products a pair of channels, 32 additions a tile going in, 24 coming out."""
    plain, fast = cost(conv()), cost(conv("winograd", 2))
    products, sums = 64 * 64 * 64 * 16, 64 * 64 * (32 + 24)
    assert fast.macs == plain.macs == 9 * 64 * 64 * 256
    assert energy(plain, "arithmetic") == pytest.approx(plain.macs * 4.6)
    assert energy(fast, "arithmetic") == pytest.approx(products * 4.6 + sums * 0.9)
    assert energy(fast, "instructions") == pytest.approx((products + sums) / 4 * 2 * 70)
    assert plain.latency_ns / fast.latency_ns == pytest.approx(plain.macs / (products + sums))
    assert moved(fast, "weight") / moved(plain, "weight") == pytest.approx(16 / 9)


def test_a_transform_that_costs_more_is_not_used_and_none_backward() -> None:
    narrow = replace(conv("strassen", 3), loops=Loops(K=1, C=9, OY=1, OX=1))
    assert cost(narrow) == cost(replace(narrow, format=OperandFormat()))
    assert cost(conv("winograd", 2, "input_gradient")) == cost(conv(role="input_gradient"))
