"""What follows from the study's tables, as sentences with numbers.

Each part's module lists the functions that find something in `FINDINGS`; each takes all tables by name and returns what
it found, or None where the tables do not hold it. A part that was not worked out is not asked. The command that prints
a sentence again is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import polars as pl

from joulescape.gap_tables import OF_PART
from joulescape.spec.study import PARTS, Part

Tables = Mapping[str, pl.DataFrame]
"""Every table of `gap_tables.TABLES` but the findings, by name; a part that was not worked out has no rows."""


@dataclass(frozen=True)
class Finding:
    """One sentence with its numbers; how sure they are; the common claim that it contradicts, with source, if any."""

    id: str
    sentence: str
    uncertainty: str
    contradicts: str | None = None


Find = Callable[[Tables], Finding | None]
"""What stands in a part's `FINDINGS`."""


def finding_rows(tables: Tables, file: str) -> list[Mapping[str, Any]]:
    """Rows of findings.parquet, in the order of the parts; `file` is the study's, as its command names it."""
    return [
        {**asdict(found), "command": command(file, part)}
        for part in PARTS
        if any(tables[name].height for name in OF_PART[part])
        for found in (find(tables) for find in _of(part))
        if found is not None
    ]


def command(file: str, part: Part) -> str:
    """The command that works a part out again, and prints what follows from it."""
    return f"joulescape gap {file} --only {part}"


def _of(part: Part) -> tuple[Find, ...]:
    found: tuple[Find, ...] = import_module(f"joulescape.gap.{part}").FINDINGS
    return found
