"""A supply below the nominal one: the law of energy, the law of late results, what is left to the host."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import SYSTOLIC, case, number, part, product, vector
from pydantic import ValidationError

from joulescape.network.operators import ROLES, Loops
from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.simulators.systolic.supply import SupplySettings
from joulescape.spec.sourced import at_corner
from joulescape.testing.examples import example_graph
from joulescape.testing.simulators import check_simulator

LOW = case("electronic/systolic_undervolted")
MANY = settings(max_examples=30, deadline=None)
LOOPS = Loops(K=48, C=24, OY=6, OX=6, FY=3, FX=3)


def supply(**changes: Any) -> SupplySettings:
    assert isinstance(LOW.settings, SystolicSettings)
    assert LOW.settings.supply is not None
    return SupplySettings.model_validate(LOW.settings.supply.model_dump() | changes)


def test_it_keeps_the_contract_of_simulators() -> None:
    check_simulator(LOW.simulator, LOW.settings)


@given(voltage=st.floats(0.45, 0.9), recovery=st.sampled_from(["te_drop", "none"]))
@MANY
def test_energy_of_the_cells_follows_the_square_of_the_supply(voltage: float, recovery: str) -> None:
    machine = LOW.at({"supply.voltage_v": voltage, "supply.recovery": recovery})
    (low,), (nominal,) = machine.cost(product(LOOPS)), SYSTOLIC.cost(product(LOOPS))
    detectors = 1.031 if recovery == "te_drop" else 1.0
    for name in ("mac_array", "pe_registers"):
        assert number(part(low, name)) == pytest.approx(number(part(nominal, name)) * (voltage / 0.9) ** 2 * detectors)
    for name in ("weight_sram", "activation_sram", "accumulator_sram", "off_chip_memory"):
        assert number(part(low, name)) == pytest.approx(number(part(nominal, name)))
    assert number(low.latency_ns) == number(nominal.latency_ns)


def test_standing_power_and_area_follow_too() -> None:
    machine = LOW.at({"supply.voltage_v": 0.45, "supply.recovery": "none"})
    low, nominal = ({p.component.name: number(p.power_mw) for p in m.simulator.static_power(m.settings)}
                    for m in (machine, SYSTOLIC))  # fmt: skip
    assert low["clock_tree"] == pytest.approx(nominal["clock_tree"] / 4)
    assert low["mac_array_leakage"] == pytest.approx(nominal["mac_array_leakage"] / 2)
    assert low["weight_sram_leakage"] == nominal["weight_sram_leakage"]
    areas = [{a.component.name: number(a.area_mm2) for a in m.simulator.area(m.settings)} for m in (LOW, SYSTOLIC)]
    assert areas[0]["mac_array"] == pytest.approx(1.03 * areas[1]["mac_array"])


@given(low=st.floats(0.3, 0.9), high=st.floats(0.3, 0.9))
@MANY
def test_late_results_never_grow_with_the_supply(low: float, high: float) -> None:
    less, more = sorted((low, high))
    assert 0 <= supply(voltage_v=more).faults <= supply(voltage_v=less).faults <= 1


@pytest.mark.parametrize(("thousandths", "expected"), [(911, 1e-8), (805, 0.013), (760, 0.1), (911.1, 0.0), (300, 1.0)])
def test_the_table_is_met_where_it_is_given_and_ends_where_it_says(thousandths: float, expected: float) -> None:
    assert supply(voltage_v=0.9 * thousandths / 1000).faults == pytest.approx(expected, rel=1e-6)


def test_between_entries_the_logarithm_is_a_straight_line() -> None:
    assert supply(voltage_v=0.9 * 0.858).faults == pytest.approx((1e-8 * 0.013) ** 0.5, rel=1e-6)


def test_corners_move_energy_and_late_results_together() -> None:
    rates = [at_corner(supply(), corner).faults for corner in ("optimistic", "typical", "pessimistic")]
    assert rates == sorted(rates)
    assert rates[0] < rates[2]


@pytest.mark.parametrize(("changes", "said"), [
    ({"voltage_v": 1.0}, "above nominal_v"), ({"recovery": "pray"}, "te_drop"),
    ({"fault_fraction": {900: {"value": 0.5, "basis": "derived", "source": "s"},
                         800: {"value": 0.1, "basis": "derived", "source": "s"}}}, "must fall"),
])  # fmt: skip
def test_a_supply_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        supply(**changes)


def test_it_infers_and_leaves_training_to_its_host() -> None:
    graph = example_graph()
    taken = {
        role for operator in graph.operators for role in ROLES if LOW.simulator.takes(operator, role, LOW.settings)
    }
    assert taken == {"forward"}
    assert {role for _, role in LOW.simulator.errors(graph, {}, LOW.settings)} == {"forward"}


def test_what_it_says_about_errors_is_read_by_their_numerics() -> None:
    found = LOW.simulator.errors(example_graph(), {}, LOW.settings)
    assert {spec.kind for spec in found.values()} == {"timing_faults"}
    numbers = next(iter(found.values())).numbers
    assert numbers["fault_fraction"] == pytest.approx(supply().faults)
    assert (numbers["is_dropped"], numbers["fault_bit"]) == (1.0, 20.0)
    assert {spec.kind for spec in SYSTOLIC.simulator.errors(example_graph(), {}, SYSTOLIC.settings).values()} == {
        "fixed_point"
    }


def test_at_the_nominal_supply_it_is_the_plain_array_and_its_detectors() -> None:
    machine = LOW.at({"supply.voltage_v": 0.9, "supply.recovery": "none"})
    for work in (product(LOOPS), vector(500)):
        (low,), (nominal,) = machine.cost(work), SYSTOLIC.cost(work)
        assert [number(p.energy_pj) for p in low.energies] == [number(p.energy_pj) for p in nominal.energies]
    assert supply(voltage_v=0.9).faults == 0.0
