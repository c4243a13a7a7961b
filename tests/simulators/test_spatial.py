"""A mapped array as a back end: additive costs, what its mechanisms save, sweeps, layers that do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, product, small_loops
from pydantic import ValidationError

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost, Limit
from joulescape.simulators.spatial.settings import RunLengthSettings, SpatialSettings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator

EYERISS = case("electronic/eyeriss")
LOOPS = Loops(B=2, K=16, C=6, OY=10, OX=10, FY=5, FX=5)
MANY = settings(max_examples=12, deadline=None)


def energy(found: LayerCost, *names: str) -> float:
    """Energy of some components, of all where none is named."""
    return float(sum(part.energy_pj for part in found.energies if not names or part.component.name in names))


def moved(found: LayerCost, memory: str) -> float:
    """Bytes read and written in one memory."""
    return float(sum(move.read_bytes + move.write_bytes for move in found.traffic if move.memory == memory))


def sparse(density: float, loops: Loops = LOOPS) -> MatrixWork:
    """A product in the middle of a network, with zeros in its input and output."""
    work = replace(product(loops), layer="middle")
    return replace(
        work, input=replace(work.input, density=density), output=replace(work.output, density=density)
    )  # fmt: skip


def test_it_keeps_the_contract_of_simulators() -> None:
    check_simulator(EYERISS.simulator, EYERISS.settings)


@given(loops=small_loops())
@MANY
def test_time_is_never_below_the_roofline(loops: Loops) -> None:
    (found,) = EYERISS.cost(product(loops))
    assert found.latency_ns * 168 * 0.2 >= loops.macs * (1 - 1e-9)
    assert 0 < found.utilisation_fraction <= 1
    assert energy(found) == pytest.approx(sum(part.energy_pj for part in found.energies))


@given(density=st.floats(0.05, 1.0))
@MANY
def test_gating_saves_multiplies_and_reads_of_the_pads_and_nothing_else(density: float) -> None:
    (on,), (off,) = EYERISS.cost(sparse(density)), EYERISS.at({"gating.is_on": False}).cost(sparse(density))
    assert on.latency_ns == off.latency_ns
    assert energy(on, "mac_array") == pytest.approx(density * energy(off, "mac_array"))
    assert energy(on, "filter_spad", "sum_spad") < energy(off, "filter_spad", "sum_spad") or density == 1
    for part in ("input_spad", "buffer", "wires", "off_chip_memory"):
        assert energy(on, part) == pytest.approx(energy(off, part))


def test_run_length_coding_saves_off_chip_bytes_where_zeros_are_many() -> None:
    plain = EYERISS.at({"run_length.is_on": False})
    for density, saves in ((0.2, True), (0.95, False)):
        (coded,), (whole,) = EYERISS.cost(sparse(density)), plain.cost(sparse(density))
        assert (moved(coded, "off_chip_memory") < moved(whole, "off_chip_memory")) == saves
        assert moved(coded, "buffer") == moved(whole, "buffer")


@given(density=st.floats(0.02, 1.0), seed=st.integers(0, 100))
@MANY
def test_the_coded_size_is_that_of_coding_random_zeros(density: float, seed: int) -> None:
    rule = RunLengthSettings(is_on=True, run_bits=3, pairs=3, word_bits=64)
    values = np.random.default_rng(seed).random(60_000) < density
    pairs, run = 0, 0
    for value in values:
        if value or run == 7:
            pairs, run = pairs + 1, 0
        else:
            run += 1
    assert rule.factor(density, 16) == pytest.approx(pairs / len(values) * 64 / 3 / 16, rel=0.05)
    assert rule.factor(0.0, 16) == pytest.approx(1 / 8 * 64 / 3 / 16)


def test_data_that_enter_the_network_are_not_coded() -> None:
    work = sparse(0.2)
    first = replace(example_context(), first=frozenset({"middle"}), last=frozenset())
    inner = replace(first, first=frozenset())

    def inputs(context: Any) -> float:
        (found,) = EYERISS.cost(work, context=context)
        return sum(m.read_bytes for m in found.traffic if (m.memory, m.operand) == ("off_chip_memory", "input"))

    assert inputs(first) > inputs(inner)


def test_a_tensor_that_fits_stays_in_the_memory_of_the_hand_over() -> None:
    keeping = EYERISS.at({"hand_over": "buffer"})
    context = replace(example_context(), first=frozenset(), last=frozenset())
    (off,), (on,) = EYERISS.cost(sparse(1.0), context=context), keeping.cost(sparse(1.0), context=context)
    operands = {move.operand for move in on.traffic if move.memory == "off_chip_memory"}
    assert operands == {"weight"}
    assert energy(on) < energy(off)
    large = sparse(1.0, Loops(K=64, C=64, OY=56, OX=56, FY=3, FX=3))
    (spilt,) = keeping.cost(large, context=context)
    assert {move.operand for move in spilt.traffic if move.memory == "off_chip_memory"} == {"weight", "input", "output"}


def test_a_sweep_costs_what_each_variant_costs_alone() -> None:
    clocks, gates = [0.1, 0.2, 0.25], [True, False, True]
    (together,) = EYERISS.at({"clock_ghz": np.array(clocks), "gating.is_on": np.array(gates)}).cost(sparse(0.5))
    for index, (clock, is_on) in enumerate(zip(clocks, gates, strict=True)):
        (alone,) = EYERISS.at({"clock_ghz": clock, "gating.is_on": is_on}).cost(sparse(0.5))
        assert np.asarray(together.latency_ns)[index] == alone.latency_ns
        assert sum(np.asarray(p.energy_pj)[index] for p in together.energies) == pytest.approx(energy(alone))
        assert np.asarray(together.bound_by)[index] == alone.bound_by


def test_a_layer_that_does_not_fit_is_refused_with_the_memory() -> None:
    raw = EYERISS.settings.model_dump()
    raw["memories"]["sum_spad"]["bytes"] = 1
    tiny = replace(EYERISS, settings=SpatialSettings.model_validate(raw))
    (limit,) = _broken(tiny)
    assert "sum_spad" in limit.reason
    (found,) = tiny.cost(product(LOOPS))
    assert found.latency_ns > 0
    assert not _broken(EYERISS)


def _broken(machine: Case) -> list[Limit]:
    """Limits that a layer breaks."""
    limits = machine.simulator.limits([product(LOOPS)], machine.settings, example_context())
    return [limit for limit in limits if np.max(limit.overshoot) > 0]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("gating.memories", ["pad"], "pad"),
        ("hand_over", "sum_spad", "both input and output"),
        ("hand_over", "nowhere", "nowhere"),
        ("dataflow", "column_stationary", "row_stationary"),
    ],
)
def test_settings_that_name_nothing_are_refused(path: str, value: Any, said: str) -> None:
    raw = EYERISS.settings.model_dump()
    place, *rest = path.split(".")
    if rest:
        raw[place][rest[0]] = value
    else:
        raw[place] = value
    with pytest.raises(ValidationError, match=said):
        SpatialSettings.model_validate(raw)


def test_a_memory_inside_units_exists_once_a_unit() -> None:
    areas = {area.component.name: float(area.area_mm2) for area in EYERISS.simulator.area(EYERISS.settings)}
    memories = EYERISS.settings.model_dump()["memories"]
    assert areas["filter_spad"] == pytest.approx(168 * memories["filter_spad"]["area_mm2"]["value"])
    assert areas["buffer"] == pytest.approx(memories["buffer"]["area_mm2"]["value"])


def test_the_chosen_nest_is_told_where_it_is_asked_for() -> None:
    plain = cost("lenet5", "electronic/eyeriss", root=ROOT)
    told = cost("lenet5", "electronic/eyeriss", root=ROOT, explains=True)
    assert plain.explanations == ()
    assert [one["layer"] for one in told.explanations] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert "side by side along rows" in told.explanations[1]["text"]
    assert told.totals == plain.totals
    assert cost("lenet5", "electronic/systolic_int8", root=ROOT, explains=True).explanations == ()


def test_the_shelf_entry_loads_with_its_own_host() -> None:
    assert load_back_end(ROOT, "electronic/eyeriss", {}).spec.host == "electronic/scalar_core"
