"""Files that the workflow hands to a report, where they lie: a page drawn by hand is the page of the workflow."""

from __future__ import annotations

from pathlib import Path

REFERENCES = Path("hwlib/references.bib")
"""Sources of the shelf, below the project's root."""


def published_beside(folder: Path) -> Path | None:
    """`published.parquet` beside a results folder; None where there is none."""
    path = folder.absolute().parent / "published.parquet"
    return path if path.is_file() else None


def references_here() -> Path | None:
    """The sources of the project that one works in; None outside of a project's root."""
    return REFERENCES if REFERENCES.is_file() else None
