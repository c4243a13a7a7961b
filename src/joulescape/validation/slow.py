"""Figures that need training: stored with the day and the entry that they were measured with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from joulescape.network.digest import digest
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.spec.back_end import PublishedRow
from joulescape.validation.figures import model_figure

STORE = Path("results") / "validation.json"
"""Where slow figures are kept, below the project's root."""

SAID = ("value", "role", "source", "where", "confidence", "kind", "expected", "reason")
"""What a row says of its figure and no figure of the model depends on."""


def slow_figure(
    root: Path,
    name: str,
    row: PublishedRow,
    slow: bool,
    measured: Callable[[Path, str, PublishedRow], float] = model_figure,
) -> tuple[float | None, str | None]:
    """The stored figure, or a new one; with the row's reason and when, for which entry, it was measured."""
    store, key = root / STORE, _key(name, row)
    known = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    if slow:
        entry = {
            "model": measured(root, name, row),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "digest": _entry_digest(root, name),
        }
        known[key] = entry
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps(known, indent=2, sort_keys=True), encoding="utf-8")
    found = known.get(key)
    if found is None:
        return None, joined(row.reason, "not measured yet: run with --slow")
    changed = "" if found["digest"] == _entry_digest(root, name) else ", the entry has changed since"
    return found["model"], joined(row.reason, f"measured {found['date']}, entry {found['digest']}{changed}")


def _key(name: str, row: PublishedRow) -> str:
    """Of everything that tells two figures apart: the row without what its source says of it."""
    return digest(name, row.model_dump(mode="json", exclude=set(SAID)))


def _entry_digest(root: Path, name: str) -> str:
    back_end: BackEnd = load_back_end(root, name)
    return digest(back_end.spec.simulator, back_end.spec.parameters)


def joined(*texts: str | None) -> str:
    """Reasons that there are, one after the other."""
    return "; ".join(text for text in texts if text)
