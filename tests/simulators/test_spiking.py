"""Neurosynaptic chips: how layers lie on cores, what spikes cost, ticks, switches, refusals, figures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, energy, number, part, product, small_loops, vector

from joulescape import cost
from joulescape.errors import Infeasible, SpecError
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators.spiking.cost import mean_hops
from joulescape.simulators.spiking.mapping import Placed, cores_of, placed, pooled
from joulescape.simulators.spiking.settings import SpikingSettings
from joulescape.simulators.spiking.simulator import cores_needed
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import check_simulator

CHIPS = {name: case(f"electronic/{name}") for name in ("truenorth", "loihi", "rolls")}
TRUENORTH, LOIHI, ROLLS = CHIPS.values()
SWEEP: dict[str, Any] = {
    "chips": [1, 2, 4], "tick_ns": [1e3, 1e4, 1e6], "event_driven": [True, False, True],
    "neuron.sparse_update": [True, False, False], "core.shares_kernels": [True, False, False],
}  # fmt: skip
SLOW = {"hardware.tick_ns": 1e6}
"""Ticks that no core's events fill."""

FEW = settings(max_examples=40, deadline=None)
EVERYWHERE = replace(example_context(), first=frozenset({"layer"}), last=frozenset())
chips = pytest.mark.parametrize("name", CHIPS)


def settings_of(machine: Case) -> SpikingSettings:
    assert isinstance(machine.settings, SpikingSettings)
    return machine.settings


def dense(outputs: int, inputs: int, batch: int = 1, spikes: float | None = None, density: float = 1.0) -> MatrixWork:
    work = product(Loops(B=batch, K=outputs, C=inputs), bits=2)
    work = replace(work, format=OperandFormat(weight_bits=2.0))
    return replace(work, input=replace(work.input, spikes=spikes), weight=replace(work.weight, density=density))


def place(machine: Case, loops: Loops) -> Placed:
    return placed(replace(product(loops, bits=2), format=OperandFormat(weight_bits=2.0)), settings_of(machine))


@chips
def test_the_laws_of_simulators_hold(name: str) -> None:
    check_simulator(CHIPS[name].simulator, CHIPS[name].settings, sweep=SWEEP)


# --- cores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loops", "cores", "neurons"),
    [
        (Loops(K=256, C=128), 1, 256),  # 128 inputs on two axons each, 256 neurons: one full core
        (Loops(K=257, C=128), 2, 257),
        (Loops(K=10, C=129), 2 + 1, 30),  # two parts, and a core that adds them
        (Loops(K=512, C=256), 2 * 2 + 8, 512 * 3),  # adding: 1,024 parts on 128 inputs a core
        (Loops(K=16, C=1, OY=8, OX=8, FY=3, FX=3), 4, 1024),  # 4 x 4 positions of 36 pixels and 256 neurons
        (Loops(K=8, C=16, OY=2, OX=2, FY=3, FX=3), 4 * 2 + 1, 32 * 3),  # 144 inputs a position
    ],
)
def test_layers_lie_on_truenorth_as_counted_by_hand(loops: Loops, cores: int, neurons: int) -> None:
    found = place(TRUENORTH, loops)
    assert (found.cores, found.neurons) == (cores, neurons)


def test_a_core_takes_squares_side_by_side_where_one_leaves_room() -> None:
    """A depthwise layer: a channel's 4 positions need 16 inputs and 4 neurons; 8 channels fit on the 128 inputs."""
    found = place(TRUENORTH, Loops(G=16, OY=2, OX=2, FY=3, FX=3))
    assert found.cores == 2 and found.delivered == 16 * 16


def test_memory_of_weights_bounds_a_core_and_a_shared_kernel_does_not_fill_it() -> None:
    wide = replace(product(Loops(K=1024, C=2048), bits=8), format=OperandFormat(weight_bits=8.0))
    assert placed(wide, settings_of(LOIHI)).cores == 16, "64 neurons of 2048 bytes fill 128 KiB"
    conv = replace(product(Loops(K=8, C=8, OY=16, OX=16, FY=5, FX=5), bits=8), format=OperandFormat(weight_bits=8.0))
    alone = LOIHI.at({"core.shares_kernels": False})
    assert placed(conv, settings_of(LOIHI)).cores == 2, "2,048 neurons"
    assert placed(conv, settings_of(alone)).cores > 3, "200 bytes a neuron: 655 of them"


@FEW
@given(loops=small_loops())
def test_every_neuron_has_a_place_and_every_input_reaches_it(loops: Loops) -> None:
    for machine in CHIPS.values():
        core, found = settings_of(machine).core, place(machine, loops)
        outputs = loops.G * loops.K * loops.OY * loops.OX
        assert found.outputs == outputs and found.neurons == outputs * (1 if found.parts == 1 else found.parts + 1)
        assert found.cores * core.neurons >= found.neurons
        assert found.delivered * core.axons_per_input <= found.cores * core.axons
        assert found.parts == math.ceil(loops.reduction * core.axons_per_input / core.axons)


def test_small_layers_share_a_core() -> None:
    three = [place(ROLLS, Loops(K=64, C=64)), place(ROLLS, Loops(K=10, C=64)), place(ROLLS, Loops(K=200, C=64))]
    assert cores_of(three[:2], settings_of(ROLLS)) == 1
    assert cores_of(three, settings_of(ROLLS)) == 2
    pool = pooled(replace(vector(400, "max_pool"), write_elements=100), settings_of(TRUENORTH), batch=1)
    assert (pool.cores, pool.neurons) == (4, 100), "400 inputs on 128 a core"


# --- energy and time --------------------------------------------------------------------------------------------------


def test_energy_is_events_updates_and_deliveries() -> None:
    """sum_l s_l f_l E_sop + T n E_neuron, with 3 spikes an input and half of the synapses there."""
    machine = TRUENORTH.at({"timesteps": 20})
    (found,) = machine.cost(dense(100, 50, spikes=3.0, density=0.5), context=EVERYWHERE)
    held = settings_of(machine)
    assert number(part(found, "synapses")) == pytest.approx(100 * 50 * 3 * 0.5 * held.event_pj.value)
    assert number(part(found, "neurons")) == pytest.approx(100 * 20 * held.neuron.idle_pj.value)
    sent = held.routing.spike_pj.value + mean_hops(1, held) * held.routing.hop_pj.value
    assert number(part(found, "spike_routing")) == pytest.approx(50 * 3 * sent)


def test_without_a_count_spikes_are_nominal() -> None:
    """A rate of half the range; one spike of first spikes; an event at each step of a current."""
    work = dense(10, 10)
    for values, spikes in (
        ({"timesteps": 8, "input_code": "regular"}, 4.0),
        ({"timesteps": 8, "input_code": "current"}, 8.0),
        ({"timesteps": 8, "code": "first_spike"}, 1.0),
    ):
        machine = LOIHI.at(values)
        counted = replace(work, input=replace(work.input, spikes=spikes))
        assert energy(machine.cost(work, context=EVERYWHERE)[0]) == energy(machine.cost(counted, context=EVERYWHERE)[0])


@chips
@FEW
@given(spikes=st.floats(0.1, 8), more=st.floats(1.01, 2))
def test_more_spikes_or_steps_never_cost_less(name: str, spikes: float, more: float) -> None:
    machine = CHIPS[name].at({"timesteps": 16})
    few, many = (number(energy(machine.cost(dense(64, 64, spikes=s))[0])) for s in (spikes, spikes * more))
    longer = number(energy(machine.at({"timesteps": 32}).cost(dense(64, 64, spikes=spikes))[0]))
    assert few < many
    assert few <= longer * 1.001 or name == "loihi", "a neuron that waits longer is updated more often"


def test_clocked_synapses_are_read_at_every_tick() -> None:
    """Event-driven operation saves what is not sent: here 97 of 100 events."""
    (event,), (clocked,) = (
        TRUENORTH.at({"timesteps": 100, "event_driven": driven}).cost(dense(100, 50, spikes=3.0))
        for driven in (True, False)
    )
    assert number(part(clocked, "synapses")) / number(part(event, "synapses")) == pytest.approx(100 / 3)
    assert part(clocked, "neurons") == part(event, "neurons")


def test_idle_neurons_are_updated_for_less() -> None:
    """Loihi: 52 pJ where nothing came in, 81 pJ where something did."""
    for spikes, each in ((0.0, 52.0), (16.0, 81.0)):
        (found,) = LOIHI.at({"timesteps": 16}).cost(dense(10, 10, spikes=spikes))
        assert number(part(found, "neurons")) == pytest.approx(10 * 16 * each)
    (always,) = LOIHI.at({"timesteps": 16, "neuron.sparse_update": False}).cost(dense(10, 10, spikes=0.0))
    assert number(part(always, "neurons")) == pytest.approx(10 * 16 * 81)


def test_layers_follow_each_other_by_a_tick_and_first_spikes_by_a_window() -> None:
    """digits_lenet: two convolutions, two pools, two dense layers."""
    for code, steps, latency, interval in (
        ("rate", 32, (32 + 5) * 1e6, 32 * 1e6), ("first_spike", 8, (4 + 1) * 8 * 1e6 + 2e6, 16 * 1e6),
    ):  # fmt: skip
        sets: dict[str, Any] = {"hardware.timesteps": steps, "hardware.code": code, "hardware.tick_ns": 1e6}
        totals = cost("digits_lenet", "electronic/loihi", sets, root=ROOT).totals
        assert totals["inference_latency_ns"] == pytest.approx(latency)
        assert totals["inference_interval_ns"] == pytest.approx(interval)


def test_static_power_flows_for_as_long_as_a_sample_is_looked_at() -> None:
    short, long = (
        cost("digits_mlp", "electronic/loihi", {"hardware.timesteps": steps, **SLOW}, boundary="chip", root=ROOT)
        for steps in (15, 31)
    )
    static = [
        sum(row["energy_pj"] for row in report.energy if row["component"] == "static") for report in (short, long)
    ]
    assert static[1] / static[0] == pytest.approx(2)
    assert static[0] == pytest.approx(30 * 16 * 1e6)


def test_weight_zeros_are_no_events() -> None:
    full, half = (TRUENORTH.cost(dense(64, 64, spikes=2.0, density=d))[0] for d in (1.0, 0.5))
    assert number(part(half, "synapses")) == pytest.approx(number(part(full, "synapses")) / 2)


# --- errors and refusals ----------------------------------------------------------------------------------------------


def test_numbers_are_steps_code_thresholds_and_the_width_of_wider_weights() -> None:
    graph = example_graph()
    wide = LOIHI.simulator.errors(graph, example_formats(graph, 16.0), LOIHI.settings)["fc1", "forward"]
    assert dict(wide.numbers) == {
        "timesteps": 32, "is_first_spike": 0, "is_current": 1, "is_poisson": 0, "threshold_percentile": 99.9,
        "weight_bits": 8,
    }  # fmt: skip
    ternary = ROLLS.simulator.errors(graph, example_formats(graph, 2.0), ROLLS.settings)["fc1", "forward"]
    assert "weight_bits" not in ternary.numbers
    assert ternary.numbers["weight_sigma_fraction"] == 0.2 and ternary.numbers["is_poisson"] == 1
    assert ternary.drawn_by == "weight_sigma_fraction" and wide.drawn_by is None


@pytest.mark.parametrize(
    ("network", "name", "sets", "said"),
    [
        (
            "digits_mlp",
            "truenorth",
            {},
            r"fc1: weights of 32 bits on synapses of 2 bits \(minus, none, plus\).*`ternary` with fine-tuning",
        ),
        ("digits_mlp", "rolls", {"hardware.weight_bits": 1}, r"synapses of 1 bit \(minus, plus\).*`binary` with"),
        ("digits_mlp", "rolls", {"hardware.weight_bits": 4}, "synapses of 4 bits; compression `quantize` to 4 bits"),
        ("digits_lenet", "rolls", {"compression.0": "ternary"}, r"cores needed, 1 there; chips: \d+ would do"),
        (
            "digits_mlp",
            "truenorth",
            {"compression.0": "ternary", "hardware.input_code": "current"},
            "regular or poisson",
        ),
        ("digits_mlp", "loihi", {"hardware.tick_ns": 10}, "shorter than 1000, which would do"),
        ("digits_attention", "loihi", {}, "input from the host"),
    ],
)
def test_what_a_chip_cannot_do_is_refused_with_what_would_do(
    network: str, name: str, sets: dict[str, Any], said: str
) -> None:
    with pytest.raises(Infeasible, match=said):
        cost(network, f"electronic/{name}", sets, root=ROOT)


def test_as_many_chips_as_advised_are_enough() -> None:
    with pytest.raises(Infeasible) as refused:
        cost("digits_lenet", "electronic/rolls", {"compression.0": "ternary"}, root=ROOT)
    chips_ = int(str(refused.value.reason).rsplit("chips: ", 1)[1].split()[0])
    report = cost("digits_lenet", "electronic/rolls", {"compression.0": "ternary", "hardware.chips": chips_}, root=ROOT)
    assert number(report.totals["area_mm2"]) > chips_ * 51


@pytest.mark.parametrize("steps", [0, -4])
def test_no_steps_are_a_clear_error(steps: int) -> None:
    with pytest.raises(SpecError, match=rf"timesteps(.|\n)*{steps}(.|\n)*>= 1"):
        cost("digits_mlp", "electronic/loihi", {"hardware.timesteps": steps}, root=ROOT)


# --- figures ----------------------------------------------------------------------------------------------------------


def test_whole_chips_are_as_large_as_published() -> None:
    figures = {name: machine.simulator.published(machine.settings) for name, machine in CHIPS.items()}
    assert figures["truenorth"]["crossbar_synapses_count"] == 268_435_456
    assert figures["rolls"]["crossbar_synapses_count"] == 131_072
    assert figures["truenorth"]["chip_power_mw"] == pytest.approx(65, rel=0.01)
    assert figures["truenorth"]["synaptic_gsops"] == pytest.approx(2.684, rel=1e-3), "20 Hz, 128 synapses, a million"
    assert all(found["break_even_spikes"] == pytest.approx(5.11, abs=0.01) for found in figures.values())


def test_the_chip_at_work_on_cifar_is_predicted_from_its_quiet_point() -> None:
    busy = TRUENORTH.at({"tick_ns": 800641.0, "point.spikes_per_tick": 0.5})
    assert busy.simulator.published(busy.settings)["chip_power_mw"] == pytest.approx(204.4, rel=0.3)


def test_explaining_says_where_it_breaks_even() -> None:
    told = LOIHI.simulator.explain(dense(64, 64, spikes=2.5), LOIHI.settings, example_context())
    assert told is not None
    assert "2.5 spikes an input" in told and "break-even with a digital multiply-accumulate: 5.11 spikes" in told
    assert LOIHI.simulator.explain(vector(8), LOIHI.settings, example_context()) is None


def test_a_network_counts_its_pools() -> None:
    works: list[Work] = [dense(100, 100), replace(vector(400, "max_pool"), write_elements=100), vector(100)]
    assert cores_needed(works, settings_of(TRUENORTH), 1) == 1 + 4


@chips
def test_a_cost_alone_says_that_its_spikes_are_nominal(name: str) -> None:
    (said,) = CHIPS[name].simulator.cautions(CHIPS[name].settings)
    assert "without accuracy_fraction spikes are nominal" in said
    if name == "loihi":
        assert cost("digits_mlp", "electronic/loihi", {}, root=ROOT).notes == (said,)
