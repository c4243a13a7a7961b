"""The name of a measurement: a digest of everything that can change its result."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from joulescape.accuracy.alike import forward_errors, is_noise_aware, met_errors, plainest
from joulescape.accuracy.code import PACKAGES, code_behind, digest_of
from joulescape.accuracy.dataset_sources import fingerprint
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
    """Digest of network, reference weights, compression, errors, recipe, fidelity and seed, and behind an @ the code:
    `module=digest` of everything that measures it, so that one can see later whether the present code still would.

    The reference weights are trained first where they are absent; a network that is its own machine has none. Recipe
    and fidelity are the plainest that give this measurement, errors those that it can meet (`alike`).
    """
    plain_recipe, plain_fidelity = plainest(network, errors, recipe, fidelity)
    met = met_errors(network, errors, fidelity)
    content = digest(
        network.original,
        network.steps,
        sorted(spec.as_key() for spec in met.values()),
        plain_recipe,
        plain_fidelity,
        seed,
        _weights_digest(network, recipe, networks_dir),
    )
    return f"{content}@{','.join(f'{name}={code_behind(name)}' for name in _code(network, met))}"


def _code(network: Described, errors: Errors) -> list[str]:
    """What a measurement follows from: measuring itself, and the plug-ins that this one meets, guests among them."""
    own = ["joulescape.accuracy.own"] if is_own(network.original) else []
    kinds = {type(numerics(spec.kind)).__module__ for spec in errors.values()}
    methods = {type(method_of(step)).__module__ for step in network.steps}
    return ["joulescape.accuracy.measure", *own, *sorted(kinds), *sorted(methods), PACKAGES]


def tuned_key(network: Described, errors: Errors, recipe: Recipe, seed: int, networks_dir: Path) -> str:
    """Digest of all that fine-tuned weights follow from, within one process (so without the code)."""
    is_aware = is_noise_aware(recipe.fine_tune, errors)
    met = sorted(spec.as_key() for spec in forward_errors(errors).values()) if is_aware else []
    weights = _weights_digest(network, recipe, networks_dir)
    return digest(network.original, network.steps, met, recipe.task, recipe.fine_tune, seed, weights)


def _weights_digest(network: Described, recipe: Recipe, networks_dir: Path) -> str | None:
    if is_own(network.original):
        return None
    weights = ensure(network.original, recipe.reference, recipe.task, networks_dir)
    own, found = fingerprint(recipe.task), _file_digest(weights, weights.stat().st_mtime_ns)
    # Reference weights do not follow from the samples that they are judged on: a changed test part leaves them alone.
    return found if own is None else digest(found, own)


@lru_cache(maxsize=64)
def _file_digest(path: Path, modified_ns: int) -> str:  # noqa: ARG001
    return digest_of([path])
