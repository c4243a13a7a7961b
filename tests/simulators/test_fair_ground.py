"""All machines on one ground: the same networks, the same boundaries, every term where the others have theirs."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from machine_cases import ROOT

from joulescape.pricing import cost as price
from joulescape.simulators.base import SCOPES

PAIRS = [
    *((network, machine) for network in ("digits_mlp", "digits_lenet", "digits_resnet") for machine in (
        "electronic/systolic_int8", "electronic/scalar_core", "memristive/isaac", "photonic/mzi_mesh",
        "photonic/broadcast_weight", "photonic/lightning_transformer")),
    ("shg_digits", "physical/shg"), ("physical_plate_digits", "physical/plate"),
    ("physical_circuit_digits", "physical/circuit"), ("physical_oscillators_digits", "physical/oscillators"),
]  # fmt: skip
pairs = pytest.mark.parametrize(("network", "machine"), PAIRS)
batches = pytest.mark.parametrize("batch", [1, 64])


@cache
def report(network: str, machine: str, phase: Any = "inference", boundary: str = "system", batch: int = 1) -> Any:
    return price(network, machine, {"batch": str(batch)}, phases=(phase,), boundary=boundary, root=ROOT)


def total(network: str, machine: str, phase: str = "inference", boundary: str = "system", batch: int = 1) -> float:
    found = report(network, machine, phase, boundary, batch).totals
    return float(found[f"{phase}_energy_pj"])


@pairs
@batches
def test_a_wider_boundary_never_costs_less(network: str, machine: str, batch: int) -> None:
    energies = [total(network, machine, boundary=scope, batch=batch) for scope in SCOPES]
    assert energies == sorted(energies)
    assert energies[0] > 0, "every core has something that multiplies"
    assert energies[2] > energies[0], "and data comes from somewhere"


@pairs
def test_a_training_run_costs_more_than_an_inference(network: str, machine: str) -> None:
    assert total(network, machine, "training") > 100 * total(network, machine)


@pairs
def test_off_chip_memory_and_static_power_are_always_charged(network: str, machine: str) -> None:
    parts = {row["component"]: row for row in report(network, machine).energy}
    assert machine.startswith("physical/") or parts["off_chip_memory"]["energy_pj"] > 0
    standing = [name for name in parts if name.endswith(("_leakage", "_idle")) or name in {"laser", "pulsed_laser"}]
    assert sum(parts[name]["energy_pj"] for name in standing) > 0


@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet"])
def test_a_machine_with_a_host_pays_for_it_even_when_it_does_nothing(network: str) -> None:
    names = {row["component"] for row in report(network, "memristive/isaac").energy}
    assert {"host_logic_leakage", "host_memory_leakage"} <= names
    inside = {row["component"] for row in report(network, "memristive/isaac", boundary="chip").energy}
    assert not any(name.startswith("host_") for name in inside)


@pairs
def test_every_part_names_a_scope_inside_its_boundary(network: str, machine: str) -> None:
    for boundary in SCOPES:
        scopes = {row["scope"] for row in report(network, machine, boundary=boundary).energy}
        assert all(SCOPES.index(scope) <= SCOPES.index(boundary) for scope in scopes)


@pairs
@batches
def test_macs_are_the_networks_and_not_the_machines(network: str, machine: str, batch: int) -> None:
    macs = {name: sum(int(row["macs"]) for row in report(network, name, batch=batch).layers)
            for n, name in PAIRS if n == network}  # fmt: skip
    assert len(set(macs.values())) == 1, macs


@pytest.mark.parametrize("machine", ["electronic/systolic_int8", "photonic/mzi_mesh"])
@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet"])
def test_machines_that_load_weights_gain_by_a_batch(network: str, machine: str) -> None:
    assert total(network, machine, batch=64) < 0.5 * total(network, machine)


@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet"])
def test_a_crossbar_gains_by_a_batch_what_its_pipeline_gains(network: str) -> None:
    """Its weights are held, so nothing is fetched less often: only static power is shared, down to its interval."""
    one, many = (price(network, "memristive/isaac", {"batch": batch}, root=ROOT).totals for batch in (1, 64))
    faster = (many["inference_latency_ns"] or 0.0) / 64 / (one["inference_latency_ns"] or 1.0)
    assert (one["inference_energy_pj"] or 0.0) * faster * 0.99 < (many["inference_energy_pj"] or 0.0)
    assert (many["inference_energy_pj"] or 0.0) < (one["inference_energy_pj"] or 0.0)
    assert (many["inference_interval_ns"] or 0.0) <= (many["inference_latency_ns"] or 0.0) / 64


def test_the_verdict_between_digital_and_analog_turns_on_resident_weights() -> None:
    """One tile without links against an array that fetches its weights, and against one that keeps them."""
    small = {"hardware.tiles": "1", "hardware.imas_per_tile": "2", "hardware.hypertransport.links": "0"}
    analog = price("digits_mlp", "memristive/isaac", small, root=ROOT).totals["inference_energy_pj"]
    fetch, keep = (
        price("digits_mlp", "electronic/systolic_int8", {"hardware.weights_stay": stays}, root=ROOT).totals
        for stays in ("false", "true")
    )
    assert keep["inference_energy_pj"] < analog < fetch["inference_energy_pj"]
