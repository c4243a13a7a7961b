"""The name of a measurement: a digest of everything that can change its result."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from joulescape.accuracy.machine_layers import numerics
from joulescape.accuracy.reference import ensure
from joulescape.compression.base import Described
from joulescape.network.digest import digest
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe

ROOMS = ("accuracy", "numerics", "compression", "network")
"""Packages whose code can change a measurement."""


def accuracy_key(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path
) -> str:
    """Digest of network, reference weights, compression, errors, recipe, fidelity, seed and code.

    The reference weights are trained first where they are absent. The corner is left out: it acts through `errors`.
    """
    weights = ensure(network.original, recipe.reference, recipe.task, networks_dir)
    measured_as = (fidelity.rung, fidelity.split, fidelity.samples, fidelity.draws, fidelity.trains_on_machine)
    kinds = sorted({spec.kind for spec in errors.values()})
    return digest(
        network.original,
        network.steps,
        sorted(spec.as_key() for spec in errors.values()),
        recipe,
        measured_as,
        seed,
        _file_digest(weights, weights.stat().st_mtime_ns),
        code_digest(),
        [_guest_digest(kind) for kind in kinds],
    )


@cache
def code_digest() -> str:
    """Digest of every source file of ROOMS."""
    root = Path(__file__).parent.parent
    return _digest_of(path for room in ROOMS for path in sorted((root / room).rglob("*.py")))


@cache
def _guest_digest(kind: str) -> str:
    """Digest of the file that realises `kind`: guests live outside ROOMS."""
    return _digest_of([Path(inspect.getfile(type(numerics(kind))))])


@lru_cache(maxsize=64)
def _file_digest(path: Path, modified_ns: int) -> str:  # noqa: ARG001
    return _digest_of([path])


def _digest_of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
