"""The bibliography of a project: whether the `source` of every number is one of its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from joulescape.errors import Fault, nearest
from joulescape.spec.document import Document, Keys, display, shown

_ENTRY = re.compile(r"^[ \t]*@(\w+)[ \t]*\{[ \t]*([^\s,{}]+)[ \t]*,", re.MULTILINE)
_NO_ENTRIES = frozenset({"comment", "string", "preamble"})


def references_path(root: Path) -> Path:
    """The bibliography of the shelf `hwlib/`."""
    return root / "hwlib" / "references.bib"


def reference_keys(path: Path) -> frozenset[str]:
    """Keys of the entries `@type{key,`; OSError where the file cannot be read."""
    return _keys(path.read_text(encoding="utf-8", errors="replace"))


@lru_cache(maxsize=4)
def _keys(text: str) -> frozenset[str]:
    return frozenset(key for kind, key in _ENTRY.findall(text) if kind.lower() not in _NO_ENTRIES)


def check_sources(root: Path, document: Document, faults: list[Fault]) -> None:
    """Add a fault for each sourced value and published row of `document` whose `source` is no key of the bibliography.

    A bibliography that cannot be read is one fault, which names it.
    """
    path = references_path(root)
    try:
        known = reference_keys(path)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        expected = "the bibliography that every `source` is a key of"
        faults.append(Fault(display(path), None, "", f"no readable file ({reason})", expected))
        return
    for keys, source in _sources(document.content, ()):
        if source not in known:
            near = nearest(source, sorted(known))
            faults.append(document.fault(keys, shown(source), f"a key of {display(path)}", near))


def _sources(value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Every `source` that stands beside a `value`, with its place."""
    if isinstance(value, dict):
        if "value" in value and isinstance(value.get("source"), str):
            yield (*keys, "source"), value["source"]
        for key, item in value.items():
            yield from _sources(item, (*keys, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _sources(item, (*keys, index))
