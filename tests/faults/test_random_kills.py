"""The short form of benchmarks/random_kills.py: three kills of a real search at random moments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fault_project import with_weights

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from random_kills import go


@pytest.mark.slow
def test_three_random_kills_lose_repeat_and_leave_nothing(tmp_path):
    networks = with_weights(tmp_path) / "results" / "networks"
    account, is_equal, suspects = go(kills=3, trials=24, seed=4, networks=networks)
    assert sum(account.victims.values()) >= 3
    assert account.committed
    assert (account.repeated, account.lost, account.orphans, suspects) == (0, 0, 0, 0)
    assert is_equal
