"""The audit of rungs: what it compares, and what it says where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from joulescape import tables
from joulescape.search.audit import Audited, Sight, agreement, pairs, sentence, sentences, spearman
from joulescape.spec.space import RUNGS

SOME = st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0]), min_size=3, max_size=30)


def sight(accuracy: float, step: int, energy: float = 1.0, seconds: float = 0.1) -> Sight:
    return Sight(step, accuracy, np.array([[-accuracy, energy]]), seconds)


def both(before: list[float], after: list[float], energies: list[float] | None = None) -> list[Audited]:
    energies = energies or [1.0] * len(before)
    return [
        {"merged": sight(b, 0, e, 0.1), "full": sight(a, 1, e, 0.7)}
        for b, a, e in zip(before, after, energies, strict=True)
    ]


def test_neighbours_and_each_with_the_top_are_compared_once() -> None:
    assert pairs(RUNGS) == [("merged", "tuned"), ("merged", "full"), ("tuned", "full")]
    assert pairs(("merged", "full")) == [("merged", "full")]
    assert pairs(("full",)) == pairs(("closed_form",)) == pairs(("closed_form", "full")) == []


@given(values=SOME)
def test_rungs_that_order_alike_correlate_wholly(values: list[float]) -> None:
    found = agreement(both(values, [value / 2 for value in values]), "merged", "full")
    if len({value / 2 for value in values}) == 1:
        assert found.spearman is None
    else:
        assert found.spearman == pytest.approx(1.0)
    assert found.mean_abs_error == pytest.approx(np.mean(values) / 2)


@given(before=SOME, data=st.data())
def test_spearman_is_what_scipy_says(before: list[float], data: st.DataObject) -> None:
    after = data.draw(st.permutations(before))
    found = spearman(np.array(before), np.array(after))
    if np.ptp(before) == 0:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(before, after).statistic)


def test_constant_or_too_few_values_have_no_correlation() -> None:
    assert agreement(both([0.5] * 9, [0.1, 0.2, 0.3] * 3), "merged", "full").spearman is None
    few = agreement(both([0.5, 0.6], [0.5, 0.6]), "merged", "full")
    assert (few.spearman, few.designs_count, few.mean_abs_error) == (None, 2, 0.0)


def test_near_the_front_is_the_better_half_on_the_dearer_rung() -> None:
    """Four good designs that the cheap rung turns round, four poor ones that it orders well."""
    after = [0.99, 0.98, 0.97, 0.96, 0.4, 0.3, 0.2, 0.1]
    before = [0.93, 0.94, 0.95, 0.96, 0.4, 0.3, 0.2, 0.1]
    found = agreement(both(before, after, [4.0, 3.0, 2.0, 1.0, 9.0, 9.0, 9.0, 9.0]), "merged", "full")
    assert found.near_front_count == 4
    assert found.near_front_spearman == pytest.approx(-1.0)
    assert found.spearman is not None and found.spearman > 0.5


def test_only_designs_measured_twice_are_compared() -> None:
    once: Audited = {"tuned": sight(0.5, 0), "full": sight(0.5, 0)}
    twice: Audited = {"tuned": sight(0.5, 0), "full": sight(0.6, 1)}
    found = agreement([once, twice, {"tuned": sight(0.4, 0)}], "tuned", "full")
    assert (found.designs_count, found.mean_abs_error) == (1, pytest.approx(0.1))


def test_a_row_has_the_columns_of_the_table() -> None:
    row = agreement(both([0.1, 0.2, 0.4], [0.1, 0.3, 0.5]), "merged", "full").row(0.5)
    assert list(row) == list(tables.AUDIT)
    table = tables.make([row, agreement([], "merged", "full").row(None)], tables.AUDIT)
    assert table["low_seconds"].to_list() == [0.1, None]
    assert table["high_seconds"].to_list() == [0.7, None]
    assert table["designs_count"].to_list() == [3, 0]


def test_it_is_said_in_plain_words() -> None:
    row = agreement(both([0.1, 0.2, 0.4], [0.1, 0.3, 0.5]), "merged", "full").row(0.5)
    assert sentence(row) == (
        "rungs merged and full: Spearman 1.00, near the front unknown, "
        "mean difference 6.7 points of accuracy (3 designs; 50% of a batch climbs)"
    )
    assert sentences(("full",), []) == ["one rung only (full): there is nothing to audit"]
    empty = agreement([], "merged", "full").row(None)
    assert sentences(("merged", "full"), [empty]) == ["rungs merged and full: no design was measured on both"]
