"""Shipped networks on the shipped electronic machines: laws, sweeps, and a machine's sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from joulescape.compression.base import Described
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import ROLES, Graph, Phase
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.machine import PhaseCost
from joulescape.simulators.base import Scope
from joulescape.spec.network import NetworkSpec
from joulescape.testing import check_simulator, example_formats
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("digits_mlp", "digits_lenet", "digits_resnet")
MACHINES = ("electronic/systolic_int8", "electronic/scalar_core")
PHASES: tuple[Phase, ...] = ("inference", "training")


def graph(name: str) -> Graph:
    content: Any = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
    return build_graph(name, NetworkSpec.model_validate(content))


def phase_cost(network: str, machine: str, phase: Phase, boundary: Scope = "system", batch: int = 1) -> PhaseCost:
    found = graph(network)
    formats = example_formats(found, 8.0)
    built = load_back_end(ROOT, machine).machine(boundary)
    return built.cost(Described(found, found, formats, ()), lower(found, formats, phase, batch, {}))


@pytest.mark.parametrize("network", NETWORKS)
def test_laws_hold_on_shipped_networks(network: str) -> None:
    back_end = load_back_end(ROOT, MACHINES[0])
    sweep = {
        "array.rows": (8, 64), "array.columns": (16, 8), "dataflow": ("output_stationary", "weight_stationary"),
        "buffers.weight_bytes": (16384, 8192),
    }  # fmt: skip
    check_simulator(back_end.simulator, back_end.settings, graph=graph(network), sweep=sweep)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("network", NETWORKS)
def test_an_electronic_machine_needs_no_host(machine: str, network: str) -> None:
    built = load_back_end(ROOT, machine).machine("system")
    assert len(built.stations) == 1
    assert built.meets(graph(network), ROLES) is None


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("machine", MACHINES)
def test_boundaries_only_add(machine: str, phase: Phase) -> None:
    scopes: tuple[Scope, ...] = ("core", "chip", "system")
    costs = [phase_cost("digits_lenet", machine, phase, scope, batch=4) for scope in scopes]
    energies = [float(np.sum(cost.energy_pj())) for cost in costs]
    assert energies[0] < energies[1] < energies[2]
    spans = [float(cost.makespan_ns[0]) for cost in costs]
    assert spans[0] == spans[1] <= spans[2], "only off-chip memory can bound a time, and only inside the boundary"


def test_training_costs_about_three_forward_passes_and_more_traffic() -> None:
    forward, step = (phase_cost("digits_lenet", MACHINES[0], phase, batch=32) for phase in PHASES)
    assert 2 < step.macs / forward.macs < 3.5
    assert float(np.sum(step.energy_pj())) > 2 * float(np.sum(forward.energy_pj()))
    assert step.makespan_ns[0] > 2 * forward.makespan_ns[0]


def test_the_array_beats_the_host_core_at_what_it_is_for() -> None:
    array, core = (phase_cost("digits_lenet", machine, "inference", batch=16) for machine in MACHINES)
    assert float(np.sum(array.energy_pj())) < 0.2 * float(np.sum(core.energy_pj()))
    assert array.makespan_ns[0] < 0.05 * core.makespan_ns[0]


def test_a_sweep_of_every_combination_equals_each_alone() -> None:
    """Both dataflows on three sizes of array, costed at once: spot checks against single machines."""
    back_end = load_back_end(ROOT, MACHINES[0])
    found = graph("digits_lenet")
    machine = back_end.machine("system")
    works = lower(found, example_formats(found, 8.0), "inference", 2, {}).works
    sides, flows = np.repeat([8, 16, 32], 2), np.tile(["weight_stationary", "output_stationary"], 3)
    context = machine._context(Described(found, found, {}, ()), lower(found, {}, "inference", 2, {}))
    swept = at_paths(back_end.settings, {"array.rows": sides, "array.columns": sides, "dataflow": flows})
    together = back_end.simulator.cost(works, swept, context)
    for index, (side, flow) in enumerate(zip(sides, flows, strict=True)):
        one = at_paths(back_end.settings, {"array.rows": int(side), "array.columns": int(side), "dataflow": str(flow)})
        for many, single in zip(together, back_end.simulator.cost(works, one, context), strict=True):
            assert np.shape(many.latency_ns) == (6,)
            assert np.asarray(many.latency_ns)[index] == single.latency_ns
            assert np.asarray(many.bound_by)[index] == single.bound_by
            assert np.asarray(many.energies[0].energy_pj)[index] == pytest.approx(single.energies[0].energy_pj)
