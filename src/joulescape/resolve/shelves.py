"""The open shelves of a project: `spaces/`, `models/`, `hwlib/<family>/`, `hwlib/components/`. Names are file names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from joulescape.errors import Fault, SpecError, nearest
from joulescape.spec.back_end import FAMILIES
from joulescape.spec.document import Document, Keys, display, read_document, shown
from joulescape.spec.faults import one_of
from joulescape.spec.study import is_study

NETWORK_FILE = "models/<name>.yaml"
BACK_END_FILE = "hwlib/<family>/<name>.yaml"
COMPONENT_FILE = "hwlib/components/<name>.yaml"
PART_FILE = "hwlib/components/<family>/<name>.yaml"
"""Where the files of a shelf stand, as messages say it."""


def find_root(start: Path) -> Path:
    """The project of a file: the nearest folder at or above it that holds `hwlib/`; SpecError when none does."""
    absolute = Path(os.path.normpath(start.absolute()))  # `..` goes up; links are not followed
    found = next((folder for folder in (absolute, *absolute.parents) if (folder / "hwlib").is_dir()), None)
    if found is None:
        expected = "a file inside a project (a folder that holds hwlib/, models/ and spaces/)"
        raise SpecError([Fault(display(start), None, "", "no folder hwlib/ at or above it", expected)])
    return found


def network_names(root: Path) -> tuple[str, ...]:
    """Every network on the shelf `models/`."""
    return _stems(root / "models")


def space_names(root: Path) -> tuple[str, ...]:
    """Every question on the shelf `spaces/`, also one whose file is no YAML: its faults show when it is read."""
    return tuple(name for name in _stems(root / "spaces") if not _is_study(space_path(root, name)))


def study_names(root: Path) -> tuple[str, ...]:
    """Every study on the shelf `spaces/`."""
    return tuple(name for name in _stems(root / "spaces") if _is_study(space_path(root, name)))


def trend_names(root: Path) -> tuple[str, ...]:
    """Every file of published points on the shelf `hwlib/trends/`."""
    return _stems(root / "hwlib" / "trends")


def component_names(root: Path) -> tuple[str, ...]:
    """Every shared component on the shelf `hwlib/components/`."""
    return _stems(root / "hwlib" / "components")


def part_names(root: Path) -> tuple[str, ...]:
    """Every part as `<family>/<name>`."""
    shelf = root / "hwlib" / "components"
    return tuple(f"{family}/{name}" for family in FAMILIES for name in _stems(shelf / family))


def back_end_names(root: Path) -> tuple[str, ...]:
    """Every back end as `<family>/<name>`."""
    return tuple(f"{family}/{name}" for family in FAMILIES for name in _stems(root / "hwlib" / family))


def space_path(root: Path, name: str) -> Path:
    """File of one question or study."""
    return root / "spaces" / f"{name}.yaml"


def trend_path(root: Path, name: str) -> Path:
    """File of published points."""
    return root / "hwlib" / "trends" / f"{name}.yaml"


def network_path(root: Path, name: str) -> Path:
    """File of one network."""
    return root / "models" / f"{name}.yaml"


def back_end_path(root: Path, name: str) -> Path:
    """File of one back end."""
    return root / "hwlib" / f"{name}.yaml"


def part_path(root: Path, name: str) -> Path:
    """File of one part."""
    return root / "hwlib" / "components" / f"{name}.yaml"


def component_path(root: Path, name: str) -> Path:
    """File of one shared component."""
    return root / "hwlib" / "components" / f"{name}.yaml"


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that was meant; a back end may be named without its family."""
    same_stem = next((other for other in known if other.rpartition("/")[2] == name), None)
    return same_stem or nearest(name, known)


def unknown_name(document: Document, keys: Keys, name: str, known: Sequence[str], file: str | None = None) -> Fault:
    """The fault of a name that no shelf and no plug-in holds; `file` says where the files of the shelf stand."""
    expected = one_of(known) if known or file is None else f"the name of a file {file}, of which there is none"
    return document.fault(keys, shown(name), expected, nearest_name(name, known))


def read_or_fault(path: Path, faults: list[Fault]) -> Document | None:
    """The file as a document; None, with its faults added to `faults`, when it cannot be read."""
    try:
        return read_document(path)
    except SpecError as error:
        faults.extend(error.faults)
        return None


def _is_study(path: Path) -> bool:
    found = read_or_fault(path, [])
    return found is not None and is_study(found)


def _stems(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))
