"""Training processors: each mechanism by hand and switched off, as the chips' papers say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, case, energy, number, part, product, small_loops, vector

from joulescape.network.lower import lower
from joulescape.network.operators import Loops, Role
from joulescape.network.work import LayerStatistics, MatrixWork, Work
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.training_core.kept import coded
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import check_simulator

NAMES = ("lnpu", "ganpu", "hnpu", "t_pim", "df_lnpu")
CHIPS = {name: case(f"electronic/{name}") for name in NAMES}
LNPU = CHIPS["lnpu"]
FEW = settings(max_examples=15, deadline=None)
chips = pytest.mark.parametrize("name", NAMES)
HALF = {name: LayerStatistics(input_density=0.4) for name in ("fc1", "fc2")}
AWAY = {"weights_stay": False, "memories.buffer.bytes": 12288}
"""A chip that is too small for what waits."""


def context(batch: int = 4, **changes: Any) -> Context:
    return replace(example_context(batch), last=frozenset({"fc2"}), **changes)


def step(chip: Case, batch: int = 4, seen: dict[str, LayerStatistics] | None = None, **changes: Any) -> list[LayerCost]:
    """One training step of the example network."""
    graph = example_graph()
    works = lower(graph, example_formats(graph, 8.0), "training", batch, HALF if seen is None else seen).works
    return chip.cost(*works, context=context(batch, **changes))


def of_role(costs: list[LayerCost], role: Role) -> list[LayerCost]:
    return [cost for cost in costs if cost.role == role and cost.macs]


def total(costs: list[LayerCost]) -> float:
    return sum(number(energy(cost)) for cost in costs)


def time(costs: list[LayerCost]) -> float:
    return sum(number(cost.latency_ns) for cost in costs)


def edge(costs: list[LayerCost]) -> float:
    """Bytes across the chip's edge."""
    return sum(number(t.read_bytes + t.write_bytes) for c in costs for t in c.traffic if t.memory == "off_chip_memory")


def figure(chip: Case, what: str, **changes: Any) -> float:
    changed = chip.at({path.replace("__", "."): value for path, value in changes.items()})
    return float(changed.simulator.published(changed.settings)[what])


@chips
def test_laws_of_cost_and_errors(name: str) -> None:
    check_simulator(CHIPS[name].simulator, CHIPS[name].settings)


@chips
def test_all_roles_run_on_the_chip(name: str) -> None:
    roles = {cost.role for cost in step(CHIPS[name])}
    assert roles == {"forward", "input_gradient", "weight_gradient", "update"}


# --- dataflow --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lnpu", "ganpu", "hnpu", "df_lnpu"])
def test_a_phase_wants_its_own_dataflow(name: str) -> None:
    """The forward unrolling runs the batch along the rows of a weight gradient and leaves most of them idle."""
    forward = CHIPS[name].settings.dataflow.forward  # type: ignore[attr-defined]
    costs = [of_role(step(chip), "weight_gradient") for chip in (
        CHIPS[name], CHIPS[name].at({"dataflow.weight_gradient": {**forward, "rows": ("C",)}}),
    )]  # fmt: skip
    assert sum(number(c.active_units) for c in costs[0]) > 3 * sum(number(c.active_units) for c in costs[1])


def test_units_at_work_are_those_that_the_dataflow_fills() -> None:
    """40 of 60 columns (two FP8 units in one of FP16), 25 rows ten times over 250 inputs."""
    found = LNPU.cost(product(Loops(K=40, C=250)))[0]
    assert number(found.active_units) == 25 * 40


# --- external memory -------------------------------------------------------------------------------------------------


def test_what_fits_stays_and_what_does_not_pays() -> None:
    assert edge(of_role(step(LNPU), "weight_gradient")[:1]) == 0
    away = LNPU.at(AWAY)
    assert edge(step(away, 8)) > 3 * edge(step(LNPU, 8))
    assert total(step(away, 8)) > total(step(LNPU, 8))


def test_weights_that_stay_are_never_fetched() -> None:
    kept, fetched = (
        [t for cost in step(LNPU.at({"weights_stay": stays})) for t in cost.traffic if t.memory == "off_chip_memory"]
        for stays in (True, False)
    )
    assert sum(number(t.read_bytes) for t in kept if t.operand == "weight") == 0
    assert sum(number(t.read_bytes) for t in fetched if t.operand == "weight") >= 2 * 10_000


@pytest.mark.parametrize("name", ["lnpu", "ganpu"])
def test_a_coded_stash_is_smaller_as_activations_have_zeros(name: str) -> None:
    """A bit a value and the values that are not zero."""
    small = CHIPS[name].at(AWAY)
    plain, short = (edge(step(small.at({"stash.is_coded": is_coded}), 16)) for is_coded in (False, True))
    assert short < plain
    dense = {layer: LayerStatistics() for layer in HALF}
    assert edge(step(small, 16, dense)) == edge(step(small.at({"stash.is_coded": False}), 16, dense))


def test_recomputing_trades_products_for_bytes() -> None:
    """Every second input is made again: fewer bytes wait, the array works longer."""
    small = LNPU.at({**AWAY, "stash.is_coded": False})
    stored, again = (step(small.at({"stash.segment": segment}), 16) for segment in (1, 2))
    assert edge(of_role(again, "forward")) < edge(of_role(stored, "forward"))
    gradients = [of_role(costs, "weight_gradient") for costs in (stored, again)]
    assert sum(part(c, "mac_array") for c in gradients[1]) > 1.5 * sum(part(c, "mac_array") for c in gradients[0])


@FEW
@given(gbps=st.floats(0.05, 50))
def test_bytes_take_their_time(gbps: float) -> None:
    slow = LNPU.at({**AWAY, "external_gbps": gbps})
    for cost in step(slow):
        moved = sum(number(t.read_bytes + t.write_bytes) for t in cost.traffic if t.memory == "off_chip_memory")
        assert number(cost.latency_ns) >= 8 * moved / gbps * (1 - 1e-12)
        assert (cost.bound_by == "off_chip_memory") <= (number(cost.latency_ns) == pytest.approx(8 * moved / gbps))


def test_pins_are_no_faster_than_the_memory_behind_them() -> None:
    wide, wider = (time(step(LNPU.at({**AWAY, "external_gbps": gbps}))) for gbps in (1e3, 1e4))
    assert wide == wider


# --- zeros -----------------------------------------------------------------------------------------------------------


def test_lnpu_gains_as_much_from_zeros_as_its_title_says() -> None:
    """25.3 against 3.48 TFLOPS/W: sevenfold at 90 % zeros, of which a buffer that sets the pace leaves five and a half;
    nothing with skipping off."""
    point = {"clock_ghz": 0.05, "supply_factor": 1.0}
    dense, sparse = (figure(LNPU, "tops_per_w", **point, rated__input_density=d) for d in (1.0, 0.1))
    assert 5 < sparse / dense < 8
    assert figure(LNPU, "tops_per_w", **point, rated__input_density=0.1, zeros__is_on=False) == pytest.approx(dense)


def test_without_balance_lanes_wait_for_the_fullest() -> None:
    even, uneven = (figure(LNPU, "rated_gops", rated__input_density=0.3, zeros__is_balanced=b) for b in (True, False))
    dense = figure(LNPU, "rated_gops")
    assert dense < uneven < 0.85 * even


def test_ganpu_foretells_what_a_rectifier_drops() -> None:
    """Both kinds of zeros save more than either; foretelling costs something."""
    chip, either = CHIPS["ganpu"], {"rated__input_density": 0.3, "rated__output_share": 0.3}
    only = {"zeros__forward": ("input",)}
    both, one = (figure(chip, "tops_per_w", **either, **changes) for changes in ({}, only))
    assert both > 1.5 * one > 1.5 * figure(chip, "tops_per_w")
    free = chip.settings.zeros.foretelling.model_copy(update={"value": 0.0})  # type: ignore[attr-defined]
    assert figure(chip, "tops_per_w", **either, zeros__foretelling=free) > both


def test_masked_errors_need_no_telling() -> None:
    """GANPU computes the errors that a rectifier lets through; LNPU computes all of them."""
    loops = Loops(B=8, K=64, C=32)
    masked = product(loops, role="input_gradient")
    masked = replace(masked, output=replace(masked.output, needed=0.25))
    whole = product(loops, role="input_gradient")
    macs = [part(CHIPS[name].cost(work)[0], "mac_array") for name in ("ganpu", "lnpu") for work in (masked, whole)]
    assert macs[0] == pytest.approx(0.25 * macs[1])
    assert macs[2] == macs[3]


@pytest.mark.parametrize(("role", "operand"), [
    ("forward", "input"), ("input_gradient", "input"), ("weight_gradient", "input"),
])  # fmt: skip
def test_each_phase_skips_what_it_says(role: Role, operand: str) -> None:
    work = product(Loops(B=8, K=64, C=64), role=role)
    thin = replace(work, **{operand: replace(getattr(work, operand), density=0.5, structure="unstructured")})
    on, off = LNPU.cost(thin)[0], LNPU.at({f"zeros.{role}": ()}).cost(thin)[0]
    assert part(on, "mac_array") == pytest.approx(0.5 * part(off, "mac_array"))
    assert number(on.latency_ns) <= number(off.latency_ns)


@given(density=st.floats(0, 1), bits=st.integers(1, 16))
def test_a_code_is_never_longer_than_plain(density: float, bits: int) -> None:
    assert density <= coded(density, bits) <= 1


# --- arithmetic ------------------------------------------------------------------------------------------------------


def test_half_the_bits_twice_the_rate() -> None:
    narrow, wide = (figure(LNPU, "peak_gops", arithmetic__bits=bits) for bits in (8, 16))
    assert narrow == 2 * wide
    efficiency = [figure(LNPU, "tops_per_w", arithmetic__bits=bits) for bits in (8, 16)]
    assert 1.5 < efficiency[0] / efficiency[1] < 2.2


def test_serial_bits_of_both_operands() -> None:
    """T-PIM: a product takes as many cycles as its input has bits, and its weight as many columns."""
    chip = CHIPS["t_pim"]
    assert figure(chip, "peak_gops", arithmetic__bits=8) == 4 * figure(chip, "peak_gops")
    work = product(Loops(B=4, K=64, C=64))
    wide, narrow = chip.cost(work)[0], chip.at({"arithmetic.bits": 4}).cost(work)[0]
    assert part(wide, "mac_array") == pytest.approx(16 * part(narrow, "mac_array"))


def test_hnpu_saves_by_few_bits_inside() -> None:
    """Two ends at 8 bits, the rest at 4: between both uniform widths."""
    chip = CHIPS["hnpu"]
    loops = Loops(B=4, K=64, C=64)
    works = [product(loops, layer=layer) for layer in ("conv1", "middle", "fc2")]
    macs = [[part(c, "mac_array") for c in chip.at(sets).cost(*works, context=context())] for sets in (
        {}, {"arithmetic.edge_bits": None}, {"arithmetic.bits": 8},
    )]  # fmt: skip
    assert macs[0][1] == macs[1][1] == pytest.approx(macs[2][1] / 2)
    assert macs[0][0] == macs[0][2] == macs[2][0]


def test_chance_costs_random_numbers() -> None:
    """One for each gradient, error and weight that is rounded; none to nearest."""
    by_chance, nearest = (step(LNPU, rounding=rounding) for rounding in ("stochastic", "nearest"))
    assert sum(part(cost, "random_numbers") for cost in nearest) == 0
    drawn = sum(part(cost, "random_numbers") for cost in by_chance if cost.role == "update")
    assert drawn == pytest.approx(example_graph().parameter_count * 0.5 * 1.41**2)
    assert sum(part(cost, "random_numbers") for cost in by_chance if cost.role == "forward") == 0


# --- transposed weights, feedback ------------------------------------------------------------------------------------


def test_transposed_weights_are_paid_one_way_or_the_other() -> None:
    laid_out, both_ways = (step(LNPU.at({"transpose.is_transposable": b})) for b in (False, True))
    back = [sum(part(c, "buffer") for c in of_role(costs, "input_gradient")) for costs in (laid_out, both_ways)]
    assert back[0] > back[1], "weights are read and written once more"
    forward = [sum(part(c, "buffer") for c in of_role(costs, "forward")) for costs in (laid_out, both_ways)]
    assert forward[0] < forward[1], "each read of a cell with two ways out costs more"
    assert time(of_role(laid_out, "input_gradient")) > time(of_role(both_ways, "input_gradient"))


def test_weights_off_the_chip_are_laid_out_there() -> None:
    away = LNPU.at({"weights_stay": False})
    extra = edge(of_role(step(away), "input_gradient"))
    extra -= edge(of_role(step(away.at({"transpose.is_transposable": True})), "input_gradient"))
    assert extra == 2 * (250 * 40 + 40 * 7)


@pytest.mark.parametrize("name", ["df_lnpu", "lnpu"])
def test_direct_feedback_is_shorter(name: str) -> None:
    """Errors come from seven classes in place of a layer's outputs; all other roles stay as they are."""
    deep, direct = (step(CHIPS[name], feedback=feedback) for feedback in ("backprop", "dfa"))
    assert time(of_role(direct, "input_gradient")) < time(of_role(deep, "input_gradient"))
    assert time(of_role(direct, "weight_gradient")) == time(of_role(deep, "weight_gradient"))
    assert [c.macs for c in direct] == [c.macs for c in deep]


def test_a_core_of_its_own_works_beside() -> None:
    beside = {c.is_beside for c in of_role(step(CHIPS["df_lnpu"], feedback="dfa"), "input_gradient")}
    after = {c.is_beside for c in of_role(step(LNPU, feedback="dfa"), "input_gradient")}
    assert (beside, after) == ({True}, {False})
    assert not any(c.is_beside for c in step(CHIPS["df_lnpu"]))


def test_random_matrices_come_from_registers_or_from_memory() -> None:
    made, stored = (
        of_role(step(LNPU.at({"feedback.matrices": kind}), feedback="dfa"), "input_gradient")
        for kind in ("generated", "stored")
    )
    assert edge(stored) - edge(made) == 7 * (250 + 40)
    assert sum(part(c, "random_numbers") for c in made) > sum(part(c, "random_numbers") for c in stored)


# --- the rest --------------------------------------------------------------------------------------------------------


@chips
@FEW
@given(loops=small_loops(3), role=st.sampled_from(["forward", "input_gradient", "weight_gradient"]))
def test_dense_latency_is_never_under_the_roofline(name: str, loops: Loops, role: Role) -> None:
    chip = CHIPS[name]
    found = chip.cost(product(loops, role=role))[0]
    gops = figure(chip, "peak_gops", arithmetic__edge_bits=None)
    assert number(found.latency_ns) >= 2 * loops.macs / gops * (1 - 1e-9)
    assert 0 < number(found.utilisation_fraction) <= 1


def test_supply_moves_dynamic_energy_by_its_square() -> None:
    chip = LNPU.at({"supply_factor": 1.0})
    low, high = (chip.at({"supply_factor": s}).cost(product(Loops(K=64, C=64)), vector(64)) for s in (1.0, 2.0))
    for less, more in zip(low, high, strict=True):
        for name in ("mac_array", "buffer", "vector_unit", "control"):
            assert part(more, name) == pytest.approx(4 * part(less, name))
        assert part(less, "off_chip_memory") == part(more, "off_chip_memory")


def test_a_clock_needs_its_supply() -> None:
    """50 MHz at 0.78 V, 200 MHz at 1.1 V, half way at half way."""
    for clock, supply, fits in ((0.05, 1.0, True), (0.2, 1.41, True), (0.125, 1.205, True), (0.2, 1.3, False)):
        chip = LNPU.at({"clock_ghz": clock, "supply_factor": supply})
        limits = chip.simulator.limits([product(Loops(K=4))], chip.settings, example_context())
        assert any("supply" in limit.reason and number(limit.overshoot) > 0 for limit in limits) != fits


def test_swept_values_are_those_of_each_by_itself() -> None:
    works: list[Work] = [product(Loops(B=4, K=64, C=64), role=role) for role in ("forward", "input_gradient")]
    swept = LNPU.at({"external_gbps": np.array([0.1, 10.0]), "weights_stay": np.array([False, True])}).cost(*works)
    for place, (gbps, stays) in enumerate([(0.1, False), (10.0, True)]):
        alone = LNPU.at({"external_gbps": gbps, "weights_stay": stays}).cost(*works)
        for many, one in zip(swept, alone, strict=True):
            assert np.asarray(many.latency_ns)[place] == number(one.latency_ns)
            assert energy(many)[place] == pytest.approx(number(energy(one)))


def test_a_layer_that_cannot_be_held_says_which_memory() -> None:
    tiny = LNPU.at({"memories.sum_register.bytes": 1})
    work = product(Loops(K=64, C=64))
    limits = tiny.simulator.limits([work], tiny.settings, example_context())
    (found,) = (limit for limit in limits if "sum_register" in limit.reason)
    assert number(found.overshoot) > 0
    assert number(tiny.cost(work)[0].latency_ns) > 0


def test_a_mapping_can_be_read() -> None:
    work = product(Loops(K=64, C=64))
    said = LNPU.simulator.explain(work, LNPU.settings, example_context())
    assert said is not None and "buffer" in said
    assert LNPU.simulator.explain(vector(8), LNPU.settings, example_context()) is None


@pytest.mark.parametrize(("change", "said"), [
    ({"store": "sum_register"}, "must hold|must be a memory"), ({"store": "cloud"}, "cloud"),
    ({"arithmetic": {"bits": 12}}, "8 or 16"), ({"arithmetic": {"mac_bits": 4}}, "do not fit"),
    ({"fastest": {"high_supply": 0.5}}, "higher supply"), ({"dataflow": {"forward": {"rows": ["C"]}}}, "columns"),
])  # fmt: skip
def test_bad_settings_are_refused(change: dict[str, Any], said: str) -> None:
    plain = LNPU.settings.model_dump()
    for key, value in change.items():
        plain[key] = {**plain[key], **value} if isinstance(value, dict) else value
    with pytest.raises(ValueError, match=said):
        type(LNPU.settings).model_validate(plain)


def test_errors_name_formats() -> None:
    """E4M3 forward, E5M2 back, half precision where weights are stored; whole numbers on HNPU, wider at both ends."""
    graph = example_graph()
    found = LNPU.simulator.errors(graph, {}, LNPU.settings)
    bits = {
        role: (e["exponent_bits"], e["mantissa_bits"]) for (name, role), spec in found.items() for e in [spec.numbers]
    }
    assert bits == {"forward": (4, 3), "input_gradient": (5, 2), "weight_gradient": (5, 2), "update": (5, 10)}
    whole = CHIPS["hnpu"].simulator.errors(graph, {}, CHIPS["hnpu"].settings)
    assert {name: whole[name, "forward"].numbers["bits"] for name in ("conv1", "fc1")} == {"conv1": 8, "fc1": 4}
    assert {spec.kind for spec in whole.values()} == {"dynamic_fixed_point"}
    wide = LNPU.at({"arithmetic.master_bits": 32})
    assert wide.simulator.errors(graph, {}, wide.settings)["fc1", "update"].numbers == {}


def test_a_physical_system_is_left_to_others() -> None:
    assert isinstance(product(Loops()), MatrixWork)
    operator = replace(example_graph().operator("fc1"), kind="shg", loops=None)
    assert not LNPU.simulator.takes(operator, "forward", LNPU.settings)
