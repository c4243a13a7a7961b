"""Zeros: what gating, run lengths and skipping save at any density, and that without zeros they change nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import number, product
from test_spatial_totals import CONV, chip, energy, few_loops, inside, mapped, moved, run

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.settings import GatingSettings, RunLengthSettings, SpatialSettings
from joulescape.simulators.spatial.skipping import is_skipping, moved_share, multiplied, slowest

MANY = settings(max_examples=10, deadline=None)
densities = st.floats(0.01, 1.0)
WINDOW = 64
"""Products that a unit works through before it waits."""


def zeros(inputs: float = 1.0, weights: float = 1.0, outputs: float = 1.0, loops: Loops = CONV) -> MatrixWork:
    """A product whose operands are so dense."""
    work = product(loops)
    shares = {"input": inputs, "weight": weights, "output": outputs}
    return replace(work, **{name: replace(getattr(work, name), density=share) for name, share in shares.items()})


def skipping(inputs: bool = True, weights: bool = True, lanes: int = 1, **more: Any) -> SpatialSettings:
    """The chip with units that skip."""
    rule = {"is_on": True, "inputs": inputs, "weights": weights, "count_bits": 4, "lanes": lanes, "window": WINDOW}
    return chip(skipping=rule, **more)


def gating(weights: bool) -> SpatialSettings:
    """The chip with units that stay still."""
    return chip(gating={"is_on": True, "memories": ["weights"], "weights": weights})


@given(inputs=densities, weights=densities, is_both=st.booleans())
@MANY
def test_a_gated_unit_saves_its_share_and_no_time(inputs: float, weights: float, is_both: bool) -> None:
    work, share = zeros(inputs, weights), inputs * (weights if is_both else 1.0)
    on, off = run(gating(is_both), work), run(chip(), work)
    assert energy(on, "mac_array") == pytest.approx(share * energy(off, "mac_array"))
    assert number(on.latency_ns) == number(off.latency_ns)
    for name in ("sums", "buffer", "off_chip_memory", "wires"):
        assert energy(on, name) == energy(off, name)
    reads = sum(m.read_bytes for m in on.traffic if m.memory == "weights")
    assert reads == pytest.approx(share * sum(m.read_bytes for m in off.traffic if m.memory == "weights"))
    fills = sum(m.write_bytes for m in on.traffic if m.memory == "weights")
    assert fills == sum(m.write_bytes for m in off.traffic if m.memory == "weights")


@given(loops=few_loops, is_both=st.booleans())
@MANY
def test_without_zeros_gating_is_not_there(loops: Loops, is_both: bool) -> None:
    on, off = run(gating(is_both), zeros(loops=loops)), run(chip(), zeros(loops=loops))
    assert energy(on) == energy(off)


@given(inputs=densities, weights=densities)
def test_the_share_that_is_left(inputs: float, weights: float) -> None:
    rule = GatingSettings(is_on=True, memories=())
    assert rule.share(inputs, weights) == inputs
    assert rule.model_copy(update={"weights": True}).share(inputs, weights) == inputs * weights
    assert rule.model_copy(update={"is_on": False}).share(inputs, weights) == 1


@given(st.lists(densities, min_size=2, max_size=6), st.integers(1, 8), st.integers(1, 5), st.sampled_from([4, 8, 16]))
def test_denser_data_have_longer_codes(dense: list[float], run_bits: int, pairs: int, bits: int) -> None:
    rule = RunLengthSettings(is_on=True, run_bits=run_bits, pairs=pairs, word_bits=64)
    factors = [rule.factor(density, bits) for density in sorted(dense)]
    assert factors == sorted(factors)
    assert rule.factor(1.0, bits) == pytest.approx(64 / pairs / bits)
    assert rule.factor(0.0, bits) == pytest.approx(2**-run_bits * 64 / pairs / bits)
    assert rule.factor(0.0, bits) <= factors[0] * (1 + 1e-12)
    assert all(factor >= density * 64 / pairs / bits for factor, density in zip(factors, sorted(dense), strict=True))


def test_a_code_as_short_as_its_values_changes_nothing_without_zeros() -> None:
    rule = {"is_on": True, "run_bits": 4, "pairs": 8, "word_bits": 64}
    coded, plain = run(chip(run_length=rule), zeros()), run(chip(), zeros())
    assert energy(coded) == pytest.approx(energy(plain))


@given(inputs=densities, outputs=densities)
@MANY
def test_activations_are_coded_off_the_chip_and_weights_are_not(inputs: float, outputs: float) -> None:
    rule = RunLengthSettings(is_on=True, run_bits=4, pairs=4, word_bits=64)
    work = zeros(inputs, 0.5, outputs)
    coded, plain = run(chip(run_length=rule), work), run(chip(), work)
    for operand, density in (("weight", None), ("input", inputs), ("output", outputs)):
        factor = rule.factor(density, 8) if density else 1.0
        assert moved(coded, "off_chip_memory", operand) == pytest.approx(
            factor * moved(plain, "off_chip_memory", operand)
        )
    assert moved(coded, "buffer") == moved(plain, "buffer")
    machine = SpatialMachine.of([], chip(run_length=rule), inside(first=frozenset({"layer"})))
    assert machine.coded(work, "input") == 1.0
    assert machine.coded(work, "output") == rule.factor(outputs, 8)


@given(loops=few_loops, inputs=st.booleans(), weights=st.booleans(), lanes=st.integers(1, 32))
@MANY
def test_without_zeros_skipping_is_not_there(loops: Loops, inputs: bool, weights: bool, lanes: int) -> None:
    work = zeros(loops=loops)
    on, off = run(skipping(inputs, weights, lanes), work), run(chip(), work)
    assert energy(on) == pytest.approx(energy(off))
    assert number(on.latency_ns) == pytest.approx(number(off.latency_ns))
    assert number(on.utilisation_fraction) == pytest.approx(number(off.utilisation_fraction))
    assert is_skipping(skipping())
    assert not is_skipping(chip())


@given(dense=st.lists(densities, min_size=3, max_size=3), operand=st.sampled_from(["inputs", "weights"]))
@MANY
def test_fewer_zeros_never_save_more(dense: list[float], operand: str) -> None:
    found = [run(skipping(lanes=12), zeros(**{operand: density})) for density in sorted(dense)]
    for less, more in itertools.pairwise(found):
        assert energy(less) <= energy(more) * (1 + 1e-9)
        assert number(less.latency_ns) <= number(more.latency_ns) * (1 + 1e-9)
    assert all(0 < number(one.utilisation_fraction) <= 1 for one in found)


@given(inputs=densities, weights=densities)
@MANY
def test_an_operand_that_is_not_skipped_is_dense(inputs: float, weights: float) -> None:
    work = zeros(inputs, weights)
    assert multiplied(work, skipping(inputs=False)) == weights
    assert multiplied(work, skipping(weights=False)) == inputs
    assert multiplied(work, skipping()) == inputs * weights
    assert multiplied(work, chip()) == 1.0
    on = run(skipping(inputs=False), work)
    assert moved(on, "off_chip_memory", "input") == moved(run(chip(), work), "off_chip_memory", "input")
    assert energy(on, "mac_array") == pytest.approx(weights * 0.2 * CONV.macs)


@given(inputs=densities, weights=densities, outputs=densities)
@MANY
def test_compressed_data_are_never_longer_than_plain_ones(inputs: float, weights: float, outputs: float) -> None:
    work, rule = zeros(inputs, weights, outputs), skipping()
    expected = {"I": inputs, "W": weights}
    best = mapped(rule, work)
    for move in best.cost.movements:
        memory = best.spatial.hierarchy.memories[move.memory].name
        share = moved_share(work, rule, move, memory)
        assert 0 < share <= 1
        if move.link == 0:
            assert share == inputs * weights
        elif move.operand in expected:
            assert share == pytest.approx(min(1.0, expected[move.operand] * 12 / 8))
        else:
            assert share == (pytest.approx(min(1.0, outputs * 1.5)) if memory == "off_chip_memory" else 1.0)
        assert moved_share(work, chip(), move, memory) == 1.0


@given(inputs=densities, weights=densities, lanes=st.integers(1, 32))
@MANY
def test_units_wait_for_the_slowest_and_never_longer_than_without_skipping(
    inputs: float, weights: float, lanes: int
) -> None:
    work, context = zeros(inputs, weights, 0.01), inside(includes_off_chip=False)
    even, uneven = (run(skipping(lanes=one), work, context) for one in (1, lanes))
    off = run(chip(), work, context)
    assert number(even.latency_ns) <= number(uneven.latency_ns) * (1 + 1e-12)
    assert number(uneven.latency_ns) <= number(off.latency_ns) * (1 + 1e-12)


@given(share=densities, lanes=st.integers(2, 32))
def test_the_fullest_of_more_units_has_more_to_do_and_one_alone_its_mean(share: float, lanes: int) -> None:
    alone, few, more = (skipping(lanes=count).skipping for count in (1, lanes, 2 * lanes))
    assert alone is not None and few is not None and more is not None
    assert slowest(share, alone) == pytest.approx(max(share, 1 / WINDOW))
    assert slowest(share, alone) <= slowest(share, few) <= slowest(share, more) <= 1.0
    longer = few.model_copy(update={"window": 4 * WINDOW})
    assert slowest(share, longer) <= slowest(share, few) * (1 + 1e-12)
    assert slowest(1.0, few) == 1.0
