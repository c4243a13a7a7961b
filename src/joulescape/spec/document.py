"""Reads one YAML file safely, and remembers on which line every key and every list entry stands.

Only plain data is taken: mappings with text keys, lists, text, numbers, true, false, null. Anchors, aliases, merge
keys, tags and duplicate keys are faults. Plain words follow YAML 1.2: `1e-3` is a number, `no` is text, `010` is text.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from joulescape.errors import Fault, SpecError

Keys = tuple[str | int, ...]
"""A place inside a document: mapping keys and list positions from the outside in."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,300})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
_DEPTH = 40
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """One file as plain data, with the line of every key."""

    file: str
    content: Any
    lines: Mapping[Keys, int] = field(default_factory=dict)

    def line(self, keys: Keys) -> int | None:
        """Line of the key or list entry; of what encloses it where it does not stand in the file."""
        found = (self.lines[keys[:end]] for end in range(len(keys), -1, -1) if keys[:end] in self.lines)
        return next(found, None)

    def at(self, keys: Keys) -> Any:
        """What stands there; KeyError or IndexError when nothing does."""
        value = self.content
        for key in keys:
            value = value[key]
        return value

    def fault(self, keys: Keys, value: str, expected: str, nearest: str | None = None) -> Fault:
        """A fault of this file at `keys`."""
        return Fault(self.file, self.line(keys), dotted(keys), value, expected, nearest)


def dotted(keys: Keys) -> str:
    """`("budget", "trials")` -> `budget.trials`."""
    return ".".join(str(key) for key in keys)


def shown(value: Any) -> str:
    """A value as a fault quotes it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        flow = ", ".join(f"{key}: {item if isinstance(item, str) else shown(item)}" for key, item in value.items())
        return f"{{{flow}}}" if len(flow) <= 60 and "{" not in flow else "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        return f"'{value if len(value) <= 60 else value[:57] + '...'}'"
    return repr(value)


def display(path: Path) -> str:
    """The path as messages show it: from the working folder where it lies below that."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)


def plain(text: str) -> Any:
    """The value of an unquoted word: true, false, null, a finite number, or else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text) and math.isfinite(float(text)):
        return float(text)
    return text


def read_document(path: Path) -> Document:
    """Read `path`; raises SpecError with every fault of its form (missing, unreadable, not UTF-8, not plain YAML).

    The file is read each time, but a text that is known is not parsed again: documents are not to be changed.
    """
    file = display(path)
    return _document(file, _text(path, file))


@lru_cache(maxsize=512)
def _document(file: str, text: str) -> Document:
    builder = _Builder(file)
    content = builder.build(text)
    if builder.faults:
        raise SpecError(builder.faults)
    if not isinstance(content, dict):
        raise SpecError([Fault(file, 1, "", shown(content), "a mapping of keys and values")])
    return Document(file, content, builder.lines)


def _text(path: Path, file: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError([_unreadable(path, file, error)]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError([Fault(file, line, "", f"byte 0x{raw[error.start]:02x}", "text in UTF-8")]) from error


def _unreadable(path: Path, file: str, error: OSError) -> Fault:
    siblings = [other.name for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.5)
    there = path.parent / "spaces" / f"{path.stem}.yaml"  # a question that was called by its name alone
    reason = (error.strerror or type(error).__name__).lower()
    nearest = display(path.with_name(close[0])) if close and not path.exists() else None
    nearest = display(there) if nearest is None and there.is_file() else nearest
    return Fault(file, None, "", f"no readable file ({reason})", "a YAML file", nearest)


class _Builder:
    """Builds plain data from the parser's events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Keys, int] = {}
        self.faults: list[Fault] = []

    def build(self, text: str) -> Any:
        """The first document's data; faults are collected in `faults`."""
        try:
            events = iter(list(yaml.parse(text, Loader=_PARSER)))
        except yaml.YAMLError as error:
            self.faults.append(self._syntax(error, text))
            return None
        content: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                documents += 1
                if documents == 2:
                    self._fault((), event, "a second document ('---')", "one document a file")
                content = self._node(event, events, ()) if documents == 1 else content
            if documents == 2:
                break
        return content

    def _node(self, event: Any, events: Iterator[Any], keys: Keys) -> Any:
        self.lines.setdefault(keys, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._fault(keys, event, f"alias '*{event.anchor}'", "the value written out (no aliases)")
        if event.anchor is not None:
            self._fault(keys, event, f"anchor '&{event.anchor}'", "the value alone (no anchors)")
        if event.tag is not None and event.tag != "!":
            self._fault(keys, event, f"tag '{event.tag}'", "the value alone (no tags)")
        if len(keys) >= _DEPTH:
            self._fault(keys[:3], event, f"more than {_DEPTH} levels", "a flatter document")
            raise SpecError(self.faults)
        if isinstance(event, yaml.ScalarEvent):
            return plain(event.value) if event.implicit[0] else event.value
        build = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._sequence
        return build(events, keys)

    def _sequence(self, events: Iterator[Any], keys: Keys) -> list[Any]:
        found: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self._node(event, events, (*keys, len(found))))
        return found

    def _mapping(self, events: Iterator[Any], keys: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            name = self._key(event, events, keys)
            if name in found:
                self._fault((*keys, name), event, f"key '{name}' a second time", "each key once")
            self.lines[(*keys, name)] = event.start_mark.line + 1
            found[name] = self._node(next(events), events, (*keys, name))
        return found

    def _key(self, event: Any, events: Iterator[Any], keys: Keys) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, events, (*keys, "?"))
            self._fault(keys, event, "a key that is no plain word", "a plain word as key")
            return "?"
        if event.value == "<<":
            self._fault((*keys, "<<"), event, "merge key '<<'", "the keys written out (no merging)")
        return str(event.value)

    def _fault(self, keys: Keys, event: Any, value: str, expected: str) -> None:
        self.faults.append(Fault(self.file, event.start_mark.line + 1, dotted(keys), value, expected))

    def _syntax(self, error: yaml.YAMLError, text: str) -> Fault:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        rows = text.splitlines()
        if line is not None and line <= len(rows) and re.match(r"\s*\t", rows[line - 1]):
            return Fault(self.file, line, "", "a tab in the indentation", "spaces")
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        return Fault(self.file, line, "", f"text that is no YAML ({problem})", "valid YAML")
