"""The shipped questions: they load, every pair can be drawn, described and costed, and they ask what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulescape import load_space
from joulescape.compression.pipeline import describe
from joulescape.network.task import TASKS
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.metrics import metrics_of, price
from joulescape.resolve.candidate import Candidate, Pair, Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.shelves import space_names, space_path, study_names
from joulescape.resolve.study import load_study
from joulescape.spec.domain import FloatDomain

ROOT = Path(__file__).resolve().parents[1]
SPACES = {name: load_space(space_path(ROOT, name)) for name in space_names(ROOT)}


def looked_at(space: DesignSpace) -> list[Pair]:
    """Every pair; of many pairs one a machine and one a network, since a study prices them all anyway."""
    if len(space.pairs) <= 40:
        return list(space.pairs)
    by_machine, by_network = ({getattr(p, key): p for p in space.pairs} for key in ("back_end", "network"))
    return list(dict.fromkeys([*by_machine.values(), *by_network.values()]))


PAIRS = [(name, pair) for name, space in SPACES.items() for pair in looked_at(space)]


def value(draw: st.DrawFn, parameter: Parameter) -> bool | int | float | str:
    domain = parameter.domain
    if isinstance(domain, FloatDomain):
        return draw(st.floats(domain.low, domain.high))
    return draw(st.sampled_from(domain.values()))


@st.composite
def candidates(draw: st.DrawFn, space: DesignSpace, pair: Pair) -> Candidate:
    """A random candidate: children only where their parent was drawn as their option."""
    values: dict[str, bool | int | float | str] = {"pair": pair.name}
    for parameter in space.parameters(pair):
        if parameter.parent is None or values.get(parameter.parent) == parameter.option:
            values[parameter.name] = value(draw, parameter)
    return space.candidate(values)


def test_the_shipped_questions_are_there() -> None:
    assert {"which_machine", "train_on_device"} <= set(SPACES)


def test_the_demo_asks_four_families_for_inference_and_training() -> None:
    space = SPACES["which_machine"]
    assert {back_end.family for back_end in space.back_ends.values()} == {
        "electronic",
        "memristive",
        "photonic",
        "physical",
    }
    assert set(space.spec.phases) == {"inference", "training"}
    assert (space.spec.boundary, space.spec.node) == ("system", "as_published")


def test_training_on_the_device_asks_at_least_two_families_for_trained_accuracy() -> None:
    space = SPACES["train_on_device"]
    assert len({back_end.family for back_end in space.back_ends.values()}) >= 2
    assert {"trained_accuracy_fraction", "training_energy_pj"} <= set(space.spec.objectives)


def test_the_wall_of_light_draws_light_and_size_on_three_machines() -> None:
    space = SPACES["photonic_wall"]
    assert {back_end.family for back_end in space.back_ends.values()} == {"photonic"}
    drawn = {parameter.name.split(".", 1)[1] for pair in space.pairs for parameter in space.parameters(pair)}
    sizes = {"photonic/mzi_mesh.mesh.size", "photonic/broadcast_weight.bank.channels"}
    light = {"photonic/mzi_mesh.link.received_dbm", "photonic/lightning_transformer.light.rule.received_dbm"}
    assert sizes | light <= drawn


def test_good_chips_are_counted_on_crossbars() -> None:
    space = SPACES["good_chips"]
    assert {back_end.family for back_end in space.back_ends.values()} == {"memristive"}
    asked = space.spec.confirm
    assert asked.chips == 30 and asked.yield_above == 0.95


def test_training_under_a_battery_asks_five_chips_behind_a_slow_memory() -> None:
    space = SPACES["train_under_battery"]
    assert {back_end.simulator.name for back_end in space.back_ends.values()} == {"training_core"}
    assert len(space.back_ends) == 5
    assert {values["external_gbps"] for values in space.spec.hardware.values()} == {0.4}
    assert {"training_energy_pj", "training_time_ns"} <= set(space.spec.constraints)
    assert {"trained_accuracy_fraction", "training_energy_pj"} <= set(space.spec.objectives)


@pytest.mark.parametrize("name", study_names(ROOT))
def test_a_shipped_study_names_questions_that_are_shipped(name: str) -> None:
    study = load_study(space_path(ROOT, name))
    assert {space.name for space in study.spaces.values()} <= set(SPACES)
    assert set(study.spaces) == {"bridge", "measured", "training"}
    assert study.trends


@pytest.mark.parametrize("name", SPACES)
def test_every_network_and_machine_of_a_question_is_used(name: str) -> None:
    space = SPACES[name]
    assert {pair.network for pair in space.pairs} == set(space.spec.networks)
    assert {pair.back_end for pair in space.pairs} == set(space.spec.back_ends)
    assert all(refused.reason for refused in space.refused)


@pytest.mark.parametrize("name", SPACES)
def test_networks_fit_their_task(name: str) -> None:
    space = SPACES[name]
    task = TASKS[space.spec.task]
    for network, graph in space.graphs.items():
        assert graph.output.out_elements == task.classes
        if not space.networks[network].is_workload:  # a workload says by itself how large its samples are
            assert np.prod(graph.input_shape) == np.prod(task.input_shape)


@pytest.mark.parametrize(("name", "pair"), PAIRS, ids=lambda item: getattr(item, "name", item))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_candidate_of_a_shipped_question_can_be_costed(name: str, pair: Pair, data: st.DataObject) -> None:
    space = SPACES[name]
    candidate = data.draw(candidates(space, pair))
    machine, network = space.machine(candidate), describe(space.graphs[pair.network], candidate.compression)
    plan = training_plan(space, candidate)
    priced = price(machine, network, all_works(space, network, plan), plan)
    metrics = metrics_of(priced, len(machine.variants), None)
    trained = ("training_energy_pj",) if "training" in space.spec.phases else ()
    for metric in ("inference_energy_pj", "inference_latency_ns", "area_mm2", *trained):
        found = metrics[metric]
        assert found is not None
        assert found.shape == (len(machine.variants),)
        assert np.all(np.isfinite(found))
        assert np.all(found > 0)


@pytest.mark.parametrize(("name", "pair"), PAIRS, ids=lambda item: getattr(item, "name", item))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_candidate_is_its_values(name: str, pair: Pair, data: st.DataObject) -> None:
    space = SPACES[name]
    candidate = data.draw(candidates(space, pair))
    again = space.candidate(dict(reversed(candidate.values.items())))
    assert again.candidate_id == candidate.candidate_id
    assert again.pair == pair
