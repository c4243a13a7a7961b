"""A sensor that convolves before it converts: what noise and bits cost, what it saves, what it cannot run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, energy, number, part, product, small_loops, vector

from joulescape import cost
from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.analog_sensor.cost import conversion_pj
from joulescape.simulators.base import LayerCost
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import check_simulator, check_variants

REDEYE = case("electronic/redeye")
CONV = Loops(K=32, C=3, OY=56, OX=56, FY=5, FX=5)
MANY = settings(max_examples=15, deadline=None)


def work(loops: Loops = CONV) -> MatrixWork:
    return replace(product(loops), layer="conv1")


def run(machine: Case, asked: MatrixWork, leaves: bool = True) -> LayerCost:
    context = replace(example_context(), handed_on=frozenset({"conv1"} if leaves else ()))
    (found,) = machine.cost(asked, context=context)
    return found


def sensor_energy_pj(**sets: Any) -> float:
    """Everything at the sensor for AlexNet's first layer: neither host nor memory."""
    given = {"hardware.depth": "first"} | {f"hardware.{path}": str(value) for path, value in sets.items()}
    report = cost("alexnet_grouped", "electronic/redeye", given, boundary="chip", root=ROOT)
    return sum(float(row["energy_pj"]) for row in report.energy if row["layer"] == "conv1")


def test_it_keeps_the_contract_of_simulators() -> None:
    check_simulator(REDEYE.simulator, REDEYE.settings)


@given(low=st.floats(20.0, 60.0), more=st.floats(0.5, 20.0))
@MANY
def test_energy_of_a_sum_goes_with_the_ratio_that_is_admitted(low: float, more: float) -> None:
    """kT/C: ten times the capacitor for 10 dB, twice for 3 dB; switches are paid all the same."""
    fixed = 0.1 * work().macs

    def capacitors(snr_db: float) -> float:
        return number(part(run(REDEYE.at({"snr_db": snr_db}), work()), "analog_macs")) - fixed

    assert capacitors(low + more) / capacitors(low) == pytest.approx(10 ** (more / 10), rel=1e-6)


def test_a_bit_less_halves_the_converter() -> None:
    found: Any = REDEYE.settings
    ten, nine = (conversion_pj(found, bits) - 20.0 * bits for bits in (10, 9))
    assert ten == 2 * nine == 5000.0
    assert conversion_pj(found, 4) < conversion_pj(found, 10) / 10


def test_only_what_leaves_is_converted() -> None:
    left, kept = run(REDEYE, work()), run(REDEYE, work(), leaves=False)
    assert part(kept, "converters") == 0
    assert part(left, "converters") == pytest.approx(work().output.elements * (5000 / 64 + 80))
    assert energy(left) - energy(kept) == pytest.approx(part(left, "converters"))


def test_no_converter_for_the_raw_image_is_what_makes_the_sensor_frugal() -> None:
    """The paper's abstract has 85 % less sensor energy, that is 6.5 times; here several, all assumed."""
    plain = sensor_energy_pj(raw_readout=True) - sensor_energy_pj()
    assert plain == pytest.approx(227 * 227 * 3 * (5000 + 200))
    assert 2 < plain / sensor_energy_pj() < 13


@given(loops=small_loops())
@MANY
def test_time_is_never_below_the_roofline(loops: Loops) -> None:
    found = run(REDEYE, work(loops))
    peak = REDEYE.simulator.published(REDEYE.settings)["peak_gops"] / 2
    assert number(found.latency_ns) >= loops.macs / peak * (1 - 1e-9)
    assert 0 < number(found.utilisation_fraction) <= 1


def test_kernels_that_do_not_fit_come_with_every_batch() -> None:
    large = work(Loops(K=256, C=128, OY=14, OX=14, FY=3, FX=3))
    found = run(REDEYE, large)
    fetched = sum(number(move.read_bytes) for move in found.traffic if move.memory == "off_chip_memory")
    assert fetched == 256 * 128 * 9
    roomy = run(REDEYE.at({"kernels.bytes": 1 << 20}), large)
    assert part(roomy, "off_chip_memory") == 0
    assert energy(roomy) < energy(found)


def test_a_chain_is_converted_once_behind_its_last_maximum() -> None:
    graph = example_graph()
    chain = REDEYE.simulator.errors(graph, example_formats(graph, 8.0), REDEYE.settings)
    assert set(chain) == {("conv1", "forward")}
    assert dict(chain["conv1", "forward"].numbers) == {"snr_db": 40.0, "weight_bits": 8.0, "output_bits": 4.0}
    report = cost("lenet5", "electronic/redeye", {}, root=ROOT)
    converted = {row["layer"] for row in report.energy if row["component"] == "converters" and row["energy_pj"] > 0}
    assert converted == {"pool2"}


def test_what_has_left_cannot_come_back() -> None:
    with pytest.raises(Infeasible, match="depth 'first'"):
        cost("alexnet_grouped", "electronic/redeye", {}, root=ROOT)


def test_an_image_that_enters_elsewhere_is_refused() -> None:
    elsewhere = replace(example_context(), first=frozenset({"other"}))
    (limit,) = REDEYE.simulator.limits([work()], REDEYE.settings, elsewhere)
    assert "converted whole" in limit.reason
    assert np.max(limit.overshoot) == 1.0


def test_a_sweep_costs_what_each_variant_costs_alone() -> None:
    swept = {"raw_readout": [True, False, True], "kernels.bytes": [1024, 102400, 1 << 20]}
    check_variants(REDEYE.simulator, REDEYE.settings, [work()], swept)


def test_comparisons_are_paid_one_by_one_and_convert_what_leaves() -> None:
    relu = replace(vector(4096), layer="pool")
    inner = example_context()
    leaving = replace(inner, handed_on=frozenset({"pool"}))
    (kept,), (left,) = REDEYE.cost(relu, context=inner), REDEYE.cost(relu, context=leaving)
    assert part(kept, "comparators") == 4096 * 0.5
    assert part(kept, "converters") == 0
    assert part(left, "converters") == pytest.approx(4096 * (5000 / 64 + 80))
    assert number(kept.latency_ns) == pytest.approx(4096 / 227 / 0.02)


@given(batch=st.integers(1, 6))
@MANY
def test_frames_follow_one_another(batch: int) -> None:
    """Energy and time of a batch are those of its frames; kernels in their memory stay there."""
    many = replace(CONV, B=batch)
    one, all_of_them = run(REDEYE, work()), run(REDEYE, work(many))
    assert number(all_of_them.latency_ns) == pytest.approx(batch * number(one.latency_ns))
    for name in ("analog_macs", "analog_memory", "kernels", "converters"):
        assert part(all_of_them, name) == pytest.approx(batch * part(one, name))


def test_a_row_of_pixels_reads_all_kernels_once() -> None:
    found = run(REDEYE, work())
    (kernels,) = (move for move in found.traffic if move.memory == "kernels")
    assert number(kernels.read_bytes) == CONV.OY * CONV.K * CONV.reduction
    assert part(found, "kernels") == pytest.approx(number(kernels.read_bytes) * 8 * 5.0)


def test_an_image_wider_than_the_columns_takes_another_turn() -> None:
    wide, narrow = (run(REDEYE, work(Loops(K=8, C=3, OY=4, OX=ox, FY=3, FX=3))) for ox in (228, 227))
    assert number(wide.latency_ns) == 2 * number(narrow.latency_ns)


def test_only_the_first_convolution_is_taken_where_it_is_to_go_no_deeper() -> None:
    graph = example_graph()
    first = REDEYE.at({"depth": "first"})
    taken = {
        depth: [o.name for o in graph.operators if machine.simulator.takes(o, "forward", machine.settings)]
        for depth, machine in (("first", first), ("chain", REDEYE))
    }
    assert taken == {"first": ["conv1"], "chain": ["conv1", "relu1", "pool1"]}
    assert not REDEYE.simulator.takes(graph.operator("conv1"), "weight_gradient", REDEYE.settings)


def test_kernels_and_capacitors_take_area_and_kernels_leak() -> None:
    def standing(machine: Case) -> tuple[dict[str, float], dict[str, float]]:
        areas = {part.component.name: number(part.area_mm2) for part in machine.simulator.area(machine.settings)}
        powers = machine.simulator.static_power(machine.settings)
        return areas, {power.component.name: number(power.power_mw) for power in powers}

    areas, powers = standing(REDEYE)
    more_areas, more_powers = standing(REDEYE.at({"kernels.bytes": 2 * 102400, "held.values": 3 * 393216}))
    assert areas["kernels"] == pytest.approx(100 * 0.06)
    assert more_areas["kernels"] == 2 * areas["kernels"]
    assert more_powers["kernel_leakage"] == 2 * powers["kernel_leakage"] > 0
    assert more_areas["analog_memory"] == pytest.approx(3 * areas["analog_memory"])


@given(loops=small_loops())
@MANY
def test_inputs_are_driven_for_every_window_that_does_not_stand_beside_another(loops: Loops) -> None:
    asked = work(loops)
    found = part(run(REDEYE, asked), "analog_memory")
    assert found == pytest.approx(asked.output.elements * 2.0 + asked.macs / loops.FX * 0.3)


@given(values=st.integers(1, 200_000))
@MANY
def test_a_frame_that_has_too_few_capacitors_says_how_many_would_do(values: int) -> None:
    """A layer that gets and gives analog values holds both; the image is in the pixels, what leaves is converted."""
    asked = replace(work(Loops(K=32, C=3, OY=56, OX=56, FY=5, FX=5, B=2)), layer="conv2")
    inner = replace(example_context(2), first=frozenset({"conv1"}))
    first = replace(asked, layer="conv1")
    needed = 3 * 60 * 60 + 32 * 56 * 56
    found = REDEYE.at({"held.values": values})
    reasons = [limit.reason for limit in found.simulator.limits([first, asked], found.settings, inner)]
    assert bool(reasons) == (values < needed)
    assert all(f"conv2: {needed} values" in reason and "depth 'first'" in reason for reason in reasons)
    leaves = replace(inner, handed_on=frozenset({"conv1"}))
    one = found.at({"held.values": 1})
    assert list(one.simulator.limits([first], one.settings, leaves)) == []


def test_kernels_that_do_not_fit_come_with_every_frame_and_where_not_two_fit_with_every_row() -> None:
    frames = work(replace(CONV, B=4))
    size = 32 * 3 * 25

    def fetched(held: int) -> float:
        moves = run(REDEYE.at({"kernels.bytes": held}), frames).traffic
        return sum(number(move.read_bytes) for move in moves if move.memory == "off_chip_memory")

    assert fetched(size) == 0
    assert fetched(size - 1) == fetched(150) == 4 * size
    assert fetched(149) == 4 * 56 * size


def test_a_refusal_of_many_layers_names_three() -> None:
    with pytest.raises(Infeasible, match=r"stem_relu, .* and 14 more: .*depth 'first'") as refused:
        cost("resnet18", "electronic/redeye", {}, root=ROOT)
    assert len(str(refused.value)) < 300
