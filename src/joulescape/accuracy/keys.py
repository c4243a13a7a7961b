"""The name of a measurement: a digest of everything that can change its result."""

from __future__ import annotations

import inspect
from functools import cache, lru_cache
from pathlib import Path

from joulescape.accuracy.alike import is_noise_aware, plainest
from joulescape.accuracy.code import digest_of, measuring_code
from joulescape.accuracy.machine_layers import numerics
from joulescape.accuracy.reference import ensure, is_own
from joulescape.compression.base import Described
from joulescape.compression.pipeline import method_of
from joulescape.network.digest import digest
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe


def accuracy_key(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path
) -> str:
    """Digest of network, reference weights, compression, errors, recipe, fidelity, seed and code.

    The reference weights are trained first where they are absent; a network that is its own machine has none. Recipe
    and fidelity are the plainest that give this measurement (`alike`).
    """
    plain_recipe, plain_fidelity = plainest(network, errors, recipe, fidelity)
    kinds = sorted({spec.kind for spec in errors.values()})
    return digest(
        network.original,
        network.steps,
        sorted(spec.as_key() for spec in errors.values()),
        plain_recipe,
        plain_fidelity,
        seed,
        _weights_digest(network, recipe, networks_dir),
        measuring_code(),
        [_code_of(type(numerics(kind))) for kind in kinds],
        [_code_of(type(method_of(step))) for step in network.steps],
    )


def tuned_key(network: Described, errors: Errors, recipe: Recipe, seed: int, networks_dir: Path) -> str:
    """Digest of all that fine-tuned weights follow from, within one process (so without the code)."""
    met = sorted(spec.as_key() for spec in errors.values()) if is_noise_aware(recipe.fine_tune, errors) else []
    weights = _weights_digest(network, recipe, networks_dir)
    return digest(network.original, network.steps, met, recipe.task, recipe.fine_tune, seed, weights)


def _weights_digest(network: Described, recipe: Recipe, networks_dir: Path) -> str | None:
    if is_own(network.original):
        return None
    weights = ensure(network.original, recipe.reference, recipe.task, networks_dir)
    return _file_digest(weights, weights.stat().st_mtime_ns)


@cache
def _code_of(plugin: type) -> str:
    """Digest of the file that a plug-in stands in: guests live outside ROOMS."""
    return digest_of([Path(inspect.getfile(plugin))])


@lru_cache(maxsize=64)
def _file_digest(path: Path, modified_ns: int) -> str:  # noqa: ARG001
    return digest_of([path])
