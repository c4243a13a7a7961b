"""The measurements that lead each kind of machine up the ladder."""

from __future__ import annotations

import pytest
from ladder_fakes import ladder_space
from search_fakes import make_space

from joulescape.search.fidelities import rung_fidelity, search_fidelity, steps
from joulescape.spec.space import RUNGS

ALL = {"rungs": RUNGS}
COST = {"objectives": {"inference_energy_pj": "minimize"}}
TRAINED = {"objectives": {"trained_accuracy_fraction": "maximize", "training_energy_pj": "minimize"}}


def path(space, back_end):
    """(rung, the rungs it stands for) of each measurement of a candidate on this back end."""
    pair = next(pair for pair in space.pairs if pair.back_end == back_end)
    found = steps(space, space.candidate({"pair": pair.name}))
    return [(step.fidelity.rung, [space.spec.rungs[rung] for rung in step.rungs]) for step in found]


def test_a_machine_with_errors_climbs_every_rung(tmp_path):
    space = ladder_space(tmp_path, budget=ALL)
    assert path(space, "memristive/cells") == [(rung, [rung]) for rung in RUNGS]


def test_the_closed_form_is_one_whatever_dearer_rungs_measure(tmp_path):
    measured = {"samples": 64, "draws": 7, "screen_samples": 9, "trainings": 3}
    few, many = (ladder_space(tmp_path, budget={**ALL, **more}).spec for more in ({}, measured))
    assert rung_fidelity(few, "closed_form") == rung_fidelity(many, "closed_form")
    assert all(rung_fidelity(few, rung) != rung_fidelity(many, rung) for rung in RUNGS[1:])
    pessimistic = ladder_space(tmp_path, corner="pessimistic").spec
    assert rung_fidelity(pessimistic, "closed_form") != rung_fidelity(few, "closed_form")


def test_an_exact_machine_has_no_fuller_simulation(tmp_path):
    space = ladder_space(tmp_path, budget=ALL)
    alone = [("closed_form", ["closed_form"]), ("merged", ["merged"])]
    assert path(space, "electronic/grid") == [*alone, ("full", ["tuned", "full"])]


def test_without_fine_tuning_the_rungs_that_do_it_are_one_with_those_below(tmp_path):
    space = ladder_space(tmp_path, fine_tune={"epochs": 0})
    assert path(space, "memristive/cells") == [("tuned", ["merged", "tuned"]), ("full", ["full"])]
    assert path(space, "electronic/grid") == [("full", ["merged", "tuned", "full"])]


def test_a_candidate_without_compression_is_left_alone_unless_it_meets_noise(tmp_path):
    space = ladder_space(tmp_path, fine_tune={"epochs": 3})
    assert path(space, "memristive/cells") == [("tuned", ["merged", "tuned"]), ("full", ["full"])]


def test_a_machine_that_is_its_network_trains_once(tmp_path):
    space = ladder_space(tmp_path, own=True, budget=ALL)
    assert path(space, "photonic/mesh") == [("closed_form", ["closed_form"]), ("full", ["full"])]


def test_a_ladder_without_a_rung_in_between(tmp_path):
    space = ladder_space(tmp_path, budget={"rungs": ("merged", "full")})
    assert path(space, "electronic/grid") == [("merged", ["merged"]), ("full", ["full"])]
    tuned = ladder_space(tmp_path, budget={"rungs": ("tuned", "full")})
    assert path(tuned, "electronic/grid") == [("full", ["tuned", "full"])]


@pytest.mark.parametrize("pair", range(4))
def test_steps_cover_the_ladder_from_the_top_down(tmp_path, pair):
    for own in (False, True):
        space = ladder_space(tmp_path, own=own, budget=ALL)
        found = steps(space, space.candidate({"pair": space.pairs[pair].name}))
        covered = [rung for step in found for rung in step.rungs]
        assert covered == sorted(set(covered))
        assert covered[-1] == len(RUNGS) - 1
        assert [step.fidelity.is_screening for step in found] == [True] * (len(found) - 1) + [False]


def test_the_lowest_rung_sees_a_subset_and_the_others_what_the_budget_says(tmp_path):
    spec = ladder_space(tmp_path).spec
    assert [rung_fidelity(spec, rung).samples for rung in ("merged", "tuned", "full")] == [128, None, None]
    few = ladder_space(tmp_path, budget={"samples": 60}).spec
    assert [rung_fidelity(few, rung).samples for rung in ("merged", "tuned", "full")] == [60, 60, 60]
    alone = ladder_space(tmp_path, budget={"rungs": ("merged",)}).spec
    assert (search_fidelity(alone).samples, search_fidelity(alone).is_screening) == (None, False)


def test_costs_alone_are_costed_and_training_is_measured_at_the_top(tmp_path):
    budget = {"rungs": ("merged", "tuned", "full")}
    assert make_space(tmp_path, budget=budget, **COST).spec.rungs == ("closed_form",)
    assert not make_space(tmp_path, **COST).spec.needs_accuracy
    trained = make_space(tmp_path, budget=budget, **TRAINED).spec
    assert trained.rungs == ("full",)
    assert search_fidelity(trained).trains_on_machine


def test_a_limit_on_accuracy_or_a_target_needs_a_measurement(tmp_path):
    limited = make_space(tmp_path, constraints={"accuracy_fraction": {"at_least": 0.9}}, **COST).spec
    assert limited.rungs == limited.budget.rungs
    training = {"objectives": {"training_energy_pj": "minimize"}}
    assert make_space(tmp_path, **training).spec.rungs == ("closed_form",)
    target = {"target": {"accuracy_fraction": 0.9}}
    assert make_space(tmp_path, training=target, **training).spec.needs_accuracy
