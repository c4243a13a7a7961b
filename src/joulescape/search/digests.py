"""Digests that decide whether an earlier evaluation may stand for a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import joulescape
from joulescape.accuracy.code import MEASURING_PACKAGES
from joulescape.network.digest import digest
from joulescape.registry import GROUPS, builtin_names
from joulescape.source import code_of, versions
from joulescape.spec.space import BudgetSpec, ConfirmSpec, SamplerName

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

NEUTRAL_NODE_NM = 28
JUDGING = ("joulescape.evaluation", "joulescape.search.outcome", "joulescape.accuracy.own")
"""Where an evaluation begins; the last is loaded by name."""

_SAMPLERS = tuple(f"joulescape.search.samplers.{name}" for name in get_args(SamplerName))
_ASKING = ("joulescape.search.run", "joulescape.search.confirm", *_SAMPLERS)
"""Where tables begin; samplers are loaded by name."""

JUDGING_PACKAGES = (*MEASURING_PACKAGES, "moocore")
"""Packages that an evaluation's numbers pass through: another version may train other weights."""

_ASKING_PACKAGES = ("optuna", "polars")


@cache
def code_digest() -> str:
    """Digest of every source file and package version that can change an evaluation, plug-ins included."""
    return digest(code_of(*JUDGING, *_plugins()), versions(JUDGING_PACKAGES), _guests())


@cache
def workflow_digest() -> str:
    """Digest of what can change the tables of search and confirm: `code_digest` with the search's own code.

    A change of the search alone asks again; what it then asks for and was judged before is remembered.
    """
    return digest(code_digest(), code_of(*_ASKING), versions(_ASKING_PACKAGES))


@cache
def measured_version() -> str:
    """Digest of the shapes that a stored measurement is made of."""
    root = Path(joulescape.__file__).parent
    return digest([_file_digest(root / name) for name in ("network/fidelity.py", "network/work.py")])


def space_digest(space: DesignSpace) -> str:
    """Digest of what can change an evaluation: all of a space but its question, budget, confirm and the report's node.

    So a bigger budget goes on where the smaller one ended.
    """
    neutral = {
        "question": "",
        "budget": BudgetSpec(trials=1),
        "confirm": ConfirmSpec(),
        "normalise_to_nm": NEUTRAL_NODE_NM,
    }
    return replace(space, spec=space.spec.model_copy(update=neutral)).digest()


def weights_digest(space: DesignSpace) -> str:
    """Digest of the reference weights that the space's networks start from; of none where costs alone are asked for."""
    names = sorted(space.networks) if space.spec.needs_accuracy else ()
    folder = space.root / "results" / "networks"
    return digest(_files(folder / f"{name}.npz" for name in names))


def evaluator_digest(evaluate: Callable[..., Any]) -> str:
    """Name of the function that judges: results of one are never taken for another's."""
    return f"{evaluate.__module__}.{evaluate.__qualname__}"


def _plugins() -> list[str]:
    """Modules of all plug-ins, which no import names."""
    return [f"{group}.{name}" for group in GROUPS for name in sorted(builtin_names(group))] + [
        point.module for group in GROUPS for point in entry_points(group=group)
    ]


def _files(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: _file_digest(path) for path in paths if path.exists()}


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _guests() -> list[str]:
    found = (point for group in GROUPS for point in entry_points(group=group))
    return sorted(f"{point.group}:{point.value}:{point.dist.version if point.dist else ''}" for point in found)
