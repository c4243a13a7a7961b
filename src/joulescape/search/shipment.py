"""What travels to the nodes of a cluster: this package, its guests, and the reference weights of a question."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from joulescape.errors import ResultsError
from joulescape.registry import GROUPS

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

_METADATA = ("METADATA", "entry_points.txt")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def packed(space: DesignSpace) -> bytes:
    """A zip of `code/` (goes on sys.path) and `project/results/networks/`: the same bytes for the same contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted({**dict(_code()), **dict(_weights(space))}.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _code() -> Iterator[tuple[str, bytes]]:
    for module in sorted({"joulescape", *_guest_modules()}):
        yield from _files_of(module)
    for found in (*_guests(), *_installed("joulescape")):
        for name in _METADATA:
            text = found.read_text(name)
            if text is not None:
                yield f"code/{found.name}-{found.version}.dist-info/{name}", text.encode()


def _weights(space: DesignSpace) -> Iterator[tuple[str, bytes]]:
    """Weights with their metrics: the digest in these is how a node knows that it need not train."""
    folder = space.root / "results" / "networks"
    for path in (folder / f"{name}{suffix}" for name in space.networks for suffix in (".npz", ".json")):
        if path.exists():
            yield f"project/results/networks/{path.name}", path.read_bytes()


def _guests() -> list[Distribution]:
    points = (point for group in GROUPS for point in entry_points(group=group))
    return list({point.dist.name: point.dist for point in points if point.dist is not None}.values())


def _guest_modules() -> set[str]:
    """Top-level modules of guests: where their entry points lead, and what else their wheels say."""
    led = {point.module.partition(".")[0] for group in GROUPS for point in entry_points(group=group)}
    return led.union(*((found.read_text("top_level.txt") or "").split() for found in _guests()))


def _installed(name: str) -> list[Distribution]:
    try:
        return [distribution(name)]
    except PackageNotFoundError:  # run from its sources
        return []


def _files_of(module: str) -> Iterator[tuple[str, bytes]]:
    """Every file of a top-level module or package, wherever it lies; ResultsError when it cannot be found as files."""
    spec = find_spec(module)
    places = [] if spec is None else [*(spec.submodule_search_locations or ([spec.origin] if spec.origin else []))]
    for place in map(Path, places):
        paths = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
        for path in paths:
            if "__pycache__" not in path.parts:
                yield f"code/{path.relative_to(place.parent).as_posix()}", path.read_bytes()
    if not any(map(Path.exists, map(Path, places))):
        raise ResultsError(f"the code of '{module}' cannot be sent to the cluster: it does not lie in files")
