"""What a cache holds adds up; only what other code has made is stale; clearing never meets a search."""

from __future__ import annotations

import pickle
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_fakes import judge, make_space

from joulescape.accuracy.code import PACKAGES, code_behind
from joulescape.errors import ResultsError
from joulescape.network.fidelity import Measured
from joulescape.search import holdings as module
from joulescape.search.cache import Cache, WorkerMemory
from joulescape.search.digests import code_digest, measured_version, workflow_digest
from joulescape.search.driver import Means
from joulescape.search.holdings import clear, file_bytes, holdings, is_stale
from joulescape.search.run import search

MEASURE = f"joulescape.accuracy.measure={code_behind('joulescape.accuracy.measure')}"
BLOB = pickle.dumps(Measured(accuracy_fraction=(0.5,)))
FRESH = {
    "evaluations": f"00@{code_digest()}",
    "asks": f"00@{workflow_digest()}",
    "measurements": f"{measured_version()}:00@{MEASURE},{PACKAGES}={code_behind(PACKAGES)}",
}
STALE = {
    "evaluations": ["00@0123456789abcdef", "old"],
    "asks": [f"00@{code_digest()}", "old"],
    "measurements": [
        f"another_shape:00@{MEASURE}",
        f"{measured_version()}:00@{MEASURE},joulescape.numerics.crossbar=0123",
        f"{measured_version()}:00@{MEASURE},no_such_guest=0123",
        f"{measured_version()}:00@{PACKAGES}=0123",
        f"{measured_version()}:00",
        "old",
    ],
}


@pytest.fixture
def path(tmp_path):
    """A cache with one usable and some stale entries of each kind."""
    path = tmp_path / "cache.sqlite"
    with Cache(path) as cache:
        cache.store(
            [(key, "{}") for key in (FRESH["evaluations"], *STALE["evaluations"])],
            [(key, BLOB) for key in (FRESH["measurements"], *STALE["measurements"])],
        )
        for key in (FRESH["asks"], *STALE["asks"]):
            cache.store_asks(key, b"[]")
    return path


def counts(path):
    return {one.kind: (one.count - one.stale_count, one.stale_count) for one in holdings(path)}


@pytest.mark.parametrize("kind", FRESH)
def test_a_key_is_stale_where_any_part_of_its_code_is_another(kind):
    assert not is_stale(kind, FRESH[kind])
    assert [key for key in STALE[kind] if not is_stale(kind, key)] == []


def test_what_is_held_is_counted_by_kind(path):
    assert counts(path) == {kind: (1, len(STALE[kind])) for kind in FRESH}
    sizes = {one.kind: (one.bytes, one.stale_bytes) for one in holdings(path)}
    assert sizes["evaluations"] == (
        sum(len(key) + 2 for key in (FRESH["evaluations"], *STALE["evaluations"])),
        sum(len(key) + 2 for key in STALE["evaluations"]),
    )
    assert all(stale < total for total, stale in sizes.values())


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("stale", {"evaluations": (1, 0), "measurements": (1, 0), "asks": (1, 0)}),
        ("evaluations", {"evaluations": (0, 0), "measurements": (1, 6), "asks": (0, 0)}),
        ("measurements", {"evaluations": (1, 2), "measurements": (0, 0), "asks": (1, 2)}),
        ("all", {}),
    ],
)
def test_clearing_takes_what_was_named_and_nothing_else(path, what, left):
    before = sum(one.count for one in holdings(path))
    assert clear(path, what) == before - sum(fresh + stale for fresh, stale in left.values())
    assert counts(path) == left
    assert clear(path, what) == 0
    with Cache(path) as cache:  # what is left is still a cache
        cache.store([("new", "{}")], [])


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=6), st.text(max_size=30), max_size=8),
    st.dictionaries(st.text("abc", min_size=1, max_size=6), st.binary(max_size=30), max_size=8),
)
@settings(deadline=None, max_examples=15)
def test_counts_and_sizes_are_those_of_the_rows(tmp_path_factory, outcomes, measurements):
    path = tmp_path_factory.mktemp("held") / "cache.sqlite"
    with Cache(path) as cache:
        cache.store(outcomes.items(), measurements.items())
        found = {one.kind: (one.count, one.bytes) for one in holdings(path)}
    assert found["evaluations"] == (len(outcomes), sum(len(k) + len(v.encode()) for k, v in outcomes.items()))
    assert found["measurements"] == (len(measurements), sum(len(k) + len(v) for k, v in measurements.items()))


def test_room_is_given_back(path):
    with Cache(path) as cache:
        cache.store([(f"{i}@old", "x" * 5000) for i in range(200)], [])
    before = file_bytes(path)
    clear(path, "stale")
    assert file_bytes(path) < before - 900_000


def test_nothing_is_held_where_there_is_no_file(tmp_path):
    assert holdings(tmp_path / "none.sqlite") == ()
    assert clear(tmp_path / "none.sqlite", "all") == 0
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("what", ["all", "stale", "evaluations", "measurements"])
def test_a_cache_in_use_is_not_cleared_and_one_being_cleared_not_used(path, what, monkeypatch):
    with Cache(path), Cache(path):
        with pytest.raises(ResultsError, match=r"cache\.sqlite is in use: a search or confirm uses it"):
            clear(path, what)
        assert counts(path)["evaluations"] == (1, 2)

    def begun(*_):
        with pytest.raises(ResultsError, match="it is being cleared; wait until that ends"):
            Cache(path)
        return 7

    monkeypatch.setattr(module, "_removed", begun)
    assert clear(path, "all") == 7


def test_a_damaged_file_is_named_and_clearing_all_is_the_remedy(path):
    path.write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(ResultsError, match="damaged"):
        holdings(path)
    with pytest.raises(ResultsError, match="damaged"):
        clear(path, "stale")
    clear(path, "all")
    assert not path.exists()


def test_a_cache_of_an_earlier_version_without_a_table_is_shown(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE evaluations (key TEXT PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT INTO evaluations VALUES ('a', '{}')")
    assert counts(path) == {"evaluations": (0, 1)}
    assert clear(path, "stale") == 1


def test_all_that_a_search_leaves_is_usable_and_the_next_one_needs_what_was_cleared(tmp_path):
    space = make_space(tmp_path)
    cache = tmp_path / "c.sqlite"
    first = search(space, tmp_path / "out", Means(cache=cache), judge)
    assert {one.kind: one.stale_count for one in holdings(cache)}["evaluations"] == 0
    assert clear(cache, "evaluations") >= first.judged
    again = search(space, tmp_path / "out", Means(cache=cache), judge)
    assert (again.judged, again.reused) == (first.judged, 0)
    assert again.trials.drop("seconds").equals(first.trials.drop("seconds"))


def test_a_worker_reads_what_clearing_left(path):
    clear(path, "stale")
    memory = WorkerMemory(path, measured_version())
    assert memory.get(FRESH["measurements"].partition(":")[2]) == Measured(accuracy_fraction=(0.5,))
