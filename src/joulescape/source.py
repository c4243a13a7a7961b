"""What a module's behaviour follows from: its own source, and that of all it imports inside its package and this one.

A digest over that closure names the code behind a result: an edit anywhere in it makes another name, an edit elsewhere
does not. Imports are read, not run: at the top of a file and inside functions, but not those for type checkers alone.
What is loaded by name (plug-ins) stands in no import, and has to be asked for beside it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import joulescape

_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)+", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n(]+)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_COMMENT = re.compile(r"#.*")


def code_of(*modules: str) -> str:
    """Digest (16 hex digits) of the names and contents of everything that `modules` follow from.

    Raises ModuleNotFoundError where one of them is not there.
    """
    total = hashlib.sha256()
    for name, path in sorted(closure(*modules).items()):
        total.update(name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def closure(*modules: str) -> dict[str, Path]:
    """Files of `modules` and of all that they import, by name of the module.

    A package counts where something is imported from it, not because a module inside it is. Standard library and other
    packages are left out: those that matter count by their version.
    """
    found: dict[str, Path] = {}
    open_, seen = list(modules), dict[str, Path | None]()
    packages = {"joulescape", *(name.partition(".")[0] for name in modules)}
    while open_:
        name = open_.pop()
        if name not in found:
            found[name] = _needed(name)
            open_ += [one for one in _imported(name, found[name], seen) if one.partition(".")[0] in packages]
    return found


def versions(packages: Iterable[str]) -> list[str]:
    """`name version` of each package, without importing it; its name alone where it is not installed."""
    return [f"{name} {found.version}" if (found := _distribution(name)) else name for name in packages]


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _needed(module: str) -> Path:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"no module named '{module}'", name=module)
    return path


def _imported(module: str, path: Path, seen: dict[str, Path | None]) -> Iterator[str]:
    """Modules that a file imports; of `from a import b` both a and a.b, where there are such files.

    `seen` keeps what was looked for: most names are imported many times.
    """
    for name in _named(path, path.stat().st_mtime_ns):
        absolute = _absolute(name, module, path)
        if absolute not in seen:
            seen[absolute] = _file(absolute)
        if seen[absolute] is not None:
            yield absolute


@lru_cache(maxsize=4096)
def _named(path: Path, modified_ns: int) -> tuple[str, ...]:  # noqa: ARG001
    """Every name that the imports of a file could mean, relative ones with their dots."""
    text = _FOR_TYPES.sub("", path.read_text(encoding="utf-8"))
    plain = [one.split(" as ")[0].strip() for line in _IMPORT.findall(text) for one in line.split(",")]
    for base, names in _FROM.findall(text):
        plain.append(base)
        each = _COMMENT.sub("", names).strip("()").split(",")
        joint = base if base.endswith(".") else f"{base}."
        plain += [f"{joint}{words[0]}" for one in each if (words := one.split())]
    return tuple(dict.fromkeys(plain))


def _absolute(name: str, module: str, path: Path) -> str:
    level = len(name) - len(name.lstrip("."))
    if level == 0:
        return name
    parts = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [name[level:]])])


def _file(module: str) -> Path | None:
    """The source of a module, without importing it; None where there is none."""
    top, _, inner = module.partition(".")
    root = _root(top)
    if root is None or (inner and root.name != "__init__.py"):
        return None
    if not inner:
        return root
    place = root.parent.joinpath(*inner.split("."))
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _root(package: str) -> Path | None:
    if package == "joulescape":
        return Path(joulescape.__file__)
    found = find_spec(package) if package else None
    return Path(found.origin) if found is not None and found.origin and found.origin.endswith(".py") else None
