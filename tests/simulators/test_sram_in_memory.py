"""SRAM arrays that compute: the laws, what a macro holds, and what each chip's own mechanism is worth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, case, energy, number, part, product, small_loops, vector
from pydantic import ValidationError

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.sram_in_memory.analog import Placed, input_digits
from joulescape.simulators.sram_in_memory.serial import plan, product_cycles, sum_cycles
from joulescape.simulators.sram_in_memory.settings import SramInMemorySettings
from joulescape.testing.examples import example_context, example_graph
from joulescape.testing.simulators import check_simulator, check_variants

JIA, FLASH, SIX, EIGHT, LADDER, SERIAL = (
    case(f"electronic/{name}")
    for name in ("jia2020", "sinangil2021", "sram_6t_classifier", "sram_8t_dot", "sram_c2c", "sram_bit_serial")
)
ANALOG = {"jia2020": JIA, "sinangil2021": FLASH, "sram_6t": SIX, "sram_8t": EIGHT, "c2c": LADDER}
ALL = {**ANALOG, "serial": SERIAL}
every = pytest.mark.parametrize("machine", ALL.values(), ids=ALL.keys())
analog = pytest.mark.parametrize("machine", ANALOG.values(), ids=ANALOG.keys())
FEW = settings(max_examples=20, deadline=None)
CONV = Loops(K=16, C=8, OY=8, OX=8, FY=3, FX=3)


def of(machine: Case) -> SramInMemorySettings:
    assert isinstance(machine.settings, SramInMemorySettings)
    return machine.settings


def work(loops: Loops = CONV, bits: float = 8, **inputs: Any) -> MatrixWork:
    """A product in the middle of a network, with inputs that are not negative."""
    found = replace(product(loops, bits), layer="middle")
    return replace(found, input=replace(found.input, **{"is_signed": False, **inputs}))


def inside() -> Context:
    """Between two other layers, off-chip memory left out."""
    return replace(example_context(), first=frozenset(), last=frozenset(), includes_off_chip=False)


def cost(machine: Case, asked: MatrixWork, context: Context | None = None) -> LayerCost:
    (found,) = machine.cost(asked, context=context or inside())
    return found


@every
def test_it_keeps_the_contract_of_simulators(machine: Case) -> None:
    check_simulator(machine.simulator, machine.settings)


@analog
@FEW
@given(loops=small_loops())
def test_reads_are_those_of_plain_loops(machine: Case, loops: Loops) -> None:
    """Tile by tile, vector by vector, digit by digit: as many reads, drives and conversions as are counted."""
    s, asked = of(machine), work(loops)
    assert s.analog is not None
    placed = Placed.of(asked, s, s.analog)
    per_tile = s.array.columns // placed.columns
    tiles = drives = conversions = cells = 0
    for _ in range(loops.G):
        for k in range(0, loops.K, per_tile):
            for r in range(0, loops.reduction, s.array.rows):
                tiles += 1
                rows, outputs = min(s.array.rows, loops.reduction - r), min(per_tile, loops.K - k)
                drives += loops.positions * placed.digits * rows
                conversions += loops.positions * placed.digits * outputs * placed.converted
                cells += rows * outputs * placed.columns
    assert (placed.tiles, placed.drives, placed.conversions, placed.cells) == (tiles, drives, conversions, cells)


@every
@FEW
@given(loops=small_loops(), bits=st.sampled_from([1.0, 4.0, 8.0]))
def test_nothing_is_faster_than_the_peak_rate_or_more_than_busy(machine: Case, loops: Loops, bits: float) -> None:
    found = cost(machine, work(loops, bits))
    peak = machine.simulator.published(machine.settings)["peak_tops"]
    assert number(found.latency_ns) >= 2e-3 * loops.macs / peak * (1 - 1e-9)
    assert 0 < number(found.utilisation_fraction) <= 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_bit_scalable_columns_take_time_with_input_bits_and_energy_with_both(bits: int) -> None:
    """jia2020, abstract: efficiency and throughput scale directly with the bits of input vector and matrix elements."""
    dense = Loops(K=16, C=500)
    one, wide = cost(JIA, work(dense, 1)), cost(JIA, work(dense, bits))
    assert number(wide.latency_ns) == pytest.approx(bits * number(one.latency_ns))
    for name in ("cells", "adc", "near_memory"):
        assert part(wide, name) == pytest.approx(bits**2 * part(one, name))


def test_a_signed_input_drives_its_sign_by_itself() -> None:
    s = of(FLASH)
    assert s.analog is not None
    assert input_digits(4, False, s, s.analog) == 1
    assert input_digits(4, True, s, s.analog) == 2


def test_the_sparsity_controller_saves_in_proportion_and_not_in_the_converters() -> None:
    asked, masked = work(density=0.25), JIA
    plain = JIA.at({"analog.activity": "constant"})
    on, off = cost(masked, asked), cost(plain, asked)
    assert part(on, "cells") == pytest.approx(0.25 * part(off, "cells"))
    assert part(on, "adc") == part(off, "adc")
    assert number(on.latency_ns) == number(off.latency_ns)


def test_the_array_and_not_its_converters_draws_most_of_a_charge_domain_read() -> None:
    """jia2020: 9.7 pJ in cells and drivers, 1.79 pJ in the converter: 16 % of a column."""
    figures = JIA.simulator.published(JIA.settings)
    assert figures["adc_energy_fraction"] == pytest.approx(1.79 / (9.7 + 1.79))
    assert figures["one_bit_tops_per_w"] == pytest.approx(400, rel=0.01)


def test_word_line_converters_draw_most_of_the_classifier() -> None:
    """A weak classifier's one-bit decision is cheap; turning 5-bit pixels into levels is not."""
    found = cost(SIX, work(Loops(K=128, C=81), bits=5, mean_fraction=1.0))
    drivers, cells, comparators = (part(found, name) for name in ("row_drivers", "cells", "adc"))
    assert drivers > cells and drivers > comparators
    assert 0.4 < drivers / (drivers + cells + comparators) < 0.9


def test_a_comparator_in_each_column_is_far_cheaper_than_reading_and_multiplying() -> None:
    """zhang2017sram: 113 times below a discrete system; plain reads and products are tens of times more here too."""
    s = of(SIX)
    found = cost(SIX, work(Loops(K=128, C=81), bits=5, mean_fraction=1.0))
    reads = 81 * 128 * s.buffer.read_pj_per_bit.value
    products = 81 * 128 * 0.2 * (5 / 8) * 8  # 5-bit products at 45 nm (horowitz2014), about 8 times more at 130 nm
    core = sum(part(found, name) for name in ("row_drivers", "cells", "adc"))
    assert 10 < (reads + products) / core < 200


def test_a_ladder_takes_one_conversion_and_one_read_where_bits_take_eight_and_eight() -> None:
    """C-2C: no converter for weights and no read a bit; the same array with one column a bit converts them all."""
    asked = work(Loops(K=16, C=128))
    apart = LADDER.at({"analog.is_joined": False, "analog.dac_bits": 1})
    joined, serial = cost(LADDER, asked), cost(apart, asked)
    assert part(serial, "adc") == pytest.approx(64 * part(joined, "adc"))
    assert number(serial.latency_ns) == pytest.approx(8 * number(joined.latency_ns))
    assert energy(joined) < energy(serial) / 8


def test_stored_sets_spare_a_macro_its_reloads() -> None:
    asked = work(Loops(K=64, C=128))
    one = LADDER.at({"array.weight_sets": 1})
    assert part(cost(LADDER, asked), "weight_writing") == 0
    assert part(cost(one, asked), "weight_writing") > 0


@pytest.mark.parametrize("activity", ["constant", "non_zero", "value"])
def test_pulses_follow_values(activity: str) -> None:
    asked = work(Loops(K=16, C=64), bits=4, density=0.5, mean_fraction=0.2)
    full = cost(FLASH.at({"analog.activity": "constant"}), asked)
    found = cost(FLASH.at({"analog.activity": activity}), asked)
    share = {"constant": 1.0, "non_zero": 0.5, "value": 0.2}[activity]
    assert part(found, "row_drivers") == pytest.approx(share * part(full, "row_drivers"))


def test_energy_follows_the_square_of_the_supply() -> None:
    low, high = (JIA.simulator.published(JIA.at({"analog.supply_v": v}).settings) for v in (0.85, 1.2))
    assert low["one_bit_tops_per_w"] / high["one_bit_tops_per_w"] == pytest.approx((1.2 / 0.85) ** 2)


@pytest.mark.parametrize(("kind", "factor"), [("sar", 8 / 4), ("flash", 255 / 15)])
def test_converters_cost_by_their_kind(kind: str, factor: float) -> None:
    four, eight = (cost(FLASH.at({"analog.adc.kind": kind, "analog.adc.bits": bits}), work(bits=4)) for bits in (4, 8))
    assert part(eight, "adc") == pytest.approx(factor * part(four, "adc"))


@every
def test_a_network_that_does_not_fit_is_written_anew_for_every_batch(machine: Case) -> None:
    context = replace(example_context(), first=frozenset(), last=frozenset())
    small, large = work(Loops(K=8, C=16)), work(Loops(K=8192, C=8192))
    fits, spills = cost(machine, small, context), cost(machine, large, context)

    def loaded(found: LayerCost) -> float:
        return sum(
            number(t.read_bytes) for t in found.traffic if (t.memory, t.operand) == ("off_chip_memory", "weight")
        )

    bits = min(8, of(machine).widths.weight)
    assert loaded(fits) == part(fits, "weight_writing") == 0
    assert loaded(spills) == 8192 * 8192 * bits / 8
    assert part(spills, "weight_writing") >= 8192 * 8192 * bits * of(machine).writing.pj_per_bit.value * (1 - 1e-9)
    four = cost(machine, replace(large, loops=replace(large.loops, B=4)), context)
    assert loaded(four) == loaded(spills), "once a batch, not once a sample"


@pytest.mark.parametrize(("weight", "inputs"), [(1, 1), (2, 8), (4, 4), (8, 8)])
def test_serial_cycles_grow_with_the_product_of_the_bits(weight: int, inputs: int) -> None:
    assert product_cycles(weight, inputs) == weight * inputs + 2.5 * (weight + inputs) - 2
    assert product_cycles(8, 8) == 102
    wide = product_cycles(32 * weight, 32 * inputs) / product_cycles(16 * weight, 16 * inputs)
    assert 3 < wide < 4, "twice both widths tend to four times the cycles"


@FEW
@given(loops=small_loops(), bits=st.sampled_from([2.0, 8.0]))
def test_lanes_share_a_dot_product_only_where_that_saves_cycles(loops: Loops, bits: float) -> None:
    s, asked = of(SERIAL), work(loops, bits)
    assert s.serial is not None
    found = plan(asked, s, s.serial)
    lanes, outputs = s.macros * s.array.columns, loops.G * loops.K * loops.positions
    alone = math.ceil(outputs / lanes) * loops.reduction * (product_cycles(int(bits), int(bits)) + sum_cycles(32))
    assert found.total_cycles <= alone
    assert found.spread <= s.array.columns


def test_serial_logic_takes_fewer_cycles_at_fewer_bits() -> None:
    times = [number(cost(SERIAL, work(Loops(K=512, C=512, OY=16, OX=16), bits)).latency_ns) for bits in (2, 4, 8)]
    assert times == sorted(times)
    assert times[2] / times[0] > 1.5


def test_serial_logic_is_exact_and_analog_columns_are_not() -> None:
    kinds = {
        name: {error.kind for error in machine.simulator.errors(example_graph(), {}, machine.settings).values()}
        for name, machine in ALL.items()
    }
    assert kinds.pop("serial") == {"fixed_point"}
    assert set().union(*kinds.values()) == {"sram_in_memory"}


def test_serial_logic_takes_element_wise_work_and_analog_columns_leave_it() -> None:
    relu = example_graph().operator("relu1")
    assert SERIAL.simulator.takes(relu, "forward", SERIAL.settings)
    assert not JIA.simulator.takes(relu, "forward", JIA.settings)
    found = SERIAL.cost(vector(3_000_000))[0]
    s = of(SERIAL)
    assert s.serial is not None
    rounds = math.ceil(3_000_000 / (s.macros * s.array.columns))
    assert number(found.latency_ns) == pytest.approx(rounds * sum_cycles(8) * s.serial.cycle_ns.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"analog": None}, "exactly one"),
        ({"widths": {"weight": 16, "input": 4}, "array": {"rows": 64, "columns": 8}}, "16 columns"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SramInMemorySettings.model_validate({**of(FLASH).model_dump(), **change})


def test_a_comparator_has_one_bit() -> None:
    raw = of(SIX).model_dump()
    raw["analog"]["adc"]["bits"] = 2
    with pytest.raises(ValidationError, match="must be 1"):
        SramInMemorySettings.model_validate(raw)


@pytest.mark.parametrize(
    ("machine", "swept"),
    [
        (JIA, {"macros": [1, 4], "analog.supply_v": [0.8, 1.2], "analog.activity": ["constant", "value"]}),
        (SERIAL, {"macros": [16, 4480, 100], "array.columns": [64, 256, 128], "buffer.kib": [64, 1, 512]}),
    ],
)  # fmt: skip
def test_a_sweep_costs_what_each_variant_costs_alone(machine: Case, swept: dict[str, Any]) -> None:
    check_variants(machine.simulator, machine.settings, [work(Loops(K=40, C=30, OY=4, OX=4))], swept)
