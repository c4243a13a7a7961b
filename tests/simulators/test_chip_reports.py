"""Whole networks on every chip: parts add up to what is told, corners bracket it, area belongs to the chip alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from chip_cases import CHIPS, NAMES, TRAINED
from machine_cases import ROOT

from joulescape import cost
from joulescape.simulators.base import SCOPES
from joulescape.spec.sourced import CORNERS

LENET = "digits_lenet"
NETWORKS = (LENET, "digits_mlp")
ONE_OF_EACH = [names[0] for names in CHIPS.values()]
chips = pytest.mark.parametrize("name", NAMES)


@cache
def report(name: str, network: str = LENET, corner: Any = "typical", boundary: str = "system", batch: int = 1) -> Any:
    return cost(network, f"electronic/{name}", {"batch": batch}, corner=corner, boundary=boundary, root=ROOT)


@chips
def test_corners_bracket_energy_time_and_area_of_a_network(name: str) -> None:
    for what in ("inference_energy_pj", "inference_latency_ns", "inference_interval_ns", "area_mm2"):
        low, typical, high = (report(name, corner=corner).totals[what] for corner in CORNERS)
        assert low <= typical * (1 + 1e-9) and typical <= high * (1 + 1e-9), what
    optimistic, pessimistic = (report(name, corner=c).totals["inference_energy_pj"] for c in (CORNERS[0], CORNERS[-1]))
    assert pessimistic > 1.3 * optimistic, "nothing is known to a few per cent"


@chips
def test_corners_move_costs_and_never_the_design(name: str) -> None:
    """The same layers on the same hardware do the same products and move the same bytes."""
    found = [report(name, corner=corner) for corner in CORNERS]
    for one in found[1:]:
        assert [row["macs"] for row in one.layers] == [row["macs"] for row in found[0].layers]
        assert one.traffic == found[0].traffic
        assert {row["component"] for row in one.area} == {row["component"] for row in found[0].area}


@chips
def test_parts_and_layers_are_the_totals(name: str) -> None:
    found = report(name)
    totals = found.totals
    assert sum(row["energy_pj"] for row in found.energy) == pytest.approx(totals["inference_energy_pj"])
    assert sum(row["area_mm2"] for row in found.area) == pytest.approx(totals["area_mm2"])
    assert max(row["end_ns"] for row in found.layers) == pytest.approx(totals["inference_latency_ns"])
    assert totals["mean_power_mw"] == pytest.approx(totals["inference_energy_pj"] / totals["inference_latency_ns"])
    assert all(row["end_ns"] >= row["start_ns"] >= 0 for row in found.layers)
    assert all(row["energy_pj"] >= 0 for row in found.energy)


@chips
def test_an_interval_is_no_longer_than_a_latency(name: str) -> None:
    found = report(name).totals
    assert 0 < found["inference_interval_ns"] <= found["inference_latency_ns"] * (1 + 1e-9)


@pytest.mark.parametrize("name", [name for name in ONE_OF_EACH if name != "redeye"])
def test_area_belongs_to_the_chip_and_not_to_the_network(name: str) -> None:
    areas = [{row["component"]: row["area_mm2"] for row in report(name, network).area} for network in NETWORKS]
    assert areas[0] == areas[1] and sum(areas[0].values()) > 0


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_wider_boundary_adds_parts_and_takes_none_away(name: str) -> None:
    inside: set[str] = set()
    energy = 0.0
    for scope in SCOPES:
        found = report(name, boundary=scope)
        parts = {row["component"] for row in found.energy}
        assert inside <= parts and found.totals["inference_energy_pj"] >= energy
        assert all(SCOPES.index(row["scope"]) <= SCOPES.index(scope) for row in found.energy)
        inside, energy = parts, found.totals["inference_energy_pj"]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_batch_never_makes_an_inference_slower_on_average(name: str) -> None:
    one, many = report(name).totals, report(name, batch=16).totals
    assert many["inference_interval_ns"] <= one["inference_interval_ns"] * (1 + 1e-9)
    assert many["inference_latency_ns"] >= one["inference_latency_ns"] * (1 - 1e-9)
    assert many["area_mm2"] == one["area_mm2"]


@pytest.mark.parametrize("name", sorted(TRAINED))
def test_a_training_step_is_a_forward_pass_and_more(name: str) -> None:
    """Each layer is run forwards, backwards (but for the first) and for its gradient; then weights move."""
    found = cost("digits_mlp", f"electronic/{name}", {"batch": 8}, phases=("inference", "training"), root=ROOT)
    roles: dict[str, list[str]] = {}
    for row in found.layers:
        if row["phase"] == "training" and row["macs"]:
            roles.setdefault(row["role"], []).append(row["layer"])
    assert roles["weight_gradient"] == roles["forward"][::-1]
    assert set(roles["input_gradient"]) == set(roles["forward"]) - {roles["forward"][0]}
    totals: Any = found.totals
    assert totals["training_energy_pj"] > totals["inference_energy_pj"]
