"""When a search ends early: failures of at least so many, and a hypervolume that hardly grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.search.endings import FAILED, FEW, ending, is_failing, is_stalled
from joulescape.spec.space import BudgetSpec, StallSpec

STALL = StallSpec(batches=3, gain_fraction=0.01)


@pytest.mark.parametrize(("told", "failed"), [(1, 1), (2, 1), (4, 1), (4, 4), (19, 4), (20, 4), (100, 20)])
def test_a_few_early_failures_do_not_end_a_run(told: int, failed: int) -> None:
    assert not is_failing(0.2, told, failed)


@pytest.mark.parametrize(("told", "failed"), [(5, 5), (20, 5), (100, 21)])
def test_more_than_the_share_of_many_does(told: int, failed: int) -> None:
    assert is_failing(0.2, told, failed)


def test_where_no_failure_is_allowed_one_is_enough() -> None:
    assert is_failing(0.0, 1, 1)
    assert not is_failing(0.0, 1000, 0)


@given(told=st.integers(FEW, 10_000), share=st.floats(0, 1))
def test_of_many_it_is_the_share_itself(told: int, share: float) -> None:
    failed = int(share * told)
    assert not is_failing(share, told, failed)
    assert is_failing(share, told, failed + 1)


def test_a_stall_needs_all_its_batches_and_one_before() -> None:
    assert not is_stalled(STALL, [1.0, 1.0, 1.0])
    assert is_stalled(STALL, [1.0, 1.0, 1.0, 1.0])
    assert not is_stalled(STALL, [1.0, 1.0, 1.0, 1.02])


def test_the_batches_of_a_stall_are_added_up() -> None:
    slow = [1.0 + 0.004 * step for step in range(6)]
    assert not is_stalled(STALL, slow)
    assert is_stalled(STALL, [*slow, slow[-1], slow[-1], slow[-1]])


def test_while_nothing_is_feasible_nothing_stalls() -> None:
    assert not is_stalled(STALL, [None] * 10)
    assert not is_stalled(STALL, [None, None, None, 0.5])


@given(volumes=st.lists(st.floats(0.1, 10), min_size=4, max_size=12))
def test_a_volume_that_grows_fast_enough_in_each_window_never_stalls(volumes: list[float]) -> None:
    growing = [2.0**index * volume for index, volume in enumerate(sorted(volumes))]
    assert not any(is_stalled(STALL, growing[:count]) for count in range(1, len(growing) + 1))


def test_an_ending_says_why() -> None:
    budget = BudgetSpec(trials=100, stall=STALL, seconds=5.0)
    assert ending(budget, 40, 1, [1.0, 2.0], 1.0) is None
    assert ending(budget, 40, 30, [1.0, 2.0], 9.0) == FAILED
    assert ending(budget, 40, 1, [1.0] * 4, 9.0) == "the hypervolume stalled: 3 batches added less than 1.00%"
    assert ending(budget, 40, 1, [1.0, 2.0], 9.0) == "the budget of seconds is spent"
    assert ending(BudgetSpec(trials=100), 40, 1, [1.0] * 40, 1e9) is None
