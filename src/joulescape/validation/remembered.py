"""Rows that were worked out before: of a back end, a row and a network as they stand, by code as it stands.

So that an edit of one entry prices that entry again, and no other. What a row is remembered under holds all that it
follows from; rows whose figure is stored elsewhere (slow ones) are never kept here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from joulescape.network.digest import digest
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.resolve.networks import network_files
from joulescape.resolve.shelves import back_end_names, network_path
from joulescape.spec.back_end import PublishedRow

Row = dict[str, Any]


@dataclass
class Remembered:
    """The rows in a file; `code` names what computes them. `save` keeps those that were asked for, and no others."""

    root: Path
    path: Path
    code: str
    _asked: dict[str, Row] = field(default_factory=dict)
    _stations: dict[str, str] = field(default_factory=dict)

    def row(self, name: str, row: PublishedRow, make: Callable[[], Row]) -> Row:
        """The row of a back end as it is remembered, else as `make` works it out."""
        key = None if row.kind == "slow" else self._key(name, row)
        if key is None:
            return make()
        known = self._known.get(key)
        self._asked[key] = make() if known is None else known
        return self._asked[key]

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.draft")
        draft.write_text(json.dumps(self._asked, allow_nan=False), encoding="utf-8")
        draft.replace(self.path)

    @cached_property
    def _known(self) -> dict[str, Row]:
        """Nothing where there is no file, or none that can be read: all is worked out again."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _key(self, name: str, row: PublishedRow) -> str | None:
        """Of all that a row follows from; None where a file of it is not there."""
        if row.against is not None and row.against not in back_end_names(self.root):
            return None
        machines = [self._content(one) for one in (name, row.against) if one is not None]
        files: list[str] = []
        if row.workload is not None:
            if not network_path(self.root, row.workload).exists():
                return None
            files = [_file_digest(path) for path in network_files(network_path(self.root, row.workload))]
        return digest(self.code, name, row, machines, row.workload, files)

    def _content(self, name: str) -> str:
        """Digest of a back end with its host and its off-chip memory, without what is published of it."""
        if name not in self._stations:
            found: BackEnd = load_back_end(self.root, name)
            told = [
                (one.name, one.spec.model_copy(update={"published": ()}), one.settings, one.off_chip.spec)
                for one in found.stations
            ]
            self._stations[name] = digest(told)
        return self._stations[name]


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
