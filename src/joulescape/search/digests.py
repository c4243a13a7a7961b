"""Digests that decide whether an earlier evaluation may stand for a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joulescape
from joulescape.network.digest import digest
from joulescape.registry import GROUPS
from joulescape.spec.space import BudgetSpec, ConfirmSpec

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

NEUTRAL_NODE_NM = 28
_CANNOT_CHANGE_RESULTS = ("report", "cli", "search", "testing", "validation")
_CAN_ALL_THE_SAME = "search/outcome.py"


@cache
def code_digest() -> str:
    """Digest of every source file that can change an evaluation, and of the versions of installed guests."""
    root = Path(joulescape.__file__).parent
    sources = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    kept = [name for name in sources if _matters(name)]
    return digest({name: _file_digest(root / name) for name in kept}, _guests())


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


def _matters(name: str) -> bool:
    return name == _CAN_ALL_THE_SAME or name.removesuffix(".py").split("/")[0] not in _CANNOT_CHANGE_RESULTS


def _files(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: _file_digest(path) for path in paths if path.exists()}


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _guests() -> list[str]:
    found = (point for group in GROUPS for point in entry_points(group=group))
    return sorted(f"{point.group}:{point.value}:{point.dist.version if point.dist else ''}" for point in found)
