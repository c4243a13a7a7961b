"""Neurocube: operands stream from the vaults, so that the memory sets the pace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from machine_cases import ROOT, case, product

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost

CUBE, STACK = case("electronic/neurocube"), case("electronic/tetris")
VAULT = load_back_end(ROOT, "electronic/neurocube").off_chip.at("typical")
CONV = Loops(K=256, C=256, OY=28, OX=28, FY=3, FX=3)
DENSE = Loops(K=1024, C=1024)


def timed(loops: Loops, share: float = 1.0) -> LayerCost:
    rate = VAULT.bandwidth_gbps.model_copy(update={"value": VAULT.bandwidth_gbps.value * share})
    context = Context(1, replace(VAULT, bandwidth_gbps=rate), True)
    (found,) = CUBE.cost(replace(product(loops), layer="middle"), context=context)
    return found


@pytest.mark.parametrize(("loops", "share", "slowed"), [(CONV, 1 / 16, 1.5), (DENSE, 1 / 4, 3.5)])
def test_a_slow_vault_holds_the_multipliers_up(loops: Loops, share: float, slowed: float) -> None:
    assert float(timed(loops, share).latency_ns) > slowed * float(timed(loops).latency_ns)


def test_a_product_without_reuse_runs_at_the_pace_of_the_memory() -> None:
    """A word of 16 bits each 0.2 ns and vault: one weight a multiply, 16 vaults."""
    found = timed(DENSE)
    assert float(found.latency_ns) == pytest.approx(DENSE.macs * 16 / 80 / 16, rel=0.1)
    assert "off_chip_memory" in str(found.bound_by)


def test_it_sustains_what_is_told_of_it() -> None:
    """132 of 160 GOPS, as recalled."""
    report = cost("vgg16", "electronic/neurocube", root=ROOT)
    macs = sum(int(layer["macs"]) for layer in report.layers)
    assert 2 * macs / max(float(layer["end_ns"]) for layer in report.layers) == pytest.approx(132.4, rel=0.2)


def test_streams_take_more_of_the_memory_than_pads_do() -> None:
    """Without pads and buffer each input comes many times: a stacked memory with TETRIS below it moves far less."""
    context = Context(1, VAULT, True)
    moved = []
    for machine in (CUBE, STACK):
        (found,) = machine.cost(replace(product(CONV), layer="middle"), context=context)
        moved.append(sum(float(m.read_bytes) for m in found.traffic if m.memory == "off_chip_memory"))
    assert moved[0] > 5 * moved[1]
