"""What samplers refuse, word for word; what they say; and how many candidates a grid counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in_project import SPACE

from joulescape.errors import SpecError
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.samplers import LARGEST_GRID, MOST_PARAMETERS, candidate_count, sampler_notes
from joulescape.search.grid import grid
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain

BITS = "compression: [{shrink: {bits: {kind: int, low: 2, high: 8}, density: {kind: float, low: 0.1, high: 1}}}]\n"
CHOICE = "compression: [{choice: {none: {}, shrink: {bits: {kind: int, low: 2, high: 8}}}}]\n"


def with_budget(budget, more=BITS):
    return SPACE.replace("budget: {trials: 10}", f"budget: {{{budget}}}") + more


def faults(ask, text):
    with pytest.raises(SpecError) as caught:
        ask(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_grid_above_the_budget_is_refused_with_its_count(ask):
    (said,) = faults(ask, with_budget("trials: 34, sampler: grid"))
    assert said == (
        "spaces/s.yaml:7: at 'budget.sampler' found 'grid' over 35 candidates, expected at most 34 candidates "
        "(budget.trials), or another sampler"
    )


def test_a_grid_that_fits_is_taken(ask):
    assert ask(with_budget("trials: 35, sampler: grid")).spec.budget.sampler == "grid"


def test_a_grid_above_the_stated_size_is_refused_whatever_the_budget(ask):
    step = "{shrink: {bits: {kind: int, low: 2, high: 8}, density: {kind: float, low: 0.1, high: 1, points: 4096}}}"
    (said,) = faults(ask, with_budget("trials: 99999999, sampler: grid", f"compression: [{step}, {step}]\n"))
    assert f"'grid' over {(7 * 4096) ** 2:,} candidates, expected at most {LARGEST_GRID:,} candidates" in said


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("trials: 101, sampler: gp", "'gp' for 101 trials, expected at most 100 trials"),
        ("trials: 5001, sampler: tpe", "'tpe' for 5,001 trials, expected at most 5,000 trials"),
    ],
)
def test_too_many_trials_for_a_sampler_that_weighs_them_all(ask, budget, said):
    (found,) = faults(ask, with_budget(budget))
    assert said in found
    assert found.startswith("spaces/s.yaml:7: at 'budget.sampler'")
    assert found.endswith("or another sampler")


def test_too_many_parameters_for_a_gaussian_process(ask):
    steps = ", ".join(["{shrink: {bits: {kind: int, low: 2, high: 8}}}"] * (MOST_PARAMETERS["gp"] + 1))
    (found,) = faults(ask, with_budget("trials: 100, sampler: gp", f"compression: [{steps}]\n"))
    assert f"'gp' over {MOST_PARAMETERS['gp'] + 1} parameters" in found


@pytest.mark.parametrize("budget", ["trials: 0", "trials: 10, seconds: 0", "trials: 10, population: 1"])
def test_a_budget_of_nothing_is_a_fault_of_its_line(ask, budget):
    (said,) = faults(ask, with_budget(budget))
    assert said.startswith("spaces/s.yaml:7: at 'budget.")
    assert ", expected a value >" in said


@pytest.mark.parametrize(
    ("sampler", "word"),
    [
        ("nsga2", "inherited unseen"),
        ("nsga3", "inherited unseen"),
        ("gp", "as if they had a value"),
        ("qmc", "less evenly"),
    ],
)
def test_a_sampler_that_degrades_on_a_conditional_space_says_so(ask, sampler, word):
    notes = sampler_notes(ask(with_budget(f"trials: 10, sampler: {sampler}", CHOICE)))
    assert any(note.startswith(f"sampler {sampler}: ") and word in note for note in notes)
    assert not any(word in note for note in sampler_notes(ask(with_budget(f"trials: 10, sampler: {sampler}"))))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_sampler_that_does_not_degrade_says_nothing_of_conditions(ask, sampler):
    notes = sampler_notes(ask(with_budget(f"trials: 10, sampler: {sampler}", CHOICE)))
    assert not any("switches off" in note for note in notes)


def test_a_grid_says_that_real_numbers_are_seen_at_points(ask):
    (note,) = sampler_notes(ask(with_budget("trials: 100, sampler: grid")))
    assert "`points`" in note
    assert sampler_notes(ask(with_budget("trials: 100, sampler: grid", CHOICE))) == ()


domains = st.one_of(
    st.integers(1, 3).map(lambda n: ChoiceDomain(kind="choice", options=tuple(range(n)))),
    st.tuples(st.integers(-3, 3), st.integers(1, 4), st.integers(1, 2)).map(
        lambda t: IntDomain(kind="int", low=t[0], high=t[0] + t[1], step=t[2])
    ),
    st.integers(2, 4).map(lambda n: FloatDomain(kind="float", low=0.5, high=2.5, points=n)),
)


@st.composite
def spaces(draw):
    """Up to five parameters; each may hang on an option of an earlier one that is no real number."""
    found: list[Parameter] = []
    for index, domain in enumerate(draw(st.lists(domains, min_size=1, max_size=5))):
        parents = [parameter for parameter in found if not isinstance(parameter.domain, FloatDomain)]
        parent = draw(st.sampled_from([None, *parents]))
        option = None if parent is None else str(draw(st.sampled_from(parent.domain.values())))
        found.append(Parameter(f"p{index}", domain, parent and parent.name, option))
    return tuple(found)


@given(spaces())
@settings(deadline=None, max_examples=60)
def test_the_count_of_a_grid_is_its_length(parameters):
    assert candidate_count(parameters) == sum(1 for _ in grid(parameters, lambda domain: domain.values()))
