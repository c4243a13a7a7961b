"""Compressed columns: queues against a plain simulation, what each mechanism moves, what fits, EIE's figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import case

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators.base import LayerCost
from joulescape.simulators.sparse_columns.queues import MOST_COLUMNS, cycles, filled_density, makespan
from joulescape.testing.examples import example_context, example_graph
from joulescape.testing.simulators import check_simulator, check_variants

EIE = case("electronic/eie")
MANY = settings(max_examples=25, deadline=None)
LAYERS = {
    "Alex-6": (9216, 4096, 0.09, 0.351, 28.1, 30.3),
    "Alex-7": (4096, 4096, 0.09, 0.353, 11.7, 12.2),
    "Alex-8": (4096, 1000, 0.25, 0.375, 8.9, 9.9),
    "NT-We": (4096, 600, 0.10, 1.0, 5.2, 8.0),
    "NT-Wd": (600, 8791, 0.11, 1.0, 13.0, 13.9),
    "NT-LSTM": (1201, 2400, 0.10, 1.0, 6.5, 7.5),
}
"""Inputs, outputs, densities of weights and inputs; theoretical and actual microseconds (han2016)."""


def dense(inputs: int, outputs: int, weights: float, seen: float, batch: int = 1) -> MatrixWork:
    """A dense layer in the middle of a network."""
    return MatrixWork(
        "middle",
        "forward",
        Loops(B=batch, K=outputs, C=inputs),
        Operand(inputs * outputs, 4, weights, "unstructured" if weights < 1 else "dense"),
        Operand(batch * inputs, 16, seen),
        Operand(batch * outputs, 16, 0.5),
    )


def at(work: MatrixWork, **changes: Any) -> LayerCost:
    """Its cost with settings changed by dotted path (dots as double underscores)."""
    (found,) = EIE.at({name.replace("__", "."): value for name, value in changes.items()}).cost(work)
    return found


def energy(found: LayerCost) -> float:
    """Of all components."""
    return float(sum(part.energy_pj for part in found.energies))


@pytest.mark.parametrize("name", LAYERS)
def test_its_layers_take_the_time_of_the_paper(name: str) -> None:
    """Prediction: within 30 % of the actual time (the worst is 17 % off), and never faster than the entries allow."""
    inputs, outputs, weights, seen, theory, actual = LAYERS[name]
    found = at(dense(inputs, outputs, weights, seen))
    assert found.latency_ns / 1e3 == pytest.approx(actual, rel=0.2)
    entries = round(inputs * seen) * outputs * filled_density(weights, 4)
    assert found.latency_ns >= entries / 64 / 0.8
    assert entries / 64 / 0.8e3 == pytest.approx(theory, rel=0.32)


def test_an_element_takes_the_power_of_the_paper() -> None:
    """Prediction: 9.157 mW an element in AlexNet's seventh layer, more than half of it reading the matrix."""
    found = at(dense(4096, 4096, 0.09, 0.353))
    parts = {part.component.name: float(part.energy_pj) / float(found.latency_ns) / 64 for part in found.energies}
    for power in EIE.simulator.static_power(EIE.settings):
        parts[power.component.name] = float(power.power_mw) / 64
    assert sum(parts.values()) == pytest.approx(9.157, rel=0.1)
    assert parts["matrix_sram"] + parts["matrix_sram_leakage"] == pytest.approx(4.955, rel=0.25)
    assert parts["pointer_sram"] + parts["pointer_sram_leakage"] == pytest.approx(1.807, rel=0.25)


def walked(entries: np.ndarray, queue: int) -> int:
    """The same machine cycle by cycle: queues of inputs, one entry an element and cycle, one input sent a cycle."""
    columns, elements = entries.shape
    waiting: list[list[int]] = [[] for _ in range(elements)]
    sent = cycle = 0
    while sent < columns or any(waiting):
        if sent < columns and all(len(items) < queue for items in waiting):
            for element, items in enumerate(waiting):
                items.append(int(entries[sent, element]))
            sent += 1
        for items in waiting:
            while items and items[0] == 0:
                items.pop(0)
            if items:
                items[0] -= 1
                if items[0] == 0:
                    items.pop(0)
        cycle += 1
    return cycle


@given(seed=st.integers(0, 10**6), queue=st.integers(1, 6), mean=st.floats(0.5, 5.0))
@MANY
def test_the_recurrence_is_the_machine_cycle_by_cycle(seed: int, queue: int, mean: float) -> None:
    entries = np.random.default_rng(seed).poisson(mean, size=(40, 4))
    assert makespan(entries, queue) == pytest.approx(walked(entries, queue), abs=queue + 1)


@given(seed=st.integers(0, 10**6))
@MANY
def test_longer_queues_are_never_slower(seed: int) -> None:
    entries = np.random.default_rng(seed).poisson(3.0, size=(60, 8))
    spans = [makespan(entries, queue) for queue in (1, 2, 4, 8, 60)]
    assert spans == sorted(spans, reverse=True)
    assert spans[-1] >= entries.sum(axis=0).max()
    assert spans[0] >= entries.max(axis=1).sum()


@pytest.mark.parametrize("density", [0.02, 0.1, 0.4])
def test_filling_entries_are_those_of_coding_random_zeros(density: float) -> None:
    values = np.random.default_rng(0).random(200_000) < density
    entries, run = 0, 0
    for value in values:
        if value or run == 15:
            entries, run = entries + 1, 0
        else:
            run += 1
    assert filled_density(density, 4) == pytest.approx(entries / len(values), rel=0.02)


def test_filling_entries_double_a_very_sparse_layer() -> None:
    """The paper's trap: at 4 % of the weights the 4-bit runs of zeros take half of all entries."""
    sparse = dense(4096, 4096, 0.04, 0.4)
    assert at(sparse, code__index_bits=4).latency_ns / at(sparse, code__index_bits=12).latency_ns > 1.8


def test_without_filling_entries_a_layer_takes_its_own_weights_alone() -> None:
    """D5: 4 % of the weights are 2.1 times too fast without them, 25 % hardly; a dense layer has none."""
    for density, least, most in ((0.04, 1.9, 2.2), (0.25, 1.0, 1.02), (1.0, 1.0, 1.0)):
        layer = dense(4096, 4096, density, 0.4)
        ratio = float(at(layer).latency_ns) / float(at(layer, code__has_filling=False).latency_ns)
        assert least <= ratio <= most, density
    bare = at(dense(4096, 4096, 0.04, 1.0), code__has_filling=False)
    assert float(bare.utilisation_fraction) * float(bare.latency_ns) == pytest.approx(4096**2 * 0.04 / 64 / 0.8)


def test_four_times_the_elements_take_a_quarter_of_the_time_where_rows_are_many() -> None:
    """The table's 256 elements: less than a quarter is saved, since 16 rows each are uneven."""
    layer = dense(4096, 4096, 0.09, 0.353)
    ratio = float(at(layer).latency_ns) / float(at(layer, elements=256, clock_ghz=0.8).latency_ns)
    assert 3.2 < ratio < 4.0


def test_its_memories_hold_the_network_that_the_table_says_counted_before_pruning() -> None:
    """84 M weights are 8.4 M entries of a byte at a tenth of the weights; with filling entries fewer fit."""
    held = EIE.simulator.published(EIE.settings)
    assert held["most_entries_count"] == 64 * 131072
    assert held["most_dense_weights_count"] == pytest.approx(84e6, rel=0.005)
    assert held["most_entries_count"] / filled_density(0.1, 4) < 0.85 * 84e6


def test_skipping_zero_inputs_saves_time_and_energy_in_proportion() -> None:
    layer = dense(4096, 4096, 0.1, 0.35)
    on, off = at(layer), at(layer, element__skips_zero_inputs=False)
    assert off.latency_ns / on.latency_ns == pytest.approx(1 / 0.35, rel=0.05)
    assert energy(off) / energy(on) == pytest.approx(1 / 0.35, rel=0.05)


def test_longer_queues_even_out_the_elements() -> None:
    layer = dense(4096, 600, 0.1, 1.0)
    assert at(layer, element__queue=1).latency_ns > 1.3 * at(layer, element__queue=8).latency_ns


def test_more_columns_than_are_drawn_go_on_at_their_pace() -> None:
    one = cycles(MOST_COLUMNS, 600, 64, 0.1, 8)
    assert cycles(3 * MOST_COLUMNS, 600, 64, 0.1, 8) == pytest.approx(3 * one)


def test_time_and_energy_follow_the_batch() -> None:
    one, four = at(dense(512, 512, 0.1, 0.5)), at(dense(512, 512, 0.1, 0.5, batch=4))
    assert four.latency_ns == pytest.approx(4 * float(one.latency_ns))
    assert energy(four) == pytest.approx(4 * energy(one))


def test_zeros_in_no_order_are_the_only_ones_it_leaves_out() -> None:
    plain = dense(512, 512, 1.0, 0.5)
    grouped = replace(plain, weight=replace(plain.weight, density=0.5, structure="n_of_m"))
    assert at(grouped).latency_ns == at(plain).latency_ns


def test_a_network_beyond_its_memories_is_refused_with_the_elements_that_would_hold_it() -> None:
    large = dense(9216, 8192, 0.2, 0.5)
    limits = EIE.simulator.limits([large], EIE.settings, example_context())
    (entries, pointers, _) = limits
    assert entries.overshoot > 0
    assert pointers.overshoot <= 0
    needed = int(entries.reason.rpartition("; ")[2].split()[0])
    roomy = EIE.settings.model_copy(update={"elements": needed})
    assert EIE.simulator.limits([large], roomy, example_context())[0].overshoot <= 0
    fewer = EIE.settings.model_copy(update={"elements": needed - 1})
    assert EIE.simulator.limits([large], fewer, example_context())[0].overshoot > 0


def test_it_keeps_the_contract_of_simulators() -> None:
    check_simulator(EIE.simulator, EIE.settings)


def test_it_takes_dense_layers_alone() -> None:
    graph = example_graph()
    taken = {operator.kind for operator in graph.operators if EIE.simulator.takes(operator, "forward", EIE.settings)}
    assert taken == {"dense"}


def test_layers_that_do_not_fit_together_are_loaded_for_every_batch() -> None:
    layer = dense(4096, 4096, 0.3, 0.5)
    context = replace(example_context(), first=frozenset(), last=frozenset())
    alone = EIE.cost(layer, context=context)[0]
    first, second = EIE.cost(layer, replace(layer, layer="other"), context=context)

    def loaded(found: LayerCost) -> float:
        return sum(float(m.read_bytes) for m in found.traffic if (m.memory, m.operand) == ("off_chip_memory", "weight"))

    assert loaded(alone) == 0
    assert loaded(first) == loaded(second) == pytest.approx(4096 * 4096 * filled_density(0.3, 4) + 64 * 2 * 4097)
    assert energy(first) > energy(alone)


def test_a_sweep_costs_what_each_variant_costs_alone() -> None:
    swept = {"elements": [64, 32, 256], "element.queue": [8, 1, 4], "element.matrix_bytes": [131072, 65536, 262144]}
    check_variants(EIE.simulator, EIE.settings, [dense(512, 256, 0.1, 0.5)], swept)
