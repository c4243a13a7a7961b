"""Narrow layers on wide units: gated bits, lanes, and the supply that falls with them (Moons' chips)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, energy, number, part, product, small_loops
from pydantic import ValidationError

from joulescape import cost as price
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import LayerCost
from joulescape.simulators.spatial.precision import SupplySettings, lane_bits
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import check_simulator

GATED, LANES = case("electronic/moons40"), case("electronic/envision")
CONV = Loops(K=64, C=64, OY=16, OX=16, FY=3, FX=3)
MANY = settings(max_examples=15, deadline=None)


def work(bits: float = 16, loops: Loops = CONV, weight: float = 1.0, inputs: float = 1.0) -> MatrixWork:
    """A product in the middle of a network, with shares of weights and inputs that are not zero."""
    found = replace(product(loops, bits), layer="middle")
    return replace(
        found, weight=replace(found.weight, density=weight), input=replace(found.input, density=inputs)
    )  # fmt: skip


def cost(machine: Case, asked: MatrixWork) -> LayerCost:
    """Inside the chip."""
    context = replace(example_context(), first=frozenset(), last=frozenset(), includes_off_chip=False)
    (found,) = machine.cost(asked, context=context)
    return found


def supply(machine: Case) -> SupplySettings:
    found: Any = machine.settings
    assert isinstance(found, SpatialSettings)
    assert found.precision is not None
    assert found.precision.supply is not None
    return found.precision.supply


@pytest.mark.parametrize("machine", [GATED, LANES])
def test_they_keep_the_contract_of_simulators(machine: Case) -> None:
    check_simulator(machine.simulator, machine.settings)


@given(clock=st.floats(0.001, 0.204), share=st.floats(0.05, 1.0))
@MANY
def test_the_supply_is_the_least_that_meets_the_clock(clock: float, share: float) -> None:
    """Delay of the path at that supply, over the nominal one's, is what the cycle leaves; above the least supply."""
    s = supply(GATED)
    volts, threshold, exponent = s.volts(clock, share), s.threshold_v.value, s.exponent.value
    assert s.least_v.value <= volts <= s.nominal_v

    def delay(at: float) -> float:
        return at / (at - threshold) ** exponent

    fixed = s.fixed_path_fraction.value
    left = s.nominal_ghz / clock / (fixed + (1 - fixed) * share)
    assert delay(volts) / delay(s.nominal_v) <= left * (1 + 1e-6)
    if volts > s.least_v.value:
        assert delay(volts) / delay(s.nominal_v) == pytest.approx(left)


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 11])
def test_gated_bits_save_gates_and_supply_but_no_time(bits: int) -> None:
    """(b / 16)^2 of the switching, times the square of a lower supply; the buffer fetches whole words."""
    full, narrow = (cost(GATED, work(b)) for b in (16, bits))
    volts = supply(GATED).volts(0.204, bits / 16) / 1.1
    assert narrow.latency_ns == full.latency_ns
    assert part(narrow, "mac_array") == pytest.approx(part(full, "mac_array") * (bits / 16) ** 2 * volts**2)
    assert part(narrow, "buffer") == pytest.approx(part(full, "buffer"))
    assert part(narrow, "input_queue") == pytest.approx(part(full, "input_queue") * bits / 16)


def test_without_gating_a_narrow_layer_costs_as_much_as_a_wide_one() -> None:
    """Power at 204 MHz from 288 to 25 mW is what the paper reports of it: near ten times, memories included."""
    padded = GATED.at({"precision.mode": "full"})
    assert energy(cost(padded, work(2))) == pytest.approx(energy(cost(padded, work(16))))
    assert 4 < energy(cost(padded, work(2))) / energy(cost(GATED, work(2))) < 20


def test_zeros_of_either_operand_keep_a_unit_still() -> None:
    open_to_zeros = GATED.at({"gating.is_on": False})
    sparse = work(16, weight=0.5, inputs=0.4)
    guarded, plain = cost(GATED, sparse), cost(open_to_zeros, sparse)
    assert part(guarded, "mac_array") == pytest.approx(0.2 * part(plain, "mac_array"))
    assert guarded.latency_ns == plain.latency_ns


@pytest.mark.parametrize(("bits", "lanes"), [(16, 1), (9, 1), (8, 2), (5, 2), (4, 4), (1, 4)])
def test_a_layer_runs_on_the_narrowest_lanes_that_hold_it(bits: int, lanes: int) -> None:
    found: Any = LANES.settings
    assert lane_bits(found.precision, 16, bits) == 16 // lanes
    fast = LANES.at({"precision.pace": "clock"})
    long = Loops(K=64, C=64, OY=16, OX=16, FY=3, FX=3)
    ratio = number(cost(fast, work(16, long)).latency_ns) / number(cost(fast, work(bits, long)).latency_ns)
    assert ratio == pytest.approx(lanes, rel=0.05)


@given(loops=small_loops(), bits=st.sampled_from([2, 4, 7, 8, 16]))
@MANY
def test_at_constant_throughput_a_layer_lasts_as_long_as_at_full_width(loops: Loops, bits: int) -> None:
    narrow, full = (cost(LANES, work(b, loops)) for b in (bits, 16))
    assert number(narrow.latency_ns) >= number(full.latency_ns) * (1 - 1e-9)
    assert energy(narrow) <= energy(full) * (1 + 1e-9)
    assert 0 < number(narrow.utilisation_fraction) <= 1


def test_lanes_and_supply_together_reach_the_factor_of_the_paper() -> None:
    """0.26 to 10 TOPS/W is 38 times; of it lanes alone give half at most, the lower supply the rest."""
    raw = LANES.settings.model_dump()
    raw["precision"]["supply"] = None
    fixed = replace(LANES, settings=SpatialSettings.model_validate(raw))
    whole, lanes = (energy(cost(machine, work(16))) / energy(cost(machine, work(4))) for machine in (LANES, fixed))
    assert 15 < whole < 60
    assert 4 < lanes < whole / 1.8


def test_the_off_switch_of_lanes_pads() -> None:
    padded = LANES.at({"precision.mode": "full"})
    assert energy(cost(padded, work(4))) == pytest.approx(energy(cost(padded, work(16))))
    assert energy(cost(padded, work(16))) <= energy(cost(LANES, work(16)))


def test_sums_of_lanes_are_as_narrow_as_their_share_of_a_register() -> None:
    graph = example_graph()
    for bits, width in ((4.0, 12.0), (8.0, 24.0), (16.0, 48.0)):
        errors = LANES.simulator.errors(graph, example_formats(graph, bits), LANES.settings)
        assert errors["conv1", "forward"].numbers["accumulator_bits"] == width
        assert errors["conv1", "forward"].numbers["input_bits"] == bits


def test_a_clock_beyond_the_nominal_supply_is_refused() -> None:
    (limit,) = GATED.at({"clock_ghz": 0.3}).simulator.limits(
        [work()], GATED.at({"clock_ghz": 0.3}).settings, example_context()
    )
    assert "1.1 V" in limit.reason
    assert np.max(limit.overshoot) == pytest.approx(0.3 / 0.204 - 1)
    slow = GATED.at({"clock_ghz": 0.05})
    assert energy(cost(slow, work())) < 0.6 * energy(cost(GATED, work()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"along": "depth"}, "depth"),
        ({"widths": [5]}, "divide"),
        ({"quiet": ["cache"]}, "cache"),
        ({"mode": "analog"}, "subword"),
    ],
)
def test_precision_that_the_array_cannot_have_is_refused(change: dict[str, Any], said: str) -> None:
    raw = LANES.settings.model_dump()
    raw["precision"].update(change)
    with pytest.raises(ValidationError, match=said):
        SpatialSettings.model_validate(raw)


def test_a_supply_below_the_threshold_is_refused() -> None:
    raw = supply(LANES).model_dump()
    raw["least_v"].update(value=0.2, low=0.1, high=0.3)
    with pytest.raises(ValidationError, match="threshold_v < least_v"):
        SupplySettings.model_validate(raw)


@pytest.mark.parametrize("name", ["moons40", "envision"])
def test_widths_of_single_layers_reach_energy(name: str) -> None:
    """Four bits in conv2 alone: that layer costs less, the others what they did."""

    def energies(bits: int) -> dict[str, float]:
        layers = {"conv1": 8, "conv2": bits, "fc1": 8, "fc2": 8, "fc3": 8}
        sets = {"compression.0": "quantize"} | {
            f"compression.0.quantize.{kind}_bits.lenet5.{layer}": str(width)
            for kind in ("weight", "activation")
            for layer, width in layers.items()
        }
        report = price("lenet5", f"electronic/{name}", sets, boundary="chip", root=ROOT)
        return {
            layer: sum(row["energy_pj"] for row in report.energy if row["layer"] == layer) for layer in ("conv2", "fc1")
        }

    wide, narrow = energies(8), energies(4)
    assert narrow["conv2"] < 0.85 * wide["conv2"]
    assert narrow["fc1"] == pytest.approx(wide["fc1"], rel=0.02)
