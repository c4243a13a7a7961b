"""Whole networks on neurosynaptic chips: parts add up, corners bracket, counts of spikes decide."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, case, product, small_loops

from joulescape import cost
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Loops
from joulescape.network.work import LayerStatistics, OperandFormat
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.spiking.mapping import placed
from joulescape.simulators.spiking.settings import SpikingSettings
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import CORNERS
from joulescape.validation.rows import validate

TERNARY = {"compression.0": "ternary"}
ON: dict[str, tuple[str, dict[str, Any]]] = {
    "truenorth": ("digits_lenet", TERNARY), "loihi": ("digits_lenet", {}), "rolls": ("digits_mlp", TERNARY),
}  # fmt: skip
chips = pytest.mark.parametrize("name", ON)
FEW = settings(max_examples=8, deadline=None)


@cache
def report(name: str, corner: Any = "typical", boundary: str = "system", batch: int = 1, steps: int = 16) -> Any:
    network, sets = ON[name]
    given_ = {**sets, "batch": batch, "hardware.timesteps": steps}
    return cost(network, f"electronic/{name}", given_, corner=corner, boundary=boundary, root=ROOT)


@chips
def test_corners_bracket_energy_time_and_area(name: str) -> None:
    for what in ("inference_energy_pj", "inference_latency_ns", "area_mm2"):
        low, typical, high = (report(name, corner).totals[what] for corner in CORNERS)
        assert low <= typical * (1 + 1e-9) and typical <= high * (1 + 1e-9), what
    assert report(name, "pessimistic").totals["inference_energy_pj"] > report(name, "optimistic").totals[
        "inference_energy_pj"
    ] * (1.2)


@chips
def test_parts_and_layers_are_the_totals(name: str) -> None:
    found = report(name)
    assert sum(row["energy_pj"] for row in found.energy) == pytest.approx(found.totals["inference_energy_pj"])
    assert sum(row["area_mm2"] for row in found.area) == pytest.approx(found.totals["area_mm2"])
    assert max(row["end_ns"] for row in found.layers) == pytest.approx(found.totals["inference_latency_ns"])
    assert found.totals["inference_interval_ns"] <= found.totals["inference_latency_ns"]


@chips
def test_a_batch_follows_sample_by_sample(name: str) -> None:
    """Energy of events is each sample's own; samples enter every T ticks."""
    one, four = report(name), report(name, batch=4)
    dynamic = [
        sum(r["energy_pj"] for r in found.energy if r["component"] in ("synapses", "neurons", "spike_routing"))
        for found in (one, four)
    ]
    assert dynamic[1] == pytest.approx(dynamic[0])
    ends = [max(row["end_ns"] for row in found.layers) for found in (one, four)]
    assert ends[1] - ends[0] == pytest.approx(3 * one.totals["inference_interval_ns"])


@chips
def test_boundaries_grow_outwards(name: str) -> None:
    energies = [
        report(name, boundary=boundary).totals["inference_energy_pj"] for boundary in ("core", "chip", "system")
    ]
    assert energies == sorted(energies)
    parts = {row["component"] for row in report(name, boundary="core").energy}
    assert parts == {"synapses", "neurons", "static"}


@chips
def test_twice_the_steps_are_twice_the_nominal_events(name: str) -> None:
    few, many = (
        sum(row["energy_pj"] for row in report(name, steps=steps).energy if row["component"] == "synapses")
        for steps in (16, 32)
    )
    assert many == pytest.approx(2 * few)


def counted(spikes: float, chip: str = "loihi") -> float:
    """Energy of synapses of a small network whose every input sends so many spikes."""
    content = {
        "about": "t", "task": "digits", "input": [64], "training": {"epochs": 1, "batch": 8, "learning_rate": 0.1},
        "operators": [{"name": "a", "kind": "dense", "out_features": 32}, {"name": "r", "kind": "relu"},
                      {"name": "b", "kind": "dense", "out_features": 10}],
    }  # fmt: skip
    described = describe(build_graph("small", NetworkSpec.model_validate(content)), ())
    seen = {name: LayerStatistics(input_spikes=spikes) for name in ("a", "b")}
    work = lower(described.graph, described.formats, "inference", 1, seen)
    found = load_back_end(ROOT, f"electronic/{chip}").machine("chip").cost(described, work)
    parts = [part for run in found.layers for part in run.energies if part.component.name == "synapses"]
    return sum(float(np.asarray(part.energy_pj).item()) for part in parts)


@FEW
@given(spikes=st.floats(0, 32))
def test_energy_of_synapses_is_what_was_counted(spikes: float) -> None:
    assert counted(spikes) == pytest.approx(spikes * (64 * 32 + 32 * 10) * 23.6)


def test_counted_events_go_before_the_mean_spike() -> None:
    """Borders: fewer events than mean spikes times multiply-accumulates; what is delivered stays."""
    work = replace(product(small := Loops(K=4, C=2), bits=2), format=OperandFormat(weight_bits=2.0))
    plain, few = (replace(work, input=replace(work.input, spikes=3.0, events=events)) for events in (None, 1.5))
    costs = [case("electronic/loihi").cost(one)[0] for one in (plain, few)]
    found = [{e.component.name: float(np.asarray(e.energy_pj).item()) for e in one.energies} for one in costs]
    assert found[0]["synapses"] == pytest.approx(small.macs * 3 * 23.6)
    assert found[1]["synapses"] == pytest.approx(found[0]["synapses"] / 2)
    assert found[1]["spike_routing"] == found[0]["spike_routing"]


def test_published_rows_hold_and_restatements_are_no_predictions() -> None:
    rows = [row for name in ON for row in validate(ROOT, back_end=f"electronic/{name}")]
    assert all(row["pass"] for row in rows)
    predictions = [row for row in rows if row["role"] == "prediction"]
    assert [row["published"] for row in predictions] == [204.4]
    restated = [row for row in rows if row["what"].startswith("point_")]
    assert len(restated) == 2 and all(row["role"] == "calibration" for row in restated)


def test_an_event_is_dearest_where_it_is_digital_and_static_power_decides_small_networks() -> None:
    found = {name: case(f"electronic/{name}") for name in ON}
    events = {name: machine.simulator.published(machine.settings)["event_pj"] for name, machine in found.items()}
    assert events["rolls"] < events["truenorth"] < events["loihi"]
    for name in ("truenorth", "rolls"):
        static = sum(row["energy_pj"] for row in report(name, boundary="chip").energy if row["component"] == "static")
        assert static > 0.9 * report(name, boundary="chip").totals["inference_energy_pj"]


@FEW
@given(loops=small_loops(), factor=st.integers(2, 4))
def test_larger_cores_never_need_more_of_them(loops: Loops, factor: int) -> None:
    machine = case("electronic/truenorth")
    work = replace(product(loops, bits=2), format=OperandFormat(weight_bits=2.0))
    held = machine.settings
    assert isinstance(held, SpikingSettings)
    larger = held.model_copy(
        update={"core": held.core.model_copy(update={"axons": 256 * factor, "neurons": 256 * factor})}
    )
    assert placed(work, larger).cores <= placed(work, held).cores


@FEW
@given(loops=small_loops())
def test_one_sign_an_axon_takes_at_least_as_many_cores(loops: Loops) -> None:
    machine = case("electronic/truenorth")
    work = replace(product(loops, bits=2), format=OperandFormat(weight_bits=2.0))
    held = machine.settings
    assert isinstance(held, SpikingSettings)
    signed = held.model_copy(update={"core": held.core.model_copy(update={"axons_per_input": 1})})
    assert placed(work, signed).cores <= placed(work, held).cores
