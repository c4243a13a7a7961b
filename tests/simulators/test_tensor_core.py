"""The tensor core simulator: published powers and cycles, mechanisms, convolutions that leave it idle."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_bank_cases import part, work
from tensor_core_cases import NAMES, core

from joulescape.errors import SpecError
from joulescape.network.operators import Loops
from joulescape.simulators.base import LayerCost
from joulescape.simulators.tensor_core import plugin
from joulescape.simulators.tensor_core.figures import device_powers
from joulescape.simulators.tensor_core.geometry import Counts, schedule, useful_columns
from joulescape.simulators.tensor_core.link import budget, laser_mw, product_budget
from joulescape.spec.sourced import at_corner, sourced_values
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_graph
from joulescape.testing.simulators import at_paths

every = pytest.mark.parametrize("name", NAMES)


def one(made: Any, settings_: Any, batch: int = 1) -> LayerCost:
    return plugin.cost([made], settings_, example_context(batch))[0]


@every
def test_it_obeys_the_laws_of_a_simulator(name: str) -> None:
    check_simulator(plugin, core(name), sweep={"buffer.kib": [1, 64, 4096]})


# --- published figures --------------------------------------------------------------------------------------------


def test_albireo_takes_its_published_power() -> None:
    """Case G7: 22.74 W conservative; 1.64 W aggressive at 8 GHz, 1.25 W with laser, DAC and ADC at 5 GHz."""
    figures = plugin.published(core("albireo"))
    assert figures["conservative_power_mw"] == pytest.approx(22740, rel=0.015)
    assert figures["aggressive_power_mw"] == pytest.approx(1250, rel=0.015)
    fast = plugin.published(core("albireo", {"clock_ghz": 8.0}))
    assert fast["aggressive_power_mw"] == pytest.approx(1640, rel=0.015)


@pytest.mark.parametrize(
    ("part_name", "watts"), [("routers", 7.52), ("modulator_bias", 3.45), ("laser", 2.36), ("dac", 7.93), ("adc", 1.31)]
)
def test_albireo_by_component(part_name: str, watts: float) -> None:
    powers = device_powers(at_corner(core("albireo"), "pessimistic"))
    assert powers[part_name] / 1e3 == pytest.approx(watts, rel=0.01)


def test_the_lightning_transformer_takes_its_logged_laser() -> None:
    """Case G8: 1.1772 mW a laser; the log feeds each to one path, a detector each takes 192 times as much."""
    made = core()
    assert budget(made).electrical_mw == pytest.approx(1.1772, rel=1e-3)
    logged = laser_mw(core(overrides={"light.endpoint": "laser"}))
    assert logged == pytest.approx(6 * 1.1772, rel=1e-3)
    assert laser_mw(made) == pytest.approx(192 * logged, rel=1e-9)


@pytest.mark.parametrize(
    ("outputs", "reduction", "columns", "cycles"), [(8, 27, 1800, 225), (8, 72, 1568, 396), (10, 64, 1, 6)]
)
def test_cycles_of_the_lightning_transformer(outputs: int, reduction: int, columns: int, cycles: int) -> None:
    """Case G9 and one dense layer."""
    made = schedule(work(Loops(B=columns, K=outputs, C=reduction)), core().array)
    assert made.cycles == cycles


@pytest.mark.parametrize(("outputs", "reduction", "columns"), [(8, 27, 1800), (8, 72, 1568), (10, 64, 1)])
def test_device_energies_recomputed_from_counts_cycles_and_powers(outputs: int, reduction: int, columns: int) -> None:
    """count x power / f x cycles, by 3 for converters and amplifiers that integrate; figures of the published log."""
    cycles = math.ceil(outputs / 48) * math.ceil(reduction / 12) * math.ceil(columns / 24)
    clock = 5.0
    expected = {
        "weight_modulator": 1152 * 2.25 / clock * cycles,
        "input_modulator": 288 * 2.25 / clock * cycles,
        "weight_dac": 1152 * 2.0089 / clock * cycles,
        "input_dac": 288 * 2.0089 / clock * cycles,
        "adc": 576 * 3.7 / clock * cycles / 3,
        "transimpedance": 1152 * 3.0 / clock * cycles / 3,
        "photodetector": 2304 * 1.1 / clock * cycles,
    }
    cost = one(work(Loops(B=columns, K=outputs, C=reduction), bits=4), core())
    for name, energy in expected.items():
        assert part(cost, name) == pytest.approx(energy, rel=0.01), name
    standing = {p.component.name: float(p.power_mw) for p in plugin.static_power(core())}
    assert standing["routers"] / clock * cycles == pytest.approx(4608 * 0.275 / clock * cycles, rel=0.01)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lightning_transformer", Counts(1152, 288, 1152, 1152, 576, 13824)),
        ("albireo", Counts(243, 63, 45, 45, 45, 1215)),
        ("tempo", Counts(1152, 192, 36864, 6144, 6144, 36864)),
    ],
)
def test_device_counts_as_published(name: str, expected: Counts) -> None:
    assert Counts.of(core(name).array) == expected


# --- mechanisms ---------------------------------------------------------------------------------------------------


def test_integration_in_time_saves_conversions() -> None:
    """The mechanism of the Lightning-Transformer and of Netcast: without it converters run every clock."""
    made = work(Loops(B=240, K=48, C=144))
    with_, without = (one(made, core(overrides={"array.integration_cycles": n})) for n in (3, 1))
    for name in ("adc", "transimpedance", "accumulator"):
        assert part(without, name) >= 3 * part(with_, name), name
    assert part(without, "weight_dac") == part(with_, "weight_dac")
    assert without.latency_ns == with_.latency_ns


def test_a_hundred_clocks_on_one_conversion() -> None:
    made = work(Loops(B=10, K=16, C=1000))
    with_, without = (one(made, core("netcast", {"array.integration_cycles": n})) for n in (100, 1))
    assert part(without, "adc") == pytest.approx(100 * part(with_, "adc"))


def test_shared_inputs_save_the_converters_of_four_of_five_columns() -> None:
    """The mechanism of Albireo: neighbours of one row share inputs. One column alone pays weights five times over."""
    conv = work(Loops(K=9, C=3, OY=10, OX=50, FY=3, FX=3))
    five = one(conv, core("albireo"))
    single = one(conv, core("albireo", {"array.columns": 1, "array.wavelengths": 9}))
    assert part(single, "weight_dac") == pytest.approx(5 * part(five, "weight_dac"))
    assert part(single, "input_dac") > 2 * part(five, "input_dac")


def test_cores_may_add_their_photocurrents_instead_of_taking_positions() -> None:
    """The other way to use cores (zhang2024): twice the reduction a step, half the positions, as many conversions."""
    made = work(Loops(B=24, K=48, C=720))
    apart, added = (
        schedule(made, core(overrides={"array.core_axis": axis, "array.integration_cycles": 1}).array)
        for axis in ("positions", "reduction")
    )
    assert (apart.blocks, apart.steps) == (1, 60)
    assert (added.blocks, added.steps) == (2, 30)
    assert apart.cycles == added.cycles == apart.readouts == added.readouts
    long = work(Loops(B=24, K=48, C=12))
    short = [schedule(long, core(overrides={"array.core_axis": axis}).array) for axis in ("positions", "reduction")]
    assert [plan.cycles for plan in short] == [1, 2], "a short reduction leaves the second core idle"


def test_partial_products_add_as_current_as_charge_and_as_numbers() -> None:
    """TeMPO's mechanism (zhang2024): without each level the converters run as often more; the last is digital."""
    made = work(Loops(B=192, K=192, C=480))
    whole = one(made, core("tempo"))
    apart = {"array.core_axis": "positions", "array.adcs_per_output": 6}
    no_current = one(made, core("tempo", apart))
    no_charge = one(made, core("tempo", {"array.integration_cycles": 1}))
    for name in ("adc", "transimpedance"):
        assert part(no_current, name) == pytest.approx(6 * part(whole, name)), name
        assert part(no_charge, name) == pytest.approx(8 * part(whole, name)), name
    assert part(whole, "accumulator") == pytest.approx(192 * 192 * (10 * 0.0223 + 9 * 0.0112))
    assert part(no_charge, "accumulator") == pytest.approx(192 * 192 * (80 * 0.0223 + 79 * 0.0112))


def test_slow_light_saves_the_modulators_energy_and_area_and_asks_for_light() -> None:
    """TeMPO's device: a ninth of the energy and a hundredth of the area of a travelling-wave modulator."""
    figures = {"energy_pj": 0.45, "area_mm2": 0.736, "extinction_db": 15.0}
    long = {f"{side}_modulator.{name}.value": v for side in ("weight", "input") for name, v in figures.items()}
    slow, fast = plugin.published(core("tempo")), plugin.published(core("tempo", long))
    assert fast["modulator_power_mw"] == pytest.approx(9 * slow["modulator_power_mw"])
    assert fast["chip_area_mm2"] > 4 * slow["chip_area_mm2"]
    assert fast["laser_power_mw"] < slow["laser_power_mw"], "6 dB of extinction waste a quarter of the light"


def test_nothing_is_reloaded() -> None:
    """The mechanism of dynamic operands: many small layers cost time by their products alone."""
    small = one(work(Loops(B=1, K=48, C=36)), core())
    assert float(small.latency_ns) == pytest.approx((3 + 2) / 5.0)


def test_light_for_every_product_costs_more_than_for_every_detector() -> None:
    each = {e: laser_mw(core(overrides={"light.endpoint": e})) for e in ("laser", "detector", "product")}
    assert each["laser"] < each["detector"] < each["product"]
    assert each["product"] == pytest.approx(12 * each["detector"])


def test_a_shared_detectors_light_is_divided_among_its_products() -> None:
    made = core()
    assert product_budget(made).received_mw == pytest.approx(budget(made).received_mw / 12)
    assert product_budget(made).bits < budget(made).bits


# --- convolutions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "columns"), [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1)])
def test_stride_leaves_columns_idle(stride: int, columns: int) -> None:
    assert useful_columns(stride, core("albireo").array) == columns
    loops = Loops(K=9, C=3, OY=1, OX=60, FY=3, FX=3, stride_x=stride, stride_y=stride)
    assert schedule(work(loops), core("albireo").array).cycles == min(math.ceil(60 / columns), 60)


@pytest.mark.parametrize(
    ("loops", "utilisation"),
    [
        (Loops(K=9, C=3, OY=20, OX=50, FY=3, FX=3), 1.0),
        (Loops(K=9, C=27, OY=20, OX=50), 1 / 5),  # 1x1: one column, or 1 of 9 taps: vectors are the better
        (Loops(K=9, C=3, OY=20, OX=50, FY=5, FX=5), 25 / 36),
        (Loops(B=1000, K=9, C=27), 1 / 5),  # dense: one column
        (Loops(K=1, C=3, OY=20, OX=50, FY=3, FX=3), 1 / 9),  # one filter: one of nine groups
    ],
)
def test_what_a_layer_leaves_idle(loops: Loops, utilisation: float) -> None:
    plan = schedule(work(loops), core("albireo").array)
    assert loops.macs / plan.cycles / 1215 == pytest.approx(utilisation, rel=1e-9)


loops = st.builds(
    Loops, B=st.integers(1, 4), G=st.integers(1, 3), K=st.integers(1, 40), C=st.integers(1, 40), OY=st.integers(1, 9),
    OX=st.integers(1, 30), FY=st.integers(1, 7), FX=st.integers(1, 7), stride_x=st.integers(1, 4),
)  # fmt: skip


@every
@given(made=loops)
@settings(deadline=None, max_examples=60)
def test_no_schedule_beats_the_peak_or_reads_too_little(name: str, made: Loops) -> None:
    array = core(name).array
    plan = schedule(work(made), array)
    assert made.macs <= plan.cycles * Counts.of(array).macs_per_cycle
    assert plan.weight_reads >= made.G * made.K * made.reduction
    assert plan.cycles >= plan.readouts >= plan.cycles / array.integration_cycles


@every
def test_no_part_of_the_bill_is_missing(name: str) -> None:
    cost = one(work(Loops(B=100, K=256, C=1024)), core(name))
    parts = {e.component.name: float(e.energy_pj) for e in cost.energies}
    parts |= {p.component.name: float(p.power_mw) for p in plugin.static_power(core(name))}
    modulation = parts["weight_modulator"] + parts["input_modulator"] + parts["modulator_bias"]
    assert modulation > 0
    for needed in ("laser", "routers", "photodetector", "transimpedance", "weight_dac", "input_dac", "adc", "sram",
                   "sram_leakage", "accumulator"):  # fmt: skip
        assert parts[needed] > 0, needed
    assert "off_chip_memory" in parts


@every
def test_every_constant_that_moves_the_numbers_is_declared(name: str) -> None:
    made = core(name)
    reference = plugin.errors(example_graph(), {}, made)["fc1", "forward"].numbers
    for path, constant in sourced_values(made).items():
        value = constant.value * 0.9 if constant.value else 0.01
        moved = at_paths(made, {path: constant.model_copy(update={"value": value, "low": None, "high": None})})
        found = plugin.errors(example_graph(), {}, moved)["fc1", "forward"].numbers
        assert found == reference or path in plugin.changes_numbers, path


def test_a_window_must_have_the_wavelengths_that_it_shares() -> None:
    with pytest.raises(SpecError, match="a window of 3 x 3 at 5 positions takes 21 wavelengths"):
        core("albireo", {"array.wavelengths": 20})


def test_a_link_beyond_its_laser_says_what_would_close_it() -> None:
    limit = plugin.limits([], core("netcast", {"adc.bits": 8}), example_context())[0]
    assert limit.overshoot > 0
    assert "it would close with 7 bits" in limit.reason


@pytest.mark.parametrize(
    ("rule", "missing"), [("given", "received_dbm"), ("supplied", "supplied_mw and supplied_at_ghz")]
)
def test_a_rule_without_its_number_is_refused(rule: str, missing: str) -> None:
    with pytest.raises(SpecError, match=f"the rule {rule} needs {missing}"):
        core(overrides={"light.rule.rule": rule})
