"""Parts off the shelf: a mapping `{component: <family>/<name>, ...}` in a back end stands for that file's parameters.

The keys beside `component` replace the part's. A part of another family is how a machine uses it: memristors that hold
the weights of ring banks, say. Parts hold no parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from joulescape.errors import Fault
from joulescape.resolve.references import check_sources
from joulescape.resolve.shelves import PART_FILE, part_names, part_path, read_or_fault, unknown_name
from joulescape.spec.back_end import PartSpec
from joulescape.spec.document import Document, Keys, shown
from joulescape.spec.faults import checked

COMPONENT = "component"


def with_parts(root: Path, document: Document, faults: list[Fault]) -> Document:
    """`document` with every part below `parameters` written out; what cannot be had is left as written, a fault."""
    parameters = document.content.get("parameters")
    if not isinstance(parameters, dict) or not _names_parts(parameters):
        return document
    written = _written_out(root, document, parameters, ("parameters",), faults)
    return replace(document, content={**document.content, "parameters": written})


def _names_parts(value: Any) -> bool:
    return isinstance(value, dict) and (COMPONENT in value or any(_names_parts(item) for item in value.values()))


def _written_out(root: Path, document: Document, value: Any, keys: Keys, faults: list[Fault]) -> Any:
    if not isinstance(value, dict):
        return value
    own = {key: _written_out(root, document, item, (*keys, key), faults) for key, item in value.items()}
    if COMPONENT not in own:
        return own
    found = _part(root, document, own.pop(COMPONENT), (*keys, COMPONENT), faults)
    return {**found, **own}


def _part(root: Path, document: Document, name: Any, keys: Keys, faults: list[Fault]) -> Mapping[str, Any]:
    known = part_names(root)
    if not isinstance(name, str):
        faults.append(document.fault(keys, shown(name), f"the name of a file {PART_FILE}"))
        return {}
    if name not in known:
        faults.append(unknown_name(document, keys, name, known, PART_FILE))
        return {}
    part = read_or_fault(part_path(root, name), faults)
    spec = None if part is None else checked(PartSpec, part, faults)
    if part is None or spec is None:
        return {}
    check_sources(root, part, faults)
    return spec.parameters
