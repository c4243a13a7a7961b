"""Narrow numbers on wide units, on a chip of a few settings: lanes conserve bits, and fewer bits never cost more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import number, product
from test_spatial_totals import CONV, chip, energy, few_loops, inside, known, memory, moved, run

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import MemoryDeclaration
from joulescape.simulators.base import Component, Energy
from joulescape.simulators.spatial.lanes import divided, needed_bits, sum_bits, supplied
from joulescape.simulators.spatial.precision import PrecisionSettings, SupplySettings, lane_bits, lane_memory, rescaled
from joulescape.simulators.spatial.precision import most_lanes as lanes_at_most
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.simulator import Spatial

MANY = settings(max_examples=10, deadline=None)
SUPPLY = {
    "nominal_v": 1.0, "nominal_ghz": 0.5, "threshold_v": known(0.3), "exponent": known(1.3), "least_v": known(0.5),
    "memory_least_v": known(0.7), "fixed_path_fraction": known(0.2),
}  # fmt: skip


def wide(mode: str, pace: str = "clock", supply: bool = False, **more: Any) -> SpatialSettings:
    """The chip with 16-bit units that do something with narrower layers."""
    precision = {
        "mode": mode, "pace": pace, "widths": [4, 8], "along": "columns", "quiet": ["sums"],
        "lane_overhead": known(1.5), "supply": SUPPLY if supply else None,
    }  # fmt: skip
    raw = chip().model_dump()
    raw["widths"] = {"weight": 16, "input": 16, "sum": 32, "output": 16}
    raw["memories"]["weights"]["word_bits"] = 16
    raw["memories"]["sums"]["word_bits"] = 32
    return SpatialSettings.model_validate(raw | {"precision": precision} | more)


def of(bits: float, loops: Loops = CONV) -> MatrixWork:
    """A product of so many bits."""
    return product(loops, bits)


def precision(found: SpatialSettings) -> PrecisionSettings:
    """What it says about widths."""
    assert found.precision is not None
    return found.precision


@given(needed=st.floats(1, 32), unit=st.sampled_from([8, 16, 32]))
def test_the_lane_is_the_narrowest_that_holds_the_layer(needed: float, unit: int) -> None:
    rule = precision(wide("subword")).model_copy(update={"widths": (4, 8)})
    bits = lane_bits(rule, unit, needed)
    assert bits in {4, 8, unit}
    assert bits >= min(needed, unit)
    assert all(width < min(needed, unit) for width in (4, 8, unit) if width < bits)
    assert lane_bits(None, unit, needed) == lane_bits(precision(wide("gated")), unit, needed) == unit


def test_lanes_at_most() -> None:
    assert lanes_at_most(precision(wide("subword")), 16) == 4
    assert lanes_at_most(precision(wide("subword", "throughput")), 16) == 1
    assert lanes_at_most(precision(wide("full")), 16) == lanes_at_most(None, 16) == 1
    peaks = [Spatial().published(wide("subword", pace))["peak_tops"] for pace in ("clock", "throughput")]
    assert peaks[0] == pytest.approx(4 * peaks[1])


@pytest.mark.parametrize(("bits", "lanes"), [(3, 4), (4, 4), (5, 2), (8, 2), (9, 1), (16, 1), (32, 1)])
def test_lanes_share_what_a_unit_has(bits: int, lanes: int) -> None:
    whole = wide("subword")
    split, found = divided(whole, of(bits))
    assert found == lanes
    assert split.widths.weight * lanes == split.widths.input * lanes == 16
    assert split.widths.sum == sum_bits(whole, lanes) == max(8, 32 // lanes)
    assert split.array.dimensions == {"rows": 4, "columns": 4 * lanes}
    assert split.array.mac_pj.value == pytest.approx(0.2 * 1.5 / lanes**2)
    for name in ("weights", "sums"):
        assert split.memories[name].bytes * lanes >= whole.memories[name].bytes
        assert split.memories[name].word_bits * lanes == whole.memories[name].word_bits
        assert split.memories[name].read_pj.value * lanes == pytest.approx(whole.memories[name].read_pj.value)
    assert split.memories["buffer"] == whole.memories["buffer"]
    assert divided(wide("full"), of(bits))[1] == divided(wide("gated"), of(bits))[1] == 1


@given(size=st.integers(1, 900), word=st.sampled_from([4, 8, 24]), lanes=st.sampled_from([1, 2, 4]))
def test_a_divided_memory_has_room_for_all_and_no_byte_more_a_lane(size: int, word: int, lanes: int) -> None:
    whole = MemoryDeclaration.model_validate(memory(size, ["weight"], 1.0, word))
    part = lane_memory(whole, lanes)
    assert size <= part.bytes * lanes < size + lanes
    assert part.word_bits >= 1
    assert part.write_pj.value * lanes == pytest.approx(1.25)
    served = whole.model_copy(update={"serves": ("rows",)})
    assert lane_memory(served, lanes) is served


@given(loops=few_loops, supply=st.booleans(), pair=st.lists(st.integers(1, 16), min_size=2, max_size=2))
@MANY
def test_gating_fewer_bits_never_costs_more_and_takes_as_long(loops: Loops, supply: bool, pair: list[int]) -> None:
    narrow, broad = (run(wide("gated", supply=supply), of(bits, loops)) for bits in sorted(pair))
    assert energy(narrow) <= energy(broad) * (1 + 1e-9)
    assert number(narrow.latency_ns) == number(broad.latency_ns)


@given(loops=few_loops, pair=st.lists(st.sampled_from([2, 4, 6, 8, 12, 16]), min_size=2, max_size=2))
@MANY
def test_narrower_lanes_at_the_clock_never_cost_energy(loops: Loops, pair: list[int]) -> None:
    narrow, broad = (run(wide("subword"), of(bits, loops)) for bits in sorted(pair))
    assert energy(narrow, "mac_array") <= energy(broad, "mac_array") * (1 + 1e-9)
    assert moved(narrow, "off_chip_memory") <= moved(broad, "off_chip_memory") * (1 + 1e-9)
    assert 0 < number(narrow.utilisation_fraction) <= 1


@given(bits=st.integers(1, 16))
@MANY
def test_gated_bits_are_counted_on_both_sides(bits: int) -> None:
    work = replace(of(16), weight=replace(of(16).weight, bits=bits))
    full, narrow = run(wide("full"), of(16)), run(wide("gated"), work)
    assert needed_bits(work) == 16
    assert energy(narrow, "mac_array") == pytest.approx(bits / 16 * energy(full, "mac_array"))
    assert energy(narrow, "sums") == energy(full, "sums")
    both = run(wide("gated"), of(bits))
    assert energy(both, "mac_array") == pytest.approx((bits / 16) ** 2 * energy(full, "mac_array"))
    assert energy(both, "sums") == pytest.approx(bits / 16 * energy(full, "sums"))
    assert energy(both, "weights") == energy(full, "weights")


@given(loops=few_loops, mode=st.sampled_from(["full", "gated", "subword"]))
@MANY
def test_a_layer_of_full_width_is_as_on_plain_units(loops: Loops, mode: str) -> None:
    plain, found = run(wide(mode, precision=None), of(16, loops)), run(wide(mode), of(16, loops))
    overhead = 1.5 if mode == "subword" else 1.0
    assert energy(found, "mac_array") == pytest.approx(overhead * energy(plain, "mac_array"))
    others = [sum(energy(one, name) for name in ("weights", "sums", "buffer", "wires", "off_chip_memory"))
              for one in (plain, found)]  # fmt: skip
    assert others[1] == pytest.approx(others[0])


@given(
    clocks=st.lists(st.floats(0.01, 0.6), min_size=2, max_size=2),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=2)
)  # fmt: skip
def test_a_slower_clock_or_a_shorter_path_never_needs_more_volts(clocks: list[float], shares: list[float]) -> None:
    supply = SupplySettings.model_validate(SUPPLY)
    slow, fast = sorted(clocks)
    short, long = sorted(shares)
    assert supply.volts(slow, long) <= supply.volts(fast, long) * (1 + 1e-9)
    assert supply.volts(fast, short) <= supply.volts(fast, long) * (1 + 1e-9)
    assert 0.5 <= supply.volts(slow, short) <= 1.0
    assert supply.volts(0.5) == supply.volts(0.9) == pytest.approx(1.0)
    assert supply.volts(1e-9) == 0.5


@given(volts=st.floats(0.51, 1.0), share=st.floats(0.0, 1.0))
def test_the_supply_undoes_the_law_of_delay(volts: float, share: float) -> None:
    """The clock at which a path is just done at some supply needs that supply."""
    supply = SupplySettings.model_validate(SUPPLY)
    speed = ((volts - 0.3) ** 1.3 / volts) / ((1.0 - 0.3) ** 1.3 / 1.0)
    clock = 0.5 * speed / (0.2 + 0.8 * share)
    assert supply.volts(clock, share) == pytest.approx(volts, rel=1e-6)


@given(core=st.floats(0.1, 1.0), outside=st.floats(0.1, 1.0))
def test_supplies_reach_what_they_feed(core: float, outside: float) -> None:
    parts = [Energy(Component(scope, scope, "assumed", "joulescape"), 2.0) for scope in ("core", "chip", "system")]  # type: ignore[arg-type]
    assert [one.energy_pj for one in rescaled(parts, core, outside)] == [2 * core, 2 * outside, 2.0]


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_at_a_given_throughput_the_whole_chip_slows_and_its_supply_falls(bits: int) -> None:
    context = inside(includes_off_chip=False)
    slow = run(wide("subword", "throughput", supply=True), of(bits), context)
    fast = run(wide("subword"), of(bits), context)
    full = run(wide("subword"), of(16), context)
    assert number(slow.latency_ns) == pytest.approx(max(number(fast.latency_ns), number(full.latency_ns)))
    clock = 0.5 * number(fast.latency_ns) / number(slow.latency_ns)
    supply = SupplySettings.model_validate(SUPPLY)
    ratio = supply.volts(clock, bits / 16) ** 2
    assert energy(slow, "mac_array") == pytest.approx(ratio * energy(fast, "mac_array"))
    outside = max(supply.volts(clock), 0.7) ** 2
    assert energy(slow, "buffer") == pytest.approx(outside * energy(fast, "buffer"))


def test_without_narrow_modes_the_supply_is_not_touched() -> None:
    cost = run(wide("full", supply=True), of(4))
    assert supplied(cost, of(4), wide("full", supply=True), 1e9, 1) is cost
    assert supplied(cost, of(4), chip(), 1e9, 1) is cost


@pytest.mark.parametrize("clock", [0.5, 0.55, 1.0])
def test_a_clock_beyond_the_supply_is_refused_with_the_one_it_allows(clock: float) -> None:
    fast = wide("full", supply=True, clock_ghz=clock)
    limits = Spatial().limits([of(8)], fast, inside())
    reasons = [limit.reason for limit in limits if float(limit.overshoot) > 0]
    assert reasons == (["clock_ghz above precision.supply at 1 V: at most 0.5 GHz"] if clock > 0.5 else [])


def test_modes_are_ordered_for_a_narrow_layer() -> None:
    found = [energy(run(wide(mode, supply=True), of(4)), "mac_array") for mode in ("full", "gated", "subword")]
    assert max(found[1:]) < found[0]
