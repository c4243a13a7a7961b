"""Which job a process was judging when it ended without a word: the next run judges it in a process of its own."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from joulescape.search.outcome import Job

FOLDER = "in_hand"
"""Beside the cache: one note a process, locked as long as that lives."""

_WIDTH = 256


class InHand:
    """The note of this process, and what others left. Close it at a regular end; a killed process leaves it behind."""

    def __init__(self, cache: Path) -> None:
        folder = cache.parent / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._left = _suspects(folder)
        self._path = folder / f"{os.getpid()}-{id(self):x}"
        self._file = self._path.open("w+b", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(b" " * _WIDTH)  # here, not later, a full disk shows

    def is_suspect(self, job: Job) -> bool:
        """Whether a process ended without a word while it judged `job`."""
        return bool(self._left) and name_of(job) in self._left

    def note(self, job: Job) -> None:
        """Say that `job` is being judged."""
        os.pwrite(self._file.fileno(), name_of(job).encode().ljust(_WIDTH)[:_WIDTH], 0)

    def acquit(self, job: Job) -> None:
        """Suspect a job no longer, which has its outcome."""
        self._left.pop(name_of(job)).unlink(missing_ok=True)

    def close(self) -> None:
        """Leave no note."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def name_of(job: Job) -> str:
    """Candidate, fidelity and number of wanted variants."""
    count = "" if job.variants is None else len(job.variants)
    return f"{job.candidate.candidate_id} {job.fidelity.name} {job.fidelity.corner} {count}".strip()


def _suspects(folder: Path) -> dict[str, Path]:
    """What dead processes left, by job; a second note of the same job is of no use to anybody."""
    left: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = _left_in(path)
        if name in left:
            path.unlink(missing_ok=True)
        elif name:
            left[name] = path
    return left


def _left_in(path: Path) -> str:
    """What a dead process left; nothing where its owner lives or ended while this looked."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file.read().decode(errors="replace").strip()
    except (BlockingIOError, FileNotFoundError):
        return ""
