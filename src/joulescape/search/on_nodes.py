"""What runs in Ray's processes. Sent by value and made of the standard library alone, so that a node of a cluster needs
the packages that an evaluation imports (PyTorch ...), but neither this package nor its guests.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import pickle
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


class NodeWorker:
    """The actor that judges: one process, one PyTorch thread. `prepare` it before its first chunk."""

    def prepare(self, work: bytes, shipment: bytes | None, packages: Sequence[str], reader: Any) -> dict[str, Any]:
        """Unpack the shipment, if any, and import what judges; returns where this worker stands.

        `reader` is (node, actor): the node whose file system has the cache, and the actor that reads it for the others.
        """
        place = {"host": socket.gethostname(), "pid": os.getpid(), "node": _node(), "versions": versions(packages)}
        root = None if shipment is None else unpacked(shipment, Path(tempfile.gettempdir()))
        if root is not None:
            sys.path.insert(0, str(root / "code"))
            importlib.invalidate_caches()
        node, actor = reader
        judging = importlib.import_module("joulescape.search.judging")
        self._judge = judging.judge_of(pickle.loads(work), root, None if place["node"] == node else actor)
        return place

    def judge(self, jobs: Sequence[Any]) -> Any:
        """Judge a chunk."""
        return self._judge(jobs)


class CacheReader:
    """The actor that reads the cache where it lies, for all others: SQLite is not safe on a network file system."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=30)

    def read(self, key: str) -> bytes | None:
        """The measurement stored under `key`, if any."""
        row = self._connection.execute("SELECT measured FROM measurements WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])


def unpacked(shipment: bytes, temporary: Path) -> Path:
    """The folder of a shipment on this node, named by its content; unpacked whole by renaming, once for all workers.

    Raises PermissionError when somebody else owns the folder: its code would be run.
    """
    home = temporary / f"joulescape-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022 or home.is_symlink():
        raise PermissionError(f"{home} belongs to somebody else, or others may write there; delete it")
    root = home / hashlib.sha256(shipment).hexdigest()[:16]
    if not root.exists():
        draft = Path(tempfile.mkdtemp(dir=home, prefix=".draft-"))
        with zipfile.ZipFile(io.BytesIO(shipment)) as packed:
            packed.extractall(draft)
        try:
            draft.rename(root)
        except OSError:
            shutil.rmtree(draft)
            if not root.exists():  # else another worker of this node was quicker
                raise
    return root


def _node() -> str:
    """Ray's name of this node."""
    return str(importlib.import_module("ray").get_runtime_context().get_node_id())


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Versions of Python and of packages, None where one is absent; nothing is imported."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
