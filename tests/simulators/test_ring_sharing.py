"""Ring banks that share a layer's positions, what training leaves set, and what stands on all the time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_bank_cases import bank, part, work

from joulescape.network.operators import Loops
from joulescape.network.work import VectorWork, Work
from joulescape.pricing import cost as price
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import back_end_names
from joulescape.simulators.base import LayerCost
from joulescape.simulators.ring_bank import plugin
from joulescape.simulators.ring_bank.placement import place, set_ns
from joulescape.simulators.ring_bank.sharing import Turns
from joulescape.testing.examples import example_context

ROOT = Path(__file__).parents[2]
NAMES = [
    name
    for name in back_end_names(ROOT)
    if name.startswith("photonic/") and load_back_end(ROOT, name, {}).spec.simulator == "ring_bank"
]
entries = pytest.mark.parametrize("name", NAMES)
FAST = {"ring.response_ns.value": 1.0, "ring.response_ns.low": 0.1}
ALONE = {"bank.shares_positions": False}
CONV = Loops(B=8, K=16, C=4, OY=8, OX=8, FY=2, FX=2)
"""One tile of 16 x 16 and 512 positions."""


def costs(works: list[Work], made: Any, batch: int = 8) -> list[LayerCost]:
    return list(plugin.cost(works, made, example_context(batch)))


def latency(loops: Loops, **overrides: Any) -> float:
    return float(
        costs([work(loops)], bank({name.replace("__", "."): v for name, v in overrides.items()}))[0].latency_ns
    )


def step(made: Any) -> list[LayerCost]:
    """Forward and update of one layer that fits the banks."""
    return costs([work(Loops(B=4, K=8, C=8)), VectorWork("fc", "update", "update", 128.0, 128, 64, 16)], made)


def written(cost: LayerCost) -> float:
    return part(cost, "weight_dac") + part(cost, "weight_writing")


# --- training -----------------------------------------------------------------------------------------------------


@entries
def test_a_training_step_sets_every_weight_anew(name: str) -> None:
    """The update has changed them all, and errors sent back had the transposed weights set on the same rings."""
    made = bank({}, name)
    rings = np.ceil(8 / made.bank.rows) * np.ceil(8 / made.bank.channels) * made.bank.rows * made.bank.channels
    forward, _ = step(made)
    assert float(forward.latency_ns) >= made.ring.response_ns.value
    each = made.ring.switch_pj.value if made.weights.held_in else float(made.weights.dac.dac_pj(made.weights.bits))
    assert written(forward) >= rings * each > 0


@pytest.mark.parametrize("name", ["photonic/broadcast_weight", "photonic/bplight_cnn"])
def test_at_inference_what_fits_stays(name: str) -> None:
    (alone,) = costs([work(Loops(B=4, K=8, C=8))], bank({}, name))
    assert written(alone) == 0


@cache
def training(name: str, count: int, network: str = "digits_mlp") -> Any:
    sets = {"hardware.bank.count": str(count)}
    return price(network, name, sets, phases=("training",), root=ROOT)


def test_banks_for_all_layers_do_not_end_the_writing() -> None:
    """19 tiles of `digits_mlp`: where banks suffice for all, a step still waits for each layer's heaters."""
    few, enough = (training("photonic/broadcast_weight", count) for count in (19, 20))
    assert enough.totals["training_energy_pj"] >= few.totals["training_energy_pj"]
    assert enough.totals["training_time_ns"] >= 0.99 * few.totals["training_time_ns"]
    for report in (few, enough):
        layers = [r for r in report.layers if r["role"] == "forward" and r["macs"]]
        assert all(float(r["batch_latency_ns"]) >= 10_000 for r in layers), "one settling of heaters each"


@entries
def test_every_trained_layer_waits_for_its_rings(name: str) -> None:
    made = bank({}, name)
    report = training(name, made.bank.count)
    moved = [r for r in report.energy if r["component"] in {"weight_dac", "weight_writing"} and r["role"] == "forward"]
    layers = {r["layer"] for r in report.layers if r["role"] == "forward" and r["macs"]}
    assert {r["layer"] for r in moved if float(r["energy_pj"]) > 0} == layers


# --- sharing ------------------------------------------------------------------------------------------------------


def test_copies_divide_the_stream_of_what_stays() -> None:
    """One tile, 8 banks of 16 x 16: 512 positions at 5 GHz, 64 a copy."""
    assert latency(CONV) == pytest.approx(64 / 5 + 2 / 5)
    assert latency(CONV, **ALONE) == pytest.approx(512 / 5 + 2 / 5)


def test_a_sample_is_sent_and_converted_once_whoever_takes_it() -> None:
    shared, alone = (costs([work(CONV)], bank(set_))[0] for set_ in ({}, ALONE))
    for name in ("input_dac", "modulator", "adc", "accumulator", "sram"):
        assert part(shared, name) == part(alone, name)


def test_every_copy_has_its_rings_set() -> None:
    """Under an update nothing stays: 512 positions stream longer than carriers take, and 8 copies are set."""
    update = VectorWork("fc", "update", "update", 128.0, 128, 64, 16)
    shared, alone = (costs([work(CONV), update], bank(FAST | set_))[0] for set_ in ({}, ALONE))
    assert shared.active_units == 8 * alone.active_units
    assert part(shared, "weight_dac") == pytest.approx(8 * part(alone, "weight_dac"))
    assert float(shared.latency_ns) < float(alone.latency_ns) / 5


def test_no_copies_where_setting_takes_longer_than_the_stream() -> None:
    """Heaters take 10 us, the stream 0.1 us: eight copies would cost eight settings to save nothing."""
    update = VectorWork("fc", "update", "update", 128.0, 128, 64, 16)
    shared, alone = (costs([work(CONV), update], bank(set_))[0] for set_ in ({}, ALONE))
    assert shared.latency_ns == alone.latency_ns
    assert part(shared, "weight_dac") == part(alone, "weight_dac")


def test_no_copies_where_memory_sets_the_pace() -> None:
    found = Turns.fastest(1, 1000, np.asarray(8), 1.0, 0.2, least_ns=300.0)
    assert found.copies == 1
    assert Turns.fastest(1, 1000, np.asarray(8), 1.0, 0.2, least_ns=120.0).copies == 2


def test_uneven_teams_take_turns() -> None:
    """5 rows of tiles on 9 teams: one turn with four idle, or five turns of nine copies, each a ninth of the stream."""
    found = Turns.fastest(5, 9000, np.asarray(9), 1.0, 0.2)
    assert (int(found.copies), int(found.rounds)) == (9, 5)
    assert found.latency_ns(1.0, 0.2) == pytest.approx(5 * (1 + 200))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 5000), st.integers(1, 200), st.floats(0, 1e4), st.floats(0.1, 1))
def test_sharing_never_slows_and_more_banks_never_do(
    jobs: int, positions: int, teams: int, load: float, vector: float
) -> None:
    counts = np.array([teams, teams + 1, 2 * teams])
    shared = Turns.fastest(jobs, positions, counts, load, vector)
    alone = Turns.of(jobs, positions, counts, np.ones(3, dtype=int))
    times = np.asarray(shared.latency_ns(load, vector))
    assert np.all(times <= np.asarray(alone.latency_ns(load, vector)) + 1e-9)
    assert times[0] >= times[1] - 1e-9 and times[0] >= times[2] - 1e-9
    assert times[0] >= jobs * positions * vector / teams - 1e-6, "no more than all banks at once"
    assert np.all(np.asarray(shared.positions) * np.asarray(shared.copies) >= positions)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 64), st.integers(1, 64), st.integers(1, 64), st.sampled_from([{}, FAST]))
def test_a_layer_is_never_slower_on_more_banks(
    count: int, outputs: int, inputs: int, batch: int, overrides: dict[str, Any]
) -> None:
    """Also where one more lets all layers stay: then the faster of staying and reloading is taken."""
    loops, made = Loops(B=batch, K=outputs, C=inputs, OY=4, OX=4), bank(overrides)
    sizes = np.array([count, count + 1, count + 7])
    swept = made.model_copy(update={"bank": made.bank.model_copy(update={"count": sizes})})
    times = np.asarray(costs([work(loops), work(loops)], swept, batch)[0].latency_ns)
    assert np.all(np.diff(times) <= 1e-9)


def test_fast_rings_reload_rather_than_stay_where_that_is_faster() -> None:
    """Two layers on two banks: each alone on its bank, or both banks for each in its turn."""
    layers = [work(CONV), work(CONV)]
    assert not place(layers, bank(FAST | {"bank.count": 2})).is_resident
    assert place(layers, bank({"bank.count": 2})).is_resident, "heaters are slow"
    assert place(layers, bank(FAST | ALONE | {"bank.count": 2})).is_resident
    assert set_ns(bank(FAST), np.False_) == pytest.approx(16 / 5 + 1)


def test_rings_that_stay_hold_the_network_as_often_as_it_fits() -> None:
    layers = [work(CONV), work(CONV)]
    assert place(layers, bank({"bank.count": 9})).copies == 4
    assert place(layers, bank(ALONE | {"bank.count": 9})).copies == 1
    assert place([], bank()).is_resident, "an idle machine has nothing to set"


# --- what stands on -----------------------------------------------------------------------------------------------


@entries
def test_receivers_are_on_whether_or_not_a_sample_comes(name: str) -> None:
    """Diodes and amplifiers are circuits under bias, as lasers and rings are: a pair and an amplifier a row."""
    made = bank({}, name)
    rows = made.bank.count * made.bank.rows
    powers = {p.component.name: float(p.power_mw) for p in plugin.static_power(made)}
    assert powers["photodetector"] == pytest.approx(rows * 2 * made.detector.diode_mw.value)
    assert powers["transimpedance"] == pytest.approx(rows * made.detector.amplifier_mw.value)
    (cost,) = costs([work(CONV)], made)
    assert not {"photodetector", "transimpedance"} & {e.component.name for e in cost.energies}


def test_only_the_converters_of_weights_follow_the_node() -> None:
    (cost,) = costs([work(CONV, stored=False)], bank({}, "photonic/bplight_cnn"))
    scales = {e.component.name: e.component.scales for e in cost.energies}
    assert scales["weight_dac"] and not scales["weight_writing"]
