"""The ring bank simulator: spectrum, link, counts, energies, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_bank_cases import bank, part, work

from joulescape.network.operators import Loops, Operator
from joulescape.network.work import VectorWork
from joulescape.simulators.base import LayerCost
from joulescape.simulators.ring_bank import plugin
from joulescape.simulators.ring_bank.link import budget, most_channels, path, spacing_fwhm
from joulescape.spec.sourced import CORNERS, at_corner, sourced_values
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_formats, example_graph

SWEEP = {"bank.count": [1, 4, 64], "buffer.kib": [1, 64, 4096], "weights.dac_count": [1, 16, 256]}
MEMRISTORS = {
    "weights.store": "memristor",
    "weights.capacity": 4096,
    "weights.cell.component": "memristive/weight_cell",
}


def with_cells(overrides: dict[str, Any] | None = None) -> Any:
    return bank(overrides or {}, "photonic/bplight_cnn")


def one(made: Any, settings_: Any, batch: int = 1) -> LayerCost:
    return plugin.cost([made], settings_, example_context(batch))[0]


@pytest.mark.parametrize("name", ["photonic/broadcast_weight", "photonic/bplight_cnn", "photonic/deap_cnn"])
def test_it_obeys_the_laws_of_a_simulator(name: str) -> None:
    apart = {"bank.added": 1} if name == "photonic/deap_cnn" else {}
    check_simulator(plugin, bank(apart, name), sweep=SWEEP)
    check_simulator(plugin, bank({}, name), sweep={"buffer.kib": [1, 64, 4096]})


# --- light and spectrum -------------------------------------------------------------------------------------------


@given(st.integers(2, 256))
@settings(deadline=None)
def test_channels_share_the_spectral_range(channels: int) -> None:
    made = bank({"bank.channels": channels})
    assert spacing_fwhm(made) * channels * made.ring.fwhm_nm.value == pytest.approx(made.ring.fsr_nm.value)
    spectral = plugin.limits([], made, example_context())[2]
    assert (spectral.overshoot <= 0) is (channels <= most_channels(made))


def test_more_channels_than_the_range_holds_say_how_many_fit() -> None:
    limit = plugin.limits([], bank({"bank.channels": 64}), example_context())[2]
    assert limit.overshoot > 0
    assert "at most 58 channels fit, or a linewidth of 0.142 nm" in limit.reason.replace("0.14 nm", "0.142 nm")


def test_the_path_by_hand() -> None:
    """2 + 0.93 + 0.5 + 4 x 0.1 + 0.5 + 15 x 0.02 + 0.93 dB and a split into 16."""
    made = path(bank())
    assert made.loss_db == pytest.approx(2 + 0.93 + 0.5 + 0.4 + 0.5 + 0.3 + 0.93 + 12.0412, rel=1e-4)


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_a_matched_link_has_the_bits_of_its_adc(bits: int) -> None:
    assert budget(bank({"adc.bits": bits})).bits == pytest.approx(bits, abs=1e-6)


def test_more_rows_ask_for_more_light_until_none_is_left() -> None:
    lines = [budget(bank({"bank.rows": rows, "adc.bits": 4})).line_mw for rows in (4, 8, 16, 32)]
    assert lines == sorted(lines)
    dark = plugin.limits([], bank({"bank.rows": 256}), example_context())[0]
    assert dark.overshoot > 0
    assert "it would close with" in dark.reason


def test_banks_beyond_one_chip_are_a_limit() -> None:
    chip = plugin.limits([], bank({"bank.count": 1000}), example_context())[3]
    assert chip.overshoot > 0
    assert "858 mm2" in chip.reason


def test_numbers_carry_the_links_own_noise() -> None:
    made = bank()
    numbers = plugin.errors(example_graph(), {}, made)["fc1", "forward"].numbers
    ratio2 = numbers["dark_fraction"] ** 2 + 16 * numbers["shot_fraction"] ** 2 + numbers["intensity_fraction"] ** 2
    assert ratio2 == pytest.approx(budget(made).noise_fraction ** 2)


def test_every_constant_that_moves_the_numbers_is_declared() -> None:
    for name in ("photonic/broadcast_weight", "photonic/bplight_cnn"):
        made = bank({"link.rule": "given", "link.received_dbm": -25.0}, name)
        reference = plugin.errors(example_graph(), {}, made)["fc1", "forward"].numbers
        for path_, constant in sourced_values(made).items():
            moved: Any = made
            from joulescape.testing.simulators import at_paths

            value = constant.value * 0.9 if constant.value else 0.01
            moved = at_paths(made, {path_: constant.model_copy(update={"value": value, "low": None, "high": None})})
            found = plugin.errors(example_graph(), {}, moved)["fc1", "forward"].numbers
            assert found == reference or path_ in plugin.changes_numbers, path_


# --- time and energy ----------------------------------------------------------------------------------------------


def test_events_of_a_small_product_by_hand() -> None:
    """40 inputs and 20 outputs on 16 x 16 banks: 3 x 2 tiles; 10 vectors."""
    made = bank()
    cost = one(work(Loops(B=10, K=20, C=40)), made)
    sent, received = 40 * 10 * 2, 20 * 10 * 3
    assert part(cost, "input_dac") == pytest.approx(sent * made.dac.dac_pj(6))
    assert part(cost, "modulator") == pytest.approx(sent * 0.1)
    assert part(cost, "adc") == pytest.approx(received * made.adc.adc_pj())
    assert part(cost, "accumulator") == pytest.approx(received * 0.0223 + 20 * 10 * 2 * 0.0112)


def test_eight_banks_hold_six_tiles_and_no_ring_moves() -> None:
    made = bank()
    cost = one(work(Loops(B=10, K=20, C=40)), made)
    assert part(cost, "weight_writing") + part(cost, "weight_dac") == 0
    assert float(cost.latency_ns) < 100
    few = bank({"bank.count": 2})
    moved = one(work(Loops(B=10, K=20, C=40)), few)
    turns = 3 * (16 * 16 / 16 / 5.0 + 10000)
    assert float(moved.latency_ns) == pytest.approx(turns + 3 * 10 / 5.0 + 2 / 5.0)
    assert moved.bound_by == "reload"
    assert part(moved, "weight_dac") == pytest.approx(6 * 256 * made.weights.dac.dac_pj(8))


def test_signed_inputs_go_twice() -> None:
    plain, signed = (one(work(Loops(B=8, K=16, C=16), signed=s), bank()) for s in (False, True))
    for name in ("input_dac", "modulator", "adc"):
        assert part(signed, name) == pytest.approx(2 * part(plain, name))
    assert part(signed, "sram") == pytest.approx(part(plain, "sram"))


def test_carriers_tune_faster_than_heat() -> None:
    """The mechanism of reload: with fast rings the same reloaded layer is bound by its stream or memory."""
    loops = Loops(B=100, K=256, C=256)
    slow = one(work(loops), bank())
    fast = bank({"ring.response_ns.value": 1.0, "ring.response_ns.low": 0.1})
    assert float(one(work(loops), fast).latency_ns) < float(slow.latency_ns) / 10


def test_no_part_of_the_bill_is_missing() -> None:
    """Laser, tuning, modulation, detection, conversion, memory and digital parts: none is zero by omission."""
    for name in ("photonic/broadcast_weight", "photonic/bplight_cnn", "photonic/deap_cnn"):
        made = bank({}, name)
        cost = one(work(Loops(B=100, K=256, C=2048)), made)
        parts = {e.component.name: float(e.energy_pj) for e in cost.energies}
        parts |= {p.component.name: float(p.power_mw) for p in plugin.static_power(made)}
        parts["modulation"] = parts["modulator"] + parts["modulator_lock"]
        for needed in ("laser", "ring_tuning", "modulation", "photodetector", "transimpedance",
                       "input_dac", "adc", "sram", "sram_leakage", "accumulator", "off_chip_memory"):  # fmt: skip
            assert parts[needed] > 0 or needed == "off_chip_memory", (name, needed)
        assert "off_chip_memory" in parts


def test_weights_too_many_for_the_buffer_come_from_outside() -> None:
    loops = Loops(K=512, C=512)
    small, large = (one(work(loops), bank({"buffer.kib": kib})) for kib in (64, 1024))
    assert part(small, "off_chip_memory") >= 512 * 512 * 8 * 8.0
    assert part(large, "off_chip_memory") == 0


# --- banks that add their voltages --------------------------------------------------------------------------------


def deap(overrides: dict[str, Any] | None = None) -> Any:
    return bank(overrides or {}, "photonic/deap_cnn")


def test_channels_added_as_voltages_take_one_conversion() -> None:
    """The mechanism of DEAP-CNN: every bank has an amplifier, all of them one converter. Apart, each converts."""
    conv = work(Loops(B=2, K=8, C=113, OY=6, OX=6, FY=3, FX=3))
    together, apart = (one(conv, deap({"bank.added": added})) for added in (113, 1))
    assert part(apart, "adc") == pytest.approx(113 * part(together, "adc"))
    outputs = 2 * 8 * 36
    assert part(together, "accumulator") == pytest.approx(outputs * 0.0223)
    assert part(apart, "accumulator") == pytest.approx(outputs * (113 * 0.0223 + 112 * 0.0112))
    assert part(apart, "sram") > part(together, "sram")
    assert apart.latency_ns == together.latency_ns


def test_layers_of_few_channels_leave_banks_idle() -> None:
    """One converter serves 113 banks, so a layer of 8 channels uses 8 of them; apart, others take other outputs."""
    shallow = work(Loops(B=2, K=8, C=8, OY=6, OX=6, FY=3, FX=3))
    together, apart = (one(shallow, deap({"bank.added": added})) for added in (113, 1))
    assert together.active_units == pytest.approx(8)
    assert apart.active_units == pytest.approx(64)
    assert together.utilisation_fraction < apart.utilisation_fraction


def test_the_units_device_power_by_hand() -> None:
    """9 lasers of 100 mW; 1,017 modulators and as many weight rings of 19.5 mW (bangari2020)."""
    found = {p.component.name: float(p.power_mw) for p in plugin.static_power(deap())}
    assert found["laser"] == pytest.approx(900, rel=1e-3)
    assert found["ring_tuning"] == pytest.approx(1017 * 19.5)
    assert found["modulator_lock"] == pytest.approx(1017 * 19.5)
    areas = {a.component.name: float(a.area_mm2) for a in plugin.area(deap())}
    assert areas["adc"] == pytest.approx(0.00285), "one converter for all channels"


def test_no_more_banks_are_added_than_there_are() -> None:
    from joulescape.errors import SpecError

    with pytest.raises(SpecError, match="114 banks cannot be added where there are 113"):
        deap({"bank.added": 114})


# --- memristors ---------------------------------------------------------------------------------------------------


def test_held_weights_are_read_from_cells_not_converted() -> None:
    """The mechanism of memristor-held weights: setting the rings takes neither the buffer nor converters."""
    loops = Loops(B=4, K=64, C=512)
    held, fetched = with_cells({"bank.count": 1}), with_cells({"bank.count": 1, "weights.store": "sram"})
    cells, sram = one(work(loops), held), one(work(loops), fetched)
    assert part(cells, "memristor_read") > 0
    assert part(cells, "weight_dac") == 0 < part(sram, "weight_dac")
    assert part(cells, "sram") < part(sram, "sram")
    assert float(cells.latency_ns) < float(sram.latency_ns)


def test_weights_beyond_the_cells_are_converted_after_all() -> None:
    full = with_cells({"weights.capacity": 100, "bank.count": 1})
    cost = one(work(Loops(K=64, C=512)), full)
    assert part(cost, "memristor_read") == 0
    assert part(cost, "off_chip_memory") > 0


def test_an_update_writes_every_cell_of_every_weight() -> None:
    made = with_cells()
    update = VectorWork("fc", "update", "update", 2000.0, 2000, 1000, 16)
    cost = one(update, made)
    cells = -(-made.weights.bits // 4)
    assert made.weights.cells_per_weight == cells
    assert part(cost, "memristor_write") == pytest.approx(1000 * cells * 1.289)


def test_a_comparator_decides_the_derivative() -> None:
    relu = Operator("relu1", "relu", ("fc",), ((64,),), (64,), ops_per_element=1.0)
    assert plugin.takes(relu, "input_gradient", with_cells())
    assert not plugin.takes(relu, "forward", with_cells())
    assert not plugin.takes(relu, "input_gradient", bank())
    cost = one(VectorWork("relu1", "input_gradient", "relu", 64.0, 128, 64, 16), with_cells())
    assert part(cost, "comparator") == pytest.approx(64 * 0.1)


def test_an_amplifier_saves_laser_and_costs_its_drive() -> None:
    def powers(made: Any) -> dict[str, float]:
        return {p.component.name: float(p.power_mw) for p in plugin.static_power(made)}

    with_soa, without = powers(with_cells()), powers(with_cells({"amplifier": None}))
    assert with_soa["laser"] < without["laser"]
    assert with_soa["optical_amplifier"] > 0
    assert "optical_amplifier" not in without


@pytest.mark.parametrize("way", ["banks", "host"])
def test_backward_products_run_where_the_settings_say(way: str) -> None:
    made = bank({"training.input_gradient": way, "training.weight_gradient": way})
    dense = Operator("fc", "dense", ("input",), ((8,),), (8,))
    for role in ("input_gradient", "weight_gradient"):
        assert plugin.takes(dense, role, made) is (way == "banks")  # type: ignore[arg-type]
    roles = {role for _, role in plugin.errors(example_graph(), example_formats(example_graph(), 8), made)}
    assert ("weight_gradient" in roles) is (way == "banks")


def test_errors_of_weights_set_as_activations_are_never_held() -> None:
    """A weight gradient sets new errors as weights for every tile: nothing stays, nothing comes from cells."""
    cost = one(work(Loops(B=3, K=16, C=16), role="weight_gradient", stored=False), with_cells())
    assert part(cost, "weight_writing") > 0
    assert part(cost, "memristor_read") == 0


def test_memristors_need_a_cell() -> None:
    from joulescape.errors import SpecError

    with pytest.raises(SpecError, match="weights in memristors need a cell"):
        bank({"weights.store": "memristor"})


def test_corners_order_standing_power() -> None:
    totals = [sum(float(p.power_mw) for p in plugin.static_power(at_corner(bank(), corner))) for corner in CORNERS]
    assert totals == sorted(totals)
    assert np.all(np.isfinite(totals))
