"""What is not there and why: series too short to fit, networks without states, machines that run none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from joulescape import gap_tables
from joulescape.report.gap.inputs import StudyTables, metric_words, words
from joulescape.report.gap.trend import FIRST
from joulescape.spec.study import ROLES

LISTED = 40
"""At most so many lines of one kind are listed; the rest is counted."""
ROLE_WORDS = {
    "bridge": "costs of the bridge (its factors are absent)",
    "measured": "networks with measured accuracy (losses beside factors are absent)",
    "training": "training and the lifecycle (its factors are absent)",
}


@dataclass(frozen=True)
class Kind:
    """Lines of one kind."""

    heading: str
    lines: tuple[tuple[str, str], ...]
    """(what, why)."""
    count: int


@dataclass(frozen=True)
class MissingFacts:
    """Everything that is said instead of hidden."""

    kinds: tuple[Kind, ...]


def facts(given: StudyTables) -> MissingFacts:
    """Kinds in the order of the page; one without lines is left out."""
    found = (
        ("Parts of the study that are not there", _absent(given)),
        ("Series that were not fitted", _unfitted(given)),
        ("Networks without a published compression", _bare(given)),
        ("Machines that run a network at no corner", _never(given)),
        ("Factors that could not be counted", _factors(given)),
        ("Constants that could not be judged", _constants(given, is_judged=False)),
        ("Constants that were judged and have no value at which they overtake", _constants(given, is_judged=True)),
        ("Constants that no corner moves", _fixed(given)),
        ("Lifecycles that could not be counted", _reasons(given, "lifecycle")),
    )
    kinds = [(heading, tuple(dict.fromkeys(lines))) for heading, lines in found]
    return MissingFacts(tuple(Kind(heading, lines[:LISTED], len(lines)) for heading, lines in kinds if lines))


def _absent(given: StudyTables) -> Iterator[tuple[str, str]]:
    asked = given.spec.get("questions") or {}
    for role in ROLES:
        if not asked.get(role):
            yield ROLE_WORDS[role], "the study names no such question"
    for name in gap_tables.TABLES:
        if given.table(name).is_empty():
            yield words(name), "the table has no rows"


def _unfitted(given: StudyTables) -> Iterator[tuple[str, str]]:
    """One line a (series, reason), with its groups."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in given.fits.iter_rows(named=True):
        if row["span"] == FIRST and row["growth_factor"] is None:
            found.setdefault((row["series"], row["reason"] or "no reason given"), []).append(words(row["group"]))
    for (series, reason), groups in found.items():
        yield f"{words(series)}: {', '.join(groups)}", reason


def _bare(given: StudyTables) -> Iterator[tuple[str, str]]:
    """Networks of which nobody was found to publish a compressed state, or of which none was priced."""
    silent = given.bridge.filter(given.bridge["back_end"].is_null() & given.bridge["reason"].is_not_null())
    for row in silent.iter_rows(named=True):
        yield row["network"], row["reason"]
    for question in given.bridge["question"].unique(maintain_order=True).drop_nulls().to_list():
        mine = given.bridge.filter(given.bridge["question"] == question)
        states = Counter(mine.filter(mine["is_compressed"])["network"].to_list())
        for network in mine["network"].unique(maintain_order=True).to_list():
            if not states[network]:
                yield network, "no density or bit width of it was published: compression's factor is absent"


def _never(given: StudyTables) -> Iterator[tuple[str, str]]:
    """Pairs that are valid at no corner and in no state, with the reason of the first."""
    keys = ["question", "network", "back_end"]
    priced = given.bridge.filter(given.bridge["back_end"].is_not_null())
    for key, group in priced.group_by(keys, maintain_order=True):
        if "valid" not in group["state"].to_list():
            reasons = group["reason"].drop_nulls().unique(maintain_order=True).to_list()
            yield f"{key[1]} on {key[2]}", "; ".join(reasons[:2]) or "no reason given"


def _factors(given: StudyTables) -> Iterator[tuple[str, str]]:
    """Factors that are none; those that are known with something to be known stand in their own section."""
    none = given.factors.filter(given.factors["reason"].is_not_null() & given.factors["both"].is_null())
    for row in none.iter_rows(named=True):
        yield f"{row['network']} on {row['back_end'] or 'every machine'}", row["reason"]


def _constants(given: StudyTables, is_judged: bool) -> Iterator[tuple[str, str]]:
    """Constants without a value, by name, with the reason; those that the machine has not are no constants."""
    silent = given.overtake.filter(given.overtake["reason"].is_not_null() & given.overtake["needed"].is_null())
    for row in silent.iter_rows(named=True):
        if row["verdict"] != "absent" and (row["verdict"] != "infeasible") == is_judged:
            moved = row["parameters"] or row["moved"] or "a constant"
            on = f"{row['network']} on {row['back_end'] or 'every machine'}"
            yield f"{moved}, {metric_words(row['metric'])}, {on}", row["reason"]


def _fixed(given: StudyTables) -> Iterator[tuple[str, str]]:
    """How many constants have no range: one line of all machines, then the machines with most."""
    rows = [row for row in given.machines.iter_rows(named=True) if row["fixed_constants_count"]]
    if not rows:
        return
    counts = [sum(row[name] or 0 for row in given.machines.iter_rows(named=True)) for name in _COUNTS]
    yield f"{counts[0]:,} of {counts[1]:,} in {given.machines.height} machines, with hosts and memories", _FIXED
    for row in sorted(rows, key=lambda row: -row["fixed_constants_count"]):
        yield row["back_end"], f"{row['fixed_constants_count']} of {row['constants_count']} have no range"


_COUNTS = ("fixed_constants_count", "constants_count")
_FIXED = "they are known without a range, so intervals over the corners leave them where they are"


def _reasons(given: StudyTables, name: str) -> Iterator[tuple[str, str]]:
    table = given.table(name)
    for row in table.filter(table["reason"].is_not_null() & table["factor"].is_null()).iter_rows(named=True):
        yield f"{row['network']} on {row['back_end'] or 'every machine'}", row["reason"]
