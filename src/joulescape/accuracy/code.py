"""Digests of source files: a result of one code is never taken for another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from joulescape.network.digest import digest
from joulescape.source import code_of, versions

TRAINING_FILES = ("module.py", "training.py", "dataset*.py", "randomness.py", "own*.py")
"""Files of this package that reference weights follow from."""

PACKAGES = "packages"
MEASURING_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "array-api-compat")
"""Packages that a measurement's numbers pass through: another version may train other weights."""

_HERE = Path(__file__).parent


@cache
def training_code() -> str:
    """Digest of the code that trains reference weights."""
    return digest_of(path for pattern in TRAINING_FILES for path in sorted(_HERE.glob(pattern)))


@cache
def code_behind(name: str) -> str:
    """Digest of a module with all that it imports, or, under the name PACKAGES, of the packages' versions.

    Raises ModuleNotFoundError where the module is not there.
    """
    return digest(versions(MEASURING_PACKAGES)) if name == PACKAGES else code_of(name)


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 (first 16 hex digits) of names and contents, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
