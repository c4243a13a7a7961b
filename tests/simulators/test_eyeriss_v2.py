"""Eyeriss v2: zeros of both operands take neither time nor energy; the mesh feeds layers with little reuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, case, product, small_loops

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.skipping import slowest
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator

CHIP, FIRST = case("electronic/eyeriss_v2"), case("electronic/eyeriss")
CONV = Loops(K=96, C=96, OY=14, OX=14, FY=3, FX=3)
PLAIN = CHIP.at({"skipping.is_on": False})


def sparse(inputs: float, weights: float, loops: Loops = CONV) -> MatrixWork:
    """A product in the middle of a network, with zeros in both operands."""
    work = replace(product(loops), layer="middle")
    return replace(
        work, input=replace(work.input, density=inputs), weight=replace(work.weight, density=weights)
    )  # fmt: skip


def inner() -> Context:
    return replace(example_context(), includes_off_chip=False, first=frozenset(), last=frozenset())


def energy(found: LayerCost, *names: str) -> float:
    return float(sum(part.energy_pj for part in found.energies if not names or part.component.name in names))


def test_it_keeps_the_contract_of_simulators() -> None:
    check_simulator(CHIP.simulator, CHIP.settings)


@given(inputs=st.floats(0.05, 1.0), weights=st.floats(0.05, 1.0))
@settings(max_examples=12, deadline=None)
def test_zeros_of_both_operands_save_time_and_energy(inputs: float, weights: float) -> None:
    (on,), (off,) = (chip.cost(sparse(inputs, weights), context=inner()) for chip in (CHIP, PLAIN))
    assert float(on.latency_ns) <= float(off.latency_ns) * (1 + 1e-9)
    assert energy(on, "mac_array") == pytest.approx(inputs * weights * energy(off, "mac_array"))
    assert energy(on) <= energy(off) * (1 + 1e-9)
    assert 0 < float(on.utilisation_fraction) <= 1


def test_half_of_each_operand_is_a_third_of_the_time() -> None:
    """A quarter of the products: 24 of 96, and 4.24 sqrt(2 ln 12) more at most for the fullest of twelve elements."""
    (on,), (off,) = (chip.cost(sparse(0.5, 0.5), context=inner()) for chip in (CHIP, PLAIN))
    assert float(off.latency_ns) / float(on.latency_ns) == pytest.approx(1 / (0.25 * 1.3), rel=0.15)


def test_elements_wait_longer_for_the_fullest_the_more_zeros_there_are() -> None:
    """Waiting over a perfect balance: an order statistic of the density, no constant."""
    rule = CHIP.settings.skipping
    assert rule is not None
    waits = [slowest(share, rule) / share for share in (1.0, 0.81, 0.25, 0.04)]
    assert waits == sorted(waits)
    assert waits[0] == 1.0
    assert waits[1] < 1.1 < 1.6 < waits[3]


def test_zeros_of_one_operand_save_less_than_of_both() -> None:
    times = []
    for skipped in ((True, True), (True, False), (False, False)):
        chip = replace(CHIP, settings=SpatialSettings.model_validate({
            **CHIP.settings.model_dump(),
            "skipping": {**CHIP.settings.model_dump()["skipping"], "inputs": skipped[0], "weights": skipped[1]},
        }))  # fmt: skip
        (found,) = chip.cost(sparse(0.4, 0.3), context=inner())
        times.append(float(found.latency_ns))
    assert times[0] < times[1] < times[2]


@given(loops=small_loops())
@settings(max_examples=8, deadline=None)
def test_without_zeros_it_is_a_plain_array(loops: Loops) -> None:
    (on,), (off,) = (chip.cost(sparse(1.0, 1.0, loops), context=inner()) for chip in (CHIP, PLAIN))
    assert on.latency_ns == pytest.approx(off.latency_ns)
    assert energy(on) == pytest.approx(energy(off))


def test_compressed_operands_take_less_of_the_memories() -> None:
    (on,), (off,) = (chip.cost(sparse(0.3, 0.3), context=inner()) for chip in (CHIP, PLAIN))
    for memory, operand in (("buffer", "input"), ("off_chip_memory", "weight")):
        moved = [
            sum(float(m.read_bytes) for m in found.traffic if (m.memory, m.operand) == (memory, operand))
            for found in (on, off)
        ]
        assert moved[0] == pytest.approx(0.3 * 12 / 8 * moved[1])


def test_a_narrow_network_holds_the_elements_back_the_more_zeros_they_skip() -> None:
    """What the hierarchical mesh is for: with one 64-bit port, as on the first chip, they starve."""
    raw = CHIP.settings.model_dump()
    raw["memories"]["buffer"]["word_bits"] = 64
    narrow = replace(CHIP, settings=SpatialSettings.model_validate(raw))

    def slowed(density: float) -> float:
        work = sparse(density, density)
        (wide,), (thin,) = (chip.cost(work, context=inner()) for chip in (CHIP, narrow))
        return float(thin.latency_ns) / float(wide.latency_ns)

    assert slowed(1.0) > 1.2
    assert slowed(0.4) > 1.5 * slowed(1.0)


def test_it_outruns_the_first_chip_the_more_the_sparser() -> None:
    names = ("electronic/eyeriss", "electronic/eyeriss_v2")
    dense, pruned = ([float(cost("alexnet_grouped", name, sets, boundary="chip", root=ROOT).totals[
        "inference_latency_ns"] or 0) for name in names] for sets in ({}, {"compression.0": "reported"}))  # fmt: skip
    assert dense[0] > 1.3 * dense[1]
    assert pruned[0] / pruned[1] > 1.3 * dense[0] / dense[1]
