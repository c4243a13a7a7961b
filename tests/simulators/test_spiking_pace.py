"""A tick lasts at least as long as the busiest core takes for its events and updates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, case, number, product, small_loops

from joulescape import cost
from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, OperandFormat
from joulescape.simulators.spiking.mapping import placed
from joulescape.simulators.spiking.pace import busiest, load_of, tick_ns
from joulescape.simulators.spiking.settings import SpikingSettings
from joulescape.testing.examples import example_context

LOIHI, TRUENORTH, ROLLS = (case(f"electronic/{name}") for name in ("loihi", "truenorth", "rolls"))
FEW = settings(max_examples=30, deadline=None)
INSIDE = replace(example_context(), first=frozenset(), last=frozenset())


def held(machine: Any, **values: Any) -> SpikingSettings:
    found = machine.at(values).settings if values else machine.settings
    assert isinstance(found, SpikingSettings)
    return found


def work_of(loops: Loops, spikes: float, layer: str = "layer") -> MatrixWork:
    work = replace(product(loops, bits=2), layer=layer, format=OperandFormat(weight_bits=2.0))
    return replace(work, input=replace(work.input, spikes=spikes))


@FEW
@given(loops=small_loops(), spikes=st.floats(0, 32))
def test_latency_is_never_below_the_events_of_a_core(loops: Loops, spikes: float) -> None:
    """All events over all cores of the layer, one after the other, are the least that its window can last."""
    work, machine = work_of(loops, spikes), LOIHI.at({"timesteps": 32, "tick_ns": 1000.0})
    (found,) = machine.cost(work, context=INSIDE)
    events = work.macs / loops.B * spikes
    assert number(found.occupancy_ns) / loops.B >= events / placed(work, held(LOIHI)).cores * 3.5 * (1 - 1e-9)


@FEW
@given(loops=small_loops(), more=st.floats(1, 3), spikes=st.floats(0.1, 10))
def test_more_events_never_end_earlier_and_a_longer_tick_is_a_floor(loops: Loops, more: float, spikes: float) -> None:
    few, many = (tick_ns([work_of(loops, s)], held(LOIHI), INSIDE) for s in (spikes, spikes * more))
    assert held(LOIHI).tick_ns <= few <= many
    assert tick_ns([work_of(loops, spikes)], held(LOIHI, tick_ns=1e9), INSIDE) == 1e9


@FEW
@given(loops=small_loops())
def test_the_fullest_core_has_its_share_or_more(loops: Loops) -> None:
    for machine in (LOIHI, TRUENORTH, ROLLS):
        found = placed(work_of(loops, 1.0), held(machine))
        assert found.busiest_fraction <= 1
        adding = found.cores if found.parts == 1 else found.cores + found.outputs * found.parts
        assert found.busiest_fraction >= 1 / adding


def test_lenets_second_convolution_takes_what_its_synapses_take() -> None:
    """Nominal: 3.84 million events on 2 cores in 32 ticks, 3.5 ns each, and 800 neurons of 8.4 ns: 217 us a tick."""
    report = cost("lenet5", "electronic/loihi", root=ROOT)
    tick = 60_000 * 3.5 + 800 * 8.4
    assert report.totals["inference_interval_ns"] == pytest.approx(32 * tick, rel=1e-4)
    assert report.totals["inference_latency_ns"] == pytest.approx(38 * tick, rel=1e-4)
    assert {row["bound_by"] for row in report.layers} == {"events"}
    slow = cost("lenet5", "electronic/loihi", {"hardware.tick_ns": 1e6}, root=ROOT)
    assert slow.totals["inference_latency_ns"] == pytest.approx(38e6)
    assert {row["bound_by"] for row in slow.layers} == {"ticks"}


def test_a_shorter_tick_is_not_faster_than_the_events() -> None:
    """The least tick that is taken has the power of the others, not ten times as much."""
    short, usual = (cost("lenet5", "electronic/loihi", {"hardware.tick_ns": t}, root=ROOT).totals for t in (1e3, 1e4))
    assert short["inference_latency_ns"] == usual["inference_latency_ns"]
    assert number(short["mean_power_mw"]) < 200


def test_layers_on_one_core_wait_for_each_other() -> None:
    works = [work_of(Loops(K=100, C=50), 32.0, "a"), work_of(Loops(K=10, C=100), 32.0, "b")]
    alone = [load_of(work, held(LOIHI), INSIDE) for work in works]
    load = busiest(works, held(LOIHI), INSIDE)
    assert load.layer == "a, b"
    assert load.needed_ns == pytest.approx(sum(one.needed_ns for one in alone))
    assert load.events == pytest.approx(100 * 50 + 10 * 100), "a spike an input and tick"


def test_idle_neurons_are_passed_faster() -> None:
    idle, active = (load_of(work_of(Loops(K=10, C=10), s), held(LOIHI), INSIDE) for s in (0.0, 32.0))
    assert idle.needed_ns == pytest.approx(10 * 5.3)
    assert active.needed_ns == pytest.approx(10 * 8.4 + 100 * 3.5)


def test_first_spikes_come_in_half_of_the_ticks_that_are_paid() -> None:
    machine = held(LOIHI, code="first_spike", timesteps=8)
    assert load_of(work_of(Loops(K=10, C=10), 1.0), machine, INSIDE).events == pytest.approx(100 / 8)


TERNARY = {"compression.0": "ternary", "hardware.event_driven": False}


def test_a_fixed_tick_that_is_too_short_is_refused_with_one_that_would_do() -> None:
    """TrueNorth's ticks end when they end; half a millisecond is too short where every synapse is read in it."""
    with pytest.raises(Infeasible, match="busiest core take longer than tick_ns of 100000; ") as refused:
        cost("mnist_mlp", "electronic/truenorth", {**TERNARY, **SHORT, "hardware.tick_ns": 1e5}, root=ROOT)
    enough = float(str(refused.value.reason).rsplit("; ", 1)[1].split()[0])
    assert 1e5 < enough < 1e6
    report = cost("mnist_mlp", "electronic/truenorth", {**TERNARY, **SHORT, "hardware.tick_ns": enough}, root=ROOT)
    assert number(report.totals["inference_interval_ns"]) == pytest.approx(16 * enough)


SHORT = {"hardware.least_tick_ns": 1e4}
"""So that the busiest core alone decides."""


def test_a_full_core_of_truenorth_is_done_within_its_tick_of_a_millisecond() -> None:
    full = replace(work_of(Loops(K=256, C=128), 16.0), layer="full")
    load = load_of(full, held(TRUENORTH, event_driven=False), INSIDE)
    assert load.events == 256 * 128 and load.needed_ns < held(TRUENORTH).tick_ns


def test_analog_synapses_work_at_once() -> None:
    assert held(ROLLS).pace is None
    assert load_of(work_of(Loops(K=256, C=512), 64.0), held(ROLLS), INSIDE).needed_ns == 0


def test_explaining_names_the_busiest_core() -> None:
    told = LOIHI.simulator.explain(work_of(Loops(K=100, C=50), 32.0), LOIHI.settings, INSIDE)
    assert told is not None and "busiest core: 5000 events and 100 neurons a tick take 1.834e+04 ns" in told
