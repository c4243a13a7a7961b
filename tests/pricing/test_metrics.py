"""From parts to metrics: sums hold, units fall out, nodes scale what is CMOS and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from joulescape.compression.pipeline import describe
from joulescape.network.task import TASKS
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.metrics import Priced, assumed_fraction, at_node, metrics_of, nominal_plan, price
from joulescape.resolve.machine import Machine
from joulescape.resolve.single import single
from joulescape.spec.sourced import CORNERS

ROOT = Path(__file__).resolve().parents[2]
PHASES = ("inference", "training")
MACHINES = ("electronic/systolic_int8", "memristive/isaac", "photonic/mzi_mesh")


def priced(
    back_end: str, network: str = "digits_mlp", corner: str = "typical", batch: str = "1"
) -> tuple[Priced, Machine]:
    space, candidate = single(network, back_end, ROOT, {"batch": batch}, phases=PHASES)
    machine, described = space.machine(candidate, corner), describe(space.graphs[network], candidate.compression)  # type: ignore[arg-type]
    plan = training_plan(space, candidate)
    return price(machine, described, all_works(space, described, plan), plan), machine


@pytest.mark.parametrize("back_end", MACHINES)
def test_totals_are_the_sums_of_parts(back_end: str) -> None:
    found, machine = priced(back_end)
    metrics = metrics_of(found, len(machine.variants), None)
    parts = sum(np.asarray(e.energy_pj) for run in found.phases["inference"].layers for e in run.energies)
    assert metrics["inference_energy_pj"] == pytest.approx(parts)
    assert metrics["area_mm2"] == pytest.approx(sum(np.asarray(a.area_mm2) for a in found.areas))


@pytest.mark.parametrize("back_end", MACHINES)
def test_power_is_energy_over_time_and_efficiency_is_ops_over_energy(back_end: str) -> None:
    found, _ = priced(back_end)
    metrics = metrics_of(found, 1, None)
    energy, latency = metrics["inference_energy_pj"], metrics["inference_latency_ns"]
    assert energy is not None
    assert metrics["mean_power_mw"] == pytest.approx(energy / latency)
    assert metrics["tops_per_w"] == pytest.approx(2 * found.macs / energy)


@pytest.mark.parametrize("back_end", MACHINES)
def test_corners_are_ordered(back_end: str) -> None:
    energies = [metrics_of(priced(back_end, corner=corner)[0], 1, None)["inference_energy_pj"] for corner in CORNERS]
    assert energies[0] < energies[1] < energies[2]  # type: ignore[operator]


@pytest.mark.parametrize("back_end", MACHINES)
def test_a_batch_shares_what_is_paid_once(back_end: str) -> None:
    one, many = (metrics_of(priced(back_end, batch=batch)[0], 1, None) for batch in ("1", "32"))
    assert many["inference_energy_pj"] <= one["inference_energy_pj"] * (1 + 1e-9)  # type: ignore[operator]
    assert many["inference_latency_ns"] > one["inference_latency_ns"]  # type: ignore[operator]


def test_training_is_the_step_times_the_steps() -> None:
    found, _ = priced("electronic/systolic_int8")
    metrics = metrics_of(found, 1, None)
    assert found.plan is not None
    step = np.asarray(found.phases["training"].energy_pj())
    assert metrics["training_energy_pj"] == pytest.approx(step * found.plan.steps)


def test_nominal_steps_count_the_last_small_batch() -> None:
    plan = nominal_plan(TASKS["digits"], 64, 3)
    assert (plan.steps, plan.steps_basis) == (3 * 17, "nominal")


def test_lifecycle_needs_a_life_and_training() -> None:
    found, _ = priced("electronic/systolic_int8")
    assert metrics_of(found, 1, None)["lifecycle_energy_pj"] is None
    metrics = metrics_of(found, 1, 1e6)
    expected = metrics["training_energy_pj"] + 1e6 * metrics["inference_energy_pj"]  # type: ignore[operator]
    assert metrics["lifecycle_energy_pj"] == pytest.approx(expected)


def test_a_physical_network_has_no_operations_per_joule() -> None:
    found, _ = priced("electronic/systolic_int8")
    without = Priced(found.phases, found.areas, found.plan, macs=0)
    assert metrics_of(without, 1, None)["tops_per_w"] is None


def test_the_same_node_changes_nothing_and_a_smaller_one_only_cmos() -> None:
    found, machine = priced("photonic/mzi_mesh")
    same = at_node(found, machine.node_nm, machine.node_nm)
    assert np.asarray(same.phases["inference"].energy_pj()) == pytest.approx(
        np.asarray(found.phases["inference"].energy_pj())
    )
    small = at_node(found, machine.node_nm, 7)
    for run, scaled in zip(found.phases["inference"].layers, small.phases["inference"].layers, strict=True):
        for before, after in zip(run.energies, scaled.energies, strict=True):
            moved = np.asarray(after.energy_pj) != pytest.approx(np.asarray(before.energy_pj))
            assert moved == (before.component.scales and bool(np.all(np.asarray(before.energy_pj) > 0)))


@pytest.mark.parametrize("back_end", MACHINES)
def test_the_assumed_share_is_a_share(back_end: str) -> None:
    share = assumed_fraction(priced(back_end)[0].phases["inference"])
    assert np.all((share >= 0) & (share <= 1))
