"""Digests that decide whether an earlier evaluation may stand for a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joulescape
from joulescape.network.digest import digest
from joulescape.registry import GROUPS
from joulescape.spec.space import BudgetSpec, ConfirmSpec

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

NEUTRAL_NODE_NM = 28
_CANNOT_CHANGE_TABLES = ("report", "cli", "testing", "validation")
_CANNOT_CHANGE_EVALUATIONS = (*_CANNOT_CHANGE_TABLES, "search")
_CAN_ALL_THE_SAME = "search/outcome.py"
_JUDGING_PACKAGES = ("numpy", "scipy", "torch", "scikit-learn", "moocore")
"""Packages that an evaluation's numbers pass through: another version may train other weights."""

_ASKING_PACKAGES = ("optuna", "polars")


@cache
def code_digest() -> str:
    """Digest of every source file and package version that can change an evaluation, guests included."""
    return digest(_sources(_CANNOT_CHANGE_EVALUATIONS), _versions(_JUDGING_PACKAGES), _guests())


@cache
def workflow_digest() -> str:
    """Digest of what can change the tables of search and confirm: `code_digest` with the search's own code.

    A change of the search alone asks again; what it then asks for and was judged before is remembered.
    """
    return digest(code_digest(), _sources(_CANNOT_CHANGE_TABLES), _versions(_ASKING_PACKAGES))


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
    """Digest of the reference weights that the space's networks start from."""
    folder = space.root / "results" / "networks"
    return digest(_files(folder / f"{name}.npz" for name in sorted(space.networks)))


def evaluator_digest(evaluate: Callable[..., Any]) -> str:
    """Name of the function that judges: results of one are never taken for another's."""
    return f"{evaluate.__module__}.{evaluate.__qualname__}"


def _sources(left_out: Collection[str]) -> dict[str, str]:
    root = Path(joulescape.__file__).parent
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    return {name: _file_digest(root / name) for name in names if _matters(name, left_out)}


def _matters(name: str, left_out: Collection[str]) -> bool:
    return name == _CAN_ALL_THE_SAME or name.removesuffix(".py").split("/")[0] not in left_out


def _versions(packages: Iterable[str]) -> list[str]:
    """`name version` of each package, without importing it; its name alone where it is not installed."""
    return [f"{name} {found.version}" if (found := _distribution(name)) else name for name in packages]


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _files(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: _file_digest(path) for path in paths if path.exists()}


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _guests() -> list[str]:
    found = (point for group in GROUPS for point in entry_points(group=group))
    return sorted(f"{point.group}:{point.value}:{point.dist.version if point.dist else ''}" for point in found)
