"""A replay reads back what was asked; whatever is missing, other or stale, the candidates are those of a first run."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_fakes import FakeSpace, judge, make_space

from joulescape.errors import ResultsError
from joulescape.search import remembered
from joulescape.search.cache import Cache
from joulescape.search.digests import workflow_digest
from joulescape.search.driver import Means
from joulescape.search.run import search
from joulescape.search.study import Study

BUDGET = {"trials": 60, "population": 12, "rungs": ["full"]}


def run(root, cache="c.sqlite", **budget):
    space = make_space(root, budget={**BUDGET, **budget})
    return search(space, root / "out", Means(cache=root / cache), judge)


def rows(result):
    return result.trials.drop("seconds")


def change(root, query, *values, cache="c.sqlite"):
    with closing(sqlite3.connect(root / cache, isolation_level=None)) as connection:
        return connection.execute(query, values).rowcount


@pytest.fixture
def asleep(monkeypatch):
    """Counts the batches for which a sampler was woken."""
    woken, ask = [], Study.ask

    def noted(self):
        woken.append(self)
        return ask(self)

    monkeypatch.setattr(Study, "ask", noted)
    return woken


@pytest.mark.parametrize("lag", [1, 2])
def test_a_replay_wakes_no_sampler_and_leaves_the_same_tables(tmp_path, asleep, lag):
    first = run(tmp_path, lag=lag)
    assert len(asleep) >= 5
    asleep.clear()
    again = run(tmp_path, lag=lag)
    assert asleep == []
    assert again.trials.equals(first.trials)
    assert again.history.equals(first.history)
    assert again.ended == first.ended


@pytest.mark.parametrize("rungs", [["full"], ["merged", "full"], ["closed_form", "merged", "tuned", "full"]])
def test_a_replay_of_every_ladder_is_the_same(tmp_path, asleep, rungs):
    first = run(tmp_path, rungs=rungs)
    asleep.clear()
    again = run(tmp_path, rungs=rungs)
    assert (asleep, again.judged) == ([], 0)
    assert again.trials.equals(first.trials)
    assert again.audit.equals(first.audit)


def test_a_bigger_budget_goes_on_as_if_it_had_been_asked_for_at_once(tmp_path):
    run(tmp_path)
    bigger = run(tmp_path, trials=96)
    assert (bigger.reused, bigger.judged) == (60, 36)
    assert rows(bigger).equals(rows(run(tmp_path, "other.sqlite", trials=96)))


@given(kept=st.sets(st.integers(0, 5)), lag=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whichever_asks_are_lost_the_candidates_are_the_same(tmp_path_factory, kept, lag):
    """As after a kill at any moment, or where only some batches of another run fit."""
    root = tmp_path_factory.mktemp("lost")
    first = run(root, lag=lag)
    with closing(sqlite3.connect(root / "c.sqlite")) as connection, connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM asks ORDER BY key")]
        lost = [(key,) for number, key in enumerate(keys) if number not in kept]
        connection.executemany("DELETE FROM asks WHERE key = ?", lost)
    again = run(root, lag=lag)
    assert again.judged == 0
    assert again.trials.equals(first.trials)


def test_another_result_is_followed_by_other_asks_not_by_remembered_ones(tmp_path):
    """Told something else, the study must ask something else: as it does with no asks remembered at all."""
    run(tmp_path)
    better = "replace(outcome, '\"accuracy_fraction\": 0.', '\"accuracy_fraction\": 0.0')"
    some = "SELECT key FROM evaluations ORDER BY key LIMIT 20"
    assert change(tmp_path, f"UPDATE evaluations SET outcome = {better} WHERE key IN ({some})") == 20
    change(tmp_path, "VACUUM INTO ?", str(tmp_path / "bare.sqlite"))
    change(tmp_path, "DELETE FROM asks", cache="bare.sqlite")
    remembered_ = run(tmp_path)
    assert rows(remembered_).equals(rows(run(tmp_path, "bare.sqlite")))


def test_other_code_asks_anew(tmp_path, asleep, monkeypatch):
    run(tmp_path)
    asleep.clear()
    monkeypatch.setattr(remembered, "workflow_digest", lambda: "another")
    run(tmp_path)
    assert len(asleep) >= 5


@pytest.mark.parametrize("budget", [{"seed": 4}, {"population": 10}, {"sampler": "random"}, {"per_back_end": 3}])
def test_another_way_of_drawing_is_another_study(tmp_path, budget):
    run(tmp_path)
    assert rows(run(tmp_path, **budget)).equals(rows(run(tmp_path, "other.sqlite", **budget)))


def test_a_space_that_ran_dry_is_replayed_to_its_end(tmp_path, asleep, monkeypatch):
    space = make_space(tmp_path, budget=BUDGET)
    narrow = [p for p in space.parameters(space.pairs[0]) if p.name.endswith("weight_bits")]
    monkeypatch.setattr(type(space), "parameters", lambda self, pair: tuple(narrow))
    first = search(space, tmp_path / "out", Means(cache=tmp_path / "c.sqlite"), judge)
    assert first.ended == "the space is exhausted"
    asleep.clear()
    again = search(space, tmp_path / "out", Means(cache=tmp_path / "c.sqlite"), judge)
    assert (asleep, again.ended) == ([], first.ended)
    assert again.trials.equals(first.trials)


@pytest.mark.parametrize(
    "blob",
    [b"not compressed", zlib.compress(b"{"), zlib.compress(b"{}"), zlib.compress(b'{"asks": [1], "is_exhausted": 0}')],
)
def test_a_damaged_batch_is_named_with_the_remedy(tmp_path, blob):
    run(tmp_path)
    change(tmp_path, "UPDATE asks SET asks = ?", blob)
    with pytest.raises(ResultsError, match=r"c\.sqlite is damaged .*--clear evaluations"):
        run(tmp_path)


def test_a_batch_of_other_candidates_is_not_gone_on_from(tmp_path):
    """It cannot be, while keys hold what they should; if it were, a search would be no function of its question."""
    space = make_space(tmp_path, budget=BUDGET)
    run(tmp_path)
    with Cache(tmp_path / "c.sqlite") as cache:
        known = remembered.RememberedStudy(space, cache)._known
        known.update(b"asked")
        key = f"{known.hexdigest()[:32]}@{workflow_digest()}"
        kept = json.loads(zlib.decompress(cache.asks(key)))
        for _, genes in kept["asks"]:
            genes["compression.1.quantize.weight_bits"] = 10 - genes["compression.1.quantize.weight_bits"]
        cache.store_asks(key, zlib.compress(json.dumps(kept).encode()))
    with pytest.raises(ResultsError, match=r"remembers other candidates .*--clear evaluations"):
        run(tmp_path)


def test_parameters_in_another_order_are_asked_anew_not_refused(tmp_path, monkeypatch):
    """The order in which a question lists what is drawn changes what is drawn, though not what the question means."""
    first = run(tmp_path, trials=24)
    listed = FakeSpace.parameters
    monkeypatch.setattr(FakeSpace, "parameters", lambda self, pair: tuple(reversed(listed(self, pair))))
    other = run(tmp_path)
    alone = run(tmp_path, cache="fresh.sqlite")
    assert other.trials.drop("seconds").equals(alone.trials.drop("seconds"))
    assert set(other.trials["candidate_id"]) != set(first.trials["candidate_id"])
