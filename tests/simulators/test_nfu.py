"""Tiles of functional units: cycles against plain loops, and what serial inputs, skipped zeros and refresh move."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, case, product, small_loops
from pydantic import ValidationError

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import LayerCost
from joulescape.simulators.nfu.cycles import bricks, lane_cycles, serial_cycles, steps
from joulescape.simulators.nfu.settings import NfuSettings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator, check_variants

PLAIN, SERIAL, SKIPPING = (case(f"electronic/{name}") for name in ("dadiannao", "stripes", "cnvlutin"))
CONV = Loops(K=256, C=128, OY=16, OX=16, FY=3, FX=3)
MANY = settings(max_examples=20, deadline=None)


def work(loops: Loops = CONV, bits: float = 16, density: float = 1.0) -> MatrixWork:
    """A product in the middle of a network."""
    found = replace(product(loops), layer="middle")
    return replace(found, input=replace(found.input, bits=bits, density=density))


def cost(machine: Case, asked: MatrixWork) -> LayerCost:
    """Inside the chip, between two other layers."""
    inner = replace(example_context(), first=frozenset(), last=frozenset(), includes_off_chip=False)
    (found,) = machine.cost(asked, context=inner)
    return found


def energy(found: LayerCost, *names: str) -> float:
    """Of some components, or of all."""
    return float(sum(part.energy_pj for part in found.energies if not names or part.component.name in names))


@pytest.mark.parametrize("machine", [PLAIN, SERIAL, SKIPPING])
def test_it_keeps_the_contract_of_simulators(machine: Case) -> None:
    check_simulator(machine.simulator, machine.settings)


@given(loops=small_loops())
@MANY
def test_parallel_cycles_are_those_of_plain_loops(loops: Loops) -> None:
    s = PLAIN.settings
    assert isinstance(s, NfuSettings)
    counted = 0
    for _ in range(loops.G):
        for _ in range(0, loops.K, s.tiles * s.unit.filters):
            for _ in range(loops.FY * loops.FX):
                counted += len(range(0, loops.C, s.unit.lanes)) * loops.positions
    assert float(cost(PLAIN, work(loops)).latency_ns) * s.clock_ghz == pytest.approx(counted)


@given(loops=small_loops(), density=st.floats(0.05, 1.0), bits=st.integers(1, 16))
@MANY
def test_no_way_of_taking_inputs_is_slower_than_parallel(loops: Loops, density: float, bits: int) -> None:
    asked = work(loops, bits, density)
    plain = cost(PLAIN, asked).latency_ns
    assert cost(SERIAL, asked).latency_ns <= plain * (1 + 1e-9)
    assert cost(SKIPPING, asked).latency_ns <= plain * (1 + 1e-9)
    assert cost(PLAIN, asked).utilisation_fraction <= 1


@pytest.mark.parametrize("bits", [2, 5, 8, 11, 16])
def test_serial_time_follows_the_bits(bits: int) -> None:
    """The paper's rule: 16 / p over bit-parallel units, where windows are plenty."""
    ratio = float(cost(PLAIN, work()).latency_ns) / float(cost(SERIAL, work(bits=bits)).latency_ns)
    assert ratio == pytest.approx(16 / bits)


def test_a_dense_layer_gains_nothing_from_serial_inputs() -> None:
    dense = work(Loops(K=1024, C=1024), bits=4)
    assert cost(SERIAL, dense).latency_ns == cost(PLAIN, dense).latency_ns


def test_serial_units_read_weights_once_for_all_their_windows() -> None:
    reads = [energy(cost(machine, work()), "synapse_edram") for machine in (PLAIN, SERIAL)]
    assert reads[0] / reads[1] == pytest.approx(16)


@given(window=st.integers(1, 60), density=st.floats(0.0, 1.0))
@MANY
def test_a_window_lasts_as_long_as_its_fullest_lane(window: int, density: float) -> None:
    drawn = np.random.default_rng(0).binomial(window, density, size=(20_000, 16)).max(axis=1)
    assert lane_cycles(window, 16, density) == pytest.approx(max(drawn.mean(), 1.0), rel=0.02)
    assert lane_cycles(window, 16, density) <= max(window, 1) + 1e-9


def test_skipping_gains_what_the_paper_found_at_its_density() -> None:
    """44 % of inputs are zero on average: 1.24 to 1.55 times faster, waiting for the fullest lane included."""
    ratio = float(cost(PLAIN, work()).latency_ns) / float(cost(SKIPPING, work(density=0.56)).latency_ns)
    assert 1.24 < ratio < 1 / 0.56


def test_the_data_of_the_network_are_not_skipped() -> None:
    asked = work(density=0.3)
    first = replace(example_context(), first=frozenset({"middle"}), last=frozenset(), includes_off_chip=False)
    (entering,) = SKIPPING.cost(asked, context=first)
    assert entering.latency_ns == cost(PLAIN, asked).latency_ns
    assert cost(SKIPPING, asked).latency_ns < entering.latency_ns


def test_skipped_inputs_cost_neither_products_nor_reads_but_offsets() -> None:
    dense, half = cost(SKIPPING, work()), cost(SKIPPING, work(density=0.5))
    assert energy(half, "functional_units", "synapse_edram") < energy(dense, "functional_units", "synapse_edram")
    reads = [
        sum(m.read_bytes for m in c.traffic if (m.memory, m.operand) == ("neuron_edram", "input"))
        for c in (dense, half)
    ]
    assert reads[1] / reads[0] == pytest.approx(0.5 * 20 / 16)


def test_refresh_flows_used_or_not_and_goes_with_sram() -> None:
    def standing(machine: Case) -> dict[str, float]:
        powers = machine.simulator.static_power(machine.settings)
        return {power.component.name: float(power.power_mw) for power in powers}

    raw = PLAIN.settings.model_dump()
    for memory in ("synapses", "neurons"):
        raw[memory]["is_refreshed"] = False
    still = replace(PLAIN, settings=NfuSettings.model_validate(raw))
    assert standing(PLAIN)["synapse_refresh"] == pytest.approx(16 * 2 * 5.0)
    assert standing(still)["synapse_refresh"] == standing(still)["neuron_refresh"] == 0.0


def test_cells_that_keep_their_charge_longer_are_refreshed_less_often() -> None:
    for retention, expected in ((40_000.0, 160.0), (80_000.0, 80.0), (10_000.0, 640.0)):
        machine = PLAIN.at({"synapses.retention_ns": retention})
        power = {p.component.name: float(p.power_mw) for p in machine.simulator.static_power(machine.settings)}
        assert power["synapse_refresh"] == pytest.approx(expected)
        assert power["neuron_refresh"] == pytest.approx(4 * 5.0), "each memory by itself"


def chips(count: int) -> Case:
    return PLAIN.at({"chips": count})


@pytest.mark.parametrize("count", [4, 16])
def test_chips_share_outputs_of_a_dense_layer_until_their_tiles_are_full(count: int) -> None:
    dense = work(Loops(K=4096, C=4096))
    one, many = cost(PLAIN, dense), cost(chips(count), dense)
    assert float(one.latency_ns) / float(many.latency_ns) == pytest.approx(count, rel=0.35)
    assert energy(many) == pytest.approx(energy(one), rel=0.1), "the same products, elsewhere"
    beyond = cost(chips(64), work(Loops(K=256, C=4096)))
    assert beyond.latency_ns == pytest.approx(float(cost(PLAIN, work(Loops(K=256, C=4096))).latency_ns), rel=0.01)


def test_chips_share_positions_of_a_convolution_that_fills_one_of_them() -> None:
    assert float(cost(PLAIN, work()).latency_ns) / float(cost(chips(4), work()).latency_ns) == pytest.approx(4)


def test_links_bound_many_chips_on_a_dense_layer() -> None:
    """Every chip fetches the inputs that lie on the others: 8 KiB at 204.8 gigabit a second, whatever their number."""
    found = cost(chips(16), work(Loops(K=4096, C=4096)))
    assert found.bound_by == "links"
    assert found.latency_ns == pytest.approx(4096 * 16 * 15 / 16 / 204.8 + 4 * 80)
    fast = PLAIN.settings.links.bandwidth_gbps.model_copy(update={"value": 1e6})  # type: ignore[attr-defined]
    quick = cost(chips(16).at({"links.bandwidth_gbps": fast}), work(Loops(K=4096, C=4096)))
    assert float(quick.latency_ns) < float(found.latency_ns)


def test_more_chips_hold_more_weights_and_stand_and_draw_as_much_more() -> None:
    large, context = work(Loops(K=8192, C=4096)), replace(example_context(), first=frozenset(), last=frozenset())
    (one,), (four,) = PLAIN.cost(large, context=context), chips(4).cost(large, context=context)
    assert (one.bound_by, four.bound_by) == ("off_chip_memory", "units")
    standing = [sum(float(p.power_mw) for p in m.simulator.static_power(m.settings)) for m in (PLAIN, chips(4))]
    areas = [sum(float(p.area_mm2) for p in m.simulator.area(m.settings)) for m in (PLAIN, chips(4))]
    assert standing[1] == pytest.approx(4 * standing[0])
    assert areas[1] == pytest.approx(4 * areas[0])


def test_copies_of_a_layer_give_way_where_the_tiles_are_full() -> None:
    """Four chips of 16 M weights each: a convolution is copied four times alone, not beside 60 M other weights."""
    conv, dense = work(replace(CONV, K=512)), replace(work(Loops(K=8192, C=7400)), layer="other")
    context = replace(example_context(), first=frozenset(), last=frozenset(), includes_off_chip=False)
    alone, beside = chips(16).cost(conv, context=context)[0], chips(4).cost(conv, dense, context=context)[0]
    assert float(beside.latency_ns) > 3 * float(alone.latency_ns)


def test_several_chips_need_links() -> None:
    raw = {**SERIAL.settings.model_dump(), "chips": 2}
    with pytest.raises(ValidationError, match="links"):
        NfuSettings.model_validate(raw)


def test_a_network_larger_than_the_tiles_reads_its_weights_for_every_batch() -> None:
    context = replace(example_context(), first=frozenset(), last=frozenset())
    small, large = work(Loops(K=1024, C=1024)), work(Loops(K=8192, C=4096))
    (fits,), (spills,) = PLAIN.cost(small, context=context), PLAIN.cost(large, context=context)

    def off_chip(found: LayerCost) -> float:
        return sum(float(m.read_bytes) for m in found.traffic if (m.memory, m.operand) == ("off_chip_memory", "weight"))

    assert off_chip(fits) == 0
    assert off_chip(spills) == 8192 * 4096 * 2
    assert spills.bound_by == "off_chip_memory"


def test_it_multiplies_a_matrix_as_often_as_the_paper_says() -> None:
    figures = PLAIN.simulator.published(PLAIN.settings)
    assert figures["matrix_vector_per_s_count"] == pytest.approx(147_938, rel=1e-3)
    assert figures["peak_gops"] == pytest.approx(5580, rel=2e-3)


@given(loops=small_loops())
@MANY
def test_counts_cover_the_product(loops: Loops) -> None:
    s: Any = PLAIN.settings
    assert steps(loops, s) * s.tiles * s.unit.filters >= loops.G * loops.K
    assert bricks(loops, s) * s.unit.lanes >= loops.reduction
    assert serial_cycles(loops.positions, bricks(loops, s), s, 16) <= loops.positions * bricks(loops, s)
    assert math.isfinite(energy(cost(PLAIN, work(loops))))


def test_skipping_needs_offsets() -> None:
    raw = SKIPPING.settings.model_dump()
    raw["offset"] = None
    with pytest.raises(ValidationError, match="offset"):
        NfuSettings.model_validate(raw)


def test_a_sweep_costs_what_each_variant_costs_alone() -> None:
    swept: dict[str, list[Any]] = {
        "inputs": ["parallel", "serial", "non_zero"],
        "tiles": [16, 8, 4],
        "synapses.is_refreshed": [True, False, True],
        "synapses.retention_ns": [40_000.0, 20_000.0, 80_000.0],
    }
    check_variants(PLAIN.simulator, PLAIN.settings, [work()], {"chips": [1, 4, 16], "tiles": [16, 16, 8]})
    check_variants(SKIPPING.simulator, SKIPPING.settings, [work(bits=8, density=0.5)], swept)
