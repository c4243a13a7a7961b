"""What a cache holds, what of it the present code could still use, and how it is cleared."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from joulescape.accuracy.code import code_behind
from joulescape.errors import ResultsError
from joulescape.search.cache import KINDS, explained, in_use
from joulescape.search.digests import code_digest, measured_version, workflow_digest

What = Literal["all", "stale", "evaluations", "measurements"]

_ENTRIES: dict[What, tuple[str, ...]] = {"evaluations": ("evaluations", "asks"), "measurements": ("measurements",)}
"""Tables that are emptied; what was asked goes with what was judged."""


@dataclass(frozen=True)
class Holding:
    """One kind of entries: how many and how large, and how many of them other code has made."""

    kind: str
    count: int
    bytes: int
    stale_count: int
    stale_bytes: int


def is_stale(kind: str, key: str) -> bool:
    """Whether the present code, with the present packages, would never ask for this key."""
    name, _, code = key.partition("@")
    if kind == "measurements":
        return not name.startswith(f"{measured_version()}:") or _has_changed(code)
    return code != (workflow_digest() if kind == "asks" else code_digest())


def file_bytes(path: Path) -> int:
    """Size of a cache with its write-ahead log."""
    return sum(file.stat().st_size for file in _files(path) if file.exists())


def holdings(path: Path) -> tuple[Holding, ...]:
    """What the cache holds; nothing where there is none. Raises ResultsError when it cannot be read."""
    if not path.exists():
        return ()
    with _opened(path, "ro") as connection:
        return tuple(_holding(connection, kind, value) for kind, value in KINDS.items() if _has(connection, kind))


def clear(path: Path, what: What) -> int:
    """Forget entries and give their room back; returns how many. `all` takes a damaged file away, too.

    Raises ResultsError when a search or confirm uses the cache.
    """
    if not path.exists():
        return 0
    with in_use(path, fcntl.LOCK_EX):
        if what == "all":
            return _removed(path)
        with _opened(path, "rw") as connection:
            count = sum(_delete(connection, kind, what) for kind in KINDS if _has(connection, kind))
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return count


def _removed(path: Path) -> int:
    try:
        count = sum(holding.count for holding in holdings(path))
    except ResultsError:  # damaged: to delete it is the remedy
        count = 0
    for file in _files(path):
        file.unlink(missing_ok=True)
    return count


@cache
def _has_changed(code: str) -> bool:
    """Whether one of `name=digest,...` is another one now, or no longer there."""
    parts = [part.partition("=") for part in code.split(",")]
    try:
        return any(code_behind(name) != known for name, _, known in parts)
    except (ModuleNotFoundError, ValueError):  # a guest that is not installed now; no name at all
        return True


def _delete(connection: sqlite3.Connection, kind: str, what: What) -> int:
    if what == "stale":
        return connection.execute(f"DELETE FROM {kind} WHERE is_stale('{kind}', key)").rowcount
    return connection.execute(f"DELETE FROM {kind}").rowcount if kind in _ENTRIES[what] else 0


def _holding(connection: sqlite3.Connection, kind: str, value: str) -> Holding:
    size = f"length(key) + length(CAST({value} AS BLOB))"
    row = connection.execute(
        f"SELECT count(*), coalesce(sum(size), 0), coalesce(sum(stale), 0), coalesce(sum(stale * size), 0) "
        f"FROM (SELECT {size} AS size, is_stale('{kind}', key) AS stale FROM {kind})"
    ).fetchone()
    return Holding(kind, *row)


def _has(connection: sqlite3.Connection, kind: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (kind,)).fetchone() is not None


@contextmanager
def _opened(path: Path, mode: Literal["ro", "rw"]) -> Iterator[sqlite3.Connection]:
    with explained(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        connection.create_function("is_stale", 2, is_stale, deterministic=True)
        try:
            yield connection
        finally:
            connection.close()


def _files(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm"))
