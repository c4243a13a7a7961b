"""The standard error of an accuracy: against the binomial law, and what the page says with and without the counts."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape.report import certainty, sampling, theme
from joulescape.report.inputs import Tables
from joulescape.report.sections import headline


@pytest.fixture(scope="module")
def old() -> Tables:
    """Results of a search that did not keep its counts."""
    return synthetic(60)


def counted(old: Tables, samples: int | None = None, **counts: int) -> Tables:
    budget = {**old.spec.get("budget", {}), "samples": samples}
    return dataclasses.replace(
        old, resolved={**old.resolved, "samples": counts, "spec": {**old.spec, "budget": budget}}
    )


@settings(max_examples=60, deadline=None)
@given(right=st.integers(0, 400), samples=st.integers(1, 400))
def test_it_is_the_binomial_error_up_to_one_in_n_and_never_nothing(right: int, samples: int) -> None:
    share = min(right, samples) / samples
    found, plain = sampling.standard_error(share, samples), math.sqrt(share * (1 - share) / samples)
    assert 0 < found <= 0.5
    assert abs(found - plain) <= 1 / samples
    assert sampling.standard_error(1 - share, samples) == pytest.approx(found)
    assert sampling.standard_error(share, 4 * samples) < found


def test_drawn_validation_sets_scatter_by_it() -> None:
    drawn = np.random.default_rng(0).binomial(360, 0.95, 20_000) / 360
    assert sampling.standard_error(0.95, 360) == pytest.approx(float(drawn.std()), rel=0.02)


def test_validation_has_no_more_samples_than_the_budget_and_test_has_all(old: Tables) -> None:
    assert sampling.samples_of(counted(old, 128, validation=360, test=350)) == 128
    assert sampling.samples_of(counted(old, 900, validation=360, test=350)) == 360
    assert sampling.samples_of(counted(old, 128, validation=360, test=350), "test") == 350
    assert sampling.samples_of(old) is sampling.samples_of(counted(old)) is None


def test_the_scope_states_it_and_says_where_it_is_not_known(old: Tables) -> None:
    best = float(old.valid["accuracy_fraction"].max())
    new = headline.facts(counted(old, None, validation=360, test=360)).scope
    assert "accuracy on validation, all 360 samples, mean of 3 draws (exact machines: one run)" in new
    points = theme.significant(100 * sampling.standard_error(best, 360), 2)
    said = f"its standard error {points} points at {100 * best:.1f} %: designs less than about twice that apart "
    assert f"{said}count as equally accurate" in new
    kept = "its standard error is not known: the number of samples was not kept"
    assert kept in headline.facts(old).scope
    nothing = dataclasses.replace(old, trials=old.trials.clear())
    assert sampling.scope_words(nothing) == ""


def test_test_accuracies_carry_their_own(old: Tables) -> None:
    before = certainty.tested_texts(old)
    after = certainty.tested_texts(counted(old, None, validation=360, test=400))
    assert before.keys() == after.keys()
    assert before
    for design, text in after.items():
        assert text.startswith(before[design])
        assert text.endswith(" points over 400 samples")
