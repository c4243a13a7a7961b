"""What has been evaluated before: one SQLite file, written by drivers alone, committed as results come in.

Workers read the file and hand what they measured back with their result; only the driver writes. So a killed run loses
nothing that was finished, and a rerun is a replay. Every key ends with an @ and the code that its row follows from.
"""

from __future__ import annotations

import fcntl
import pickle
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from joulescape.errors import ResultsError

if TYPE_CHECKING:
    from joulescape.network.fidelity import Measured

KINDS = {"evaluations": "outcome", "measurements": "measured", "asks": "asks"}
"""The tables, and the column that holds what is remembered."""

PLACE = Path("results") / ".cache" / "evaluations.sqlite"
"""Where the cache of a project lies, below its root."""

Measurements = Sequence[tuple[str, bytes]]
"""Accuracy measurements: key and pickled `Measured`."""

_TABLES = """
CREATE TABLE IF NOT EXISTS evaluations (key TEXT PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS measurements (key TEXT PRIMARY KEY, measured BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asks (key TEXT PRIMARY KEY, asks BLOB NOT NULL) WITHOUT ROWID;
"""
_WAIT_S = 30.0
FLUSH_S = 1.0
"""So much that was finished may be lost where the power fails; where a process is killed, nothing."""


class Cache:
    """What a driver writes. Close it, or use it as a context manager; nobody clears the file before.

    Raises ResultsError when the file is being cleared, is damaged, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._use = in_use(path, fcntl.LOCK_SH)
            self._connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA cache_size=-65536")  # 64 MB: a replay reads in no order
            self._connection.executescript(_TABLES)
        self._flushed = time.monotonic() - FLUSH_S

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def outcome(self, key: str) -> str | None:
        """The outcome stored under `key`, if any."""
        found: str | None = self._one("SELECT outcome FROM evaluations WHERE key = ?", key)
        return found

    def store(self, outcomes: Iterable[tuple[str, str]], measurements: Iterable[tuple[str, bytes]]) -> None:
        """Store what came in together in one transaction: outcomes by key, and measurements."""
        with explained(self.path), self._connection:  # commits, or rolls back where anything goes wrong
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO measurements VALUES (?, ?)", measurements)
            self._connection.executemany("INSERT OR REPLACE INTO evaluations VALUES (?, ?)", outcomes)

    def asks(self, key: str) -> bytes | None:
        """What was asked under `key`, if anything."""
        found: bytes | None = self._one("SELECT asks FROM asks WHERE key = ?", key)
        return found

    def store_asks(self, key: str, asks: bytes) -> None:
        """Remember what was asked."""
        with explained(self.path):
            self._connection.execute("INSERT OR REPLACE INTO asks VALUES (?, ?)", (key, asks))

    def flush(self) -> None:
        """Move the write-ahead log into the file and wait for the disk, against power loss; at most once a second."""
        if time.monotonic() - self._flushed < FLUSH_S:
            return
        with explained(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._use.close()

    def _one(self, query: str, key: str) -> Any:
        with explained(self.path):
            row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else row[0]


class WorkerMemory:
    """`evaluation.Memory` of one worker: reads the file, keeps its own measurements until they are handed over."""

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version
        self._fresh: dict[str, bytes] = {}
        self._connection: sqlite3.Connection | None = None

    def get(self, key: str) -> Measured | None:
        """The measurement stored under `key`, if any."""
        full = f"{self._version}:{key}"
        blob = self._fresh.get(full) or self._read(full)
        if blob is None:
            return None
        try:
            measured: Measured = pickle.loads(blob)
        except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, TypeError) as error:
            raise ResultsError(_damaged(self._path, error)) from error
        return measured

    def put(self, key: str, measured: Measured) -> None:
        """Keep a measurement for `hand_over`."""
        self._fresh[f"{self._version}:{key}"] = pickle.dumps(measured, protocol=5)

    def hand_over(self) -> Measurements:
        """Every measurement since the last time, for the driver to write."""
        fresh, self._fresh = tuple(self._fresh.items()), {}
        return fresh

    def _read(self, key: str) -> bytes | None:
        with explained(self._path):
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S
                )
            row = self._connection.execute("SELECT measured FROM measurements WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])


def in_use(path: Path, how: int) -> IO[str]:
    """The lock of a cache file, held until it is closed: shared by those who use it, alone by who clears it.

    Raises ResultsError when it is held otherwise.
    """
    handle: IO[str] = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.close()
        who = "a search or confirm uses it" if how == fcntl.LOCK_EX else "it is being cleared"
        raise ResultsError(f"the cache {path} is in use: {who}; wait until that ends, then try again") from error
    return handle


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the study folder alone; the kernel frees it even when the process is killed.

    Raises ResultsError when another run holds it or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle: IO[str] = (folder / ".lock").open("w")
    except OSError as error:
        raise ResultsError(f"{folder} cannot be written: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResultsError(
                f"another run works in {folder}; wait until it ends, or end it, then try again"
            ) from error
        yield


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system complain about into a ResultsError with a remedy."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ResultsError(
            f"the cache {path} cannot be used ({error}); finished evaluations are kept: "
            "free the disk or make the file writable, then run again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ResultsError(_damaged(path, error)) from error
    except OSError as error:
        raise ResultsError(f"the cache folder {path.parent} cannot be written: {error.strerror}") from error


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"the cache {path} is damaged ({error}); delete it and run again: "
        "tables of finished searches stay, remembered evaluations are made anew"
    )
