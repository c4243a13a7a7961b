"""Training in place: what a device's own writes make of cost, wear and life; rules with a hidden array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crossbar_cases import ROOT, SIMULATOR, energy, isaac, part
from pydantic import ValidationError

from joulescape.errors import Infeasible
from joulescape.network.lower import lower
from joulescape.pricing import cost as price_of
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_formats, example_graph

RPU = CrossbarSettings.model_validate(load_back_end(ROOT, "memristive/rpu").settings.model_dump())


def changed(settings: CrossbarSettings, **values: Any) -> CrossbarSettings:
    """Double underscores stand for dots."""
    raw = settings.model_dump()
    for path, value in values.items():
        *parents, leaf = path.split("__")
        inner = raw
        for parent in parents:
            inner = inner[parent]
        inner[leaf] = value
    return CrossbarSettings.model_validate(raw)


def step(settings: CrossbarSettings, batch: int = 8) -> dict[tuple[str, str], LayerCost]:
    graph = example_graph()
    works = [w for w in lower(graph, example_formats(graph, 8), "training", batch, {}).works
             if SIMULATOR.takes(graph.operator(w.layer), w.role, settings)]  # fmt: skip
    return {(c.layer, c.role): c for c in SIMULATOR.cost(works, settings, example_context(batch))}


@pytest.mark.parametrize("rule", ["sgd", "tiki_taka", "tiki_taka_buffered"])
@pytest.mark.parametrize("scheme", ["outer_product", "pulses"])
def test_it_obeys_the_laws_of_a_simulator_under_every_rule(rule: str, scheme: str) -> None:
    machine = changed(RPU, training__update_rule=rule, training__update_scheme=scheme)
    check_simulator(SIMULATOR, machine, sweep={"tiles": [1, 16], "replication": [1, 2]})


# --- the device's own writes -------------------------------------------------------------------------------------


def written(**values: Any) -> CrossbarSettings:
    """ISAAC whose device is written with other pulses."""
    writing = isaac().cell.writing.model_dump()
    for name, value in values.items():
        writing[name] = {**writing[name], "value": value, "low": min(value, 1e-3), "high": 1e12}
    return isaac(cell__writing=writing)


def test_a_devices_pulses_set_what_a_step_takes() -> None:
    """Ten times the energy of a pulse is ten times that of an outer product; five pulses a level make a rewrite dearer
    and an outer product, which reaches for no level, no dearer."""
    plain, dear, slow = (
        step(s)["fc1", "weight_gradient"] for s in (isaac(), written(energy_pj=12.89), written(pulses=5))
    )
    assert part(dear, "crossbar_pulse") == pytest.approx(10 * part(plain, "crossbar_pulse"))
    assert part(slow, "crossbar_pulse") == part(plain, "crossbar_pulse")
    serial = [changed(s, training__update_scheme="serial") for s in (isaac(), written(pulses=5))]
    once, often = (step(s)["fc1", "update"] for s in serial)
    assert part(often, "crossbar_write") == pytest.approx(5 * part(once, "crossbar_write"))
    assert float(often.latency_ns) - 10250 == pytest.approx(5 * (float(once.latency_ns) - 10250))


def test_a_pulse_longer_than_the_trains_sets_the_time_of_an_outer_product() -> None:
    quick, slow = (step(written(pulse_ns=ns))["fc1", "weight_gradient"] for ns in (85.7, 1000.0))
    assert (float(quick.latency_ns), float(slow.latency_ns)) == (8 * 256, 8 * 1000)


def test_pulses_of_a_step_leave_the_gradient_to_the_host_and_are_paid_once() -> None:
    machine = changed(RPU, training__update_scheme="pulses")
    assert not SIMULATOR.takes(example_graph().operator("fc1"), "weight_gradient", machine)
    one, many = (step(machine, batch)["fc1", "update"] for batch in (1, 32))
    assert part(one, "crossbar_pulse") == part(many, "crossbar_pulse") > 0
    assert float(one.latency_ns) == pytest.approx(128 * machine.cell.writing.pulse_ns.value)
    each = step(RPU, 32)["fc1", "weight_gradient"]
    assert part(each, "crossbar_pulse") == pytest.approx(32 * part(many, "crossbar_pulse"))


def test_a_hidden_array_adds_its_transfers() -> None:
    hidden = {"training__update_rule": "tiki_taka", "training__transfer_columns": 4}
    plain, moved, seldom = (
        step(s)["fc1", "update"]
        for s in (RPU, changed(RPU, **hidden), changed(RPU, **hidden, training__transfer_every=8))
    )
    assert energy(plain) == 0.0
    assert part(moved, "transfer_pulse") == pytest.approx(4 * 40 * 2 * RPU.cell.writing.energy_pj.value)
    assert energy(seldom) == pytest.approx(energy(moved) / 8)
    assert float(np.asarray(seldom.latency_ns)) == pytest.approx(float(np.asarray(moved.latency_ns)) / 8)


def test_a_hidden_array_needs_arrays_of_its_own_while_it_trains() -> None:
    graph, machine = example_graph(), changed(RPU, training__update_rule="tiki_taka")
    needed = []
    for settings in (RPU, machine):
        for phase in ("inference", "training"):
            works = lower(graph, example_formats(graph, 8), phase, 1, {}).works  # type: ignore[arg-type]
            limit = SIMULATOR.limits([w for w in works if w.layer == "fc1"], settings, example_context())[0]
            needed.append(1 + float(np.asarray(limit.overshoot)))
    assert needed[0] == needed[1] == needed[2]
    assert needed[3] == pytest.approx(2 * needed[0])


# --- wear --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        ({"hardware.training.update_scheme": "serial"}, "each cell once a step"),
        ({}, "a cell with probability 0.0138 at each of up to"),
    ],
)
def test_a_run_that_the_device_does_not_outlive_is_infeasible_with_what_would_do(sets: Any, reason: str) -> None:
    """Digits for 1e8 epochs: a thousand samples each."""
    many = {**sets, "training.epochs": 100_000_000, "training.batch": 32}
    with pytest.raises(Infeasible, match=reason) as caught:
        price_of("digits_mlp", "memristive/isaac", many, phases=("training",), root=ROOT)
    steps = int(caught.value.reason.split("at most ")[1].split()[0])
    assert caught.value.reason.endswith("writes") and steps > 0
    per_epoch = round(int(caught.value.reason.split()[0]) / 100_000_000)
    fewer = {**many, "training.epochs": steps // per_epoch}
    price_of("digits_mlp", "memristive/isaac", fewer, phases=("training",), root=ROOT)


# --- life --------------------------------------------------------------------------------------------------------


def test_programming_is_paid_once_in_a_life_and_by_no_inference() -> None:
    """fc1 and fc2 of digits_mlp: 64 x 64 + 64 x 10 weights of 16 bits in eight 2-bit cells, 1.289 pJ each."""
    sets = {"lifecycle.inferences": 1000.0}
    found = price_of("digits_mlp", "memristive/isaac", sets, phases=("inference", "training"), root=ROOT).totals
    once, trained, each = (found[f"{n}_energy_pj"] for n in ("lifecycle", "training", "inference"))
    assert once is not None and trained is not None and each is not None
    assert once - trained - 1000 * each == pytest.approx((64 * 64 + 64 * 10) * 8 * 1.289, rel=1e-2)


# --- what goes together ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training__update_scheme": "serial"}, "weights: analog are moved by pulses"),
        ({"training__update_rule": "manhattan"}, "manhattan takes the sign of a whole step"),
        ({"array__encoding": "offset"}, "one pair of cells each"),
        ({"cell__bits": 4}, "cell.bits of operand_bits - 1, here 7"),
        ({"training__refresh_every": 5, "training__update_rule": "tiki_taka"}, "cells that are refreshed"),
        ({"training__weights": "levels", "training__update_rule": "tiki_taka"}, "needs weights: analog"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(RPU, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"fast_rate": 2.0},
        {"transfer_rate": 0.5},
        {"transfer_columns": 3},
        {"transfer_every": 2},
        {"update_rule": "sgd"},
    ],
)
def test_a_rule_reaches_the_numbers(changes: dict[str, Any]) -> None:
    graph = example_graph()
    hidden = changed(RPU, training__update_rule="tiki_taka")
    other = changed(hidden, **{f"training__{name}": value for name, value in changes.items()})
    found = [SIMULATOR.errors(graph, example_formats(graph, 8), s)["fc1", "update"].numbers for s in (hidden, other)]
    assert dict(found[0]) != dict(found[1])
    assert found[0]["has_analog_weights"] == 1 and found[0]["states"] == 1000


def test_a_machine_of_levels_has_none_of_those_numbers() -> None:
    graph = example_graph()
    numbers = SIMULATOR.errors(graph, example_formats(graph, 8), isaac())["fc1", "update"].numbers
    assert {"has_analog_weights", "is_hidden", "step_spread", "high"}.isdisjoint(numbers)
