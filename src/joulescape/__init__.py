"""Joulescape: which machine, which network, which compression. `from joulescape import cost, evaluate, load_space`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joulescape.evaluation import evaluate as evaluate
    from joulescape.pricing import cost as cost
    from joulescape.resolve.design_space import load_space as load_space

__version__ = "0.1.0"

_PLACES = {
    "cost": "joulescape.pricing",
    "evaluate": "joulescape.evaluation",
    "load_space": "joulescape.resolve.design_space",
}

__all__ = ["__version__", "cost", "evaluate", "load_space"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'joulescape' has no attribute '{name}'")
