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
class Group:
    """Findings that one command prints again."""

    title: str
    command: str
    rows: tuple[Finding, ...]

    @property
    def contradicting(self) -> int:
        """How many contradict a common claim."""
        return sum(bool(row.contradicts) for row in self.rows)


@dataclass(frozen=True)
class FindingsFacts:
    """All findings, by the command that prints them, and whether one contradicts a common claim."""

    rows: tuple[Finding, ...]
    groups: tuple[Group, ...]
    claim: str


TITLES = {
    "shores": "What is needed and delivered",
    "bridge": "The bridge",
    "overtake": "What would have to be true",
    "lifecycle": "Training and life",
}
"""Of each part, which a command names last."""


def facts(given: StudyTables) -> FindingsFacts:
    """Findings in the order of the study."""
    names = ("id", "sentence", "uncertainty", "command", "contradicts")
    rows = tuple(
        Finding(*(row[name] or "" for name in names)) for row in given.findings.select(names).iter_rows(named=True)
    )
    count = sum(bool(row.contradicts) for row in rows)
    none = "No finding contradicts a common claim: none that was looked at was found wrong."
    plural = "finding contradicts" if count == 1 else "findings contradict"
    commands = dict.fromkeys(row.command for row in rows)
    groups = tuple(
        Group(TITLES.get(command.rpartition(" ")[2], "Findings"), command,
              tuple(row for row in rows if row.command == command))
        for command in commands
    )  # fmt: skip
    return FindingsFacts(rows, groups, f"{count} {plural} a common claim." if count else none if rows else "")
