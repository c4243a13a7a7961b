"""The systolic array as a machine: laws, errors, what stays on chip, what each setting buys, and the first TPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import SimulatorError
from joulescape.network.operators import Loops, Role
from joulescape.network.work import MatrixWork, Operand, PhysicalWork, VectorWork, Work
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost, OffChip
from joulescape.simulators.systolic import SystolicSettings, plugin
from joulescape.spec.back_end import OffChipSpec
from joulescape.testing import check_simulator, example_context, example_formats, example_graph
from joulescape.testing.simulators import at_paths

HWLIB = Path(__file__).resolve().parents[2] / "hwlib"
SPEC = load_back_end(HWLIB.parent, "electronic/systolic_int8", {}).spec
SETTINGS = SystolicSettings.model_validate(SPEC.parameters)
SWEEP: dict[str, Sequence[Any]] = {
    "array.rows": (8, 32, 64, 128),
    "array.columns": (16, 16, 128, 8),
    "dataflow": ("weight_stationary", "output_stationary", "weight_stationary", "output_stationary"),
    "clock_ghz": (0.2, 0.5, 0.7, 0.9),
    "zero_gating": (False, True, False, True),
    "weights_stay": (True, False, True, False),
    "vector.lanes": (1, 2, 64, 8),
    "buffers.weight_bytes": (16384, 65536, 32768, 1 << 20),
    "buffers.activation_bytes": (16384, 65536, 8192, 1 << 20),
    "buffers.accumulator_bytes": (16384, 65536, 131072, 1 << 20),
}


def conv(
    batch: int = 1, outputs: int = 64, inputs: int = 32, side: int = 14, kernel: int = 3, stride: int = 1,
    bits: float = 8, role: Role = "forward", density: float = 1.0,
) -> MatrixWork:  # fmt: skip
    loops = Loops(batch, 1, outputs, inputs, side, side, kernel, kernel, stride, stride)
    reach = (side - 1) * stride + kernel
    return MatrixWork(
        "conv", role, loops, Operand(outputs * inputs * kernel * kernel, bits, density, "unstructured"),
        Operand(batch * inputs * reach * reach, bits), Operand(batch * outputs * side * side, bits),
    )  # fmt: skip


def dense(inputs: int, outputs: int, batch: int = 1, bits: float = 8, name: str = "fc") -> MatrixWork:
    loops = Loops(B=batch, K=outputs, C=inputs)
    sizes = (inputs * outputs, batch * inputs, batch * outputs)
    return MatrixWork(name, "forward", loops, *(Operand(size, bits) for size in sizes))


def cost(work: Work, context: Context | None = None, **changes: Any) -> LayerCost:
    at = at_paths(SETTINGS, {path.replace("__", "."): value for path, value in changes.items()})
    return plugin.cost([work], at, context or example_context())[0]


def energy(found: LayerCost, *components: str) -> float:
    parts = {part.component.name: part.energy_pj for part in found.energies}
    return float(sum(parts[name] for name in (components or parts)))


def off_chip(found: LayerCost, operand: str) -> float:
    moved = next(t for t in found.traffic if t.memory == "off_chip_memory" and t.operand == operand)
    return float(moved.read_bytes + moved.write_bytes)


@pytest.mark.parametrize("dataflow", ["weight_stationary", "output_stationary"])
def test_every_law_holds(dataflow: str) -> None:
    check_simulator(plugin, SETTINGS.model_copy(update={"dataflow": dataflow}), sweep=SWEEP)


layers = st.builds(
    conv, batch=st.integers(1, 4), outputs=st.integers(1, 200), inputs=st.integers(1, 200), side=st.integers(1, 20),
    kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 2), bits=st.sampled_from([2.0, 3.0, 4.0, 8.0]),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(layers, st.sampled_from(["weight_stationary", "output_stationary"]), st.sampled_from([8, 32, 128]))
def test_any_layer_stays_above_every_roofline(work: MatrixWork, dataflow: str, side: int) -> None:
    context = example_context()
    found = cost(
        work, context, dataflow=dataflow, array__rows=side, array__columns=side, buffers__accumulator_bytes=1 << 18
    )
    compulsory = (work.weight.elements + work.output.elements) * work.weight.bits / 8
    compulsory_read = off_chip(found, "weight")
    assert 0 < found.utilisation_fraction <= 1
    assert found.latency_ns >= work.macs / side**2 / SETTINGS.clock_ghz
    assert found.latency_ns >= context.off_chip.time_ns(compulsory_read) * (1 - 1e-12)
    assert compulsory_read >= work.weight.elements * work.weight.bits / 8 * (1 - 1e-12)
    assert compulsory > 0 and sum(t.read_bytes for t in found.traffic) >= compulsory_read


@settings(max_examples=60, deadline=None)
@given(
    layers, st.sampled_from(["weight_stationary", "output_stationary"]), st.sampled_from(["batch", "bits", "buffer"])
)
def test_more_work_never_costs_less_energy(work: MatrixWork, dataflow: str, more: str) -> None:
    sizes = {"batch": work.loops.B, "outputs": work.loops.K, "inputs": work.loops.C, "side": work.loops.OY}
    kernel, stride = work.loops.FY, work.loops.stride_y
    bits = work.weight.bits
    before = conv(**sizes, kernel=kernel, stride=stride, bits=bits)
    if more == "batch":
        sizes["batch"] += 1
    after = conv(**sizes, kernel=kernel, stride=stride, bits=bits + 1 if more == "bits" and bits < 8 else bits)
    assert energy(cost(after, dataflow=dataflow)) >= energy(cost(before, dataflow=dataflow)) * (1 - 1e-12)
    if more == "buffer":
        large = cost(before, dataflow=dataflow, buffers__weight_bytes=1 << 22, buffers__activation_bytes=1 << 22)
        assert energy(large, "off_chip_memory") <= energy(cost(before, dataflow=dataflow), "off_chip_memory") * (
            1 + 1e-9
        )


def test_a_single_vector_uses_one_row_of_time() -> None:
    """A dense layer at batch 1 pays a whole load for every tile: utilisation at most 1 / rows."""
    found = cost(dense(1024, 1024))
    assert found.utilisation_fraction <= 1 / 32
    assert found.bound_by in {"array", "off_chip_memory"}
    assert cost(dense(1024, 1024, batch=256)).utilisation_fraction > 10 * found.utilisation_fraction


def test_zeros_save_nothing_unless_gated_and_never_a_cycle() -> None:
    full, half = cost(conv()), cost(conv(density=0.5))
    assert energy(full) == energy(half)
    gated = cost(conv(density=0.5), zero_gating=True)
    saved = energy(half, "mac_array") - energy(gated, "mac_array")
    assert saved == pytest.approx(0.5 * conv().macs * SETTINGS.cell.multiply_pj.value)
    assert gated.latency_ns == half.latency_ns


def test_narrow_weights_are_packed_and_multiplied_at_eight_bits() -> None:
    wide, narrow = cost(dense(512, 512)), cost(dense(512, 512, bits=4))
    assert off_chip(narrow, "weight") == off_chip(wide, "weight") / 2
    assert energy(narrow, "mac_array") == energy(wide, "mac_array")
    assert off_chip(cost(dense(512, 512, bits=32)), "weight") == off_chip(wide, "weight"), "rounded to 8 bits"


def test_sixteen_bit_gradients_take_four_passes() -> None:
    forward, backward = cost(conv(bits=32)), cost(conv(bits=32, role="input_gradient"))
    assert energy(backward, "mac_array") == pytest.approx(4 * energy(forward, "mac_array"))
    assert backward.latency_ns > 3.5 * forward.latency_ns
    assert backward.utilisation_fraction <= 1


def test_weights_that_stay_are_read_once_ever() -> None:
    layer = dense(100, 100)
    assert off_chip(cost(layer), "weight") == 10_000
    assert off_chip(cost(layer, weights_stay=True), "weight") == 0
    assert off_chip(cost(dense(512, 512), weights_stay=True), "weight") == 512 * 512, "too large to stay"


def test_tensors_between_layers_stay_when_they_fit() -> None:
    small, large = dense(100, 200), dense(100, 200, batch=1000)
    assert off_chip(cost(small), "input") == off_chip(cost(small), "output") == 0
    assert off_chip(cost(large), "output") == 200_000
    edge = Context(1, example_context().off_chip, True, frozenset({"fc"}), frozenset({"fc"}))
    assert (off_chip(cost(small, edge), "input"), off_chip(cost(small, edge), "output")) == (100, 200)


def test_off_chip_memory_is_left_out_below_the_system_boundary_energy_and_time() -> None:
    inside = Context(1, example_context().off_chip, False)
    chip, system = cost(dense(1024, 1024), inside), cost(dense(1024, 1024))
    assert chip.latency_ns < system.latency_ns == example_context().off_chip.time_ns(1024 * 1024)
    assert energy(system) - energy(chip) == pytest.approx(energy(system, "off_chip_memory"))


def test_buffers_that_hold_no_tile_are_a_limit() -> None:
    def worst(**changes: Any) -> float:
        at = at_paths(SETTINGS, {path.replace("__", "."): value for path, value in changes.items()})
        return max(float(np.max(limit.overshoot)) for limit in plugin.limits([conv()], at, example_context()))

    assert worst() <= 0
    assert worst(buffers__weight_bytes=1024) == pytest.approx(2 * 32 * 32 / 1024 - 1)
    assert worst(clock_ghz=1.5) == pytest.approx(0.5)
    assert worst(array__rows=256, array__columns=256, dataflow="output_stationary") > 0


def test_vector_work_is_bound_by_lanes_or_memory() -> None:
    relu = VectorWork("relu", "forward", "relu", 6400.0, 6400, 6400, 8.0)
    assert cost(relu).latency_ns == 6400 / 32 / 0.5
    assert cost(relu).bound_by in {"vector_unit", "activation_sram"}
    huge = VectorWork("add", "forward", "add", 1e6, 2_000_000, 1_000_000, 8.0)
    assert cost(huge).bound_by == "off_chip_memory"
    assert off_chip(cost(huge), "input") == 2_000_000


def test_errors_are_eight_bit_integers() -> None:
    formats = example_formats(example_graph(), 4.0)
    found = plugin.errors(example_graph(), formats, SETTINGS)
    assert dict(found["conv1", "forward"].numbers) == {"weight_bits": 4.0, "input_bits": 4.0, "accumulator_bits": 32.0}
    wide = plugin.errors(example_graph(), {}, SETTINGS)["fc1", "forward"].numbers
    assert (wide["weight_bits"], wide["input_bits"]) == (8.0, 8.0)
    assert found["fc1", "weight_gradient"].numbers["gradient_bits"] == 16.0
    assert dict(found["fc1", "update"].numbers) == {"update_bits": 16.0}
    assert {operator for operator, _ in found} == {"conv1", "fc1", "fc2"}


def test_a_physical_system_is_refused() -> None:
    with pytest.raises(SimulatorError, match="not arithmetic"):
        cost(PhysicalWork("shg1", "forward", "shg", 1, 8, 8))


def test_static_power_follows_clock_and_size() -> None:
    def power(**changes: Any) -> float:
        at = at_paths(SETTINGS, {path.replace("__", "."): value for path, value in changes.items()})
        return sum(float(p.power_mw) for p in plugin.static_power(at))

    assert power(clock_ghz=1.0) - power() == pytest.approx(0.5 * 1024 * 0.05)
    assert power(array__rows=64) > power()


def test_a_part_is_as_well_known_as_its_weakest_constant() -> None:
    """Leakage of the array rests on its placed area, which is assumed; that of the vector unit on derived ones only."""
    basis = {part.component.name: part.component.basis for part in plugin.static_power(SETTINGS)}
    assert basis["mac_array_leakage"] == basis["control_leakage"] == basis["clock_tree"] == "assumed"
    assert basis["vector_unit_leakage"] == basis["weight_sram_leakage"] == "derived"
    dynamic = {part.component.name: part.component.basis for part in cost(conv()).energies}
    assert dynamic["control"] == "assumed" and dynamic["mac_array"] == dynamic["pe_registers"] == "derived"


# The first TPU (jouppi2017): 256 x 256 cells, 0.7 GHz, 34 GB/s. Layer shapes are not printed: what the paper fixes is
# weights, multiply-accumulates per weight byte and batch, so square dense layers of that size stand in for them.

TPU = at_paths(
    SETTINGS,
    {
        "array.rows": 256, "array.columns": 256, "clock_ghz": 0.7, "vector.lanes": 256, "buffers.weight_bytes": 1 << 18,
        "buffers.activation_bytes": 24 << 20, "buffers.accumulator_bytes": 4 << 20,
    },
)  # fmt: skip


def tpu_context() -> Context:
    ddr3 = OffChipSpec.model_validate(yaml.safe_load((HWLIB / "components/ddr3.yaml").read_text(encoding="utf-8")))
    return Context(1, OffChip("ddr3", ddr3.read_pj_per_bit, ddr3.write_pj_per_bit, ddr3.bandwidth_gbps), True)


def tera_ops(works: Sequence[MatrixWork]) -> float:
    found = plugin.cost(works, TPU, tpu_context())
    return 2 * sum(c.macs for c in found) / sum(float(c.latency_ns) for c in found) / 1e3


def test_tpu_peak_is_91_75_tera_ops() -> None:
    assert plugin.published(TPU)["peak_tops"] == pytest.approx(91.75, rel=0.005)


@pytest.mark.parametrize(("layers_count", "side", "batch", "measured"), [(5, 2000, 200, 12.3), (58, 947, 64, 3.7)])
def test_tpu_dense_applications_are_bounded_by_weight_bandwidth(
    layers_count: int, side: int, batch: int, measured: float
) -> None:
    """MLP0 and LSTM0: the model is an upper bound within 20 %."""
    model = tera_ops([dense(side, side, batch, name=f"fc{index}") for index in range(layers_count)])
    assert measured <= model <= 1.2 * measured


def test_tpu_convolutions_reach_the_compute_roof() -> None:
    """CNN0: 16 layers, 8 M weights, 2888 multiply-accumulates a weight byte at batch 8 (19 x 19 positions each)."""
    work = conv(batch=8, outputs=256, inputs=218, side=19, kernel=3)
    assert 2500 < work.macs / work.weight.elements < 3000
    assert 86.0 * 0.8 <= tera_ops([work] * 16) <= 91.75


def test_tpu_ridge_is_where_memory_and_array_take_equal_time() -> None:
    """1350 multiply-accumulates a weight byte: below it weights bound the time, above it the array does."""
    below, above = (plugin.cost([dense(2048, 2048, batch)], TPU, tpu_context())[0] for batch in (1200, 1500))
    assert (below.bound_by, above.bound_by) == ("off_chip_memory", "array")
