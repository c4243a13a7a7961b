"""PipeLayer as shipped: laws, counts by hand, and each mechanism that made it known, switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from crossbar_cases import ROOT, SIMULATOR, dense, energy, part, product
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.base import Described
from joulescape.errors import Infeasible, SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Graph, Loops
from joulescape.network.work import MatrixWork, PhaseWork, VectorWork, Work
from joulescape.pricing import cost as price_of
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.machine import PhaseCost
from joulescape.simulators.base import LayerCost
from joulescape.simulators.crossbar.gradients import gradient_mapping
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.rules import copies_of, counter_ghz, spikes_of
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.spec.network import NetworkSpec
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_formats, example_graph

BACK_END = load_back_end(ROOT, "memristive/pipelayer", {"layout.duplication": "fixed"})
SPEC, PIPELAYER = BACK_END.spec, CrossbarSettings.model_validate(BACK_END.settings.model_dump())
FIXED = {"hardware.layout.duplication": "fixed"}
READ_PJ, WRITE_PJ, READ_NS, WRITE_NS = 1.08, 3910.0, 29.31, 50.88


def pipelayer(**values: Any) -> CrossbarSettings:
    """PipeLayer with dotted paths changed; double underscores stand for dots."""
    raw = PIPELAYER.model_dump()
    for path, value in values.items():
        *parents, leaf = path.split("__")
        inner = raw
        for parent in parents:
            inner = inner[parent]
        inner[leaf] = value
    return CrossbarSettings.model_validate(raw)


def figures(**overrides: Any) -> dict[str, float]:
    back_end = load_back_end(ROOT, "memristive/pipelayer", {k.replace("__", "."): v for k, v in overrides.items()})
    return dict(back_end.simulator.published(back_end.settings))


def cost(work: Work, settings: CrossbarSettings = PIPELAYER) -> LayerCost:
    return SIMULATOR.cost([work], settings, example_context())[0]


# --- laws --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"converter": "adc"},
        {"buffer": "edram"},
        {"array__encoding": "offset", "positions_per_copy": None},
        {"training__is_pipelined": False, "spikes__counter_bits": 5},
        {"training__update_scheme": "serial"},
        {"training__update_scheme": "outer_product", "cell__copies": 2},
    ],
)
def test_it_obeys_the_laws_of_a_simulator_with_each_mechanism_off(changes: dict[str, Any]) -> None:
    check_simulator(SIMULATOR, pipelayer(**changes), sweep={"tiles": [1, 75], "positions_per_copy": [3, 64]})


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"spikes": None, "buffer": "edram"}, "converter: integrate_and_fire needs spikes"),
        ({"spikes": None, "converter": "adc"}, "buffer: subarrays needs spikes"),
        ({"subarrays": None}, "buffer: subarrays needs subarrays"),
        ({"spikes": None, "converter": "adc", "buffer": "edram"}, "update_scheme: batch_average needs spikes"),
    ],
)
def test_a_mechanism_without_its_parts_is_refused(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        pipelayer(**changes)


def test_a_machine_of_converters_has_no_spikes_to_ask_for() -> None:
    changes = {"spikes": None, "converter": "adc", "buffer": "edram", "training__update_scheme": "serial"}
    with pytest.raises(SimulatorError, match="no spikes"):
        spikes_of(pipelayer(**changes))


# --- published figures -------------------------------------------------------------------------------------------


def test_density_is_printed_for_half_of_the_cells_and_efficiency_for_written_results() -> None:
    assert figures()["gops_per_mm2"] == pytest.approx(1485 / 2, rel=0.1)
    assert figures(array__encoding="offset")["gops_per_mm2"] == pytest.approx(1485, rel=0.1)
    reads = 0.5 * 1152 * 16 * READ_PJ * 256 * 8 / 128
    assert figures()["conv_tops_per_w"] == pytest.approx(2 * 1152 * 256 / (reads + 256 * 4 * WRITE_PJ))


def test_a_sixteen_bit_counter_would_have_to_count_at_a_terahertz() -> None:
    assert counter_ghz(PIPELAYER) == pytest.approx(2**15 / READ_NS)
    assert figures()["counter_ghz"] > 1000
    assert counter_ghz(pipelayer(spikes__counter_bits=5)) < 1


def test_counters_take_area_by_the_bit() -> None:
    def circuits(bits: int) -> float:
        areas = SIMULATOR.area(pipelayer(spikes__counter_bits=bits))
        return float(sum(a.area_mm2 for a in areas if a.component.name == "integrate_and_fire"))

    assert circuits(16) == pytest.approx(75 * 96 * 128 * 7.7e-5)
    assert circuits(4) == pytest.approx(circuits(16) / 4)


# --- no converters -----------------------------------------------------------------------------------------------


def test_a_vector_costs_its_spikes_and_nothing_for_conversion() -> None:
    """128 rows of 16 outputs of 8 cells fill one array: half of 128 * 16 spikes, and 128 inputs of 4 cells written."""
    found = cost(dense(128, 16, bits=16))
    assert part(found, "spike_read") == pytest.approx(128 * 16 / 2 * READ_PJ)
    assert part(found, "subarray_write") == pytest.approx(128 * 4 * WRITE_PJ)
    assert part(found, "subarray_read") == pytest.approx(128 * 16 / (128 * 4) * READ_PJ)
    assert part(found, "shift_add") == pytest.approx(128 * 0.2 / 8 / 1.2)
    assert {"adc", "dac", "sample_hold", "edram"}.isdisjoint(e.component.name for e in found.energies)
    assert float(np.asarray(found.occupancy_ns)) == pytest.approx(16 * READ_NS)
    assert float(found.latency_ns) == pytest.approx((16 + 2) * READ_NS + WRITE_NS)


def test_spikes_follow_the_data() -> None:
    quiet, loud = (cost(dense(128, 16, mean_fraction=share)) for share in (0.1, 0.4))
    assert part(loud, "spike_read") == pytest.approx(4 * part(quiet, "spike_read"))
    assert part(loud, "subarray_write") == part(quiet, "subarray_write")


def test_a_signed_input_is_counted_in_two_trains() -> None:
    plain, signed = (map_product(product(Loops(K=16, C=100), is_signed=s), PIPELAYER) for s in (False, True))
    assert float(signed.counts) == 2 * float(plain.counts)
    assert float(plain.counts) == 16 * 4  # two slices of seven magnitude bits for each sign


def test_with_converters_the_same_arrays_are_slower_and_larger() -> None:
    """One converter a crossbar takes 100 ns for 128 columns, three spikes long; the paper claims 3.1 times ISAAC."""
    counted, converted = cost(dense(128, 16, bits=16)), cost(dense(128, 16, bits=16), pipelayer(converter="adc"))
    assert str(converted.bound_by) == "adc"
    ratio = float(np.asarray(converted.occupancy_ns)) / float(np.asarray(counted.occupancy_ns))
    assert ratio == pytest.approx(100 / READ_NS)
    assert figures()["gops_per_mm2"] > figures(converter="adc")["gops_per_mm2"]
    enough = {"converter": "adc", "adc__per_crossbar": 4}
    assert figures()["gops_per_mm2"] > figures(**enough)["gops_per_mm2"]


def test_memory_subarrays_cost_more_energy_than_edram_as_the_paper_concedes() -> None:
    found = [energy(cost(dense(128, 16, bits=16), pipelayer(buffer=buffer))) for buffer in ("subarrays", "edram")]
    assert found[0] > 100 * found[1]


def numbers(settings: CrossbarSettings) -> dict[str, float]:
    graph = example_graph()
    return dict(SIMULATOR.errors(graph, example_formats(graph, 16), settings)["fc1", "forward"].numbers)


def test_errors_go_back_through_arrays_of_their_own() -> None:
    graph = example_graph()
    errors = SIMULATOR.errors(graph, example_formats(graph, 16), PIPELAYER)
    assert errors["fc1", "input_gradient"].numbers["has_own_transpose"] == 1
    assert errors["fc1", "update"].numbers["is_outer_product"] == 0


def test_who_reads_a_column_sets_what_accuracy_may_depend_on() -> None:
    counted, narrow, converted = (
        numbers(pipelayer(**changes)) for changes in ({}, {"spikes__counter_bits": 5}, {"converter": "adc"})
    )
    assert (counted["is_counted"], counted["adc_bits"]) == (1, 16)
    assert (narrow["is_counted"], narrow["adc_bits"]) == (1, 5)
    assert (converted["is_counted"], converted["adc_bits"]) == (0, 10)
    assert numbers(pipelayer(spikes__clip_fraction=0.5))["adc_clip_fraction"] == 0.5


def test_a_weight_gradient_errs_where_it_is_read_from_arrays() -> None:
    graph = example_graph()
    formats = example_formats(graph, 16)
    assert ("fc1", "weight_gradient") in SIMULATOR.errors(graph, formats, PIPELAYER)
    pulsed = pipelayer(training__update_scheme="outer_product")
    assert ("fc1", "weight_gradient") not in SIMULATOR.errors(graph, formats, pulsed)


# --- copies ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(1, 300))
def test_copies_leave_each_at_most_so_many_positions(positions: int, each: int) -> None:
    copies = int(copies_of(positions, pipelayer(positions_per_copy=each)))
    assert copies * each >= positions > (copies - 1) * each


def test_copies_share_the_positions_of_a_layer_and_not_its_energy() -> None:
    """The paper's own layer has 12,544 positions: 196 copies of 64 each are 196 times as fast."""
    work = product(Loops(K=8, C=4, OY=112, OX=112, FY=3, FX=3), bits=16)
    one, many = (cost(work, pipelayer(positions_per_copy=p)) for p in (12544, 64))
    assert float(many.active_units) == 196 * float(one.active_units)
    ratio = float(np.asarray(one.occupancy_ns)) / float(np.asarray(many.occupancy_ns))
    assert ratio == pytest.approx(196)
    assert energy(many) == pytest.approx(energy(one))


def test_copies_by_positions_set_the_pace_of_a_network() -> None:
    """The layer with most positions, 784, is the slowest; one copy of each against as many as leave 32 to each."""
    balanced = price_of("lenet5", "memristive/pipelayer", {**FIXED, "hardware.positions_per_copy": 32}, root=ROOT)
    single = price_of("lenet5", "memristive/pipelayer", {**FIXED, "hardware.positions_per_copy": 784}, root=ROOT)
    times = [report.totals["inference_interval_ns"] for report in (balanced, single)]
    assert times[0] is not None and times[1] is not None
    assert times[1] / times[0] == pytest.approx(784 / 32, rel=0.05)


# --- training ----------------------------------------------------------------------------------------------------


def equal_layers(count: int) -> Graph:
    """`count` convolutions of one shape: every one takes one cycle."""
    rows = [{"name": f"c{i}", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1} for i in range(count)]
    rows += [{"name": "flat", "kind": "flatten"}]
    content = {"about": "equal", "task": "digits", "input": (4, 8, 8), "operators": rows, "training": {"epochs": 1}}
    return build_graph("equal", NetworkSpec.model_validate(content))


def step(settings: dict[str, Any], count: int, batch: int) -> PhaseCost:
    graph = equal_layers(count)
    machine = load_back_end(ROOT, "memristive/pipelayer", {"layout.duplication": "fixed", **settings}).machine("core")
    described = Described(graph, graph, example_formats(graph, 16), ())
    return machine.cost(described, lower(graph, described.formats, "training", batch, {}))


def cycle_ns(found: PhaseCost, batch: int) -> float:
    """Longest stage for one sample."""
    own = [run.cost for run in found.layers if run.cost.role != "update"]
    return max(float(np.max(c.latency_ns if c.occupancy_ns is None else c.occupancy_ns)) for c in own) / batch


@pytest.mark.parametrize(("layers", "batch"), [(3, 16), (5, 64), (8, 128)])
def test_a_pipelined_step_takes_2l_plus_b_plus_1_cycles(layers: int, batch: int) -> None:
    """Published: 2 L + B + 1. Ours leaves the cycle of the loss to the host, and stages shorter than the longest fill
    faster."""
    found = step({}, layers, batch)
    cycles = float(found.makespan_ns[0]) / cycle_ns(found, batch)
    assert batch + layers < cycles <= 2 * layers + batch + 1
    assert cycles == pytest.approx(2 * layers + batch + 1, rel=0.1)


@pytest.mark.parametrize(("layers", "batch"), [(3, 16), (5, 64)])
def test_without_the_pipeline_each_sample_walks_alone(layers: int, batch: int) -> None:
    piped, alone = (step({"training.is_pipelined": flag}, layers, batch) for flag in (True, False))
    stages = sum(float(np.max(r.cost.latency_ns)) for r in alone.layers if not r.cost.is_beside)
    assert float(alone.makespan_ns[0]) >= stages * (1 - 1e-9)
    ratio = float(alone.makespan_ns[0]) / float(piped.makespan_ns[0])
    assert ratio == pytest.approx((2 * layers + 1) * batch / (2 * layers + batch + 1), rel=0.25)
    assert {r.cost.role for r in alone.layers} == {"forward", "input_gradient", "weight_gradient", "update"}


def training(settings: CrossbarSettings, batch: int) -> dict[tuple[str, str], LayerCost]:
    graph = example_graph()
    works = [w for w in lower(graph, example_formats(graph, 16), "training", batch, {}).works
             if SIMULATOR.takes(graph.operator(w.layer), w.role, settings)]  # fmt: skip
    return {(c.layer, c.role): c for c in SIMULATOR.cost(works, settings, example_context(batch))}


def test_a_weight_gradient_writes_errors_reads_activations_and_adds_to_sums() -> None:
    """fc1 is 250 x 40 at batch 8: 40 errors of 8 cells in each of ceil(250 / 64) copies, 250 vectors of one row and 16
    spikes (17 with a sign), 10,000 sums of 4 cells a sample."""
    found = training(PIPELAYER, 8)["fc1", "weight_gradient"]
    assert part(found, "gradient_write") == pytest.approx(8 * 40 * 8 * 4 * WRITE_PJ)
    assert part(found, "subarray_write") == pytest.approx(8 * 10_000 * 4 * WRITE_PJ)
    assert part(found, "spike_read") == pytest.approx(8 * 250 * 16 * 3 / 2 * READ_PJ)  # 320 columns: three arrays
    assert float(found.latency_ns) == pytest.approx(8 * (250 / 4 * 16 * READ_NS + WRITE_NS))
    assert found.is_beside


def test_the_gradient_has_the_macs_of_lowering_and_its_own_arrays() -> None:
    graph = example_graph()
    works = lower(graph, example_formats(graph, 8), "training", 4, {}).works
    for work in works:
        if isinstance(work, MatrixWork) and work.role == "weight_gradient":
            mapping = gradient_mapping(work, PIPELAYER)
            assert mapping.loops.macs == work.macs
            assert mapping.loops.B == 4


def test_every_cell_is_written_once_a_step_forward_and_transposed() -> None:
    one, many = (training(PIPELAYER, batch)["fc1", "update"] for batch in (1, 32))
    assert part(one, "crossbar_write") == pytest.approx(2 * 10_000 * 8 * WRITE_PJ)
    assert part(many, "crossbar_write") == part(one, "crossbar_write")
    assert float(one.latency_ns) == pytest.approx(128 * (READ_NS + WRITE_NS))


def test_updates_run_beside_each_other_after_the_last_gradient() -> None:
    found = training(PIPELAYER, 2)
    flags = [found[layer, "update"].is_beside for layer in ("conv1", "fc1", "fc2")]
    assert flags == [False, True, True]
    assert not found["conv1", "weight_gradient"].is_beside  # the first layer has no input gradient to run beside


def test_an_update_alone_writes_its_own_weights() -> None:
    update = VectorWork("fc", "update", "update", 200.0, 200, 100, 16)
    assert part(cost(update), "crossbar_write") == pytest.approx(100 * 8 * WRITE_PJ)


def test_serial_updates_leave_the_weight_gradient_to_the_host() -> None:
    operator = example_graph().operator("fc1")
    assert SIMULATOR.takes(operator, "weight_gradient", PIPELAYER)
    assert not SIMULATOR.takes(operator, "weight_gradient", pipelayer(training__update_scheme="serial"))


# --- limits ------------------------------------------------------------------------------------------------------


def limits(
    settings: CrossbarSettings, phase: Any = "training", batch: int = 8, steps: int | None = None
) -> Sequence[Any]:
    graph = example_graph()
    works = [w for w in lower(graph, example_formats(graph, 16), phase, batch, {}).works
             if SIMULATOR.takes(graph.operator(w.layer), w.role, settings)]  # fmt: skip
    return SIMULATOR.limits(works, settings, replace(example_context(batch), steps=steps))


def test_training_writes_are_held_against_endurance() -> None:
    """Buffers, errors and sums are written once a sample: 1e8 writes are 12.5 million steps of 8."""
    fine, worn = (limits(PIPELAYER, steps=n)[2] for n in (12_500_000, 25_000_000))
    assert float(fine.overshoot) == pytest.approx(0)
    assert float(worn.overshoot) == pytest.approx(1)
    assert "at most 12500000 steps, or cells that endure 2e+08 writes" in worn.reason


def test_with_edram_and_serial_updates_a_cell_is_written_once_a_step() -> None:
    """Errors that stand in arrays wear as well, whatever the buffers are."""
    serial = pipelayer(buffer="edram", training__update_scheme="serial")
    assert float(limits(serial, steps=25_000_000)[2].overshoot) == pytest.approx(-0.75)
    assert float(limits(pipelayer(buffer="edram"), steps=25_000_000)[2].overshoot) == pytest.approx(1)


def test_wear_is_not_asked_for_an_inference_or_without_a_plan() -> None:
    assert len(limits(PIPELAYER, "inference", steps=10**12)) == 2
    assert len(limits(PIPELAYER, steps=None)) == 2


def test_a_design_that_wears_out_is_infeasible_with_the_reason() -> None:
    """LeNet-5 for 1,000 times its epochs: 660 million samples are too many for 1e8 writes, at any batch."""
    with pytest.raises(Infeasible, match="cells endure 1e.08: at most 3125000 steps") as caught:
        price_of("lenet5", "memristive/pipelayer", {"training.epochs": 12_000}, phases=("training",), root=ROOT)
    assert caught.value.violation == pytest.approx(5.6, rel=0.01)


def test_arrays_for_training_are_counted_forward_back_and_for_errors() -> None:
    inference, whole = (limits(pipelayer(tiles=1), phase)[0] for phase in ("inference", "training"))
    assert float(whole.overshoot) > float(inference.overshoot)


def test_the_smallest_chip_that_would_do_is_named_and_does() -> None:
    small = pipelayer(tiles=1, crossbars_per_ima=1, imas_per_tile=1)
    limit = limits(small)[0]
    tiles = int(limit.reason.split("tiles ")[-1].split()[0])
    assert float(limit.overshoot) > 0
    assert float(limits(small.model_copy(update={"tiles": tiles}))[0].overshoot) <= 0
    assert float(limits(small.model_copy(update={"tiles": tiles - 1}))[0].overshoot) > 0


def test_waiting_for_errors_takes_memory_only_in_the_pipeline() -> None:
    piped, alone = (limits(pipelayer(training__is_pipelined=flag))[1] for flag in (True, False))
    assert float(piped.overshoot) > float(alone.overshoot)
    assert "memory subarrays" in piped.reason


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 64), st.sampled_from(["subarrays", "edram"]))
def test_limits_hold_for_every_variant_of_a_sweep(tiles: int, buffer: str) -> None:
    machine = pipelayer(buffer=buffer)
    swept = machine.model_copy(update={"tiles": np.array([tiles, tiles + 1])})
    for together, alone in zip(limits(swept), limits(machine.model_copy(update={"tiles": tiles})), strict=True):
        assert np.asarray(together.overshoot)[0] == pytest.approx(float(alone.overshoot))


def test_phase_work_carries_the_steps_of_the_plan() -> None:
    from joulescape.network.work import TrainingPlan
    from joulescape.pricing.metrics import phase_work

    graph = example_graph()
    described = Described(graph, graph, example_formats(graph, 8), ())
    plan = TrainingPlan(8, 77, "nominal")
    found: list[PhaseWork] = [phase_work(described, phase, 1, plan, {}) for phase in ("inference", "training")]
    assert [work.steps for work in found] == [None, 77]
