"""Equal, undecided, less: three verdicts on means of a few trainings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joulescape.gap.learnt import shortfall, told, verdict
from joulescape.gap.lifecycle import _split
from joulescape.gap.lives import Life

LIFE = Life("mlp", "none", "electronic/base", "typical", 100.0, 2.0, 0.95, 10, "measured")
WITHIN = 0.01


def trained(mean: float | None, sd: float | None, name: str = "memristive/other", count: int | None = 3) -> Life:
    return replace(LIFE, back_end=name, trained_accuracy=mean, trained_sd=sd, trainings_count=count)


BASE = trained(0.95, 0.001, "electronic/base")


@pytest.mark.parametrize(
    ("mean", "sd", "expected", "words"),
    [
        (0.945, 0.002, "equal", None),
        (0.96, 0.5, "equal", None),
        (0.940, 0.0, "equal", None),
        (0.930, 0.001, "less", "learns 0.930, not the baseline's 0.950"),
        (0.930, 0.010, "undecided", "undecided: 0.930 ± 0.010 against 0.950 ± 0.001 over 3 trainings, 2.0 points below "
                                    "(95 %: -0.5 to 4.5) where 1 is equal"),
        (0.930, None, "less", "learns 0.930, not the baseline's 0.950"),
        (None, None, None, "learns nothing that was measured, not the baseline's 0.950"),
    ],
)  # fmt: skip
def test_three_verdicts_and_their_words(
    mean: float | None, sd: float | None, expected: str | None, words: str | None
) -> None:
    life = trained(mean, sd)
    assert (verdict(life, BASE, WITHIN), told(life, BASE, WITHIN)) == (expected, words)
    row = next(row for row in _split([BASE, life], BASE.back_end, (), WITHIN) if row["back_end"] == life.back_end)
    assert (row["accuracy_verdict"], row["rank"] is not None, row["reason"]) == (expected, expected == "equal", words)
    assert (row["trained_accuracy_sd_fraction"], row["trainings_count"]) == (sd, 3)


def test_one_training_alone_is_judged_by_its_mean() -> None:
    assert verdict(trained(0.93, None, count=1), BASE, WITHIN) == "less"
    assert shortfall(trained(0.93, None, count=1), BASE) is None


def test_what_was_priced_and_not_trained_has_no_verdict_and_all_have_a_rank() -> None:
    rows = _split([BASE, trained(None, None)], BASE.back_end, (0.9,), None)
    assert {row["accuracy_verdict"] for row in rows} == {None} and all(row["rank"] for row in rows)


def test_the_interval_is_welchs() -> None:
    first, second = np.array([0.95, 0.97, 0.96]), np.array([0.90, 0.93, 0.95])
    lives = [trained(float(some.mean()), float(some.std(ddof=1))) for some in (second, first)]
    found = shortfall(*lives)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found is not None and (found.low, found.high) == pytest.approx((expected.low, expected.high))


@given(mean=st.floats(0.5, 1.0), sd=st.floats(1e-6, 0.1), more=st.floats(0, 0.1))
def test_scatter_never_makes_a_mean_equal(mean: float, sd: float, more: float) -> None:
    found = [verdict(trained(mean, one), BASE, WITHIN) for one in (sd, sd + more)]
    assert (found[0] == "equal") == (found[1] == "equal") == (mean >= 0.95 - WITHIN - 1e-9)


@given(sd=st.floats(1e-6, 0.1), low=st.floats(0.3, 0.95), lower=st.floats(0, 0.3))
def test_a_lower_mean_of_the_same_scatter_is_never_judged_better(sd: float, low: float, lower: float) -> None:
    order = ("less", "undecided", "equal")
    better, worse = (order.index(str(verdict(trained(mean, sd), BASE, WITHIN))) for mean in (low, low - lower))
    assert worse <= better


def test_the_baseline_equals_itself_whatever_it_scatters() -> None:
    wide = replace(BASE, trained_sd=math.inf)
    assert verdict(wide, wide, 0.0) == "equal"
