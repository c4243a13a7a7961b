"""Digests of source files: a result of one code is never taken for another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOMS = ("accuracy", "numerics", "compression", "network")
"""Packages whose code can change a measurement."""

TRAINING_FILES = ("module.py", "training.py", "dataset*.py", "randomness.py", "own*.py")
"""Files of this package that reference weights follow from."""

_HERE = Path(__file__).parent


@cache
def measuring_code() -> str:
    """Digest of every source file of ROOMS."""
    return digest_of(path for room in ROOMS for path in sorted((_HERE.parent / room).rglob("*.py")))


@cache
def training_code() -> str:
    """Digest of the code that trains reference weights."""
    return digest_of(path for pattern in TRAINING_FILES for path in sorted(_HERE.glob(pattern)))


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 (first 16 hex digits) of names and contents, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
