"""Engines for dense layers: what widths, left-out inputs and a low supply of the weight memory are each worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, energy, number, part, product

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.numerics._memory_faults import MASKINGS
from joulescape.pricing import cost as price
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.mlp_engine.settings import Faults, MlpEngineSettings
from joulescape.simulators.mlp_engine.simulator import MASKING_INDEX
from joulescape.simulators.mlp_engine.supply import fault_fraction, leakage_factor, read_factor
from joulescape.testing.examples import example_context, example_graph
from joulescape.testing.simulators import check_simulator, check_variants

MINERVA, ENGINE = case("electronic/minerva"), case("electronic/whatmough2017")
both = pytest.mark.parametrize("machine", [MINERVA, ENGINE], ids=["minerva", "whatmough2017"])
FEW = settings(max_examples=20, deadline=None)
WIDE = {"widths.weight": 16, "widths.activity": 16, "widths.product": 16, "widths.sum": 32}
NOMINAL = {"supply.v": 0.9, "supply.masking": "none"}
ALL = {"skipping": "off"}


def of(machine: Case) -> MlpEngineSettings:
    assert isinstance(machine.settings, MlpEngineSettings)
    return machine.settings


def work(outputs: int = 256, inputs: int = 784, bits: float = 8, **changes: Any) -> MatrixWork:
    found = replace(product(Loops(K=outputs, C=inputs), bits), layer="middle")
    return replace(found, input=replace(found.input, is_signed=False, **changes))


def inside() -> Context:
    return replace(example_context(), first=frozenset(), last=frozenset(), includes_off_chip=False)


def cost(machine: Case, asked: MatrixWork, context: Context | None = None) -> LayerCost:
    (found,) = machine.cost(asked, context=context or inside())
    return found


def figure(back_end: str, what: str, **changes: Any) -> float:
    """Of MNIST, with the densities that were measured."""
    sets = {"compression.0": "reported"} | {f"hardware.{path}": str(value) for path, value in changes.items()}
    found = price("mnist_mlp", f"electronic/{back_end}", sets, boundary="chip", root=ROOT).totals[what]
    assert found is not None
    return found


@both
def test_it_keeps_the_contract_of_simulators(machine: Case) -> None:
    check_simulator(machine.simulator, machine.settings)


@FEW
@given(outputs=st.integers(1, 70), inputs=st.integers(1, 70))
def test_cycles_are_those_of_plain_loops(outputs: int, inputs: int) -> None:
    s = of(MINERVA)
    counted = sum(inputs + s.fill_cycles for _ in range(0, outputs, s.lanes))
    assert number(cost(MINERVA, work(outputs, inputs)).latency_ns) * s.clock_ghz == pytest.approx(counted)


def test_a_predicate_spares_energy_and_no_time_a_list_spares_both() -> None:
    dense, sparse = work(), work(density=0.2, mean_fraction=0.1)
    for machine, is_faster in ((MINERVA, False), (ENGINE, True)):
        asked = machine.at({"threshold_fraction": 0.0})
        full, left = cost(asked, dense), cost(asked, sparse)
        assert part(left, "weight_sram") == pytest.approx(0.2 * part(full, "weight_sram"))
        assert part(left, "lanes") == pytest.approx(0.2 * part(full, "lanes"))
        assert (number(left.latency_ns) < 0.25 * number(full.latency_ns)) == is_faster


def test_nothing_is_spared_where_nothing_is_left_out() -> None:
    off = MINERVA.at(ALL)
    assert energy(cost(off, work())) == energy(cost(off, work(density=0.2, mean_fraction=0.1)))


@FEW
@given(density=st.floats(0.05, 1.0), less=st.floats(0.0, 0.3), more=st.floats(0.0, 0.3))
def test_a_higher_threshold_never_forms_more_products(density: float, less: float, more: float) -> None:
    asked = work(density=density, mean_fraction=density / 3)
    low, high = (MINERVA.at({"threshold_fraction": t}) for t in sorted((less, more)))
    assert part(cost(high, asked), "weight_sram") <= part(cost(low, asked), "weight_sram") * (1 + 1e-12)


def test_the_engine_eliding_zeros_saves_what_its_chip_measured() -> None:
    """whatmough2018 (ISSCC abstract): four times the energy; with the densities of this network on MNIST."""
    ratio = figure("whatmough2017", "inference_energy_pj", **ALL) / figure("whatmough2017", "inference_energy_pj")
    assert 3.0 < ratio < 5.0


@pytest.mark.parametrize(
    ("before", "after", "claimed", "low", "high"),
    [
        (WIDE | NOMINAL | ALL, NOMINAL | ALL, 1.5, 1.3, 2.4),
        (NOMINAL | ALL, NOMINAL, 2.0, 1.2, 2.4),
        (NOMINAL, {}, 2.7, 2.1, 3.3),
        (WIDE | NOMINAL | ALL, {}, 8.1, 6.0, 10.0),
    ],
    ids=["widths", "predicates", "supply", "all"],
)
def test_each_step_of_minerva_saves_power(
    before: dict[str, Any], after: dict[str, Any], claimed: float, low: float, high: float
) -> None:
    """reagen2016, mean of five data sets; MNIST alone here. Leakage outweighs reads in this model: widths save more and
    predicates less than claimed, and their product does not."""
    ratio = figure("minerva", "mean_power_mw", **before) / figure("minerva", "mean_power_mw", **after)
    assert low < claimed < high, "the range holds the claim"
    assert low < ratio < high, ratio


def test_the_clock_and_the_lanes_give_the_rate_that_was_printed() -> None:
    assert figure("minerva", "inference_latency_ns") == pytest.approx(1e9 / 11_820, rel=0.03)


@FEW
@given(v=st.floats(0.4, 0.9), lower=st.floats(0.0, 0.2))
def test_a_lower_supply_saves_more_and_fails_more(v: float, lower: float) -> None:
    supply = of(MINERVA).supply
    high, low = (supply.model_copy(update={"v": max(0.31, volts)}) for volts in (v, v - lower))
    assert read_factor(low) <= read_factor(high)
    assert leakage_factor(low) <= leakage_factor(high)
    assert fault_fraction(low.faults, low.v) >= fault_fraction(high.faults, high.v)
    assert fault_fraction(low.faults, low.v) <= 0.5


def test_faults_are_a_straight_line_of_their_logarithm() -> None:
    faults = of(MINERVA).supply.faults
    assert fault_fraction(faults, faults.reference_v) == pytest.approx(faults.fraction.value)
    decade = 1 / faults.decades_per_v.value
    assert fault_fraction(faults, faults.reference_v + decade) == pytest.approx(faults.fraction.value / 10)
    none = Faults.model_validate(
        {**faults.model_dump(), "fraction": {**faults.fraction.model_dump(), "value": 0.0, "low": 0.0}}
    )
    assert fault_fraction(none, 0.4) == 0.0


def test_leakage_follows_the_supply_faster_than_reads_do() -> None:
    supply = of(MINERVA).supply
    assert leakage_factor(supply) < (supply.v / supply.nominal_v) ** 2
    assert leakage_factor(supply.model_copy(update={"v": supply.nominal_v})) == 1.0


def test_razor_is_paid_for_only_where_something_is_masked() -> None:
    supply = of(MINERVA).supply
    plain = supply.model_copy(update={"masking": "none"})
    assert read_factor(supply) == pytest.approx(read_factor(plain) * (1 + supply.razor_fraction.value))


def test_masks_are_numbered_as_numerics_numbers_them() -> None:
    assert {name: MASKINGS[int(index)] for name, index in MASKING_INDEX.items()} == {name: name for name in MASKINGS}


def test_numbers_of_the_arithmetic_follow_the_settings() -> None:
    errors = MINERVA.simulator.errors(example_graph(), {}, MINERVA.settings)
    numbers = errors["fc1", "forward"].numbers
    assert numbers["product_drop_bits"] == 8 + 6 - 9
    assert numbers["input_threshold_fraction"] == 0.05
    assert numbers["weight_fault_fraction"] == pytest.approx(0.02)
    off = MINERVA.at(ALL | NOMINAL)
    plain = off.simulator.errors(example_graph(), {}, off.settings)["fc1", "forward"].numbers
    assert plain["input_threshold_fraction"] == 0.0
    assert plain["weight_fault_fraction"] < 1e-7


@both
def test_a_network_larger_than_the_memory_reads_its_weights_for_every_batch(machine: Case) -> None:
    context = replace(example_context(), first=frozenset(), last=frozenset())
    fits, spills = cost(machine, work(64, 64), context), cost(machine, work(2048, 2048), context)

    def loaded(found: LayerCost) -> float:
        return sum(
            number(t.read_bytes) for t in found.traffic if (t.memory, t.operand) == ("off_chip_memory", "weight")
        )

    assert loaded(fits) == 0
    assert loaded(spills) == 2048 * 2048
    assert part(fits, "off_chip_memory") == 0
    assert part(spills, "off_chip_memory") >= 8 * 2048 * 2048 * context.off_chip.read_pj_per_bit.value


def test_only_dense_layers_are_taken() -> None:
    graph = example_graph()
    taken = [o.name for o in graph.operators if MINERVA.simulator.takes(o, "forward", MINERVA.settings)]
    assert taken == ["fc1", "fc2"]


@both
def test_a_sweep_costs_what_each_variant_costs_alone(machine: Case) -> None:
    swept: dict[str, list[Any]] = {
        "lanes": [1, 16, 64], "clock_ghz": [0.25, 1.0, 0.5], "stored_weights": [1000, 360448, 1 << 20],
        "stored_activities": [64, 2048, 4096],
    }  # fmt: skip
    check_variants(machine.simulator, machine.settings, [work(density=0.5, mean_fraction=0.2)], swept)
