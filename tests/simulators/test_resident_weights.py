"""Weights that stay: a digital array that holds its weights pays as a crossbar does, nothing per inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand, Work
from joulescape.pricing import cost as price
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost
from joulescape.testing import example_context
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).parents[2]
SYSTOLIC = load_back_end(ROOT, "electronic/systolic_int8", {})
CROSSBAR = load_back_end(ROOT, "memristive/isaac", {})
BUFFER = 65536


def layer(name: str, inputs: int, outputs: int, is_stored: bool = True) -> MatrixWork:
    operands = Operand(inputs * outputs, 8), Operand(inputs, 8), Operand(outputs, 8)
    return MatrixWork(name, "forward", Loops(K=outputs, C=inputs), *operands, is_weight_stored=is_stored)


def costs(*works: Work, **changes: Any) -> list[LayerCost]:
    settings = at_paths(SYSTOLIC.settings, {path.replace("__", "."): value for path, value in changes.items()})
    return list(SYSTOLIC.simulator.cost(works, settings, example_context()))


def fetched(found: list[LayerCost], memory: str = "off_chip_memory") -> float:
    moves = [t for cost in found for t in cost.traffic if (t.memory, t.operand) == (memory, "weight")]
    return float(sum(np.asarray(t.read_bytes) for t in moves))


def energy(found: list[LayerCost], name: str) -> float:
    return float(sum(np.asarray(e.energy_pj) for c in found for e in c.energies if e.component.name == name))


def test_weights_may_fill_their_whole_buffer() -> None:
    works = (layer("a", 256, 128), layer("b", 128, 256))
    assert sum(work.weight.dense_bytes for work in works) == BUFFER
    assert fetched(costs(*works, weights_stay=True)) == 0
    assert fetched(costs(*works, layer("c", 1, 1), weights_stay=True)) == BUFFER + 1, "one byte too many: none stays"


def test_a_stationary_activation_keeps_half_of_the_buffer() -> None:
    attention = layer("scores", 64, 64, is_stored=False)
    half = layer("a", 256, 128)
    assert fetched(costs(half, attention, weights_stay=True)) == 0
    assert fetched(costs(half, layer("b", 1, 1), attention, weights_stay=True)) > 0


def test_each_variant_decides_for_itself() -> None:
    sizes = np.array([1024, 16384, 65536])
    found = costs(layer("a", 128, 128), weights_stay=True, buffers__weight_bytes=sizes)
    moved = next(t for t in found[0].traffic if (t.memory, t.operand) == ("off_chip_memory", "weight"))
    assert list(np.asarray(moved.read_bytes) > 0) == [True, False, False]


def test_staying_saves_the_fetch_and_the_fill_and_nothing_else() -> None:
    work = layer("a", 128, 128)
    stays, again = costs(work, weights_stay=True), costs(work, weights_stay=False)
    assert energy(again, "off_chip_memory") - energy(stays, "off_chip_memory") == pytest.approx(16384 * 8 * 8.0)
    fill = 16384 * SYSTOLIC.settings.sram.write_pj_per_byte(BUFFER)
    assert energy(again, "weight_sram") - energy(stays, "weight_sram") == pytest.approx(fill)
    for name in ("mac_array", "pe_registers", "activation_sram", "accumulator_sram", "control"):
        assert energy(stays, name) == energy(again, name)
    assert fetched(stays, "weight_sram") == fetched(again, "weight_sram"), "the array reads its buffer all the same"


def test_holding_costs_the_leakage_of_the_buffer_whether_or_not_weights_stay() -> None:
    stays, again = (
        SYSTOLIC.simulator.static_power(at_paths(SYSTOLIC.settings, {"weights_stay": value})) for value in (True, False)
    )
    assert stays == again
    assert any(p.component.name == "weight_sram_leakage" and float(p.power_mw) > 0 for p in stays)


def test_a_crossbar_fetches_no_weight_either() -> None:
    found = list(CROSSBAR.simulator.cost([layer("a", 128, 128)], CROSSBAR.settings, example_context()))
    assert fetched(found) == 0
    names = {e.component.name for c in found for e in c.energies}
    assert not {"crossbar_write", "crossbar_read_back", "crossbar_pulse"} & names, "nor writes a cell"


@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet"])
def test_a_question_may_ask_for_it_and_the_networks_of_the_shelf_fit(network: str) -> None:
    assert "weights_stay" in SYSTOLIC.simulator.searchable - SYSTOLIC.simulator.changes_numbers
    plain, stays = (
        price(network, "electronic/systolic_int8", {"hardware.weights_stay": value}, root=ROOT)
        for value in ("false", "true")
    )
    saved = plain.totals["inference_energy_pj"] - stays.totals["inference_energy_pj"]
    assert saved > 0.5 * plain.totals["inference_energy_pj"], "at batch 1 most of the bill is the fetch of weights"
    assert stays.totals["inference_latency_ns"] <= plain.totals["inference_latency_ns"]


def test_batches_make_the_fetch_small() -> None:
    share = []
    for batch in ("1", "64"):
        plain, stays = (
            price("digits_mlp", "electronic/systolic_int8", {"hardware.weights_stay": v, "batch": batch}, root=ROOT)
            for v in ("false", "true")
        )
        share.append(1 - stays.totals["inference_energy_pj"] / plain.totals["inference_energy_pj"])
    assert share[1] < share[0] / 2
