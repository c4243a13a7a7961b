"""What follows: sentences with numbers, how sure they are, the command that prints each again, the claim it meets."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.report.gap.inputs import StudyTables


@dataclass(frozen=True)
class Finding:
    """One sentence of the study."""

    id: str
    sentence: str
    uncertainty: str
    command: str
    contradicts: str
    """The common claim that it contradicts, with its source; empty where it contradicts none."""


@dataclass(frozen=True)
class FindingsFacts:
    """All findings, and whether one contradicts a common claim."""

    rows: tuple[Finding, ...]
    claim: str


def facts(given: StudyTables) -> FindingsFacts:
    """Findings in the order of the study."""
    names = ("id", "sentence", "uncertainty", "command", "contradicts")
    rows = tuple(
        Finding(*(row[name] or "" for name in names)) for row in given.findings.select(names).iter_rows(named=True)
    )
    count = sum(bool(row.contradicts) for row in rows)
    none = "No finding contradicts a common claim: none that was looked at was found wrong."
    plural = "finding contradicts" if count == 1 else "findings contradict"
    return FindingsFacts(rows, f"{count} {plural} a common claim." if count else none if rows else "")
