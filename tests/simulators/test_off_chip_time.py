"""Off-chip bandwidth bounds a machine only where off-chip memory lies inside the boundary, on every machine alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand, VectorWork, Work
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.testing.examples import example_context

ROOT = Path(__file__).parents[2]
MACHINES = ("electronic/systolic_int8", "electronic/scalar_core", "memristive/isaac", "photonic/mzi_mesh")
EDGE = replace(example_context(), first=frozenset({"fc"}), last=frozenset({"fc"}))
INSIDE = replace(EDGE, includes_off_chip=False)
DENSE = MatrixWork("fc", "forward", Loops(K=64, C=512), Operand(512 * 64, 8), Operand(512, 8), Operand(64, 8))


def cost(name: str, work: Work, context: Context) -> LayerCost:
    back_end = load_back_end(ROOT, name, {})
    return back_end.simulator.cost([work], back_end.settings, context)[0]


def slow(context: Context) -> Context:
    """The same memory at a millionth of its rate."""
    rate = context.off_chip.bandwidth_gbps
    crawling = rate.model_copy(update={"value": rate.value / 1e6})
    return replace(context, off_chip=replace(context.off_chip, bandwidth_gbps=crawling))


@pytest.mark.parametrize("name", MACHINES)
def test_a_memory_outside_the_boundary_costs_neither_energy_nor_time(name: str) -> None:
    fast, crawling = (cost(name, DENSE, where) for where in (INSIDE, slow(INSIDE)))
    assert float(np.asarray(fast.latency_ns)) == float(np.asarray(crawling.latency_ns))
    assert "off_chip_memory" not in {energy.component.name for energy in crawling.energies}
    assert str(crawling.bound_by) != "off_chip_memory"


@pytest.mark.parametrize("name", MACHINES)
def test_a_memory_inside_the_boundary_bounds_the_layer_by_what_it_moves(name: str) -> None:
    found = cost(name, DENSE, slow(EDGE))
    moved = sum(float(t.read_bytes) + float(t.write_bytes) for t in found.traffic if t.memory == "off_chip_memory")
    assert moved >= 512 + 64, "the network's input and its output cross the edge"
    assert float(np.asarray(found.latency_ns)) == pytest.approx(float(slow(EDGE).off_chip.time_ns(moved)))
    assert str(found.bound_by) == "off_chip_memory"


@pytest.mark.parametrize("name", MACHINES)
def test_off_chip_energy_is_what_the_traffic_names(name: str) -> None:
    found, memory = cost(name, DENSE, EDGE), EDGE.off_chip
    moves = [t for t in found.traffic if t.memory == "off_chip_memory"]
    expected = memory.transfer(sum(t.read_bytes for t in moves), sum(t.write_bytes for t in moves)).energy_pj
    charged = sum(e.energy_pj for e in found.energies if e.component.name == "off_chip_memory")
    assert float(charged) == pytest.approx(float(expected))


@pytest.mark.parametrize("name", MACHINES[:2])
def test_vector_works_follow_the_same_rule(name: str) -> None:
    work = VectorWork("fc", "forward", "relu", 100_000, 100_000, 100_000, 8)
    assert float(cost(name, work, slow(EDGE)).latency_ns) > float(cost(name, work, INSIDE).latency_ns)
    assert float(cost(name, work, slow(INSIDE)).latency_ns) == float(cost(name, work, INSIDE).latency_ns)
