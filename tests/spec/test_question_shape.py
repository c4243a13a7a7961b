"""The shape of a question: what is asked, what is refused in plain words, and which rungs follow from it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import Fault
from joulescape.spec.document import Document
from joulescape.spec.faults import checked
from joulescape.spec.space import (
    ACCURACY_METRICS,
    DEFAULT_RESERVE,
    RUNGS,
    TRAINING_METRICS,
    BudgetSpec,
    Metric,
    RungName,
    SpaceSpec,
)

METRICS: tuple[Metric, ...] = get_args(Metric)
QUESTION: dict[str, Any] = {
    "question": "Which?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/systolic_int8"],
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 4},
}


def read(**changes: Any) -> SpaceSpec:
    faults: list[Fault] = []
    found = checked(SpaceSpec, Document("q.yaml", {**QUESTION, **changes}), faults)
    assert found is not None, faults
    return found


def said(**changes: Any) -> list[str]:
    faults: list[Fault] = []
    assert checked(SpaceSpec, Document("q.yaml", {**QUESTION, **changes}), faults) is None
    return [str(fault).removeprefix("q.yaml: ") for fault in faults]


def of_budget(**changes: Any) -> BudgetSpec:
    return read(budget={"trials": 4, **changes}).budget


def test_defaults_are_the_house_s() -> None:
    found = read()
    assert (found.boundary, found.batch, found.node, found.phases) == ("system", 1, "as_published", ("inference",))
    assert (found.budget.seed, found.budget.sampler, found.budget.lag) == (0, "nsga2", 1)
    assert (found.confirm.draws, found.confirm.chips, found.lifecycle, found.corner) == (5, None, None, "typical")
    assert found.training.target is None and found.fine_tune.noise_aware is False


@pytest.mark.parametrize("name", ["question", "task", "networks", "back_ends", "objectives", "budget"])
def test_what_every_question_needs_is_asked_for_by_name(name: str) -> None:
    faults: list[Fault] = []
    content = {key: value for key, value in QUESTION.items() if key != name}
    assert checked(SpaceSpec, Document("q.yaml", content), faults) is None
    assert [(fault.path, fault.value, fault.expected) for fault in faults] == [(name, "nothing", "this required key")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"networks": []}, "at 'networks' found a list, expected at least one entry"),
        ({"objectives": {}}, "at 'objectives' found {}, expected at least one entry"),
        ({"batch": 0}, "at 'batch' found 0, expected a value >= 1"),
        ({"boundary": "chips"},
         "at 'boundary' found 'chips', expected 'core', 'chip' or 'system'; did you mean 'chip'?"),
        ({"node": 200}, "at 'node' found 200, expected 'as_published' or a value <= 180"),
        ({"phases": ["inferences"]},
         "at 'phases.0' found 'inferences', expected 'inference' or 'training'; did you mean 'inference'?"),
        ({"corner": "worst"}, "at 'corner' found 'worst', expected 'optimistic', 'typical' or 'pessimistic'"),
        ({"lifecycle": {"inferences": 0}}, "at 'lifecycle.inferences' found 0, expected a value > 0.0"),
        ({"training": {"target": {"accuracy_fraction": 1.1}}},
         "at 'training.target.accuracy_fraction' found 1.1, expected a value <= 1.0"),
        ({"confirm": {"draws": 1}}, "at 'confirm.draws' found 1, expected a value >= 2"),
        ({"fine_tune": {"learning_rate": 0.0}}, "at 'fine_tune.learning_rate' found 0.0, expected a value > 0.0"),
        ({"budget": {"trials": 4, "lag": 3}}, "at 'budget.lag' found 3, expected 1 or 2"),
        ({"budget": {"trials": 4, "promote": 0.0}}, "at 'budget.promote' found 0.0, expected a value > 0.0"),
        ({"budget": {"trials": 4, "sampler": "nsga"}},
         "at 'budget.sampler' found 'nsga', expected 'nsga2', 'nsga3', 'tpe', 'gp', 'qmc', 'random' or 'grid';"
         " did you mean 'nsga3'?"),
        ({"budget": {"trials": 4, "per_back_end": -1}},
         "at 'budget.per_back_end' found -1, expected a value >= 0 or a mapping"),
        ({"budget": {"trials": 4, "rungs": []}}, "at 'budget.rungs' found a list, expected at least one entry"),
        ({"budget": {"trials": 4, "stall": {"gain_fraction": 1.0}}},
         "at 'budget.stall.gain_fraction' found 1.0, expected a value < 1.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_where_it_stands(changes: dict[str, Any], expected: str) -> None:
    assert said(**changes) == [expected]


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    (fault,) = said(objectives={"inference_energy": "minimize"})
    assert "inference_energy_pj" in fault and "did you mean" in fault


def test_a_constraint_that_says_nothing_is_none() -> None:
    (fault,) = said(constraints={"area_mm2": {}})
    assert fault.endswith("expected this to hold: a constraint needs at_most or at_least")
    both = read(constraints={"area_mm2": {"at_most": 10, "at_least": 1}}).constraints["area_mm2"]
    assert (both.at_most, both.at_least) == (10.0, 1.0)


def test_chips_are_drawn_only_where_a_good_one_is_known() -> None:
    (fault,) = said(confirm={"chips": 20})
    assert "say what a good chip has at least, yield_above: 0.9" in fault
    assert read(confirm={"chips": 20, "yield_above": 0.9}).confirm.chips == 20
    assert read(confirm={"yield_above": 0.9}).confirm.chips is None


@given(st.lists(st.sampled_from(RUNGS), min_size=1, max_size=5))
def test_rungs_climb_and_come_once(rungs: list[RungName]) -> None:
    climbs = sorted(set(rungs), key=RUNGS.index) == rungs
    if climbs:
        assert of_budget(rungs=rungs).rungs == tuple(rungs)
    else:
        (fault,) = said(budget={"trials": 4, "rungs": rungs})
        assert "rungs must be named once each, in the order closed_form, merged, tuned, full" in fault


@given(st.integers(0, 500), st.sampled_from(["a/b", "c/d", "e/f"]))
def test_a_reserve_is_what_is_written_and_the_rest_the_default(count: int, name: str) -> None:
    assert of_budget(per_back_end=count).reserve(name) == count
    some = of_budget(per_back_end={"a/b": count})
    assert some.reserve("a/b") == count
    assert some.reserve("c/d") == DEFAULT_RESERVE == of_budget().reserve(name)


@pytest.mark.parametrize("metric", METRICS)
def test_what_a_metric_asks_for(metric: Metric) -> None:
    way = "maximize" if metric.endswith(("_fraction", "per_w", "per_mm2")) else "minimize"
    named = {
        "objective": read(objectives={metric: way}),
        "constraint": read(objectives={"area_mm2": "minimize"}, constraints={metric: {"at_least": 0.5}}),
    }
    for found in named.values():
        assert found.names_training == (metric in TRAINING_METRICS)
        assert found.needs_accuracy == (metric in ACCURACY_METRICS)
        if metric not in ACCURACY_METRICS:
            assert found.rungs == ("closed_form",)
        elif metric in TRAINING_METRICS:
            assert found.rungs == ("full",)
        else:
            assert found.rungs == ("merged", "tuned", "full")


@pytest.mark.parametrize("metric", sorted(TRAINING_METRICS))
def test_a_target_of_training_can_only_be_measured(metric: Metric) -> None:
    target = {"target": {"accuracy_fraction": 0.9}}
    assert read(objectives={metric: "minimize"}, training=target).needs_accuracy
    assert read(objectives={metric: "minimize"}, training=target).rungs == ("full",)
    assert not read(objectives={"area_mm2": "minimize"}, training=target).needs_accuracy


def test_a_grid_is_measured_whole() -> None:
    assert read(budget={"trials": 4, "sampler": "grid"}).rungs == ("full",)
    lower = read(budget={"trials": 4, "sampler": "grid", "rungs": ["merged", "tuned"]})
    assert lower.rungs == ("tuned",)


def test_a_question_is_frozen_and_whole_numbers_stay_whole() -> None:
    found = read()
    with pytest.raises(ValueError, match="frozen"):
        found.batch = 2  # type: ignore[misc]
    assert said(batch=1.5) == ["at 'batch' found 1.5, expected a whole number"]
    assert said(batch="2") == ["at 'batch' found '2', expected a whole number"]


def test_domains_may_stand_in_training_and_are_left_for_later() -> None:
    domain = {"kind": "int", "low": 1, "high": 4}
    assert read(training={"epochs": domain}).training.epochs == domain
    assert said(training={"epoch": 3}) == [
        "at 'training.epoch' found unknown key 'epoch', expected one of algorithm, rounding, feedback, batch, epochs, "
        "learning_rate, target; did you mean 'epochs'?"
    ]
