"""Work shared among processes."""

from __future__ import annotations

import pytest

from joulescape.gap.shared import MOST_WORKERS, in_shares, workers


@pytest.mark.parametrize(("asked", "count"), [(7, 1), (7, 2), (1, 2), (0, 2)])
def test_answers_come_in_the_order_of_what_is_asked_whoever_gives_them(asked: int, count: int) -> None:
    assert in_shares(list, range(asked), count) == list(range(asked))


def test_a_study_takes_no_more_processes_than_its_rule_is_given() -> None:
    assert 1 <= workers() <= MOST_WORKERS
