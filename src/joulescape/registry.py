"""Finds plug-ins: the modules of one of our packages by name, then guests through entry points.

A plug-in that cannot be loaded is fatal and named: a run must not silently become another run.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from joulescape.errors import JoulescapeError

GROUPS = ("joulescape.simulators", "joulescape.numerics", "joulescape.compression", "joulescape.network.systems")
"""Entry point groups; each is also the package that holds the built-ins."""

RESERVED = frozenset({"base", "pipeline", "storage"})
"""Modules of a plug-in package that are shared parts, marked additionally by a leading underscore."""


class PluginError(JoulescapeError):
    """A plug-in could not be loaded."""


@cache
def builtin_names(group: str) -> frozenset[str]:
    """Names of the built-in modules of `group`, without importing them.

    A built-in is a module or package below the group's package that does not start with `_` and is not reserved.
    """
    package = importlib.import_module(group)
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return frozenset(name for name in found if not name.startswith("_") and name not in RESERVED)


@cache
def guests(group: str) -> dict[str, Any]:
    """Entry points of outside wheels for `group`, by name."""
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> tuple[str, ...]:
    """Every name that `load` accepts for `group`, sorted."""
    return tuple(sorted(builtin_names(group) | set(guests(group))))


@cache
def load(group: str, name: str) -> Any:
    """The plug-in called `name`: attribute `plugin` of a built-in module, or what a guest's entry point names."""
    if name in builtin_names(group):
        return importlib.import_module(f"{group}.{name}").plugin
    if name not in guests(group):
        raise PluginError(f"no plug-in '{name}' in group {group}; known: {', '.join(names(group))}")
    try:
        return guests(group)[name].load()
    except Exception as error:
        raise PluginError(f"plug-in '{name}' of group {group} failed to load: {error!r}") from error
