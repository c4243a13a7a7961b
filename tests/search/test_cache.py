"""The cache: what was finished is never lost, and what goes wrong is said with a remedy."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import ResultsError
from joulescape.network.fidelity import Measured
from joulescape.network.work import LayerStatistics
from joulescape.search.cache import Cache, WorkerMemory, locked

MEASURED = Measured(
    accuracy_fraction=(0.1 + 0.2, 0.9),
    statistics={"conv1": LayerStatistics(input_density=1 / 3)},
    correct=(b"\x00\x01",),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "cache.sqlite"


def test_what_is_stored_comes_back_in_another_connection(path):
    with Cache(path) as cache:
        cache.store([("a", '{"x": 0.30000000000000004}')], [("m", b"blob")])
        with Cache(path) as other:
            assert other.outcome("a") == '{"x": 0.30000000000000004}'
            assert other.outcome("b") is None


def test_a_result_survives_a_writer_that_never_closes(path):
    cache = Cache(path)
    cache.store([("a", "{}")], [])
    copy = path.with_name("copy.sqlite")
    for suffix in ("", "-wal"):
        path.with_name(path.name + suffix).exists() and copy.with_name(copy.name + suffix).write_bytes(
            path.with_name(path.name + suffix).read_bytes()
        )
    with Cache(copy) as rescued:
        assert rescued.outcome("a") == "{}"
    cache.close()


def test_measurements_travel_from_worker_to_worker_through_the_driver(path):
    with Cache(path) as cache:
        first, second = WorkerMemory(path, "v1"), WorkerMemory(path, "v1")
        assert first.get("k") is None
        first.put("k", MEASURED)
        assert first.get("k") == MEASURED
        assert second.get("k") is None
        cache.store([], first.hand_over())
        assert second.get("k") == MEASURED
        assert first.hand_over() == ()
        assert first.get("k") == MEASURED
        assert WorkerMemory(path, "v2").get("k") is None


def test_a_result_that_must_not_last_leaves_its_measurements_only(path):
    with Cache(path) as cache:
        cache.store([], [("v1:k", pickle.dumps(MEASURED))])
        assert cache.outcome("k") is None
    assert WorkerMemory(path, "v1").get("k") == MEASURED


def test_the_last_of_two_writes_stands(path):
    with Cache(path) as cache:
        cache.store([("a", "1")], [])
        cache.store([("a", "2")], [])
        assert cache.outcome("a") == "2"


def test_a_file_that_is_no_database_is_named_with_the_remedy(path):
    path.parent.mkdir()
    path.write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(ResultsError, match=r"cache\.sqlite is damaged .* delete it and run again"):
        Cache(path)


def test_a_torn_file_is_named_with_the_remedy(path):
    with Cache(path) as cache:
        for index in range(300):
            cache.store([(f"k{index}", "x" * 500)], [])
    blob = bytearray(path.read_bytes())
    blob[4096:] = b"\xff" * (len(blob) - 4096)
    path.write_bytes(blob)
    with pytest.raises(ResultsError, match="damaged"), Cache(path) as cache:
        [cache.outcome(f"k{index}") for index in range(300)]


def test_a_damaged_measurement_is_named_with_the_remedy(path):
    with Cache(path) as cache:
        cache.store([], [("v1:k", pickle.dumps(MEASURED)[:-20])])
        with pytest.raises(ResultsError, match="damaged"):
            WorkerMemory(path, "v1").get("k")


def test_a_full_disk_keeps_what_was_finished(path):
    with Cache(path) as cache:
        cache.store([("early", "kept")], [])
        pages = cache._connection.execute("PRAGMA page_count").fetchone()[0]
        cache._connection.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(ResultsError, match=r"full.*finished evaluations are kept"):
            for index in range(100):
                cache.store([(f"late{index}", "x" * 4000)], [])
        cache._connection.close()
    with Cache(path) as again:
        assert again.outcome("early") == "kept"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultsError, match="cannot be written"):
        Cache(tmp_path / "file" / "cache.sqlite")
    with pytest.raises(ResultsError, match="cannot be written"), locked(tmp_path / "file"):
        pass


def test_a_database_of_another_program_is_refused(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE evaluations (something TEXT)")
    with Cache(path) as cache, pytest.raises(ResultsError, match="cannot be used"):
        cache.outcome("a")


def test_the_lock_is_exclusive_and_ends_with_the_block(tmp_path):
    with locked(tmp_path), pytest.raises(ResultsError, match="another run"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


statistics = st.builds(LayerStatistics, input_density=st.floats(0, 1))
measurements = st.builds(
    Measured,
    accuracy_fraction=st.lists(st.floats(0, 1), min_size=1, max_size=3).map(tuple),
    trained_accuracy_fraction=st.one_of(st.none(), st.lists(st.floats(0, 1), min_size=1, max_size=2).map(tuple)),
    training_steps=st.one_of(st.none(), st.integers(0, 10**6)),
    reached_target=st.one_of(st.none(), st.booleans()),
    statistics=st.dictionaries(st.text(max_size=4), statistics, max_size=2),
    correct=st.lists(st.binary(max_size=5), max_size=2).map(tuple),
    extras=st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False), max_size=2),
)


@given(measurements)
@settings(deadline=None, max_examples=40)
def test_every_field_of_a_measurement_comes_back_as_it_went(measured):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.sqlite"
        with Cache(path) as cache:
            one = WorkerMemory(path, "v1")
            one.put("k", measured)
            cache.store([("a", "{}")], one.hand_over())
        assert WorkerMemory(path, "v1").get("k") == measured


def test_a_result_and_its_measurements_are_stored_together_or_not_at_all(path):
    with Cache(path) as cache:
        with pytest.raises(ResultsError):
            cache.store([("a", None)], [("v1:k", b"blob")])
        assert cache.outcome("a") is None
        cache.store([("b", "goes on")], [])
        assert cache._connection.execute("SELECT COUNT(*) FROM measurements").fetchone() == (0,)


def test_two_writers_wait_for_each_other(path):
    with Cache(path) as first, Cache(path) as second:
        for index in range(50):
            first.store([(f"a{index}", "1")], [])
            second.store([(f"b{index}", "2")], [])
        assert (first.outcome("b49"), second.outcome("a49")) == ("2", "1")


def test_a_cache_locked_by_another_program_is_named(path, monkeypatch):
    monkeypatch.setattr("joulescape.search.cache._WAIT_S", 0.05)
    with Cache(path) as cache, sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ResultsError, match=r"locked.*finished evaluations are kept"):
            cache.store([("a", "1")], [])
        other.execute("ROLLBACK")
        cache.store([("a", "1")], [])
        assert cache.outcome("a") == "1"


def test_a_worker_that_finds_no_file_says_so_and_makes_none(path):
    with pytest.raises(ResultsError, match="cannot be used"):
        WorkerMemory(path, "v1").get("k")
    assert not path.exists()


def test_a_flushed_file_is_whole_without_its_log(path):
    cache = Cache(path)
    cache.store([("a", "kept")], [])
    cache.flush()
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(path.read_bytes())
    cache.close()
    with Cache(copy) as again:
        assert again.outcome("a") == "kept"


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError(30, "Read-only file system")])
def test_whatever_the_disk_says_arrives_as_one_line_with_a_remedy(path, monkeypatch, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr("joulescape.search.cache.sqlite3.connect", refused)
    with pytest.raises(ResultsError, match=r"disk I/O error|Read-only") as caught:
        Cache(path)
    assert "\n" not in str(caught.value)
