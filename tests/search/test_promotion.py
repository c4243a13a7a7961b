"""The share that climbs follows what the audit sees, for as long as the search goes on."""

from __future__ import annotations

import pytest
from ladder_fakes import climbing_judge, contrary_judge, ladder_space

from joulescape.search.driver import Means
from joulescape.search.ladder import RECENT, Ladder
from joulescape.search.run import search


@pytest.fixture
def shares(monkeypatch):
    """The share that climbs from the lowest rung, after each batch."""
    seen, tell = [], Ladder.tell

    def noted(self, batch):
        tell(self, batch)
        seen.append(self.promote_fraction)

    monkeypatch.setattr(Ladder, "tell", noted)
    return seen


def run(root, evaluate, **budget):
    asked = {"trials": 480, "population": 24, "sampler": "random", "failed_share": 1.0, **budget}
    return search(ladder_space(root, budget=asked), root / "out", Means(cache=root / "c.sqlite"), evaluate)


def test_a_long_audit_also_widens_the_share(tmp_path, shares):
    """More designs than the window of the latest holds: the window decides, and is enough."""
    run(tmp_path, contrary_judge, audit=RECENT + 10)
    assert shares[-1] == 1.0


def test_a_share_that_widened_comes_back_once_the_rungs_agree(tmp_path, shares):
    asked = []

    def changing(candidate, space, fidelity, seed, memory=None):
        asked.append(candidate.candidate_id)
        early = len(set(asked)) <= 100
        return (contrary_judge if early else climbing_judge)(candidate, space, fidelity, seed)

    run(tmp_path, changing, audit=20, trials=3600)
    assert max(shares) == 1.0
    assert shares[-1] == 0.5


def test_the_lot_goes_on_comparing_the_lowest_rung_with_the_top(tmp_path, shares):
    """After the first audit, about one candidate in twelve is seen on both, two thirds of them by two measurements."""
    few, many = (run(tmp_path / str(n), contrary_judge, audit=20, trials=n).audit for n in (120, 1320))
    counts = [table.filter(low_rung="merged", high_rung="full")["designs_count"].item() for table in (few, many)]
    assert counts[1] - counts[0] > 1200 * 2 / 3 / 12 / 2
